import { randomUUID } from 'node:crypto'
import * as z from 'zod'
import { TryLater } from '../platform/retry.ts'
import type { Table } from '../platform/table.ts'
import type { Telemetry } from '../platform/telemetry.ts'
import { askAsApp, type ReadAppSecret } from './app-secret.ts'
import type { GivenTokens, OAuth, TokenRefusal } from './oauth.ts'

/** A HubSpot account that installed the app. Its refresh token is all that has to be there at first. Times are in milliseconds since 1970. */
export const Portal = z.looseObject({
  pk: z.string(),
  version: z.number().default(0),
  refreshToken: z.string().min(1),
  accessToken: z.string().optional(),
  accessTokenExpiresAt: z.number().default(0),
  /** Who is refreshing, and until when nobody else may. */
  lease: z.object({ by: z.string(), until: z.number() }).optional(),
  /** Why HubSpot refuses us: consent revoked, or a scope missing. */
  problem: z.string().optional(),
  /** Since when. */
  problemSince: z.number().optional(),
  /** Until then nobody asks HubSpot again. */
  askAgainAt: z.number().default(0),
})
export type Portal = z.infer<typeof Portal>

/** Thrown while a portal gives us no access; its messages wait, tried again at long intervals, until it is installed anew. */
export class NoAccess extends TryLater {
  override name = 'NoAccess'
}

/** Access tokens, one for each portal, shared by all Lambdas. */
export type Tokens = {
  /** An access token that is good for the next requests. Throws TryLater or NoAccess. */
  get(portalId: string): Promise<string>
  /** Another token than the one that HubSpot has just refused: from the table if somebody renewed it, else refreshed. */
  renew(portalId: string, refused: string): Promise<string>
  /** Writes down why HubSpot refuses us for this portal, and throws NoAccess. */
  refuse(portalId: string, problem: string): Promise<never>
}

// All in milliseconds. The lease is longer than the HTTP timeout by far: nobody else refreshes while an answer may come.
const leaseTime = 60_000
const refreshAhead = 60_000
// While one process refreshes, or HubSpot cannot, the others go on with what they have: enough for a slot and a PATCH.
const stillGoodFor = 20_000
const slowRetry = 15 * 60_000
// The app's own credentials may be put right at any moment.
const appRetry = 60_000

