import fastify from 'fastify'
import { Webhook } from 'standardwebhooks'
import * as z from 'zod'
import { TokenRequest } from '../../functions/hubspot/token-endpoint.ts'
import { type Answered, answeredWith, keepRawBody, type Reply, sendReply } from './simulator.ts'

/** What a team keeps of an account that installed its app. */
type Kept = { refreshToken: string; accessToken?: string; expiresAt?: number }

/** A request for a token, and what it was answered. */
type TokenCall = { portalId: string | undefined; refused: boolean; answered: Answered }

/** The team's own token endpoint, as its users see it. */
export type TokenEndpoint = Awaited<ReturnType<typeof startTokenEndpoint>>

/**
 * The back end of a team that keeps its accounts' tokens itself, on loopback: gives access tokens to whoever signs with the
 * secret, from its cache while HubSpot takes them, and refreshes them at HubSpot.
 */
export async function startTokenEndpoint(options: {
  /** The simulated HubSpot, and the app's credentials there. */
  hubspotUrl: string
  app: { clientId: string; clientSecrets: string[] }
  /** The secret that signs, once there is one. */
  secret(): string
}) {
  const { hubspotUrl, app: credentials, secret } = options
  const accounts = new Map<string, Kept>()
  const calls: TokenCall[] = []
  /** What the next requests are answered, in place of the truth. */
  const faults: Reply[] = []

  async function answer(headers: Record<string, string>, body: string): Promise<Reply & object> {
    const request = read(headers, body)
    if (!request) return { status: 401, body: { error: 'signature' } }
    const kept = accounts.get(request.portalId)
    if (!kept?.refreshToken) return { status: 404, body: { error: 'unknown_portal' } }
    if (request.refused || !kept.accessToken || (kept.expiresAt ?? 0) <= Date.now() + 60_000) await refresh(kept)
    const { accessToken, expiresAt = 0 } = kept
    return { status: 200, body: { accessToken, expiresAt: new Date(expiresAt).toISOString() } }
  }

  function read(headers: Record<string, string>, body: string) {
    try {
      new Webhook(secret()).verify(body, headers)
      return TokenRequest.parse(JSON.parse(body))
    } catch {
      return undefined
    }
  }

  async function refresh(kept: Kept) {
    const form = new URLSearchParams({
      client_id: credentials.clientId,
      client_secret: credentials.clientSecrets[0] ?? '',
      grant_type: 'refresh_token',
      refresh_token: kept.refreshToken,
    })
    const response = await fetch(`${hubspotUrl}/oauth/v3/token`, { method: 'POST', body: form })
    const tokens = Tokens.parse(await response.json())
    kept.refreshToken = tokens.refresh_token
    kept.accessToken = tokens.access_token
    kept.expiresAt = Date.now() + tokens.expires_in * 1000
  }

  const server = fastify({ forceCloseConnections: true })
  keepRawBody(server)
  server.post('/tokens', async ({ headers, body }, reply) => {
    const text = String(body ?? '')
    const given = faults.shift() ?? (await answer(headers as Record<string, string>, text))
    const { portalId, refused = false } = TokenRequest.safeParse(JSON.parse(text)).data ?? {}
    calls.push({ portalId, refused, answered: answeredWith(given) })
    await sendReply(reply, given)
  })
  await server.listen({ port: 0, host: '127.0.0.1' })

  return {
    url: `${server.listeningOrigin}/tokens`,
    /** An account's refresh token comes in, by the team's own installation. */
    keep: (portalId: string, refreshToken: string) => void accounts.set(portalId, { refreshToken }),
    /** Every request, oldest first. */
    calls: calls as readonly TokenCall[],
    faults,
    stop: () => server.close(),
  }
}

const Tokens = z.object({ access_token: z.string(), refresh_token: z.string(), expires_in: z.number() })
