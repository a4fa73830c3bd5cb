import fc from 'fast-check'
import { Webhook } from 'standardwebhooks'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { sign, verify } from '../../../functions/hubspot/signature.ts'
import type { DeliveryJob } from '../../../functions/messages/jobs.ts'
import { type FetchJson, type HttpRequest, NoAnswer } from '../../../functions/platform/fetch-json.ts'
import { RetryableError } from '../../../functions/platform/retry.ts'
import { ForwardAccount } from '../../../functions/providers/forward/account.ts'
import { forward as receiptAdapter } from '../../../functions/providers/forward/receipt.ts'
import { forward as sendAdapter } from '../../../functions/providers/forward/send.ts'
import { anyText } from '../../support/arbitraries.ts'
import { example } from '../../support/examples.ts'
import { forwardHeaders, forwardSecret } from '../../support/http-events.ts'
import { job as usualJob } from '../../support/sends.ts'

const now = new Date('2026-11-22T12:00:05Z')
const current = forwardSecret('the current secret, 24 bytes')
const previous = forwardSecret('the previous secret, 24 bytes')
const stranger = forwardSecret("a stranger's secret, 24 bytes")
const account: ForwardAccount = {
  provider: 'forward',
  url: 'https://service.example.com/messages',
  format: 'job',
  secrets: [current, previous],
}
const original = '{"type":"OUTGOING_CHANNEL_MESSAGE_CREATED", "text":"Grüße 👋"}'
const job: DeliveryJob = { ...usualJob, to: [{ deliveryIdentifier: { value: '+15550100002' } }], original }

// Standard Webhooks' library goes by the machine's clock.
beforeAll(() => void vi.useFakeTimers({ toFake: ['Date'], now }))
afterAll(() => void vi.useRealTimers())

test('a message goes to the endpoint as a job, signed by Standard Webhooks with the current secret', async () => {
  const { send, requests } = setUp({ status: 202, body: '{"status":"accepted"}' })

  await send()

  const { url, method, headers, body } = requests[0]!
  const { original: _, type: __, ...data } = job
  expect({ url, method, contentType: headers['content-type'] }).toEqual({
    url: account.url,
    method: 'POST',
    contentType: 'application/json',
  })
  expect(new Webhook(current).verify(body, headers)).toEqual(data)
  expect(() => new Webhook(previous).verify(body, headers)).toThrow()
})

test('every try of a message carries the same id, another message another', async () => {
  const { send, requests } = setUp({ status: 202 })

  await send()
  vi.setSystemTime(now.getTime() + 60_000)
  await send()
  await send({ messageId: 'message/2' })
  vi.setSystemTime(now)

  const ids = requests.map(({ headers }) => headers['webhook-id'])
  expect(ids).toEqual([
    'msg_243842089_2300310_message%2F1',
    'msg_243842089_2300310_message%2F1',
    'msg_243842089_2300310_message%2F2',
  ])
  expect(new Set(requests.map(({ headers }) => headers['webhook-timestamp'])).size).toBe(2)
})

test("in HubSpot's format the endpoint gets HubSpot's own bytes, signed for its URL as HubSpot signs", async () => {
  const { send, requests } = setUp({ status: 200 }, { ...account, format: 'hubspot' })

  await send()

  const { url, method, headers, body } = requests[0]!
  const timestamp = headers['x-hubspot-request-timestamp']!
  expect(body).toBe(original)
  expect(timestamp).toBe(String(now.getTime()))
  expect(verify({ method, url, body, timestamp }, headers['x-hubspot-signature-v3']!, 'client-secret')).toBe(true)
})

const refused = (status: number) => `The messaging service refused the message (HTTP ${status})`