/** Tokens in the portals table, refreshed by one Lambda at a time, ahead of their end. */
export function createTokens(options: {
  table: Table
  oauth: Pick<OAuth, 'refresh'>
  appSecret: ReadAppSecret
  telemetry?: Pick<Telemetry, 'error' | 'count'>
  now(): number
  random(): number
}): Tokens {
  const { table, oauth, appSecret, telemetry, now, random } = options
  const remembered = new Map<string, { accessToken: string; expiresAt: number }>()
  const underway = new Map<string, Promise<string>>()

  /** Once at a time in this process; the records of a batch share the answer. */
  function obtain(portalId: string, refused?: string) {
    const wanted = `${portalId}#${refused ?? ''}`
    const promise = underway.get(wanted) ?? look(portalId, refused).finally(() => underway.delete(wanted))
    underway.set(wanted, promise)
    return promise
  }

  async function look(portalId: string, refused: string | undefined) {
    const portal = await read(portalId)
    if (portal.problem && now() < portal.askAgainAt) throw noAccess(portalId, portal.problem)
    const usable = portal.accessToken !== refused && lasts(portal.accessTokenExpiresAt, stillGoodFor)
    if (usable && lasts(portal.accessTokenExpiresAt, refreshAhead)) return remember(portal)

    const lease = { by: randomUUID(), until: now() + leaseTime }
    const leased = { ...portal, version: portal.version + 1, lease }
    const isOurs = (portal.lease?.until ?? 0) <= now() && (await table.putIfNextVersion(leased))
    if (isOurs) return refresh(portalId, leased, usable)
    if (usable) return remember(portal)
    throw busy('Another process is refreshing the access token')
  }

  async function refresh(portalId: string, leased: Portal, usable: boolean) {
    const answer = await askAsApp(appSecret, (app) => oauth.refresh(app, leased.refreshToken))
    const free = { ...leased, version: leased.version + 1, lease: undefined }
    if (answer.kind === 'tokens') {
      const fresh = { ...free, ...toKeep(answer, now()), ...noProblem }
      // Where the lease was lost, somebody else's tokens stand, and count.
      if (!(await table.putIfNextVersion(fresh))) throw busy('The portal changed while its access token was refreshed')
      return remember(fresh)
    }
    if (answer.kind !== 'busy') return close(free, portalId, answer)
    await table.putIfNextVersion(free)
    if (usable) return remember(leased)
    throw busy(`The access token cannot be refreshed now: ${answer.problem}`)
  }

  /** Marks the portal, so that nobody asks HubSpot for a while. Counted once, by whoever marks it first. */
  async function close(portal: Portal, portalId: string, { kind, problem: why }: TokenRefusal): Promise<never> {
    const problem = `HubSpot refuses to refresh its access token (${why})`
    const pause = kind === 'revoked' ? slowRetry : appRetry
    const isMarked = await mark(portal, problem, pause)
    if (kind !== 'revoked') telemetry?.count('AccessRefused')
    else if (isMarked && portal.problem !== problem) {
      telemetry?.error('Portal revoked: its messages wait until the app is installed anew', { portalId, problem })
      telemetry?.count('PortalsRevoked')
    }
    throw noAccess(portalId, problem, pause)
  }

  function mark(portal: Portal, problem: string, pause: number) {
    const problemSince = portal.problem === problem ? (portal.problemSince ?? now()) : now()
    return table.putIfNextVersion({ ...portal, problem, problemSince, askAgainAt: now() + pause })
  }

  async function read(portalId: string) {
    const item = await table.get(keyOf(portalId))
    if (item === undefined) throw noAccess(portalId, 'it has not installed the app')
    const portal = Portal.safeParse(item)
    if (!portal.success) throw noAccess(portalId, 'its entry in the portals table has no refresh token')
    return portal.data
  }

  function remember({ pk, accessToken = '', accessTokenExpiresAt }: Portal) {
    remembered.set(pk, { accessToken, expiresAt: accessTokenExpiresAt })
    return accessToken
  }

  const lasts = (expiresAt: number, milliseconds: number) => expiresAt - now() > milliseconds
  const busy = (reason: string) => new TryLater(reason, { notBefore: now() + 1000 + random() * 2000 })
  const noAccess = (portalId: string, problem: string, pause = slowRetry) =>
    new NoAccess(`No access to portal ${portalId}: ${problem}`, { notBefore: now() + pause * (0.5 + random() / 2) })

  return {
    async get(portalId) {
      const known = remembered.get(keyOf(portalId))
      return known && lasts(known.expiresAt, refreshAhead) ? known.accessToken : obtain(portalId)
    },
    renew(portalId, refused) {
      remembered.delete(keyOf(portalId))
      return obtain(portalId, refused)
    },
    async refuse(portalId, problem) {
      const used = remembered.get(keyOf(portalId))?.accessToken
      remembered.delete(keyOf(portalId))
      const portal = await read(portalId)
      if (portal.accessToken !== used) throw busy('The portal has got another access token meanwhile')
      await mark({ ...portal, version: portal.version + 1 }, problem, slowRetry)
      telemetry?.count('AccessRefused')
      throw noAccess(portalId, problem)
    },
  }
}

/** Keeps the tokens of an installation, over whatever stood there: who refreshes the old ones just now loses to this. */
export async function keepTokens(table: Table, portalId: string, tokens: GivenTokens, now: number) {
  const pk = keyOf(portalId)
  for (;;) {
    const item = await table.get(pk)
    const known = Portal.partial().safeParse(item).data ?? {}
    const portal = { ...known, ...toKeep(tokens, now), ...noProblem, pk, version: (known.version ?? 0) + 1 }
    if (await table.putIfNextVersion({ ...portal, lease: undefined })) return { isNew: item === undefined }
  }
}

const noProblem = { problem: undefined, problemSince: undefined, askAgainAt: 0 }

const toKeep = ({ accessToken, refreshToken, expiresInSeconds }: GivenTokens, now: number) => ({
  accessToken,
  refreshToken,
  accessTokenExpiresAt: now + expiresInSeconds * 1000,
})

/** The key of a portal's item. */
export const keyOf = (portalId: string) => `portal#${portalId}`
