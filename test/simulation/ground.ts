import type { Clock } from './clock.ts'
import type { Draws } from './draws.ts'
import type { Faults } from './faults.ts'

/** What everything in a world stands on. `note` writes down what somebody does. */
export type Ground = {
  clock: Clock
  draws: Draws
  faults: Faults
  note(who: string, what: string | (() => string)): void
}
