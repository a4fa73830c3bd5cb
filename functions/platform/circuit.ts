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

/** A call that is unanswered for this long, in milliseconds, opens its circuit. */
export const patience = 1000

/** What waits for the end of a pause comes within so many milliseconds, and not all at once. */
export const spread = 10_000

/** A circuit whose call, begun at `since`, is not answered yet; it has surely ended by `until`. */
export function opened(state: CircuitState, { since, until }: { since: number; until: number }): CircuitState {
  return { ...state, missed: state.missed + 1, since, until }
}

/** A circuit whose call ended without an answer: a pause of ten seconds, then twice as long each time, up to two minutes. */
export function missed(state: CircuitState, now: number): CircuitState {
  return { ...state, until: now + Math.min(120_000, 5000 * 2 ** state.missed) }
}

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
