import fc from 'fast-check'
import { expect, test } from 'vitest'
import { ApiVersion, createHubSpot, type MessageStatus, messagePath } from '../../../functions/hubspot/client.ts'
import type { UpdateAnswer } from '../../../functions/hubspot/update-answer.ts'
import {
  type FetchJson,
  type HttpRequest,
  type HttpResponse,
  NoAnswer,
} from '../../../functions/platform/fetch-json.ts'
import { example } from '../../support/examples.ts'

const now = Date.parse('2026-11-22T12:00:00Z')
const message = { channelId: '2300310', messageId: '0b5f3c1d9e7a4b2c8d6e0f1a2b3c4d5e' }
const correlationId = 'correlationId 6d1f0a6e-7f5a-4c0e-9f39-1f2d0f3b6a11'

test.each([
  ['v3', '/conversations/v3/custom-channels/2300310/messages/m1'],
  ['2025-09', '/conversations/custom-channels/2025-09/2300310/messages/m1'],
  ['2026-03', '/conversations/custom-channels/2026-03/2300310/messages/m1'],
  ['2026-09', '/conversations/custom-channels/2026-09/2300310/messages/m1'],
])('in version %s a message is at %s', (version, path) => {
  expect(messagePath(version, { channelId: '2300310', messageId: 'm1' })).toBe(path)
  expect(ApiVersion.options).toContain(version)
})

test('an id stays one segment of the path, whatever it is', () => {
  expect(messagePath('v3', { channelId: '1', messageId: 'a/../b?c=d#e %' })).toBe(
    '/conversations/v3/custom-channels/1/messages/a%2F..%2Fb%3Fc%3Dd%23e%20%25',
  )
})

test("an update is HubSpot's flat body, with the token as bearer", async () => {
  const { update, requests } = setUp({ status: 200 })

  await update({ statusType: 'FAILED', errorMessage: 'No such number' })

  expect(requests).toEqual([
    {
      url: `https://api.hubapi.com/conversations/v3/custom-channels/2300310/messages/${message.messageId}`,
      method: 'PATCH',
      headers: { authorization: 'Bearer access-token', 'content-type': 'application/json' },
      body: '{"statusType":"FAILED","errorMessage":"No such number"}',
    },
  ])
})

test('without a reason there is no errorMessage', async () => {
  const { update, requests } = setUp({ status: 200 })

  await update({ statusType: 'READ', errorMessage: undefined })

  expect(requests[0]?.body).toBe('{"statusType":"READ"}')
})

test("what HubSpot's answer says that it holds is read as documented: the word, and the reason that it kept", async () => {
  const { update } = setUp({ status: 200, body: example('hubspot/message') })

  expect(await update({ statusType: 'FAILED' })).toMatchObject({ kind: 'taken', held: { statusType: 'FAILED' } })
})

test.each([
  [
    'with a status in a string, as the guide has it',
    { status: 200, body: '{"status":"FAILED"}' },
    { statusType: 'FAILED' },
  ],
  ['with another word', { status: 200, body: '{"status":{"statusType":"RECEIVED"}}' }, { statusType: 'RECEIVED' }],
  [
    'with a reason',
    { status: 200, body: '{"status":{"statusType":"FAILED","failureDetails":{"errorMessage":"No"}}}' },
    { statusType: 'FAILED', errorMessage: 'No' },
  ],
  [
    'with a reason of another type',
    { status: 200, body: '{"status":{"statusType":"FAILED","failureDetails":{"errorMessage":7}}}' },
    { statusType: 'FAILED' },
  ],
  ['without a status, as the schema allows', { status: 200, body: '{"id":"m"}' }, undefined],
  ['without a body', { status: 204 }, undefined],
  [
    'with something that is no word',
    { status: 200, body: '{"status":"SENT!"}' },
    { statusType: 'another status type' },
  ],
  ['with more than a word', { status: 200, body: '{"status":"1 SENT"}' }, { statusType: 'another status type' }],
  ['with a blank body', { status: 200, body: ' \n' }, undefined],
  ['in HTML', { status: 200, body: '<html>OK</html>' }, { statusType: 'no message' }],
  ['that is cut off', { status: 200, body: '{"id":"m","sta' }, { statusType: 'no message' }],
  ['with a sentence as errors have one', { status: 200, body: '{"message":"No"}' }, { statusType: 'no message' }],
  ['with an id as errors have one', { status: 200, body: '{"correlationId":"x"}' }, { statusType: 'no message' }],
  ['for several messages', { status: 207, body: '{"results":[]}' }, undefined],
])('a 2xx %s is taken', async (_, response, held) => {
  const { update } = setUp(response)

  expect(await update({ statusType: 'FAILED' })).toEqual({ kind: 'taken', held })
})

