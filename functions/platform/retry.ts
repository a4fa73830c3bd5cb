/** When the other side asks for the next attempt, in seconds. `max`: the most that it is granted when it repeats itself. */
export type RetryAfter = { seconds: number; max?: number }

/** Thrown by work that cannot go on now but can later: the job is sent again with a delay. Costs no receive count. */
export class RetryableError extends Error {
  override name = 'RetryableError'
  /** Not before this time (milliseconds since 1970); without it, exponential back-off with full jitter. */
  readonly notBefore: number | undefined
  /** When the other side asks for the next attempt; believed within bounds. */
  readonly retryAfter: RetryAfter | undefined
  /** Whether the work may have been done all the same. */
  readonly inDoubt: boolean

  constructor(
    reason: string,
    options: ErrorOptions & {
      notBefore?: number | undefined
      retryAfter?: RetryAfter | undefined
      inDoubt?: boolean
    } = {},
  ) {
    super(reason, options)
    this.notBefore = options.notBefore
    this.retryAfter = options.retryAfter
    this.inDoubt = options.inDoubt ?? false
  }
}

/**
 * Thrown by work that is postponed: its turn has not come, a rate limit is reached, another attempt is under way, no time is
 * left. That does not count as an attempt, nor the time towards giving up.
 */
export class Deferred extends RetryableError {
  override name = 'Deferred'

  constructor(reason: string, notBefore: number) {
    super(reason, { notBefore })
  }
}

/** Thrown where a later copy of the same job was received, which goes on with it. */
export class Superseded extends Error {
  override name = 'Superseded'
}

/** Thrown by work that no retry can help: the job goes to the dead letters with this reason. */
export class PermanentError extends Error {
  override name = 'PermanentError'
}

/**
 * Exponential back-off with full jitter, in milliseconds: anything from 0 to 1, 2, 4, … seconds for attempt 0, 1, 2, …, at most 15 minutes.
 * Rule: AWS Architecture Blog, "Exponential Backoff And Jitter".
 */
export function backoff(attempt: number, random: () => number) {
  return random() * Math.min(900_000, 1000 * 2 ** attempt)
}

// In seconds. A first number may be a mistake; only one that is repeated is granted more.
const maxFirstRetryAfter = 60
const maxRetryAfter = 3600

/**
 * How long to wait where the other side asks for a time, in milliseconds: at least half of our own back-off, whatever it
 * says; at most a minute where it asks for the first time, and `max` (an hour) where it repeats itself.
 */
export function retryAfterWait(
  { seconds, max = maxRetryAfter }: RetryAfter,
  { isRepeated, attempt, random }: { isRepeated: boolean; attempt: number; random: () => number },
) {
  const believed = seconds > 0 ? Math.min(seconds, isRepeated ? max : maxFirstRetryAfter) : 0
  return Math.max(believed * 1000, backoff(attempt, random) / 2)
}

/**
 * When work is tried again, in milliseconds since 1970: at its `notBefore` or the other side's Retry-After, whichever is later,
 * else after a back-off. `retryAftersInARow`: how many attempts in a row before this one had a Retry-After. It does not reach
 * beyond `end`, when the work is given up.
 */
export function nextTry(
  { notBefore, retryAfter }: RetryableError,
  {
    attempt,
    retryAftersInARow,
    end,
    now,
    random,
  }: { attempt: number; retryAftersInARow: number; end: number; now: number; random(): number },
) {
  if (!retryAfter) return notBefore ?? now + backoff(attempt, random)
  const asked = now + retryAfterWait(retryAfter, { isRepeated: retryAftersInARow > 0, attempt, random })
  return Math.max(now, notBefore ?? 0, Math.min(asked, end + 1))
}

/** Rejections over HTTP that say "again" and not "no": Request Timeout, Too Early, Too Many Requests. */
export const retryableClientErrors: ReadonlySet<number> = new Set([408, 425, 429])

/** A `Retry-After` header; undefined where there is none that makes sense. */
export function parseRetryAfter(header: string | string[] | undefined, now: number): RetryAfter | undefined {
  const seconds = parseRetryAfterSeconds(header, now)
  return seconds === undefined ? undefined : { seconds }
}

/** Seconds of a `Retry-After` header, given as seconds or as a date; undefined where there is none that makes sense. */
export function parseRetryAfterSeconds(header: string | string[] | undefined, now: number) {
  if (typeof header !== 'string') return undefined
  const seconds = /^\d+(\.\d+)?$/.test(header) ? Number(header) : (Date.parse(header) - now) / 1000
  return seconds >= 0 && Number.isFinite(seconds) ? Math.min(seconds, 86_400) : undefined
}
