import * as z from 'zod'
import type { HttpResponse } from '../platform/fetch-json.ts'
import { retryAfterWait } from '../platform/retry.ts'
import type { Table } from '../platform/table.ts'
import { together } from '../platform/together.ts'
import { createRejections, type Rejections } from './rejections.ts'

/** The limit on an app's requests in one HubSpot account, kept by all Lambdas together. Times are in milliseconds since 1970. */
export type RateLimit = {
  /** The time from which one request may be made: the slot that was kept, if it still holds, else the next free one. */
  takeSlot(portalId: string, kept?: number): Promise<number>
  /** Nobody is to call HubSpot for this portal before a time. */
  pause(portalId: string, until: number): Promise<void>
  /** What HubSpot says of its limit along with an answer. */
  observeLimit(portalId: string, allowance: Allowance): Promise<void>
  /**
   * HubSpot answers that its limit is reached, and perhaps for how many seconds: nobody is to call it for this portal before
   * the time that is returned, further away each time that this happens again without a success. Where it takes other updates
   * while it has answered this one so many `times`, only this one is to wait.
   */
  noteLimitReached(portalId: string, seconds: number | undefined, times?: number): Promise<number>
  /** HubSpot did what it was asked: the next time that its limit is reached is a first time. */
  succeeded(portalId: string): void
  /** What is rejected over and over wastes the limit. */
  rejections: Rejections
}

/** HubSpot's headers `X-HubSpot-RateLimit-*`: how many requests it allows in a rolling interval, and how many are left. */
export type Allowance = {
  max: number
  remaining?: number | undefined
  intervalMilliseconds?: number | undefined
}

/** What an answer's headers say of HubSpot's limit; undefined where they say nothing plausible. */
export function allowanceOf({ headers }: HttpResponse): Allowance | undefined {
  const numberIn = (header: string) => {
    const value = String(headers[header])
    return /^\d{1,9}$/.test(value) ? Number(value) : undefined
  }
  const max = numberIn('x-hubspot-ratelimit-max') ?? 0
  const intervalMilliseconds = numberIn('x-hubspot-ratelimit-interval-milliseconds')
  if (!isWithin(max, plausibleMax) || !isWithin(intervalMilliseconds ?? 10_000, plausibleInterval)) return undefined
  return { max, remaining: numberIn('x-hubspot-ratelimit-remaining'), intervalMilliseconds }
}

// HubSpot documents 100 to 250 requests in ten seconds. An implausible number would silence the portal, or flood it.
const plausibleMax = [10, 10_000] as const
const plausibleInterval = [1000, 60_000] as const
const isWithin = (number: number, [min, max]: readonly [number, number]) => number >= min && number <= max

/**
 * A generic cell rate algorithm over one number in the table, the time up to which slots are taken: taking one moves it by
 * an interval T, from where it stands or, where nothing was taken lately, from b intervals ago. So b requests may be made
 * at once and then one every T. Within any window that makes at most b + window ÷ T requests: with T = window ÷ (budget − b),
 * the budget. It is a share of HubSpot's limit, which is `limit` requests in ten seconds until HubSpot says otherwise.
 *
 * Slots that a batch takes together cost one write; slots that it kept, one read. How it fares: docs/rate-limit.md.
 */
