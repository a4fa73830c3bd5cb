import * as z from 'zod'
import { type FetchJson, NoAnswer } from '../platform/fetch-json.ts'
import type { AppSecret } from './app-secret.ts'
import type { ApiVersion } from './client.ts'

const Tokens = z.object({
  access_token: z.string().min(1),
  refresh_token: z.string().min(1),
  expires_in: z.number().positive(),
  hub_id: z.number().optional().catch(undefined),
})

/** What HubSpot's token endpoint answers. */
export type RefreshAnswer =
  | {
      kind: 'tokens'
      accessToken: string
      refreshToken: string
      expiresInSeconds: number
      /** Whose tokens they are, where HubSpot says so. */
      portalId: string | undefined
    }
  /** The portal took back its consent, or is gone. */
  | { kind: 'revoked'; problem: string }
  /** The app's own credentials, or the request, are refused. */
  | { kind: 'refused'; problem: string }
  | { kind: 'busy'; problem: string }

/** HubSpot's OAuth token endpoint, `POST /oauth/{version}/token`: form-encoded, since it answers JSON with 415. */
export function createOAuth({
  fetchJson,
  baseUrl,
  version,
}: {
  fetchJson: FetchJson
  baseUrl: string
  version: ApiVersion
}) {
  return {
    /** Trades a refresh token for an access token. The refresh token that comes back may be another one. */
    async refresh({ clientId, clientSecrets }: AppSecret, refreshToken: string): Promise<RefreshAnswer> {
      const form = {
        grant_type: 'refresh_token',
        client_id: clientId,
        client_secret: clientSecrets[0],
        refresh_token: refreshToken,
      }
      try {
        const { status, json } = await fetchJson(`${baseUrl}/oauth/${version}/token`, {
          method: 'POST',
          headers: { 'content-type': 'application/x-www-form-urlencoded' },
          body: new URLSearchParams(form).toString(),
        })
        const tokens = Tokens.safeParse(json).data
        if (status >= 200 && status < 300 && tokens)
          return {
            kind: 'tokens',
            accessToken: tokens.access_token,
            refreshToken: tokens.refresh_token,
            expiresInSeconds: tokens.expires_in,
            portalId: tokens.hub_id === undefined ? undefined : String(tokens.hub_id),
          }
        return refusal(status, json)
      } catch (error) {
        if (!(error instanceof NoAnswer)) throw error
        return { kind: 'busy', problem: error.message }
      }
    },
  }
}

// RFC 6749's `error` and HubSpot's own `status`: either may be missing, or of another type.
const text = z.string().optional().catch(undefined)
const OAuthError = z.object({ error: text, status: text })

function refusal(status: number, json: unknown): RefreshAnswer {
  const { error, status: code } = OAuthError.safeParse(json).data ?? {}
  const problem = [`HTTP ${status}`, error?.slice(0, 60), code?.slice(0, 60)].filter(Boolean).join(', ')
  if (error === 'invalid_grant' || code === 'BAD_REFRESH_TOKEN' || code === 'BAD_HUB')
    return { kind: 'revoked', problem }
  return status >= 400 && status < 500 && status !== 429 ? { kind: 'refused', problem } : { kind: 'busy', problem }
}
