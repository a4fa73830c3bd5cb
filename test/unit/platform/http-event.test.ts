import type { Context } from 'aws-lambda'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { calledUrl, header, httpHandler, json, rawBody } from '../../../functions/platform/http-event.ts'
import { RetryableError } from '../../../functions/platform/retry.ts'
import { httpEvent } from '../../support/http-events.ts'
import { collectTelemetry } from '../../support/telemetry.ts'

const url = 'https://api.example.com/hubspot/webhook'

test('the body is what was sent, byte by byte, be it text or base64', () => {
  fc.assert(
    fc.property(fc.uint8Array(), (bytes) => {
      expect([...rawBody(httpEvent({ url, body: bytes }))]).toEqual([...bytes])
    }),
  )
  expect(rawBody(httpEvent({ url, body: 'Grüße 👋' }))).toEqual(Buffer.from('Grüße 👋'))
  expect(rawBody(httpEvent({ url }))).toEqual(Buffer.alloc(0))
})

test('a header is found in whatever case it came', () => {
  for (const name of ['x-hubspot-signature-v3', 'X-HubSpot-Signature-v3', 'X-HUBSPOT-SIGNATURE-V3'])
    expect(header(httpEvent({ url, headers: { [name]: 'value' } }), 'x-hubspot-signature-v3')).toBe('value')
  expect(header(httpEvent({ url }), 'x-hubspot-signature-v3')).toBeUndefined()
})

test('the URL is the one that was called: the query in its order and encoding, the path the fixed one', () => {
  const event = httpEvent({ url: `${url}?b=%2F%20+&a=1&b=2&c` })

  expect(calledUrl(event, '/hubspot/webhook', undefined)).toBe(`${url}?b=%2F%20+&a=1&b=2&c`)
  expect(calledUrl({ ...event, rawPath: '/elsewhere' }, '/hubspot/webhook', undefined)).toBe(
    `${url}?b=%2F%20+&a=1&b=2&c`,
  )
})

test.each(['https://relay.example.com', 'https://relay.example.com/', 'https://relay.example.com//'])(
  'behind the public base URL %s the URL is of that host',
  (publicBaseUrl) => {
    expect(calledUrl(httpEvent({ url: `${url}?a=1` }), '/hubspot/webhook', publicBaseUrl)).toBe(
      'https://relay.example.com/hubspot/webhook?a=1',
    )
  },
)

test('what an answer says is written out with its metrics', async () => {
  const { telemetry, counts, unwritten } = collectTelemetry()
  const handler = httpHandler(telemetry, async () => {
    telemetry.count('MessagesAccepted')
    return json(200, { ok: true })
  })

  expect(await handler(httpEvent({ url }), {} as Context)).toEqual({
    statusCode: 200,
    headers: { 'content-type': 'application/json' },
    body: '{"ok":true}',
  })
  expect(counts).toEqual({ MessagesAccepted: 1 })
  expect(unwritten).toEqual(new Set())
})

test.each([
  [
    'an error of ours',
    new RetryableError('SQS is away', { cause: Object.assign(new TypeError('Jane'), { code: 'EPIPE' }) }),
    { error: 'RetryableError', problem: 'SQS is away', cause: 'TypeError EPIPE' },
  ],
  [
    'an error of a parser',
    new SyntaxError('Unexpected token J, "Jane" is not valid JSON'),
    { error: 'SyntaxError', at: expect.stringMatching(/^at .+:\d+:\d+\)?$/) },
  ],
  [
    "an error of AWS's",
    Object.assign(new Error('No access to the table'), { name: 'AccessDeniedException', $metadata: {} }),
    { error: 'AccessDeniedException', problem: 'No access to the table' },
  ],
  ['a message of two lines', new Error('Hello\n    at home:1:2'), { error: 'Error', at: undefined }],
  ['anything else', 'a string', { error: 'Unknown' }],
])('where the work throws %s the sender is asked to try again, and the log says why', async (_, thrown, fields) => {
  const { telemetry, counts, lines, unwritten } = collectTelemetry()
  const handler = httpHandler(telemetry, async () => {
    throw thrown
  })

  expect(await handler(httpEvent({ url }), {} as Context)).toEqual({ statusCode: 503, headers: { 'retry-after': '5' } })
  expect(counts).toEqual({ RequestsFailed: 1 })
  expect(unwritten).toEqual(new Set())
  expect(lines).toEqual([
    {
      level: 'error',
      message: 'Failed, the sender is asked to retry',
      traceId: 'request-1',
      ...fields,
    },
  ])
})
