/** Thrown by work that cannot go on now but will later; the job is sent anew with a delay. Costs no receive count. */
export class TryLater extends Error {
  override name = 'TryLater'
  /** Not before this time (milliseconds since 1970); without it, exponential back-off with full jitter. */
  readonly notBefore: number | undefined
  /** Whether the work may be done all the same. */
  readonly unclear: boolean

  constructor(reason: string, options: ErrorOptions & { notBefore?: number | undefined; unclear?: boolean } = {}) {
    super(reason, options)
    this.notBefore = options.notBefore
    this.unclear = options.unclear ?? false
  }
}

/** Thrown by work whose turn has not come. That is no attempt, and time spent so does not count towards giving up. */
export class NotYet extends TryLater {
  override name = 'NotYet'

  constructor(reason: string, notBefore: number) {
    super(reason, { notBefore })
  }
}

/** Thrown by work that no retry can help; the job goes to the dead letters with this reason. */
export class GiveUp extends Error {
  override name = 'GiveUp'
}

/**
 * Exponential back-off with full jitter, in milliseconds: anything from 0 to 1, 2, 4, … seconds for attempt 0, 1, 2, …, at most 15 minutes.
 * Rule: AWS Architecture Blog, "Exponential Backoff And Jitter".
 */
export function backoff(attempt: number, random: () => number) {
  return random() * Math.min(900_000, 1000 * 2 ** attempt)
}

/** When a `Retry-After` header allows the next try, in milliseconds since 1970; undefined where there is none that makes sense. */
export function retryAfter(header: string | string[] | undefined, now: number) {
  const seconds = retryAfterSeconds(header, now)
  return seconds === undefined ? undefined : now + seconds * 1000
}

/** Seconds of a `Retry-After` header, given as seconds or as a date; undefined where there is none that makes sense. */
export function retryAfterSeconds(header: string | string[] | undefined, now: number) {
  if (typeof header !== 'string' || header === '') return undefined
  const seconds = /^\d+(\.\d+)?$/.test(header) ? Number(header) : (Date.parse(header) - now) / 1000
  return seconds >= 0 && Number.isFinite(seconds) ? Math.min(seconds, 86_400) : undefined
}
