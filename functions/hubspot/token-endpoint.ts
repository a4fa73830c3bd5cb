import * as z from 'zod'
import { type FetchJson, type HttpResponse, NoAnswer } from '../platform/fetch-json.ts'
import { hmac } from '../platform/hmac.ts'
import { pasted } from '../platform/pasted.ts'
import { parseRetryAfter, retryableClientErrors } from '../platform/retry.ts'
import { withRotatedSecret } from '../platform/rotated-secret.ts'
import { readTime } from '../platform/times.ts'
import type { TokenAnswer } from './oauth.ts'
import type { TokenSource } from './token-source.ts'

/** The secret that signs requests for access tokens, by Standard Webhooks, with `whsec_` before it or without. */
export const TokenEndpointSecret = z.object({
  secret: pasted().regex(/^(whsec_)?[A-Za-z0-9+/]{32,}={0,2}$/, 'must be a Standard Webhooks secret'),
})
export type TokenEndpointSecret = z.infer<typeof TokenEndpointSecret>

/** What is asked for. `refused`: HubSpot has just refused the token that was given last, so a cached one is of no use. */
export const TokenRequest = z.object({ portalId: z.string(), refused: z.literal(true).optional() })

/** What the endpoint answers with 200. */
export const TokenGrant = z.object({
  accessToken: z
    .string()
    .trim()
    .regex(/^[\x21-\x7e]{1,4096}$/, 'must be one word'),
  /** ISO 8601. What is no time counts as HubSpot's half hour: a token that ends sooner is refused, and renewed. */
  expiresAt: z.iso.datetime({ offset: true }),
})

/** What it answers with 404 for a portal whose tokens it does not have: by this word, it is no wrong URL. */
export const UnknownPortal = z.object({ error: z.literal('unknown_portal') })

/**
 * The endpoint of a team that keeps its accounts' tokens itself. Each request is signed by Standard Webhooks, as the jobs of
 * the `forward` provider are. No refresh token ever comes here.
 */
export function tokenEndpointAsSource(options: {
  fetchJson: FetchJson
  url: string
  secret(options?: { fresh?: boolean }): Promise<TokenEndpointSecret>
  newId(): string
  now(): number
}): TokenSource {
  const { fetchJson, url, secret, newId, now } = options

  async function ask(body: string, signingSecret: string): Promise<TokenAnswer> {
    try {
      const headers = signatureHeaders(signingSecret, { id: newId(), at: new Date(now()), body })
      return readAnswer(await fetchJson(url, { method: 'POST', headers, body }), now())
    } catch (error) {
      if (!(error instanceof NoAnswer)) throw error
      return { kind: 'retryable', problem: error.message }
    }
  }

  return {
    name: 'The token endpoint',
    restoredBy: 'the token endpoint knows it',
    refreshesByToken: false,
    renew({ portalId, refused }) {
      const body = JSON.stringify({ portalId, ...(refused && { refused }) } satisfies z.infer<typeof TokenRequest>)
      return withRotatedSecret(secret, (signing) => ask(body, signing.secret), {
        isWrong: ({ kind }) => kind === 'rejected',
        isSame: (one, other) => one.secret === other.secret,
      })
    },
  }
}

/** The headers of a request for a token, as Standard Webhooks has them; its library would bring a SHA-256 of its own. */
function signatureHeaders(secret: string, { id, at, body }: { id: string; at: Date; body: string }) {
  const timestamp = String(Math.floor(at.getTime() / 1000))
  const key = Buffer.from(secret.replace(/^whsec_/, ''), 'base64')
  return {
    'content-type': 'application/json',
    'webhook-id': id,
    'webhook-timestamp': timestamp,
    'webhook-signature': `v1,${hmac({ algorithm: 'sha256', encoding: 'base64' }, key, `${id}.${timestamp}.${body}`)}`,
  }
}

function readAnswer({ status, headers, json }: HttpResponse, now: number): TokenAnswer {
  const problem = `HTTP ${status}`
  if (status === 404 && UnknownPortal.safeParse(json).success)
    return { kind: 'revoked', problem: `${problem}, unknown_portal` }
  const isRefused = status >= 400 && status < 500 && status !== 423 && !retryableClientErrors.has(status)
  if (isRefused) return { kind: 'rejected', problem }
  if (status < 200 || status >= 300)
    return { kind: 'retryable', problem, retryAfter: parseRetryAfter(headers['retry-after'], now) }

  const grant = TokenGrant.extend({ expiresAt: z.unknown() }).safeParse(json).data
  if (!grant) return { kind: 'retryable', problem: `${problem} without an accessToken` }
  const end = readTime(grant.expiresAt, now) ?? now + usualLife
  if (end <= now) return { kind: 'retryable', problem: `${problem} with a token that has ended` }
  return {
    kind: 'tokens',
    accessToken: grant.accessToken,
    refreshToken: undefined,
    expiresInSeconds: Math.min(maxLife, end - now) / 1000,
    portalId: undefined,
    scopes: undefined,
  }
}

// In milliseconds.
const usualLife = 1_800_000
const maxLife = 86_400_000