test.each([
  ['by its category', 403, '{"category":"MISSING_SCOPES"}'],
  ['by its category, with another status', 400, '{"status":"error","category":"MISSING_SCOPES"}'],
  ['by its category, as unauthorized', 401, '{"status":"error","category":"MISSING_SCOPES"}'],
  [
    'by a sentence that quotes a piece of the token',
    403,
    '{"status":"error","message":"This oauth-token (CLHn0vLYMxIO…) does not have proper permissions! (requires any of [conversations.custom_channels.write])","correlationId":"x"}',
  ],
  [
    'by a sentence that wants all of several',
    403,
    '{"message":"This token lacks something (requires all of [conversations.read, conversations.custom_channels.write])"}',
  ],
  ['in plain text', 403, 'This oauth-token does not have proper permissions!'],
  [
    'by a sentence without its category',
    403,
    '{"message":"This app hasn\'t been granted all required scopes to make this call."}',
  ],
])('a missing scope is recognised %s', async (_, status, body) => {
  expect(await setUp({ status, body }).update()).toEqual({ kind: 'scopes missing' })
})

test.each<[number, string | undefined, UpdateAnswer]>([
  [401, example('hubspot/error-unauthorized'), { kind: 'unauthorized' }],
  [401, undefined, { kind: 'unauthorized' }],
  [403, example('hubspot/error-missing-scopes'), { kind: 'scopes missing' }],
  [
    403,
    '{"category":"FORBIDDEN"}',
    { kind: 'rejected', status: 403, alike: '403, FORBIDDEN', problem: 'HTTP 403, FORBIDDEN' },
  ],
  [
    400,
    '{"category":"","message":"The scope of this channel"}',
    { kind: 'rejected', status: 400, alike: '400', problem: 'HTTP 400, The scope of this channel' },
  ],
  [404, undefined, { kind: 'rejected', status: 404, alike: '404', problem: 'HTTP 404' }],
  [404, '<html>Not Found</html>', { kind: 'rejected', status: 404, alike: '404', problem: 'HTTP 404' }],
  [409, '{"message":"Conflict"}', { kind: 'rejected', status: 409, alike: '409', problem: 'HTTP 409, Conflict' }],
  [
    400,
    example('hubspot/error-validation'),
    {
      kind: 'rejected',
      status: 400,
      alike: '400, VALIDATION_ERROR, CustomChannelsError.INVALID_CHANNEL_CAPABILITY_VALUES',
      problem: `HTTP 400, VALIDATION_ERROR, CustomChannelsError.INVALID_CHANNEL_CAPABILITY_VALUES, Invalid input JSON on line 1, column 16, ${correlationId}`,
    },
  ],
  [
    400,
    example('hubspot/error-bare'),
    {
      kind: 'rejected',
      status: 400,
      alike: '400',
      problem: `HTTP 400, There was a problem with the request., ${correlationId}`,
    },
  ],
  [405, undefined, { kind: 'rejected', status: 405, alike: '405', problem: 'HTTP 405' }],
  [414, '<html>URI Too Long</html>', { kind: 'rejected', status: 414, alike: '414', problem: 'HTTP 414' }],
  [415, undefined, { kind: 'rejected', status: 415, alike: '415', problem: 'HTTP 415' }],
  [423, undefined, { kind: 'retryable', status: 423, problem: 'HTTP 423' }],
  [
    429,
    example('hubspot/error-rate-limit'),
    {
      kind: 'retryable',
      status: 429,
      problem: `HTTP 429, TEN_SECONDLY_ROLLING, You have reached your ten_secondly_rolling limit., ${correlationId}`,
    },
  ],
  [
    429,
    example('hubspot/error-daily-limit'),
    {
      kind: 'retryable',
      status: 429,
      retryAfterSeconds: 900,
      problem: `HTTP 429, DAILY, You have reached your daily limit., ${correlationId}`,
    },
  ],
  [429, '<html>Slow down</html>', { kind: 'retryable', status: 429, problem: 'HTTP 429' }],
  [477, undefined, { kind: 'retryable', status: 477, problem: 'HTTP 477' }],
  [500, '<html>Oops</html>', { kind: 'retryable', status: 500, problem: 'HTTP 500' }],
  [503, undefined, { kind: 'retryable', status: 503, problem: 'HTTP 503' }],
  [502, '<html>Bad Gateway</html>', { kind: 'in doubt', problem: 'HTTP 502' }],
  [504, undefined, { kind: 'in doubt', problem: 'HTTP 504' }],
  [520, undefined, { kind: 'in doubt', problem: 'HTTP 520' }],
  [521, undefined, { kind: 'in doubt', problem: 'HTTP 521' }],
  [522, undefined, { kind: 'in doubt', problem: 'HTTP 522' }],
  [523, undefined, { kind: 'in doubt', problem: 'HTTP 523' }],
  [524, 'error code: 524', { kind: 'in doubt', problem: 'HTTP 524' }],
  [525, undefined, { kind: 'in doubt', problem: 'HTTP 525' }],
  [526, undefined, { kind: 'in doubt', problem: 'HTTP 526' }],
])('a %i saying %s is %o', async (status, body, answer) => {
  const { update } = setUp({ status, ...(body !== undefined && { body }) })

  expect(await update()).toEqual(answer)
})