test.each<[number, string, object]>([
  [
    200,
    '{"status":"accepted","providerMessageId":"p1"}',
    { outcome: 'sent', status: 'accepted', providerMessageId: 'p1' },
  ],
  [200, '{"status":"SENT"}', { outcome: 'sent', status: 'sent' }],
  [201, '{"status":"delivered"}', { outcome: 'sent', status: 'delivered' }],
  [200, '{"status":"read","providerMessageId":7}', { outcome: 'sent', status: 'read' }],
  [200, '', { outcome: 'sent', status: 'sent' }],
  [204, '', { outcome: 'sent', status: 'sent' }],
  [200, 'OK', { outcome: 'sent', status: 'sent' }],
  [200, '{"status":"queued"}', { outcome: 'sent', status: 'sent' }],
  [200, '{"status":"failed","reason":"No such number"}', { outcome: 'rejected', reason: 'No such number' }],
  [200, '{"status":"failed"}', { outcome: 'rejected', reason: 'The messaging service reported a failure' }],
  [200, '{"status":"failed","reason":""}', { outcome: 'rejected', reason: 'The messaging service reported a failure' }],
  [
    200,
    '{"status":"failed","reason":null,"providerMessageId":7}',
    { outcome: 'rejected', reason: 'The messaging service reported a failure' },
  ],
  [200, '{"status":"failed","message":"Phone off"}', { outcome: 'rejected', reason: 'Phone off' }],
  [
    200,
    '{"status":"failed","code":"E1","error":{"message":"Phone off","code":"off"}}',
    { outcome: 'rejected', reason: 'Phone off', code: 'E1' },
  ],
  [
    200,
    '{"status":"failed","error":{"message":"Phone off","code":"off"}}',
    { outcome: 'rejected', reason: 'Phone off', code: 'off' },
  ],
  [422, '{"errors":["No such number","x"]}', { outcome: 'rejected', reason: 'No such number' }],
  [
    422,
    '{"errors":[{"detail":"No such number","code":"E2"}]}',
    { outcome: 'rejected', reason: 'No such number', code: 'E2' },
  ],
  [
    400,
    '{"statusCode":400,"message":["No such number","x"],"error":"Bad Request"}',
    { outcome: 'rejected', reason: 'No such number' },
  ],
  [422, '{"errors":{"to":["is wrong"]}}', { outcome: 'rejected', reason: refused(422) }],
  [422, '{"errors":[],"error":7}', { outcome: 'rejected', reason: refused(422) }],
  [400, '{"reason":"No such number"}', { outcome: 'rejected', reason: 'No such number' }],
  [422, '{"message":"No such number","error":{"code":1}}', { outcome: 'rejected', reason: 'No such number' }],
  [422, '{"detail":"No such number","title":"Unprocessable"}', { outcome: 'rejected', reason: 'No such number' }],
  [
    400,
    '{"error":{"message":"No such number","code":"no_number"}}',
    { outcome: 'rejected', reason: 'No such number', code: 'no_number' },
  ],
  [400, '{"reason":"No such number","code":30003}', { outcome: 'rejected', reason: 'No such number', code: '30003' }],
  [401, '{"error":"invalid_signature"}', { outcome: 'rejected', reason: 'invalid_signature' }],
  [404, '<html>', { outcome: 'rejected', reason: refused(404) }],
])('a %i saying %s is %o', async (status, body, outcome) => {
  const { send } = setUp({ status, body })

  expect(await send()).toEqual(outcome)
})

test('a 2xx with a status that is none of ours is sent, under its id, and the word is counted', async () => {
  const noted: string[] = []
  const answer = (status: unknown) => JSON.stringify({ status, providerMessageId: 'p1' })
  for (const status of ['undelivered', 'call +1 555 010 0123', 7, null]) {
    const { send } = setUp({ status: 200, body: answer(status) }, account, (code) => noted.push(code))

    expect(await send()).toEqual({ outcome: 'sent', status: 'sent', providerMessageId: 'p1' })
  }
  expect(noted).toEqual(['undelivered', '7'])
})

test.each([200, 400])('a reason of any length in a %i fits into a status update', async (status) => {
  const { send } = setUp({ status, body: JSON.stringify({ status: 'failed', reason: 'x'.repeat(5000) }) })

  const outcome = await send()

  expect(outcome).toMatchObject({ outcome: 'rejected', reason: expect.stringMatching(/^x{2000}$/) })
})

test.each([302, 408, 425, 429, 500, 502, 503, 504])('a %i is a reason to try later', async (status) => {
  const { send } = setUp({ status, body: '{"status":"failed","reason":"No such number"}' })

  const failure = await failureOf(send())

  expect(failure.message).toBe(`The messaging service answered HTTP ${status}`)
  expect(failure.retryAfter).toBeUndefined()
})

