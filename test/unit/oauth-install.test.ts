import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import type { Context } from 'aws-lambda'
import fc from 'fast-check'
import { beforeEach, describe, expect, test } from 'vitest'
import type { AppSecret } from '../../functions/hubspot/app-secret.ts'
import { readState, signState } from '../../functions/hubspot/install-state.ts'
import { createOAuth } from '../../functions/hubspot/oauth.ts'
import { createHandler } from '../../functions/oauth-install.ts'
import { type FetchJson, NoAnswer } from '../../functions/platform/fetch-json.ts'
import { SecretUnavailable } from '../../functions/platform/fetch-secret.ts'
import type { HttpAnswer } from '../../functions/platform/http-event.ts'
import { httpEvent } from '../support/http-events.ts'
import { createMemoryTable } from '../support/memory-table.ts'
import { collectTelemetry } from '../support/telemetry.ts'

const scopes = [
  'oauth',
  'conversations.read',
  'conversations.custom_channels.read',
  'conversations.custom_channels.write',
]

let world: ReturnType<typeof createWorld>
beforeEach(() => {
  world = createWorld()
})

describe('an installation begins', () => {
  test("at HubSpot's consent page, with the app's scopes and the exact redirect URL", async () => {
    const { statusCode, headers } = await world.install()

    const authorize = new URL(String(headers?.['location']))
    expect(statusCode).toBe(302)
    expect(authorize.origin + authorize.pathname).toBe('https://app.hubspot.test/oauth/authorize')
    expect(Object.fromEntries(authorize.searchParams)).toEqual({
      client_id: 'client',
      redirect_uri: 'https://relay.test/oauth/callback',
      scope: scopes.join(' '),
      state: expect.any(String),
    })
    expect(authorize.search).toContain('scope=oauth%20conversations.read')
  })

  test('for one account where the link names it', async () => {
    const { headers } = await world.install('?portalId=12345')

    expect(headers?.['location']).toMatch(/^https:\/\/app\.hubspot\.test\/oauth\/12345\/authorize\?/)
  })

  test.each(['abc', '1/../2', '', '%0d%0aset-cookie:a=b', '123456789012345678901'])(
    'but not for an account named %j',
    async (portalId) => {
      const answer = await world.install(`?portalId=${portalId}`)

      expect(answer).toMatchObject({ statusCode: 400 })
      expect(manual).toContain(`| ${titleOf(answer)} | 400 |`)
    },
  )

  test('with a cookie that only this host sees, no script reads, and no other site sends along', async () => {
    const { cookies } = await world.install()

    expect(cookies).toEqual([
      expect.stringMatching(/^__Host-hubspot-install=[\w-]{32}; Path=\/; Secure; HttpOnly; SameSite=Lax; Max-Age=600$/),
    ])
  })

  test('under the host that was called, where no other is set', async () => {
    world = createWorld({})
    const { headers } = await world.install()

    expect(new URL(String(headers?.['location'])).searchParams.get('redirect_uri')).toBe(
      'https://relay.test/oauth/callback',
    )
  })
})

