import { randomUUID } from 'node:crypto'
import * as z from 'zod'
import { TryLater } from '../platform/retry.ts'
import type { Table } from '../platform/table.ts'
import type { AppSecret } from './app-secret.ts'
import type { OAuth } from './oauth.ts'

/** A HubSpot account that installed the app. Its refresh token is all that has to be there at first. */
export const Portal = z.looseObject({
  pk: z.string(),
  version: z.number().default(0),
  refreshToken: z.string().min(1),
  accessToken: z.string().optional(),
  /** Milliseconds since 1970. */
  accessTokenExpiresAt: z.number().default(0),
  /** Who is refreshing, and until when nobody else may. */
  lease: z.object({ by: z.string(), until: z.number() }).optional(),
  /** Why HubSpot refuses us: consent revoked, or a scope missing. */
  problem: z.string().optional(),
})
export type Portal = z.infer<typeof Portal>

/** Thrown while a portal gives us no access; its messages wait, tried again at long intervals, until it is installed anew. */
export class NoAccess extends TryLater {
  override name = 'NoAccess'
}

/** Access tokens, one for each portal, shared by all Lambdas. */
export type Tokens = {
  /** An access token that is good for another minute. Throws TryLater or NoAccess. */
  get(portalId: string): Promise<string>
  /** Another token than the one that HubSpot has just refused: from the table if somebody renewed it, else refreshed. */
  renew(portalId: string, refused: string): Promise<string>
  /** Writes down why HubSpot refuses us for this portal, and throws NoAccess. */
  refuse(portalId: string, problem: string): Promise<never>
}

// Longer than the HTTP timeout by far: nobody else refreshes while an answer may still come.
const leaseMilliseconds = 60_000
const goodFor = 60_000
const slowRetry = 15 * 60_000

/** Tokens in the portals table, refreshed by one Lambda at a time. */
export function createTokens(options: {
  table: Table
  oauth: Pick<OAuth, 'refresh'>
  appSecret(): Promise<AppSecret>
  now(): number
  random(): number
}): Tokens {
  const { table, oauth, appSecret, now, random } = options
  const remembered = new Map<string, { accessToken: string; expiresAt: number }>()
  const underway = new Map<string, Promise<string>>()

  /** Once at a time in this process; the records of a batch share the answer. */
  function obtain(portalId: string, refused?: string) {
    const promise = underway.get(portalId) ?? look(portalId, refused).finally(() => underway.delete(portalId))
    underway.set(portalId, promise)
    return promise
  }

  async function look(portalId: string, refused: string | undefined) {
    const portal = await read(portalId)
    if (portal.accessToken && portal.accessToken !== refused && isGood(portal.accessTokenExpiresAt))
      return remember(portal)
    if (portal.lease && now() < portal.lease.until) throw busy('Another process is refreshing the access token')
    const leased = {
      ...portal,
      version: portal.version + 1,
      lease: { by: randomUUID(), until: now() + leaseMilliseconds },
    }
    if (!(await table.putIfNextVersion(leased))) throw busy('Another process began to refresh the access token')
    return refresh(portalId, leased)
  }

  async function refresh(portalId: string, leased: Portal) {
    const answer = await oauth.refresh(await appSecret(), leased.refreshToken)
    const free = { ...leased, version: leased.version + 1, lease: undefined }
    if (answer.kind === 'tokens') {
      const accessTokenExpiresAt = now() + answer.expiresInSeconds * 1000
      const { accessToken, refreshToken } = answer
      const fresh = { ...free, accessToken, accessTokenExpiresAt, refreshToken, problem: undefined }
      // Where the lease was lost, somebody else's tokens stand, and count.
      if (!(await table.putIfNextVersion(fresh))) throw busy('The portal changed while its access token was refreshed')
      return remember(fresh)
    }
    await table.putIfNextVersion(answer.kind === 'busy' ? free : { ...free, problem: answer.problem })
    if (answer.kind === 'busy') throw busy(`The access token cannot be refreshed now: ${answer.problem}`)
    throw noAccess(portalId, `HubSpot refuses to refresh its access token (${answer.problem})`)
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

  const isGood = (expiresAt: number) => expiresAt - now() > goodFor
  const busy = (reason: string) => new TryLater(reason, { notBefore: now() + 1000 + random() * 2000 })
  const noAccess = (portalId: string, problem: string) =>
    new NoAccess(`No access to portal ${portalId}: ${problem}`, { notBefore: now() + slowRetry * (0.5 + random() / 2) })

  return {
    async get(portalId) {
      const known = remembered.get(keyOf(portalId))
      return known && isGood(known.expiresAt) ? known.accessToken : obtain(portalId)
    },
    renew(portalId, refused) {
      remembered.delete(keyOf(portalId))
      return obtain(portalId, refused)
    },
    async refuse(portalId, problem) {
      const portal = await read(portalId)
      if (portal.problem !== problem) await table.putIfNextVersion({ ...portal, version: portal.version + 1, problem })
      throw noAccess(portalId, problem)
    },
  }
}

/** The key of a portal's item. */
export const keyOf = (portalId: string) => `portal#${portalId}`