test.each([
  ['in seconds', '7', 7],
  ['in fractions of a second', '0.5', 0.5],
  ['as a date', new Date(now + 90_000).toUTCString(), 90],
  ['as a date that has passed', new Date(now - 90_000).toUTCString(), undefined],
  ['of more than a day', '1000000', 86_400],
  ['that makes no sense', 'soon', undefined],
  ['that is empty', '', undefined],
])('a Retry-After %s is heeded, or left aside', async (_, header, retryAfterSeconds) => {
  for (const status of [429, 477, 503, 504]) {
    const { update } = setUp({ status, headers: { 'retry-after': header } })

    expect(await update()).toMatchObject({ problem: `HTTP ${status}`, retryAfterSeconds })
  }
})

test('where the body has no correlation id, the header has', async () => {
  const { update } = setUp({ status: 400, body: '<html>', headers: { 'x-hubspot-correlation-id': 'c-1' } })

  expect(await update()).toMatchObject({ kind: 'rejected', problem: 'HTTP 400, correlationId c-1' })
})

test('an error field of another type hides none of the others', async () => {
  const { update } = setUp({ status: 403, body: '{"category":"MISSING_SCOPES","subCategory":null,"message":{}}' })

  expect(await update()).toEqual({ kind: 'scopes missing' })
})

test('what is long is cut', async () => {
  const long = 'x'.repeat(5000)
  const { update } = setUp({
    status: 400,
    body: JSON.stringify({ message: long, category: long, correlationId: long }),
  })

  expect(await update()).toMatchObject({
    kind: 'rejected',
    alike: `400, ${'x'.repeat(195)}`,
    problem: `HTTP 400, ${'x'.repeat(1000)}, ${'x'.repeat(1000)}, correlationId ${'x'.repeat(100)}`,
  })
})

