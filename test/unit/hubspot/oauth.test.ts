import { expect, test } from 'vitest'
import { createOAuth } from '../../../functions/hubspot/oauth.ts'
import { type FetchJson, type HttpRequest, NoAnswer } from '../../../functions/platform/fetch-json.ts'
import { example } from '../../support/examples.ts'

test('a refresh is a form, with the current client secret', async () => {
  const { refresh, requests } = setUp({ status: 200, body: example('hubspot/oauth-tokens') })

  await refresh('refresh & token')

  expect(requests).toEqual([
    {
      url: 'https://api.hubapi.com/oauth/2026-03/token',
      method: 'POST',
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      body: 'client_id=client&client_secret=current+%2B&grant_type=refresh_token&refresh_token=refresh+%26+token',
    },
  ])
})

test.each<[number, object | string, string | undefined]>([
  [400, { status: 'BAD_CLIENT_ID' }, 'app'],
  [400, { error: 'invalid_client' }, 'app'],
  [400, { message: 'unknown client credentials' }, 'app'],
  [401, '', 'app'],
  [401, { status: 'BAD_AUTH_CODE' }, undefined],
  [403, '', undefined],
  [400, { message: 'unknown code', error_description: 'of this client_id' }, undefined],
  [400, { error_description: 'redirectUri is unknown' }, 'redirect URL'],
  [400, { status: 'BAD_REDIRECT_URI' }, 'redirect URL'],
  [400, { message: 'The clientId is unknown' }, 'app'],
])('a %i saying %j blames %s', async (status, said, blames) => {
  const { refresh } = setUp({ status, body: typeof said === 'string' ? said : JSON.stringify(said) })

  expect((await refresh()) as { blames?: string }).toHaveProperty('blames', blames)
})

test('what comes back are the tokens, the refresh token perhaps another one', async () => {
  const { refresh } = setUp({ status: 200, body: example('hubspot/oauth-tokens') })

  expect(await refresh()).toEqual({
    kind: 'tokens',
    accessToken: 'access-token-2',
    refreshToken: 'refresh-token-2',
    expiresInSeconds: 1800,
    portalId: '243842089',
    scopes: ['oauth', 'conversations.custom_channels.write'],
  })
})

test.each([
  [400, example('hubspot/oauth-bad-refresh-token'), 'revoked', 'HTTP 400, invalid_grant, BAD_REFRESH_TOKEN'],
  [400, '{"error":"invalid_grant"}', 'revoked', 'HTTP 400, invalid_grant'],
  [400, '{"error":"invalid_grant","status":400}', 'revoked', 'HTTP 400, invalid_grant'],
  [400, '{"status":"BAD_REFRESH_TOKEN"}', 'revoked', 'HTTP 400, BAD_REFRESH_TOKEN'],
  [400, '{"status":"error","category":"BAD_REFRESH_TOKEN"}', 'revoked', 'HTTP 400, BAD_REFRESH_TOKEN'],
  [
    400,
    '{"status":"EXPIRED_REFRESH_TOKEN","category":"VALIDATION_ERROR"}',
    'revoked',
    'HTTP 400, EXPIRED_REFRESH_TOKEN, VALIDATION_ERROR',
  ],
  [400, '{"status":"BAD_HUB"}', 'revoked', 'HTTP 400, BAD_HUB'],
  [400, '{"status":"NO_BAD_HUB"}', 'rejected', 'HTTP 400, NO_BAD_HUB'],
  [400, '{"status":"BAD_HUB_DOMAIN"}', 'rejected', 'HTTP 400, BAD_HUB_DOMAIN'],
  [400, '{"status":"see BAD_HUB"}', 'rejected', 'HTTP 400'],
  [400, '{"status":"BAD_HUB: see above"}', 'rejected', 'HTTP 400'],
  [400, '{"error":"slow_down"}', 'retryable', 'HTTP 400, slow_down'],
  [400, '{"status":"BAD_CLIENT_ID"}', 'rejected', 'HTTP 400, BAD_CLIENT_ID'],
  [400, '{"status":"BAD_CLIENT_SECRET"}', 'rejected', 'HTTP 400, BAD_CLIENT_SECRET'],
  [400, '{"status":"BAD_GRANT_TYPE"}', 'rejected', 'HTTP 400, BAD_GRANT_TYPE'],
  [401, '{"error":"invalid_client"}', 'rejected', 'HTTP 401, invalid_client'],
  [403, '<html>Forbidden</html>', 'rejected', 'HTTP 403'],
  [415, '', 'rejected', 'HTTP 415'],
  [429, example('hubspot/error-rate-limit'), 'retryable', 'HTTP 429'],
  [500, '<html>Oops</html>', 'retryable', 'HTTP 500'],
  [503, '', 'retryable', 'HTTP 503'],
  // A server that is down, or busy, knows nothing of a grant.
  [503, '{"error":"invalid_grant"}', 'retryable', 'HTTP 503, invalid_grant'],
  [429, '{"status":"BAD_REFRESH_TOKEN"}', 'retryable', 'HTTP 429, BAD_REFRESH_TOKEN'],
  [200, '{"error":"invalid_grant"}', 'retryable', 'HTTP 200, invalid_grant'],
  [400, '{"error":"temporarily_unavailable"}', 'retryable', 'HTTP 400, temporarily_unavailable'],
  [400, '{"error":"server_error"}', 'retryable', 'HTTP 400, server_error'],
  [200, '<html>Maintenance</html>', 'retryable', 'HTTP 200'],
  [200, '{"access_token":"","refresh_token":"r","expires_in":1800}', 'retryable', 'HTTP 200'],
  [200, '{"access_token":"a b","refresh_token":"r","expires_in":1800}', 'retryable', 'HTTP 200'],
  [200, '{"access_token":"ä","refresh_token":"r","expires_in":1800}', 'retryable', 'HTTP 200'],
  [302, '', 'retryable', 'HTTP 302'],
])('a %i saying %s is %s', async (status, body, kind, problem) => {
  const { refresh } = setUp({ status, body })

  expect(await refresh()).toMatchObject({ kind, problem })
})