test('the endpoint may say how much later', async () => {
  const { send } = setUp({ status: 429, headers: { 'retry-after': '30' } })

  expect((await failureOf(send())).retryAfter).toEqual({ seconds: 30 })
})

test('without an answer the message is tried again, since its id tells repetitions', async () => {
  for (const mayHaveArrived of [true, false]) {
    const { send } = setUp(new NoAnswer('POST service.example.com: ECONNRESET', mayHaveArrived))

    expect(await failureOf(send())).toMatchObject({
      message: 'The messaging service gave no answer (POST service.example.com: ECONNRESET)',
      inDoubt: mayHaveArrived,
    })
  }
  expect(sendAdapter.idempotencyScope?.(account, { job, now: now.getTime() })).toBe(account.url)
})

test.each(['receipt-delivered', 'receipt-failed'])('%s, signed, is understood', (name) => {
  const body = example(`forward/${name}`)
  const { timestamp, data } = JSON.parse(body)

  expect(receive(body)).toEqual({ kind: 'statuses', statuses: [{ ...data, occurredAt: timestamp }], ignored: 0 })
})

test('what a receipt says beyond its fields is dropped', () => {
  const receipt = JSON.parse(example('forward/receipt-delivered'))
  const body = JSON.stringify({ ...receipt, data: { ...receipt.data, channelId: '1', source: 'relay', to: '+1555' } })

  const unknownFields = ['data.channelId', 'data.source', 'data.to']
  expect(receive(body)).toEqual({ ...receive(example('forward/receipt-delivered')), unknownFields })
})

test.each([
  ['the current secret', [current]],
  ['the previous secret', [previous]],
  ['a secret of its own, and then the current one', [stranger, current]],
])('a receipt signed with %s is taken', (_, secrets) => {
  const body = example('forward/receipt-delivered')

  expect(receive(body, forwardHeaders(body, { secrets, at: now }))).toMatchObject({ kind: 'statuses' })
})

const body = example('forward/receipt-delivered')
const right = forwardHeaders(body, { secrets: [current], at: now })

test.each<[string, Record<string, string>]>([
  ['no headers', {}],
  ['no id', { ...right, 'webhook-id': '' }],
  ['another id', { ...right, 'webhook-id': 'msg_2' }],
  ['a timestamp that is none', { ...right, 'webhook-timestamp': 'now' }],
  ['an infinite timestamp', { ...right, 'webhook-timestamp': '9'.repeat(400) }],
  ['another timestamp', { ...right, 'webhook-timestamp': String(Number(right['webhook-timestamp']) - 1) }],
  ['a signature over five minutes old', forwardHeaders(body, { secrets: [current], at: minutesFromNow(-5.1) })],
  ['a signature over five minutes ahead', forwardHeaders(body, { secrets: [current], at: minutesFromNow(5.1) })],
  ["a stranger's signature", forwardHeaders(body, { secrets: [stranger], at: now })],
  ['a signature of another body', forwardHeaders(`${body} `, { secrets: [current], at: now })],
  ['a signature of another version', { ...right, 'webhook-signature': right['webhook-signature'].replace('v1', 'v2') }],
  ['a signature without its version', { ...right, 'webhook-signature': right['webhook-signature'].slice(3) }],
  ['a version without its signature', { ...right, 'webhook-signature': 'v1' }],
])('a receipt with %s is refused', (_, headers) => {
  expect(receive(body, headers)).toMatchObject({ kind: 'rejected' })
})

test.each([
  ['{"type":"message.status"', 'not JSON'],
  ['[]', 'document: expected object'],
  ['{"type":"message.created"}', 'type: invalid value'],
])('a signed receipt saying %s is unreadable, and the problem says why', (body, problem) => {
  expect(receive(body)).toEqual({ kind: 'unreadable', problem: expect.stringContaining(problem) })
})

