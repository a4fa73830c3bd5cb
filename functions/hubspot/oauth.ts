import * as z from 'zod'
import { type FetchJson, NoAnswer } from '../platform/fetch-json.ts'
import { parseRetryAfter } from '../platform/retry.ts'
import type { AppSecret } from './app-secret.ts'
import type { ApiVersion } from './client.ts'
import { failureFrom, type TokenFailure } from './token-failure.ts'

/** The id of a HubSpot account: a whole number, which others may write as a text. What is none counts as not said. */
const HubId = z
  .union([z.int().positive(), z.string().regex(/^[1-9]\d{0,19}$/)])
  .optional()
  .catch(undefined)

const Tokens = z.object({
  // It becomes part of a header, which takes no other signs.
  access_token: z
    .string()
    .trim()
    .regex(/^[\x21-\x7e]+$/),
  // May be missing where the one that was sent goes on (RFC 6749, section 6).
  refresh_token: z.string().trim().min(1).optional().catch(undefined),
  // Half an hour, as documented, where it is not said: a token that ends sooner is refused, and renewed.
  expires_in: z.coerce.number().positive().max(86_400).catch(1800),
  hub_id: HubId,
  scopes: z.array(z.string()).optional().catch(undefined),
})

/** Tokens that were given out: by HubSpot, or by the team's own endpoint, which keeps the refresh token to itself. */
export type GivenTokens = {
  kind: 'tokens'
  accessToken: string
  refreshToken: string | undefined
  expiresInSeconds: number
  /** Whose tokens they are, and what they allow, where HubSpot says so. */
  portalId: string | undefined
  scopes: string[] | undefined
}

/** What is answered to whoever asks for tokens. */
export type TokenAnswer = GivenTokens | TokenFailure

/** What HubSpot says of a token. */
export type Introspection =
  | { kind: 'token'; active: boolean; portalId: string | undefined; scopes: string[] | undefined }
  | TokenFailure

/** HubSpot's OAuth endpoints, `POST /oauth/{version}/token` and below: form-encoded, since JSON is answered with 415. */
export function createOAuth({
  fetchJson,
  baseUrl,
  version,
  now = Date.now,
}: {
  fetchJson: FetchJson
  baseUrl: string
  version: ApiVersion
  now?(): number
}) {
  async function post({ clientId, clientSecrets }: AppSecret, path: string, fields: Record<string, string>) {
    const { status, headers, json } = await fetchJson(`${baseUrl}/oauth/${oauthVersion(version)}${path}`, {
      method: 'POST',
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      body: new URLSearchParams({ client_id: clientId, client_secret: clientSecrets[0], ...fields }).toString(),
    })
    const retryAfter = parseRetryAfter(headers['retry-after'], now())
    return { status, json, retryAfter, ok: status >= 200 && status < 300 }
  }

  async function tokensFor(app: AppSecret, fields: Record<string, string>): Promise<TokenAnswer> {
    return orRetryable(async () => {
      const { status, json, ok, retryAfter } = await post(app, '/token', fields)
      const tokens = Tokens.safeParse(json).data
      const refreshToken = tokens?.refresh_token ?? fields['refresh_token']
      if (!ok || !tokens || refreshToken === undefined) return failureFrom(status, json, retryAfter)
      return {
        kind: 'tokens',
        accessToken: tokens.access_token,
        refreshToken,
        expiresInSeconds: tokens.expires_in,
        portalId: asId(tokens.hub_id),
        scopes: tokens.scopes,
      }
    })
  }

  return {
    /** Trades a refresh token for an access token. The refresh token that comes back may be another one. */
    refresh: (app: AppSecret, refreshToken: string) =>
      tokensFor(app, { grant_type: 'refresh_token', refresh_token: refreshToken }),

    /** Trades the code of an installation for tokens. `redirectUri` is the one that the authorize page was given. */
    exchange: (app: AppSecret, code: string, redirectUri: string) =>
      tokensFor(app, { grant_type: 'authorization_code', code, redirect_uri: redirectUri }),

    /** Ends a refresh token, for good. Access tokens that came of it live on for their half hour. */
    revoke: (app: AppSecret, refreshToken: string): Promise<{ kind: 'revoked' } | TokenFailure> =>
      orRetryable(async () => {
        const { status, json, ok } = await post(app, '/token/revoke', tokenAndHint('refresh_token', refreshToken))
        return ok ? { kind: 'revoked' } : failureFrom(status, json)
      }),

    /** Asks what a token is worth. */
    introspect: (app: AppSecret, token: string, type: TokenType = 'refresh_token'): Promise<Introspection> =>
      orRetryable(async () => {
        const { status, json, ok } = await post(app, '/token/introspect', tokenAndHint(type, token))
        const told = Introspected.safeParse(json).data
        if (!ok || !told) return failureFrom(status, json)
        return { kind: 'token', active: told.active, portalId: asId(told.hub_id), scopes: told.scopes }
      }),
  }
}

// HubSpot has no OAuth endpoints of this version.
const oauthVersion = (version: ApiVersion) => (version === '2025-09' ? 'v3' : version)

/** What the relay calls HubSpot for. */
export const neededScopes = ['conversations.custom_channels.read', 'conversations.custom_channels.write']

/** Those of them that were not granted. */
export const missingScopes = (granted: string[]) => neededScopes.filter((scope) => !granted.includes(scope))

/** HubSpot's OAuth endpoints, as their users see them. */
export type OAuth = ReturnType<typeof createOAuth>

type TokenType = 'access_token' | 'refresh_token'

// HubSpot's specification wants `token` and its hint (RFC 7662), the guide's prose the token under the name of its type.
const tokenAndHint = (type: TokenType, token: string) => ({ token, token_type_hint: type, [type]: token })

const Introspected = z.object({
  active: z.boolean(),
  hub_id: HubId,
  scopes: z.array(z.string()).optional().catch(undefined),
})

const asId = (hubId: number | string | undefined) => (hubId === undefined ? undefined : String(hubId))

async function orRetryable<Answer>(ask: () => Promise<Answer | TokenFailure>): Promise<Answer | TokenFailure> {
  try {
    return await ask()
  } catch (error) {
    if (!(error instanceof NoAnswer)) throw error
    return { kind: 'retryable', problem: error.message }
  }
}