describe('a consent', () => {
  test('connects the portal: its tokens are kept, under the redirect URL of the beginning', async () => {
    const answer = await world.installAndConsent()

    expect(answer).toMatchObject({ statusCode: 200, body: expect.stringContaining('HubSpot is connected') })
    expect(answer.body).toContain('243842089')
    expect(world.portal()).toEqual({
      pk: 'portal#243842089',
      version: 1,
      refreshToken: 'refresh-1',
      accessToken: 'access-1',
      accessTokenExpiresAt: world.now() + 1_800_000,
      askAgainAt: 0,
    })
    expect(world.requests[0]).toMatchObject({
      grant_type: 'authorization_code',
      code: 'code-1',
      redirect_uri: 'https://relay.test/oauth/callback',
    })
    expect(world.telemetry.counts).toEqual({ InstallsBegun: 1, PortalsInstalled: 1 })
  })

  test('given again says so, brings new tokens, and clears what HubSpot refused and who was refreshing', async () => {
    world.table.items.set('portal#243842089', {
      pk: 'portal#243842089',
      version: 7,
      refreshToken: 'refresh-0',
      accessToken: 'access-0',
      problem: 'HTTP 400, BAD_REFRESH_TOKEN',
      problemSince: 1,
      askAgainAt: world.now() + 900_000,
      lease: { by: 'somebody', until: world.now() + 60_000 },
      note: "the team's own",
    })

    const answer = await world.installAndConsent()

    expect(answer).toMatchObject({ statusCode: 200, body: expect.stringContaining('connected again') })
    expect(world.portal()).toEqual({
      pk: 'portal#243842089',
      version: 8,
      refreshToken: 'refresh-1',
      accessToken: 'access-1',
      accessTokenExpiresAt: world.now() + 1_800_000,
      askAgainAt: 0,
      note: "the team's own",
    })
    expect(world.telemetry.counts).toMatchObject({ PortalsReinstalled: 1 })
  })

  test('given again takes the place of what cannot be read of the one before', async () => {
    world.table.items.set('portal#243842089', { pk: 'portal#243842089', version: 7, refreshToken: 42 })

    expect(await world.installAndConsent()).toMatchObject({ statusCode: 200 })

    expect(world.portal()).toMatchObject({ version: 8, refreshToken: 'refresh-1', accessToken: 'access-1' })
  })

  test('whose tokens do not name their portal is asked about', async () => {
    world.answers.push(tokens({ hub_id: undefined, scopes: undefined }), {
      status: 200,
      json: { active: true, hub_id: 243842089, scopes },
    })

    expect(await world.installAndConsent()).toMatchObject({ statusCode: 200 })
    expect(world.portal()).toMatchObject({ refreshToken: 'refresh-1' })
  })

  test('counts also while the client secret is rotated', async () => {
    const { state, cookie } = await world.begin()
    world.rotate('next')

    expect(await world.consent({ state, cookie })).toMatchObject({ statusCode: 200 })
  })

  test('is exchanged again where the client secret was rotated since it was read', async () => {
    world.answers.push({ status: 400, json: { error: 'invalid_client', status: 'BAD_CLIENT_SECRET' } })
    const { state, cookie } = await world.begin()
    world.rotate('next', { seen: false })

    expect(await world.consent({ state, cookie })).toMatchObject({ statusCode: 200 })
    expect(world.requests.map((form) => form['client_secret'])).toEqual(['current', 'next'])
  })
})