test.each([
  ['data', undefined],
  ['data.portalId', 243842089.5],
  ['data.portalId', 'portal'],
  ['data.messageId', ''],
  ['data.status', 'unconfirmed'],
  ['data.status', 'queued'],
])('a signed receipt with a wrong %s is unreadable, and the problem names the field', (field, value) => {
  const receipt = JSON.parse(example('forward/receipt-delivered'))
  const [outer, inner] = field.split('.') as [string, string?]
  const body = JSON.stringify({ ...receipt, [outer]: inner ? { ...receipt[outer], [inner]: value } : value })

  expect(receive(body)).toEqual({ kind: 'unreadable', problem: expect.stringMatching(`^${field}: `) })
})

test('receiving never throws, whatever the headers and the body are, signed or not', () => {
  const names = fc.constantFrom('webhook-id', 'webhook-timestamp', 'webhook-signature')
  const values = fc.oneof(anyText, fc.constantFrom(...Object.values(right)))
  const headers = fc.dictionary(names, values, { noNullPrototype: true })

  fc.assert(
    fc.property(headers, fc.uint8Array(), (headers, bytes) => {
      expect(receive(Buffer.from(bytes), headers).kind).toBe('rejected')
    }),
  )
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.json()), (body) => {
      expect(receive(body).kind).toBe('unreadable')
    }),
  )
})

test.each([
  ['over plain HTTP', { url: 'http://service.example.com/' }],
  ['over another protocol', { url: 'ftp://service.example.com/' }],
  ['at a host that only looks like this machine', { url: 'http://localhost.example.com/' }],
  ['in another format', { format: 'xml' }],
  ['without secrets', { secrets: [] }],
  ['with a short secret', { secrets: ['whsec_c2hvcnQ='] }],
  ['with a secret of another kind', { secrets: ['hunter2'] }],
])('an account %s is none', (_, fields) => {
  expect(ForwardAccount.safeParse({ ...account, ...fields }).success).toBe(false)
})

test.each(['http://127.0.0.1:8080/', 'http://localhost:8080/', 'http://[::1]:8080/', 'https://service.example.com/'])(
  'an account at %s is one, in the format of a job unless it says otherwise',
  (url) => {
    const { format: _, ...bare } = account

    expect(ForwardAccount.parse({ ...bare, url })).toEqual({ ...account, url })
  },
)

/** The service before an endpoint that always gives one answer, or none. */
function setUp(
  answer: { status: number; body?: string; headers?: Record<string, string> } | Error,
  to = account,
  noteUnknownCode = (_code: string): unknown => undefined,
) {
  const requests: { url: string; method: string; headers: Record<string, string>; body: string }[] = []
  const fetchJson: FetchJson = async (url, { method, headers = {}, body }: HttpRequest) => {
    requests.push({ url, method, headers, body: String(body) })
    if (answer instanceof Error) throw answer
    const { status, body: text = '' } = answer
    return { status, headers: answer.headers ?? {}, text, json: /^\{/.test(text) ? JSON.parse(text) : undefined }
  }
  const signForHubSpot = async (request: Signed) => sign(request, 'client-secret')
  const tools = { fetchJson, now: Date.now, signForHubSpot, noteUnknownCode }
  return {
    send: (fields: Partial<DeliveryJob> = {}) => sendAdapter.send(send({ ...job, ...fields }), to, tools),
    requests,
  }
}

const send = (job: DeliveryJob) => ({ job, part: undefined, index: 0, of: 1, receiptsUrl: undefined })

type Signed = Parameters<typeof sign>[0]

function receive(body: string | Buffer, headers?: Record<string, string>) {
  const signed: Record<string, string> = headers ?? forwardHeaders(body.toString(), { secrets: [current], at: now })
  const request = { method: 'POST', url: 'https://api.example.com/receipts/2300310', now: now.getTime() }
  return receiptAdapter.receive({ ...request, header: (name) => signed[name], body: Buffer.from(body) }, account)
}

async function failureOf(outcome: Promise<unknown>) {
  const failure = await outcome.catch((error: unknown) => error)
  expect(failure).toBeInstanceOf(RetryableError)
  return failure as RetryableError
}

function minutesFromNow(minutes: number) {
  return new Date(now.getTime() + minutes * 60_000)
}
