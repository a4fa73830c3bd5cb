import { Webhook } from 'standardwebhooks'
import { describe, expect, test } from 'vitest'
import { NoAccess } from '../../../functions/hubspot/access-errors.ts'
import { tokenEndpointAsSource } from '../../../functions/hubspot/token-endpoint.ts'
import { createTokens } from '../../../functions/hubspot/tokens.ts'
import { type FetchJson, NoAnswer } from '../../../functions/platform/fetch-json.ts'
import { RetryableError } from '../../../functions/platform/retry.ts'
import { createMemoryTable } from '../../support/memory-table.ts'
import { collectTelemetry } from '../../support/telemetry.ts'

const url = 'https://tokens.example.com/hubspot'
const secret = Buffer.alloc(32, 'k').toString('base64')
const nextSecret = Buffer.alloc(32, 'n').toString('base64')
const startedAt = Date.now()

describe('a request for an access token', () => {
  test.each([secret, `whsec_${secret}`])(
    'is signed so that the library of Standard Webhooks verifies it',
    async (key) => {
      const world = createWorld({ secret: key })

      await world.tokens().get('1')

      const [request] = world.requests
      expect(request).toMatchObject({ url, body: '{"portalId":"1"}' })
      expect(() => new Webhook(secret).verify(request!.body, request!.headers)).not.toThrow()
      expect(() => new Webhook(nextSecret).verify(request!.body, request!.headers)).toThrow()
    },
  )

  test('is made once for as long as the token lasts, whatever process asks', async () => {
    const world = createWorld()

    expect(await world.tokens().get('1')).toBe('access-1')
    expect(await world.tokens().get('1')).toBe('access-1')
    world.pass(30 * 60_000)
    expect(await world.tokens().get('1')).toBe('access-2')
  })

  test('says that HubSpot refused the last token, where it did', async () => {
    const world = createWorld()
    const tokens = world.tokens()
    await tokens.get('1')

    expect(await tokens.renew('1', 'access-1')).toBe('access-2')
    expect(world.requests.at(-1)!.body).toBe('{"portalId":"1","refused":true}')
  })

  test('says nothing of a token that HubSpot refused, where the portal has got another since', async () => {
    const world = createWorld()
    const tokens = world.tokens()
    await tokens.get('1')
    world.pass(30 * 60_000)
    await world.tokens().get('1')
    world.pass(30 * 60_000)

    expect(await tokens.renew('1', 'access-1')).toBe('access-3')
    expect(world.requests.at(-1)!.body).toBe('{"portalId":"1"}')
  })

  test('is signed again where it is refused and the secret was changed meanwhile', async () => {
    const world = createWorld()
    world.answers.push({ status: 401 })
    world.rotateTo(nextSecret)

    expect(await world.tokens().get('1')).toBe('access-2')
    const { body, headers } = world.requests.at(-1)!
    expect(() => new Webhook(nextSecret).verify(body, headers)).not.toThrow()
  })

  test('leaves no refresh token behind, not even one that was kept before', async () => {
    const world = createWorld()
    world.table.items.set('portal#1', { pk: 'portal#1', refreshToken: 'of old', version: 3 })

    await world.tokens().get('1')

    expect(world.table.items.get('portal#1')).not.toHaveProperty('refreshToken')
  })
})

describe('the time at which a token ends', () => {
  test.each([
    ['ISO 8601', (at: number) => new Date(at).toISOString()],
    ['seconds since 1970', (at: number) => Math.floor(at / 1000)],
    ['milliseconds since 1970', (at: number) => at],
  ])('is read as %s', async (_, write) => {
    const world = createWorld()
    world.answers.push(grant('short', write(startedAt + 600_000)))

    await world.tokens().get('1')

    const { accessTokenExpiresAt } = world.table.items.get('portal#1')!
    expect(Number(accessTokenExpiresAt)).toBeGreaterThan(startedAt + 598_000)
    expect(Number(accessTokenExpiresAt)).toBeLessThanOrEqual(startedAt + 600_000)
  })

  test.each([undefined, 'soon', null])('counts as half an hour where it is %j', async (expiresAt) => {
    const world = createWorld()
    world.answers.push(grant('endless', expiresAt))

    await world.tokens().get('1')

    expect(world.table.items.get('portal#1')).toMatchObject({ accessTokenExpiresAt: startedAt + 1_800_000 })
  })
})