describe('no portal is kept, and a page that the manual explains says why, where', () => {
  test('the consent is denied', async () => {
    await refusedBy(() => world.callback('?error=access_denied&error_description=%3Cb%3Eno'), 403, 'denied')
  })

  test('HubSpot reports another error', async () => {
    await refusedBy(() => world.callback('?error=%3Cscript%3E'), 502, 'failed')
  })

  test('the state is forged', async () => {
    const { cookie, nonce } = await world.begin()
    const state = signState({ nonce, expiresAt: world.now() + 600_000 }, 'not the secret')

    await refusedBy(() => world.consent({ state, cookie }), 400, 'forged')
  })

  test.each([
    '?code=code-1',
    '?code=code-1&step=authorize&returnUrl=https%3A%2F%2Fapp.hubspot.com%2Fx',
    '?',
    '?state=&code=c',
  ])('it was begun at HubSpot, which leads back by %s; the page leads to the start that works', async (query) => {
    await refusedBy(() => world.callback(query), 400, 'malformed')

    expect((await world.callback(query)).body).toContain('href="/oauth/install"')
  })

  test('the state is older than ten minutes', async () => {
    const begun = await world.begin()
    world.pass(600_000)

    await refusedBy(() => world.consent(begun), 400, 'expired')
  })

  test("a stranger's link ends in the browser of somebody who has not begun", async () => {
    const { state } = await world.begin()

    await refusedBy(() => world.consent({ state }), 403, 'forged')
  })

  test("a stranger's link ends in the browser of somebody who has begun another", async () => {
    const { state } = await world.begin()
    const { cookie } = await world.begin()

    await refusedBy(() => world.consent({ state, cookie }), 403, 'forged')
    expect([...world.table.items.keys()]).toEqual([])
  })

  test('but an error that is empty is none', async () => {
    const { state, cookie } = await world.begin()

    expect(await world.callback(`?error=&state=${state}&code=code-1`, cookie)).toMatchObject({ statusCode: 200 })
  })

  test('HubSpot sends no code', async () => {
    const { state, cookie } = await world.begin()

    await refusedBy(() => world.callback(`?state=${state}`, cookie), 400, 'malformed')
  })

  test.each([
    ['the redirect URL is not the registered one', 500, 'misconfigured', 400, 'invalid_grant', 'BAD_REDIRECT_URI'],
    ['the code is used or expired', 400, 'replayed', 400, 'invalid_grant', 'BAD_AUTH_CODE'],
    ['the code is bad, in RFC 6749 alone', 400, 'replayed', 400, 'invalid_grant', undefined],
    ['the code is bad, in words of HubSpot alone', 400, 'replayed', 400, undefined, 'BAD_AUTH_CODE'],
    ['the client secret is wrong', 500, 'misconfigured', 400, 'invalid_client', 'BAD_CLIENT_SECRET'],
    ['HubSpot is down', 503, 'failed', 503, undefined, undefined],
  ])('%s', async (_, statusCode, reason, status, error, code) => {
    world.answers.push({ status, json: { error, status: code } })

    await refusedBy(() => world.installAndConsent(), statusCode, reason)
  })

  test.each([
    [{ status: 'EXPIRED_AUTH_CODE', message: 'The code has expired' }, 400, 'expired'],
    [{ status: 'EXPIRED_AUTH_CODE', message: 'The code for client_id 7 has expired' }, 400, 'expired'],
    [{ message: 'This code was not issued to this client id' }, 400, 'expired'],
    [{ category: 'VALIDATION_ERROR' }, 400, 'expired'],
    [{ error: 'invalid_request' }, 400, 'expired'],
    [{ message: 'Something went wrong' }, 400, 'expired'],
    [undefined, 400, 'expired'],
    [{ status: 'BAD_CLIENT_ID' }, 500, 'misconfigured'],
    [{ error: 'unauthorized_client' }, 500, 'misconfigured'],
    [{ message: 'missing or invalid client secret' }, 500, 'misconfigured'],
    [{ error: 'invalid_client', error_description: 'No code for this client' }, 500, 'misconfigured'],
    [{ message: 'redirect_uri does not match' }, 500, 'misconfigured'],
  ])('HubSpot refuses the code with %j', async (json, statusCode, reason) => {
    world.answers.push({ status: 400, json })

    await refusedBy(() => world.installAndConsent(), statusCode, reason)
  })

  test.each([-5, 0, 1.5, 1e21, Number.NaN, '-5', '1.5', '007', 'x', {}, true])(
    "HubSpot says that the account's id is %o, and no other when it is asked",
    async (hub_id) => {
      world.answers.push(tokens({ hub_id }), { status: 200, json: { active: true, hub_id } })

      await refusedBy(() => world.installAndConsent(), 502, 'failed')
    },
  )

  test('HubSpot does not answer', async () => {
    world.answers.push(new NoAnswer('POST api.hubapi.test: ETIMEDOUT', true))

    await refusedBy(() => world.installAndConsent(), 503, 'failed')
  })

  test('a scope is missing that the relay needs', async () => {
    world.answers.push(tokens({ scopes: ['oauth', 'conversations.custom_channels.read'] }))

    await refusedBy(() => world.installAndConsent(), 403, 'scopes missing')
    expect(world.telemetry.lines.at(-1)).toMatchObject({ missing: ['conversations.custom_channels.write'] })
  })

  test('HubSpot does not say whose tokens they are', async () => {
    world.answers.push(tokens({ hub_id: undefined }), { status: 503 })

    await refusedBy(() => world.installAndConsent(), 502, 'failed')
  })

  test("the app's secret is not filled in", async () => {
    world.withoutSecret()

    await refusedBy(() => world.install(), 503, 'failed')
  })

  async function refusedBy(act: () => Promise<HttpAnswer>, statusCode: number, reason: string) {
    const answer = await act()

    expect(answer.statusCode).toBe(statusCode)
    expect(manual).toContain(`| ${titleOf(answer)} | ${statusCode} |`)
    expect(world.portal()).toBeUndefined()
    expect(world.telemetry.counts).toMatchObject({ InstallsFailed: 1 })
    expect(world.telemetry.lines.at(-1)).toMatchObject({ level: 'warn', message: 'Installation failed', reason })
  }
})

