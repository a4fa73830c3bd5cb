import * as z from 'zod'

/** What is known of calls that stand and fall together. Times are in milliseconds since 1970. */
export const CircuitState = z.object({
  pk: z.string(),
  version: z.number().default(0),
  /** How many calls in a row were not answered, one that still waits included. */
  missed: z.number().default(0),
  /** When the last of them began. */
  since: z.number().default(0),
  /** Until when no other is made. */
  until: z.number().default(0),
})
export type CircuitState = z.infer<typeof CircuitState>

/** Whoever takes longer to answer, in milliseconds, is waited for by one process. */
export const patience = 1000

/** A circuit whose call, begun at `since`, is not answered yet, and may last as long as it says. */
export function opened(state: CircuitState, { since, lasting }: { since: number; lasting: number }): CircuitState {
  const missed = state.missed + 1
  return { ...state, missed, since, until: since + lasting + pauseAfter(missed) }
}

/** Ten seconds after the first, then twice as long each time, up to two minutes. */
const pauseAfter = (missed: number) => Math.min(120_000, 5000 * 2 ** missed)

/** A circuit whose call was answered. */
export const closed = (state: CircuitState): CircuitState => ({ ...state, missed: 0, until: 0 })

/** When whoever finds a circuit open looks again. */
export function whenToLookAgain(
  { missed, since, until }: CircuitState,
  { now, random }: { now: number; random(): number },
) {
  const atItsEnd = until + random() * spread
  // After one, nobody knows whether the other side is down or slow: soon, and later each time.
  const soon = now + Math.max(patience, now - since) * (0.5 + random())
  return missed > 1 ? atItsEnd : Math.min(soon, atItsEnd)
}

// What waits for the end of a pause comes within so many milliseconds, and not all at once.
const spread = 10_000