test.each([
  '{"access_token":"a"}',
  '{"access_token":"a","refresh_token":null}',
  '{"access_token":" a\\n","refresh_token":""}',
])('the refresh token goes on where HubSpot sends no other: %s', async (body) => {
  const { oauth, app, refresh } = setUp({ status: 200, body })

  expect(await refresh()).toMatchObject({ kind: 'tokens', accessToken: 'a', refreshToken: 'refresh-1' })
  expect(await oauth.exchange(app, 'code-1', 'https://relay.test/oauth/callback')).toMatchObject({ kind: 'retryable' })
})

test('an exchange is a form with the code and the redirect URL that the authorize page was given', async () => {
  const { oauth, app, requests } = setUp({ status: 200, body: example('hubspot/oauth-tokens') })

  const answer = await oauth.exchange(app, 'code-1', 'https://relay.test/oauth/callback')

  expect(answer).toMatchObject({ kind: 'tokens', refreshToken: 'refresh-token-2' })
  expect(requests[0]?.url).toBe('https://api.hubapi.com/oauth/2026-03/token')
  expect(formOf(requests[0])).toEqual({
    client_id: 'client',
    client_secret: 'current +',
    grant_type: 'authorization_code',
    code: 'code-1',
    redirect_uri: 'https://relay.test/oauth/callback',
  })
})

test('what is wrong with an exchange comes with the code that HubSpot has for it', async () => {
  const { oauth, app } = setUp({ status: 400, body: '{"error":"invalid_grant","status":"BAD_REDIRECT_URI"}' })

  expect(await oauth.exchange(app, 'code-1', 'https://elsewhere.test')).toMatchObject({ code: 'BAD_REDIRECT_URI' })
})

test.each(['{"category":"BAD_HUB"}', '{"status":"error","category":"BAD_HUB"}', '{"status":"BAD_HUB","category":"X"}'])(
  'the code is the first that says something: %s',
  async (body) => {
    expect(await setUp({ status: 400, body }).refresh()).toMatchObject({ kind: 'revoked', code: 'BAD_HUB' })
  },
)

test('a revocation names the token as the specification does and as the guide does', async () => {
  const { oauth, app, requests } = setUp({ status: 204, body: '' })

  expect(await oauth.revoke(app, 'refresh-1')).toEqual({ kind: 'revoked' })
  expect(requests[0]?.url).toBe('https://api.hubapi.com/oauth/2026-03/token/revoke')
  expect(formOf(requests[0])).toEqual({
    client_id: 'client',
    client_secret: 'current +',
    token: 'refresh-1',
    token_type_hint: 'refresh_token',
    refresh_token: 'refresh-1',
  })
})

test('a revocation that HubSpot cannot do now is not done', async () => {
  const { oauth, app } = setUp({ status: 503, body: '' })

  expect(await oauth.revoke(app, 'refresh-1')).toEqual({ kind: 'retryable', problem: 'HTTP 503' })
})

test.each([
  ['{"active":true,"hub_id":7,"scopes":["oauth"]}', { kind: 'token', active: true, portalId: '7', scopes: ['oauth'] }],
  ['{"active":false}', { kind: 'token', active: false, portalId: undefined, scopes: undefined }],
  ['{"scopes":["oauth"]}', { kind: 'retryable', problem: 'HTTP 200' }],
])('an introspection answered %s says what the token is worth', async (body, meaning) => {
  const { oauth, app, requests } = setUp({ status: 200, body })

  expect(await oauth.introspect(app, 'access-1', 'access_token')).toEqual(meaning)
  expect(requests[0]?.url).toBe('https://api.hubapi.com/oauth/2026-03/token/introspect')
  expect(formOf(requests[0])).toMatchObject({ token: 'access-1', token_type_hint: 'access_token' })
})

test('no answer is no verdict', async () => {
  for (const mayHaveArrived of [true, false]) {
    const { refresh } = setUp(new NoAnswer('POST api.hubapi.com: ECONNRESET', mayHaveArrived))

    expect(await refresh()).toEqual({ kind: 'retryable', problem: 'POST api.hubapi.com: ECONNRESET' })
  }
})

test('a problem holds no token and no secret, even where the answer quotes them', async () => {
  const { refresh } = setUp({
    status: 400,
    body: '{"status":"BAD_CLIENT_SECRET","message":"bad: current +, refresh-1"}',
  })

  expect(JSON.stringify(await refresh('refresh-1'))).not.toMatch(/current \+|refresh-1/)
})

const formOf = (request?: HttpRequest) => Object.fromEntries(new URLSearchParams(String(request?.body)))

/** The OAuth endpoints of a server that always gives one answer, or none. */
function setUp(answer: { status: number; body: string } | Error) {
  const requests: ({ url: string } & HttpRequest)[] = []
  const fetchJson: FetchJson = async (url, request) => {
    requests.push({ url, ...request })
    if (answer instanceof Error) throw answer
    const { status, body: text } = answer
    return { status, headers: {}, text, json: /^\{/.test(text) ? JSON.parse(text) : undefined }
  }
  const oauth = createOAuth({ fetchJson, baseUrl: 'https://api.hubapi.com', version: '2026-03' })
  const app = { clientId: 'client', clientSecrets: ['current +', 'previous'] as [string, string] }
  return { oauth, app, refresh: (refreshToken = 'refresh-1') => oauth.refresh(app, refreshToken), requests }
}