describe('the second time', () => {
  test('a state comes back, it has its page, and no code is exchanged', async () => {
    const begun = await world.begin()
    await world.consent(begun)
    const again = await world.consent({ ...begun, code: 'code-2' })

    expect(again).toMatchObject({ statusCode: 409, body: expect.stringContaining('done already') })
    expect(world.requests).toHaveLength(1)
    expect(world.telemetry.counts).toMatchObject({ InstallsFailed: 1 })
  })

  test('a nonce is remembered for longer than its state is good, and then forgotten', async () => {
    const begun = await world.begin()
    await world.consent(begun)

    const spent = world.table.items.get(`install#${begun.nonce}`)
    expect(spent?.['expiresAt']).toBeGreaterThan(world.now() / 1000 + 600)
    expect(spent?.['expiresAt']).toBeLessThan(world.now() / 1000 + 86_400)
  })
})

test('each page is whole, private, without script, and its style is the one that its policy names', async () => {
  const pages = [
    await world.installAndConsent(),
    await world.callback('?error=access_denied'),
    await world.callback(''),
  ]

  for (const { headers, body = '' } of pages) {
    expect(body).toMatch(
      /^<!doctype html>\n<html lang="en">[\s\S]*<title>[^<]+<\/title>[\s\S]*<main>\n<h1>[\s\S]*<\/html>\n$/,
    )
    expect(body).not.toMatch(/<script|<img|<link|\son\w+=/)
    const [, style = ''] = /<style>([\s\S]*)<\/style>/.exec(body) ?? []
    expect(headers).toEqual({
      'content-type': 'text/html; charset=utf-8',
      'cache-control': 'no-store',
      'referrer-policy': 'no-referrer',
      'x-content-type-options': 'nosniff',
      'content-security-policy': `default-src 'none'; style-src 'sha256-${createHash('sha256').update(style).digest('base64')}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`,
    })
  }
})

test('no secret, code, state or token stands in a page, a log line or a metric', async () => {
  const begun = await world.begin()
  const pages = [await world.consent(begun), await world.consent(begun)]
  world.answers.push({ status: 400, json: { error: 'code-1 refresh-1', status: 'current' } })
  pages.push(await world.installAndConsent())

  const everything = JSON.stringify(pages) + world.telemetry.everything()
  for (const secret of ['code-1', 'access-1', begun.state, begun.nonce]) expect(everything).not.toContain(secret)
})

describe('a state', () => {
  const state = signState({ nonce: 'n'.repeat(32), expiresAt: 2_000_000_000_000 }, 'secret')

  test('with any character changed is not ours', () => {
    fc.assert(
      fc.property(fc.nat({ max: state.length - 1 }), fc.constantFrom('A', 'b', '7', '-', '.', ' '), (at, character) => {
        fc.pre(state[at] !== character)
        const changed = state.slice(0, at) + character + state.slice(at + 1)
        expect(readState(changed, ['secret'], 1_900_000_000_000)).toEqual({ kind: 'forged' })
      }),
    )
  })

  test('that is junk is refused, and never throws', () => {
    fc.assert(fc.property(fc.string(), (junk) => readState(junk, ['secret', ''], 0).kind === 'forged'))
  })

  test('signed with an empty secret is not ours', () => {
    const unsigned = signState({ nonce: 'n'.repeat(32), expiresAt: 2_000_000_000_000 }, '')

    expect(readState(unsigned, [''], 0)).toEqual({ kind: 'forged' })
  })
})

