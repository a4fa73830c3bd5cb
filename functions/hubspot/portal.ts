import * as z from 'zod'
import { changeItem, type Table } from '../platform/table.ts'
import type { GivenTokens } from './oauth.ts'

/**
 * A HubSpot account that installed the app. Its refresh token is all that has to be there at first; where the team's own
 * endpoint gives access tokens, there is none. Times are in milliseconds since 1970.
 */
export const Portal = z.looseObject({
  pk: z.string(),
  version: z.number().default(0),
  refreshToken: z.string().min(1).optional(),
  accessToken: z.string().optional(),
  accessTokenExpiresAt: z.number().default(0),
  /** How long it is good for from the beginning. */
  accessTokenLife: z.number().optional(),
  /** Who is refreshing, and until when nobody else may. */
  lease: z.object({ by: z.string(), until: z.number() }).optional(),
  /** Why HubSpot refuses us: consent revoked, or a scope missing. */
  problem: z.string().optional(),
  /** Since when. */
  problemSince: z.number().optional(),
  /** Until then nobody asks HubSpot again. */
  askAgainAt: z.number().default(0),
  /** How often in a row HubSpot refused a token that it had just given, or found a scope missing, and when last. */
  refusals: z.object({ times: z.number(), at: z.number() }).optional(),
  /** How often in a row its tokens could not be refreshed, and until when nobody tries again. */
  failedRefreshes: z.number().optional(),
  refreshAgainAt: z.number().optional(),
  /** The fingerprint of the refresh token that was imported: by it, a second import is known. */
  importedAs: z.string().optional(),
})
export type Portal = z.infer<typeof Portal>

/** HubSpot's own life of an access token, in milliseconds. */
export const usualTokenLife = 1_800_000

/**
 * Keeps the tokens of an installation, over whatever was there: a process that is refreshing the old ones loses to this.
 * `importedAs`: the fingerprint of the refresh token that they came from, where one was imported.
 */
export async function keepTokens(
  table: Table,
  portalId: string,
  tokens: GivenTokens,
  { now, importedAs }: { now: number; importedAs?: string },
) {
  const before = await changeItem(table, keyOf(portalId), (item) => ({
    ...Portal.partial().safeParse(item).data,
    ...toKeep(tokens, now),
    ...noProblem,
    refusals: undefined,
    lease: undefined,
    ...(importedAs !== undefined && { importedAs }),
  }))
  return { isNew: before === undefined }
}

/** What ends with a refresh that succeeded, or that was refused. */
export const refreshed = { failedRefreshes: undefined, refreshAgainAt: undefined }
/** What ends with tokens that are good. */
export const noProblem = { problem: undefined, problemSince: undefined, askAgainAt: 0, ...refreshed }

/** What is kept of tokens that were given. */
export const toKeep = ({ accessToken, refreshToken, expiresInSeconds }: GivenTokens, now: number) => ({
  accessToken,
  refreshToken,
  accessTokenExpiresAt: now + expiresInSeconds * 1000,
  accessTokenLife: expiresInSeconds * 1000 === usualTokenLife ? undefined : expiresInSeconds * 1000,
})

/** The key of a portal's item. */
export const keyOf = (portalId: string) => `portal#${portalId}`
