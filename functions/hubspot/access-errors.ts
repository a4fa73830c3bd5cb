import { RetryableError } from '../platform/retry.ts'
import type { Portal } from './portal.ts'

/** Thrown while a portal gives us no access; its messages wait, tried again at long intervals, until it is reinstalled. */
export class NoAccess extends RetryableError {
  override name = 'NoAccess'
}

/** How long a portal that gives no access is left alone, in milliseconds. */
export const slowRetry = 15 * 60_000

// One refusal of a fresh token may be a slip of HubSpot's; only one that is repeated makes a portal silent.
const pausesWhenRefused = [5000, 30_000, 120_000, 300_000, slowRetry]
const refusalsForgottenAfter = 3_600_000

/**
 * A portal's refusals with one more, and how long it is left alone by that. `isOfOne`: whether HubSpot took
 * another message's status since the last one. Times are in milliseconds since 1970.
 */
export function afterRefusal({ refusals: last }: Portal, now: number, lastSuccess = 0) {
  const isRepeated = last !== undefined && now - last.at < refusalsForgottenAfter
  const isOfOne = isRepeated && lastSuccess > last.at
  const before = isRepeated && !isOfOne ? last.times : 0
  return { refusals: { times: before + 1, at: now }, isOfOne, pause: pausesWhenRefused[before] ?? slowRetry }
}

/** Why there is no access token now, and when it is asked for again: spread over time, since many jobs wait for the same. */
export function createAccessErrors({ now, random }: { now(): number; random(): number }) {
  const noAccess = (portalId: string, problem: string, notBefore: number) =>
    new NoAccess(`No access to portal ${portalId}: ${problem}`, { notBefore })

  return {
    /** Another process is about to change the portal, and needs about so many milliseconds. */
    inProgress: (reason: string, about: number) =>
      new RetryableError(reason, { notBefore: now() + about * (1 + 2 * random()) }),

    refreshLater({ refreshAgainAt = 0, failedRefreshes = 0 }: Portal, why = `it failed ${failedRefreshes} times`) {
      const notBefore = refreshAgainAt + random() * Math.min(10_000, 500 * 2 ** failedRefreshes)
      return new RetryableError(`The access token cannot be refreshed now: ${why}`, { notBefore })
    },

    noAccess: (portalId: string, problem: string) =>
      noAccess(portalId, problem, now() + slowRetry * (0.5 + random() / 2)),

    stillNoAccess: (portalId: string, { problem, askAgainAt }: Pick<Portal, 'problem' | 'askAgainAt'>) =>
      noAccess(portalId, `${problem}`, askAgainAt + (random() * Math.max(askAgainAt - now(), 5000)) / 10),
  }
}