const manual = readFileSync(new URL('../../docs/install.md', import.meta.url), 'utf8')
const titleOf = ({ body = '' }: HttpAnswer) => /<h1>(.*)<\/h1>/.exec(body)?.[1]?.replaceAll('&#39;', "'")

type Answer = { status: number; json?: unknown }

const tokens = (fields: object = {}): Answer => ({
  status: 200,
  json: {
    access_token: 'access-1',
    refresh_token: 'refresh-1',
    expires_in: 1800,
    hub_id: 243842089,
    scopes,
    ...fields,
  },
})

/** The function, a portals table, and a HubSpot that gives tokens unless it is told to answer otherwise. */
function createWorld({ publicBaseUrl }: { publicBaseUrl?: string } = { publicBaseUrl: 'https://relay.test/' }) {
  let time = Date.parse('2026-11-22T12:00:00Z')
  let secrets: [string, ...string[]] | undefined = ['current']
  let seen = secrets
  const requests: Record<string, string>[] = []
  const answers: (Answer | Error)[] = []
  const fetchJson: FetchJson = async (_url, { body }) => {
    requests.push(Object.fromEntries(new URLSearchParams(String(body))))
    const answer = answers.shift() ?? tokens()
    if (answer instanceof Error) throw answer
    return { status: answer.status, headers: {}, text: '', json: answer.json }
  }
  const telemetry = collectTelemetry()
  const table = createMemoryTable()
  const handler = createHandler({
    async appSecret({ fresh = false } = {}): Promise<AppSecret> {
      if (!secrets) throw new SecretUnavailable('Secret app is invalid: clientId: too small')
      if (fresh) seen = secrets
      return { clientId: 'client', clientSecrets: seen! }
    },
    oauth: createOAuth({ fetchJson, baseUrl: 'https://api.hubapi.test', version: 'v3' }),
    portals: table,
    appBaseUrl: 'https://app.hubspot.test',
    scopes,
    publicBaseUrl,
    telemetry: telemetry.telemetry,
    now: () => time,
  })

  async function get(path: string, query: string, cookie?: string): Promise<HttpAnswer> {
    const event = httpEvent({ url: `https://relay.test${path}${query}`, method: 'GET' })
    const queryStringParameters = Object.fromEntries(new URLSearchParams(query))
    return handler(
      { ...event, routeKey: `GET ${path}`, queryStringParameters, ...(cookie && { cookies: [cookie] }) },
      {} as Context,
    ) as Promise<HttpAnswer>
  }

  const created = {
    table,
    telemetry,
    requests,
    answers,
    now: () => time,
    pass(milliseconds: number) {
      time += milliseconds
    },
    portal: () => table.items.get('portal#243842089'),
    rotate(next: string, { seen: isSeen = true } = {}) {
      secrets = [next, ...(secrets ?? [])]
      if (isSeen) seen = secrets
    },
    withoutSecret() {
      secrets = undefined
    },
    install: (query = '') => get('/oauth/install', query),
    callback: (query: string, cookie?: string) => get('/oauth/callback', query, cookie),
    /** Goes to HubSpot's page. Returns what the browser brings back from there. */
    async begin() {
      const { headers, cookies } = await created.install()
      const state = new URL(String(headers?.['location'])).searchParams.get('state')!
      const cookie = cookies![0]!.split(';')[0]!
      return { state, cookie, nonce: cookie.split('=')[1]! }
    },
    consent: ({ state, cookie, code = 'code-1' }: { state: string; cookie?: string; code?: string }) =>
      created.callback(`?code=${code}&state=${state}`, cookie),
    installAndConsent: async () => created.consent(await created.begin()),
  }
  return created
}