export function createRateLimit(options: {
  table: Table
  limit: number
  share: number
  now(): number
  sleep(milliseconds: number): Promise<unknown>
  random?(): number
}): RateLimit {
  const { table, limit, share, now, sleep, random = Math.random } = options
  const learnt = new Map<string, Allowance>()
  const successes = new Map<string, number>()

  const takeTogether = together(sleep, async (portalId, count) => {
    const { burst, interval } = pace(share, { max: limit, ...learnt.get(portalId) })
    const last = await table.addFrom(slotsKey(portalId), now() - burst * interval, count * interval)
    return { last, interval }
  })
  const readPause = together(sleep, async (portalId) => Pause.parse(await table.get(pauseKey(portalId)))?.value ?? 0)

  async function holds(portalId: string, kept: number) {
    if (now() - kept > staleAfterMilliseconds) return false
    const { answer: pausedUntil } = await readPause(portalId)
    return pausedUntil <= Math.max(kept, now())
  }

  async function pause(portalId: string, until: number) {
    await Promise.all([table.addFrom(slotsKey(portalId), until, 0), table.addFrom(pauseKey(portalId), until, 0)])
  }

  const named = (seconds: number, times: number) =>
    retryAfterWait({ seconds, max: maxRetryAfter }, { isRepeated: times > 0, attempt: times, random })

  function lengthOfPause(times: number, seconds: number | undefined) {
    if (seconds !== undefined) return named(seconds, times)
    return Math.min(maxPause, 1000 * 2 ** times) * (0.5 + random() / 2)
  }

  async function noteLimitReached(portalId: string, seconds: number | undefined, timesOfOne = 0) {
    const pk = exceededKey(portalId)
    for (let attempt = 0; ; attempt++) {
      const before = Exceeded.safeParse(await table.get(pk)).data
      // Requests that were made together are refused together: that is once.
      if (before && now() < before.until && seconds === undefined) return before.until
      const isSameTime = before && now() < before.until
      const isRepeated =
        before && (successes.get(portalId) ?? 0) <= before.until && now() - before.until < forgottenAfter
      const isOfOne = timesOfOne > usuallyOfOne && !isSameTime && !isRepeated
      if (isOfOne) return now() + named(seconds ?? 0, timesOfOne - usuallyOfOne)
      const times = isSameTime ? before.times : isRepeated ? before.times + 1 : 0
      const until = Math.max(isSameTime ? before.until : 0, now() + lengthOfPause(times, seconds))
      const noted = { pk, version: (before?.version ?? 0) + 1, until, times }
      if (!(await table.putIfNextVersion(noted)) && attempt < 3) continue
      await pause(portalId, until)
      return until
    }
  }

  return {
    rejections: createRejections({ table, now }),
    noteLimitReached,
    succeeded: (portalId) => void successes.set(portalId, now()),

    async takeSlot(portalId, kept) {
      if (kept !== undefined && (await holds(portalId, kept))) return kept
      const { answer, position, count } = await takeTogether(portalId)
      return answer.last - (count - 1 - position) * answer.interval
    },

    pause,

    async observeLimit(portalId, { max, remaining, intervalMilliseconds }) {
      learnt.set(portalId, { max, intervalMilliseconds })
      // Somebody else uses the app's allowance: the next request would be refused.
      if (remaining === 0) await pause(portalId, now() + fullWindowMilliseconds)
    },
  }
}

// A slot that is used late collides with later ones: once everything was delayed, far too many do.
const staleAfterMilliseconds = 1000
// In this time, requests leave a full window: a fiftieth of its limit, when they come evenly.
const fullWindowMilliseconds = 200
// Where HubSpot names no time, and where it names one again.
const maxPause = 60_000
const maxRetryAfter = 900
// An update that meets the limit more often, while others are taken, is refused for its own sake.
const usuallyOfOne = 10
// What was long ago is no repetition.
const forgottenAfter = 3_600_000

/** How many requests may be made at once, and at what interval after that, in milliseconds. */
function pace(share: number, { max, intervalMilliseconds: window = 10_000 }: Allowance) {
  const budget = Math.max(1, Math.floor(max * share))
  const burst = Math.max(1, Math.floor(budget / 50))
  return { burst, interval: window / Math.max(1, budget - burst) }
}

/** When HubSpot's limit was reached last: until when the portal pauses, and how often it happened before without a success. */
const Exceeded = z.object({ version: z.number(), until: z.number(), times: z.number() })

const Pause = z.object({ value: z.number() }).optional()

const slotsKey = (portalId: string) => `rate-limit#${portalId}`
const exceededKey = (portalId: string) => `rate-limit-exceeded#${portalId}`
const pauseKey = (portalId: string) => `rate-limit-pause#${portalId}`