test('a request that may have arrived and got no answer is in doubt, one that did not arrive may be repeated at once', async () => {
  const lost = setUp(new NoAnswer('PATCH api.hubapi.com: ECONNRESET', true))
  const unsent = setUp(new NoAnswer('PATCH api.hubapi.com: ECONNREFUSED', false))

  expect(await lost.update()).toEqual({ kind: 'in doubt', problem: 'PATCH api.hubapi.com: ECONNRESET' })
  expect(await unsent.update()).toEqual({ kind: 'retryable', problem: 'PATCH api.hubapi.com: ECONNREFUSED', status: 0 })
})

test('a bug is no answer', async () => {
  const { update } = setUp(new TypeError('Invalid URL'))

  await expect(update()).rejects.toThrow(TypeError)
})

test('every answer has a meaning: a field of the body may be missing, or anything', async () => {
  const fields = ['status', 'message', 'category', 'subCategory', 'correlationId', 'policyName', 'context', 'errors']
  const bodies = fc.dictionary(fc.constantFrom(...fields), fc.jsonValue(), { noNullPrototype: true })
  const statuses = fc.integer({ min: 200, max: 599 })

  await fc.assert(
    fc.asyncProperty(statuses, bodies, async (status, body) => {
      const { kind } = await setUp({ status, body: JSON.stringify(body) }).update()

      if (status < 300) expect(kind).toBe('taken')
      else expect(kind).not.toBe('taken')
    }),
  )
})

test("HubSpot's limit is read from an answer's headers, and only where it makes sense", async () => {
  const limits = { 'x-hubspot-ratelimit-max': '110', 'x-hubspot-ratelimit-remaining': '0' }
  const allowanceIn = async (headers: Record<string, string>) =>
    (await setUp({ status: 429, headers }).update()).allowance

  expect(await allowanceIn(limits)).toEqual({ max: 110, remaining: 0 })
  expect(await allowanceIn({ ...limits, 'x-hubspot-ratelimit-interval-milliseconds': '10000' })).toEqual({
    max: 110,
    remaining: 0,
    intervalMilliseconds: 10_000,
  })
  expect(await allowanceIn({ ...limits, 'x-hubspot-ratelimit-max': 'many' })).toBeUndefined()
  expect(await allowanceIn({ ...limits, 'x-hubspot-ratelimit-max': '0' })).toBeUndefined()
  for (const remaining of ['few', '9 or so', 'about 9', '1234567890', '-1', '']) {
    expect(await allowanceIn({ ...limits, 'x-hubspot-ratelimit-remaining': remaining })).toEqual({ max: 110 })
  }
  expect(await allowanceIn({})).toBeUndefined()
})

test.each([
  ['9', '10000', false],
  ['10', '10000', true],
  ['10000', '10000', true],
  ['10001', '10000', false],
  ['110', '999', false],
  ['110', '1000', true],
  ['110', '60000', true],
  ['110', '60001', false],
])('a limit of %s requests in %s milliseconds is believed: %o', async (max, interval, isBelieved) => {
  const headers = { 'x-hubspot-ratelimit-max': max, 'x-hubspot-ratelimit-interval-milliseconds': interval }
  const { allowance } = await setUp({ status: 200, headers }).update()

  expect(allowance).toEqual(isBelieved ? { max: Number(max), intervalMilliseconds: Number(interval) } : undefined)
})

/** HubSpot's API before a server that always gives one answer, or none. */
function setUp(answer: { status: number; body?: string; headers?: Record<string, string> } | Error) {
  const requests: ({ url: string } & HttpRequest)[] = []
  const fetchJson: FetchJson = async (url, request) => {
    requests.push({ url, ...request })
    if (answer instanceof Error) throw answer
    return asResponse(answer)
  }
  const hubspot = createHubSpot({ fetchJson, baseUrl: 'https://api.hubapi.com', version: 'v3', now: () => now })
  const update = (status: MessageStatus = { statusType: 'SENT' }) =>
    hubspot.updateMessage('access-token', message, status)
  return { update, requests }
}

function asResponse({
  status,
  body: text = '',
  headers = {},
}: {
  status: number
  body?: string
  headers?: Record<string, string>
}): HttpResponse {
  let json: unknown
  try {
    json = JSON.parse(text)
  } catch {
    json = undefined
  }
  return { status, headers, text, json }
}
