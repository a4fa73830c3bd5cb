import { RetryableError } from '../platform/retry.ts'
import type { Portal } from './portal.ts'

/** Thrown while a portal gives us no access; its messages wait, tried again at long intervals, until it is reinstalled. */
export class NoAccess extends RetryableError {
  override name = 'NoAccess'
}

/** How long a portal that gives no access is left alone, in milliseconds. */
export const slowRetry = 15 * 60_000

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
