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
      body: 'grant_type=refresh_token&client_id=client&client_secret=current+%2B&refresh_token=refresh+%26+token',
    },
  ])
})

test('what comes back are the tokens, the refresh token perhaps another one', async () => {
  const { refresh } = setUp({ status: 200, body: example('hubspot/oauth-tokens') })

  expect(await refresh()).toEqual({
    kind: 'tokens',
    accessToken: 'access-token-2',
    refreshToken: 'refresh-token-2',
    expiresInSeconds: 1800,
    portalId: '243842089',
  })
})

test.each([
  [400, example('hubspot/oauth-bad-refresh-token'), 'revoked', 'HTTP 400, invalid_grant, BAD_REFRESH_TOKEN'],
  [400, '{"error":"invalid_grant"}', 'revoked', 'HTTP 400, invalid_grant'],
  [400, '{"error":"invalid_grant","status":400}', 'revoked', 'HTTP 400, invalid_grant'],
  [400, '{"status":"BAD_REFRESH_TOKEN"}', 'revoked', 'HTTP 400, BAD_REFRESH_TOKEN'],
  [400, '{"status":"BAD_HUB"}', 'revoked', 'HTTP 400, BAD_HUB'],
  [400, '{"status":"BAD_CLIENT_ID"}', 'refused', 'HTTP 400, BAD_CLIENT_ID'],
  [400, '{"status":"BAD_CLIENT_SECRET"}', 'refused', 'HTTP 400, BAD_CLIENT_SECRET'],
  [400, '{"status":"BAD_GRANT_TYPE"}', 'refused', 'HTTP 400, BAD_GRANT_TYPE'],
  [401, '{"error":"invalid_client"}', 'refused', 'HTTP 401, invalid_client'],
  [403, '<html>Forbidden</html>', 'refused', 'HTTP 403'],
  [415, '', 'refused', 'HTTP 415'],
  [429, example('hubspot/error-rate-limit'), 'busy', 'HTTP 429, error'],
  [500, '<html>Oops</html>', 'busy', 'HTTP 500'],
  [503, '', 'busy', 'HTTP 503'],
  [200, '<html>Maintenance</html>', 'busy', 'HTTP 200'],
  [200, '{"access_token":"a","expires_in":1800}', 'busy', 'HTTP 200'],
  [200, '{"access_token":"a","refresh_token":"","expires_in":1800}', 'busy', 'HTTP 200'],
  [302, '', 'busy', 'HTTP 302'],
])('a %i saying %s is %s', async (status, body, kind, problem) => {
  const { refresh } = setUp({ status, body })

  expect(await refresh()).toEqual({ kind, problem })
})

test('no answer is no verdict', async () => {
  for (const mayHaveArrived of [true, false]) {
    const { refresh } = setUp(new NoAnswer('POST api.hubapi.com: ECONNRESET', mayHaveArrived))

    expect(await refresh()).toEqual({ kind: 'busy', problem: 'POST api.hubapi.com: ECONNRESET' })
  }
})

test('a problem holds no token and no secret, even where the answer quotes them', async () => {
  const { refresh } = setUp({
    status: 400,
    body: '{"status":"BAD_CLIENT_SECRET","message":"bad: current +, refresh-1"}',
  })

  expect(JSON.stringify(await refresh('refresh-1'))).not.toMatch(/current \+|refresh-1/)
})

/** The token endpoint before a server that always gives one answer, or none. */
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
  return { refresh: (refreshToken = 'refresh-1') => oauth.refresh(app, refreshToken), requests }
}