describe('an endpoint that gives no token', () => {
  test.each<[string, Answer]>([
    ['is down', { status: 503 }],
    ['is busy', { status: 429 }],
    ['gives no answer', 'silence'],
    ['answers something else', { status: 200, json: { token: 'x' } }],
    ['gives a token that has ended', grant('old', new Date(startedAt - 1000).toISOString())],
    ['redirects', { status: 302 }],
  ])('because it %s is asked again, after pauses that grow', async (_, answer) => {
    const world = createWorld()
    world.answers.push(answer, answer, answer)

    for (const asked of [1, 2, 3]) {
      await expect(world.tokens().get('1')).rejects.toThrow(RetryableError)
      await expect(world.tokens().get('1')).rejects.not.toThrow(NoAccess)
      expect(world.requests).toHaveLength(asked)
      world.pass(10_000)
    }
    expect(await world.tokens().get('1')).toBe('access-4')
    expect(world.telemetry.counts).toEqual({ TokenRefreshesFailed: 3 })
  })

  test('for a portal that it does not know is asked again after a quarter of an hour, and says which', async () => {
    const world = createWorld()
    world.answers.push({ status: 404, json: { error: 'unknown_portal' } })

    await expect(world.tokens().get('1')).rejects.toThrow(
      'No access to portal 1: The token endpoint refuses to refresh its access token (HTTP 404, unknown_portal)',
    )
    world.pass(60_000)
    await expect(world.tokens().get('1')).rejects.toThrow(NoAccess)
    expect(world.requests).toHaveLength(1)
    expect(world.telemetry.counts).toEqual({ PortalsRevoked: 1 })
    world.pass(15 * 60_000)
    expect(await world.tokens().get('1')).toBe('access-2')
  })

  test.each([404, 401, 400])('but HTTP %i without a word of the portal is asked again in a minute', async (status) => {
    const world = createWorld()
    world.answers.push({ status, json: { error: 'Not Found' } })

    await expect(world.tokens().get('1')).rejects.toThrow(NoAccess)
    expect(world.telemetry.counts).toEqual({ AccessDenied: 1 })
    world.pass(60_000)
    expect(await world.tokens().get('1')).toBe('access-2')
  })

  test('neither logs nor keeps a word of what it answers', async () => {
    const world = createWorld()
    world.answers.push({ status: 400, json: { message: 'the token abc123' } })

    await expect(world.tokens().get('1')).rejects.not.toThrow('abc123')
    expect(JSON.stringify([...world.table.items, world.telemetry.everything()])).not.toMatch(/abc123|kkkk/)
  })
})

type Answer = { status: number; json?: unknown } | 'silence'

function grant(accessToken: string, expiresAt: unknown): Answer {
  return { status: 200, json: { accessToken, expiresAt } }
}

/** A portals table, an endpoint, and a clock that only moves when told. */
function createWorld(options: { secret?: string } = {}) {
  let time = startedAt
  let known = options.secret ?? secret
  let latest = known
  const table = createMemoryTable()
  const telemetry = collectTelemetry()
  const requests: { url: string; headers: Record<string, string>; body: string }[] = []
  const answers: Answer[] = []

  const fetchJson: FetchJson = async (to, { headers = {}, body = '' }) => {
    requests.push({ url: to, headers, body: String(body) })
    const inHalfAnHour = new Date(time + 1_800_000).toISOString()
    const answer = answers.shift() ?? grant(`access-${requests.length}`, inHalfAnHour)
    if (answer === 'silence') throw new NoAnswer('POST tokens.example.com: ETIMEDOUT', true)
    return { headers: {}, text: '', json: undefined, ...(answer as { status: number }) }
  }
  return {
    table,
    telemetry,
    requests,
    answers,
    pass: (milliseconds: number) => {
      time += milliseconds
    },
    rotateTo: (next: string) => {
      latest = next
    },
    /** A process that remembers nothing. */
    tokens: () =>
      createTokens({
        table,
        telemetry: telemetry.telemetry,
        now: () => time,
        random: () => 0.5,
        source: tokenEndpointAsSource({
          fetchJson,
          url,
          newId: () => 'id',
          now: () => time,
          async secret({ fresh = false } = {}) {
            if (fresh) known = latest
            return { secret: known }
          },
        }),
      }),
  }
}
