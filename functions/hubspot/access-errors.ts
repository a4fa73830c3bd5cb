import { RetryableError } from '../platform/retry.ts'
import type { Portal } from './portal.ts'

/** Thrown while a portal gives us no access; its messages wait, tried again at long intervals, until it is reinstalled. */
export class NoAccess extends RetryableError {
  override name = 'NoAccess'
}

/** How long a portal that gives no access is left alone, in milliseconds. */
export const slowRetry = 15 * 60_000

// Longer than the HTTP timeout by far: nobody else refreshes while an answer may come. In milliseconds, as all here.
export const leaseTime = 60_000

/** Why there is no access token now, and when it is asked for again: spread over time, since many jobs wait for the same. */
export function createAccessErrors({ now, random }: { now(): number; random(): number }) {
  const noAccess = (portalId: string, problem: string, notBefore: number) =>
    new NoAccess(`No access to portal ${portalId}: ${problem}`, { notBefore })

  /** Another process is about to change the portal, and needs about so many milliseconds. */
  const inProgress = (reason: string, about: number) =>
    new RetryableError(reason, { notBefore: now() + about * (1 + 2 * random()) })

  return {
    inProgress,

    /** An instant is what that takes, or where the endpoint is down, its timeout; who died keeps the lease until its end. */
    beingRefreshed({ failedRefreshes = 0, lease }: Portal) {
      const left = (lease?.until ?? 0) - now()
      const about = Math.max(failedRefreshes > 2 ? 5000 : 1000, Math.min(leaseTime - left, left))
      return inProgress('Another process is refreshing the access token', about)
    },

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
