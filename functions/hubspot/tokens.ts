import { randomUUID } from 'node:crypto'
import { RetryableError, retryAfterWait } from '../platform/retry.ts'
import type { Table } from '../platform/table.ts'
import type { Telemetry } from '../platform/telemetry.ts'
import { createAccessErrors, leaseTime, NoAccess, slowRetry } from './access-errors.ts'
import { keyOf, noProblem, Portal, refreshed, toKeep, usualTokenLife } from './portal.ts'
import { afterRefusal } from './refusals.ts'
import { asFailure, type TokenFailure } from './token-failure.ts'
import type { TokenSource } from './token-source.ts'

/** Access tokens, one for each portal, shared by all Lambdas. */
export type Tokens = {
  /** An access token that is good for the next requests. Throws RetryableError or NoAccess. */
  get(portalId: string): Promise<string>
  /** Another token than the one that HubSpot has just refused: from the table if somebody renewed it, else refreshed. */
  renew(portalId: string, refused: string): Promise<string>
  /** Writes down why HubSpot refuses us for this portal, and throws NoAccess; RetryableError where it refuses one message alone. */
  refuse(portalId: string, problem: string): Promise<never>
  /** HubSpot took a status of this portal's: if it refuses one next, that may be for the message's sake. */
  succeeded(portalId: string): void
}

// All in milliseconds.
// A short-lived token is used for nearly all of its life.
const refreshAhead = (life: number) => Math.min(60_000, life / 10)
// While one process refreshes, or nobody can, the others go on with what they have: enough for a slot and a PATCH.
const stillGoodFor = (life: number) => Math.min(20_000, life / 20)
const maxRefreshPause = 150_000
// The app's own credentials may be corrected at any moment.
const appRetry = 60_000

/** Tokens in the portals table, refreshed by one Lambda at a time, ahead of their end. */
export function createTokens(options: {
  table: Table
  source: TokenSource
  telemetry?: Pick<Telemetry, 'error' | 'count'>
  /** Called for a portal that withdrew its consent, before the portal is marked: at least once. */
  noteRevoked?(portalId: string): Promise<void>
  now(): number
  random(): number
}): Tokens {
  const { table, source, telemetry, now, random } = options
  const { inProgress, beingRefreshed, refreshLater, noAccess, stillNoAccess } = createAccessErrors(options)
  const remembered = new Map<string, { accessToken: string; expiresAt: number; life: number }>()
  const underway = new Map<string, Promise<string>>()
  const lastSuccess = new Map<string, number>()

  /** Once at a time in this process; the records of a batch share the answer. */
  function obtainToken(portalId: string, refused?: string) {
    const wanted = `${portalId}#${refused}`
    const promise = underway.get(wanted) ?? readOrRefresh(portalId, refused).finally(() => underway.delete(wanted))
    underway.set(wanted, promise)
    return promise
  }

  async function readOrRefresh(portalId: string, refused: string | undefined) {
    const portal = await readPortal(portalId)
    if (portal.problem && now() < portal.askAgainAt) throw stillNoAccess(portalId, portal)
    const { accessTokenExpiresAt: expiresAt, accessTokenLife: life = usualTokenLife } = portal
    const usable = portal.accessToken !== refused && lasts(expiresAt, stillGoodFor(life))
    if (usable && lasts(expiresAt, refreshAhead(life))) return rememberToken(portal)

    const isHeld = isLeased(portal)
    if (isHeld || now() < (portal.refreshAgainAt ?? 0)) {
      if (usable) return rememberToken(portal)
      throw isHeld ? beingRefreshed(portal) : refreshLater(portal)
    }
    const lease = { by: randomUUID(), until: now() + leaseTime }
    const { failedRefreshes: failed = 0, version } = portal
    const pause = { failedRefreshes: failed + 1, refreshAgainAt: now() + pauseBeforeRefresh(failed) }
    const leased = { ...portal, version: version + 1, lease, ...pause }
    const isOurs = await table.putIfNextVersion(leased).catch((error: unknown) => {
      if (usable) return false
      throw error
    })
    if (isOurs)
      return refresh(portalId, leased, { usable, refused: refused !== undefined && portal.accessToken === refused })
    if (usable) return rememberToken(portal)
    throw beingRefreshed(leased)
  }

  async function refresh(portalId: string, leased: Portal, { usable, refused }: { usable: boolean; refused: boolean }) {
    const answer = await source.renew({ portalId, refreshToken: leased.refreshToken, refused }).catch(asFailure)
    const free = { ...leased, version: leased.version + 1, lease: undefined }
    if (answer.kind === 'tokens') return storeTokens({ ...free, ...toKeep(answer, now()), ...noProblem })
    if (answer.kind !== 'retryable') return denyAccess({ ...free, ...refreshed }, portalId, answer)
    const { retryAfter } = answer
    const isRepeated = (leased.failedRefreshes ?? 0) > 1
    const max = slowRetry / 1000
    const asked = retryAfter && retryAfterWait({ ...retryAfter, max }, { isRepeated, attempt: 0, random })
    const failed = { ...free, refreshAgainAt: Math.max(leased.refreshAgainAt ?? 0, now() + (asked ?? 0)) }
    await table.putIfNextVersion(failed)
    telemetry?.count('TokenRefreshesFailed')
    if (usable) return rememberToken(leased)
    throw refreshLater(failed, answer.problem)
  }

  async function storeTokens(fresh: Portal) {
    for (let attempt = 1; ; attempt++)
      try {
        // Where the lease was lost, somebody else's tokens stand, and count.
        if (await table.putIfNextVersion(fresh)) return rememberToken(fresh)
        throw inProgress('The portal changed while its access token was refreshed', 1000)
      } catch (error) {
        if (error instanceof RetryableError) throw error
        if (attempt < 3) continue
        // It is good, and this process uses it; whoever reads the table refreshes once more.
        telemetry?.error('The refreshed tokens of a portal could not be kept', { portal: fresh.pk })
        return rememberToken(fresh)
      }
  }

  /** Marks the portal, so that nobody asks HubSpot for a while. Counted once, by whoever marks it first. */
  async function denyAccess(portal: Portal, portalId: string, { kind, problem: why }: TokenFailure): Promise<never> {
    const problem = `${source.name} refuses to refresh its access token (${why})`
    const pause = kind === 'revoked' ? slowRetry : appRetry
    const isRevoked = kind === 'revoked' && portal.problem !== problem
    if (isRevoked) await options.noteRevoked?.(portalId)
    const { isMarked, askAgainAt } = await markPortal(portal, problem, pause)
    if (kind !== 'revoked') telemetry?.count('AccessDenied')
    else if (isMarked && isRevoked) {
      telemetry?.error(`Portal revoked: its messages wait until ${source.restoredBy}`, { portalId, problem })
      telemetry?.count('PortalsRevoked')
    }
    throw stillNoAccess(portalId, { problem, askAgainAt })
  }

  async function markPortal(portal: Portal, problem: string, pause: number) {
    const problemSince = portal.problem === problem ? (portal.problemSince ?? now()) : now()
    // Waiting jobs come back within a tenth of the pause after this.
    const askAgainAt = now() + pause * 0.9
    return { isMarked: await table.putIfNextVersion({ ...portal, problem, problemSince, askAgainAt }), askAgainAt }
  }

  async function readPortal(portalId: string) {
    const item = await table.get(keyOf(portalId))
    if (item === undefined && source.refreshesByToken) throw noAccess(portalId, 'it has not installed the app')
    const portal = Portal.safeParse(item ?? { pk: keyOf(portalId) }).data
    if (!portal || (source.refreshesByToken && !portal.refreshToken))
      throw noAccess(portalId, 'its entry in the portals table has no refresh token')
    return portal
  }

  function rememberToken({
    pk,
    accessToken = '',
    accessTokenExpiresAt: expiresAt,
    accessTokenLife: life = usualTokenLife,
  }: Portal) {
    remembered.set(pk, { accessToken, expiresAt, life })
    return accessToken
  }

  const isLeased = ({ lease }: Portal) => (lease?.until ?? 0) > now()
  const lasts = (expiresAt: number, milliseconds: number) => expiresAt - now() > milliseconds
  const pauseBeforeRefresh = (failed: number) => Math.min(maxRefreshPause, 1000 * 2 ** failed) * (1 + random())
  return {
    async get(portalId) {
      const known = remembered.get(keyOf(portalId))
      if (known && lasts(known.expiresAt, refreshAhead(known.life))) return known.accessToken
      try {
        return await obtainToken(portalId)
      } catch (error) {
        // Whatever keeps us from another one, this one is still good.
        if (!known || error instanceof NoAccess || !lasts(known.expiresAt, stillGoodFor(known.life))) throw error
        return known.accessToken
      }
    },
    renew(portalId, refused) {
      remembered.delete(keyOf(portalId))
      return obtainToken(portalId, refused)
    },
    succeeded: (portalId) => void lastSuccess.set(portalId, now()),
    async refuse(portalId, problem) {
      const used = remembered.get(keyOf(portalId))?.accessToken
      try {
        const portal = await readPortal(portalId)
        // Somebody else has just said so, in the same batch for instance.
        if (portal.problem && now() < portal.askAgainAt) throw stillNoAccess(portalId, portal)
        if (portal.accessToken !== used || isLeased(portal))
          throw inProgress('The portal has another access token by now, or soon', 1000)
        const { refusals, isOfOne, pause } = afterRefusal(portal, now(), lastSuccess.get(portalId))
        const refused = { ...portal, version: portal.version + 1, refusals }
        if (isOfOne && (await table.putIfNextVersion(refused)))
          throw new RetryableError(`HubSpot refuses it: ${problem}`)
        const { isMarked, askAgainAt } = await markPortal(refused, problem, pause)
        // One that passes within seconds is nobody's business.
        if (isMarked && refusals.times > 1) telemetry?.count('AccessDenied')
        throw stillNoAccess(portalId, { problem, askAgainAt })
      } finally {
        remembered.delete(keyOf(portalId))
      }
    },
  }
}
