import { expect, test } from 'vitest'
import type { DeliveryJob } from '../../../functions/messages/jobs.ts'
import {
  type FetchJson,
  type HttpRequest,
  type HttpResponse,
  NoAnswer,
} from '../../../functions/platform/fetch-json.ts'
import { RetryableError } from '../../../functions/platform/retry.ts'
import { LineAccount } from '../../../functions/providers/line/account.ts'
import { line } from '../../../functions/providers/line/send.ts'
import { job as anyJob } from '../../support/sends.ts'

const customer = `U${'1'.repeat(32)}`
const job = { ...anyJob, to: [{ deliveryIdentifier: { type: 'CHANNEL_SPECIFIC_OPAQUE_ID', value: customer } }] }

const now = Date.parse('2026-11-22T12:00:05Z')
const secret = { provider: 'line', channelAccessToken: 'channel+access/token=' }
const account = LineAccount.parse(secret)
const taken = { sentMessages: [{ id: '461230966842064897', quoteToken: 'IStG5h1Tz7b' }] }
const hour = 3_600_000

test('a message is pushed to its recipient, with the token of the account', async () => {
  const { send, requests } = setUp({ status: 200, json: taken })

  const outcome = await send()

  expect(outcome).toEqual({ outcome: 'sent', status: 'sent', providerMessageId: '461230966842064897' })
  expect(requests).toMatchObject([
    {
      url: 'https://api.line.me/v2/bot/message/push',
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: 'Bearer channel+access/token=' },
      body: { to: customer, messages: [{ type: 'text', text: 'Grüße 👋' }] },
    },
  ])
})

test('every try of a send carries the same key, and no other send does', async () => {
  const { send, requests } = setUp({ status: 200, json: taken })

  await send()
  await send()
  await send({ messageId: 'message/2' })
  await send({ portalId: '1' })
  await send({ channelId: '1' })
  await send({}, { index: 0, of: 2 })
  await send({}, { index: 1, of: 2 })

  const keys = requests.map(({ headers }) => headers['x-line-retry-key'])
  // Other keys than in the release before would send again what was in doubt meanwhile.
  expect(keys.slice(0, 2)).toEqual(Array(2).fill('5de3706a-5d42-5429-815e-fc563f4ab674'))
  expect(new Set(keys).size).toBe(6)
})

test('a repetition is known at the same endpoint, by the same token, while LINE keeps its key', () => {
  const createdAt = Date.parse(job.createdAt)
  const endpoint = (fields: object, now: number) => line.idempotencyScope?.({ ...account, ...fields }, { job, now })

  const usual = endpoint({}, createdAt)
  expect(usual).toBe(endpoint({}, createdAt + 23 * hour))
  expect(usual).not.toContain(secret.channelAccessToken)
  expect(endpoint({ baseUrl: 'https://elsewhere.example.com' }, createdAt)).not.toBe(usual)
  expect(endpoint({ channelAccessToken: 'another' }, createdAt)).not.toBe(usual)
  expect(endpoint({}, createdAt + 23 * hour + 1)).toBeUndefined()
})

test('a repetition that LINE knows was sent before', async () => {
  const headers = { 'x-line-accepted-request-id': 'request-1' }
  const { send } = setUp({ status: 409, headers, json: { message: 'The retry key is already accepted', ...taken } })

  expect(await send()).toEqual({ outcome: 'sent', status: 'sent', providerMessageId: '461230966842064897' })
})

test('pictures follow the text, five objects at once, and quick replies are below the last', () => {
  const files = ['1', '2', '3', '4', '5'].map((name) => ({
    type: 'FILE',
    url: `https://files.example.com/${name}.png`,
  }))
  const image = (url: string) => ({ type: 'image', originalContentUrl: url, previewImageUrl: url })

  const sends = plan({ attachments: [...files, quickReplies(['Yes', 'y'], ['Shop', 'https://example.com/', 'URL'])] })

  expect(sends).toEqual([
    {
      to: customer,
      messages: [{ type: 'text', text: 'Grüße 👋' }, ...files.slice(0, 4).map(({ url }) => image(url))],
    },
    {
      to: customer,
      messages: [
        {
          ...image(files[4]!.url),
          quickReply: {
            items: [
              { type: 'action', action: { type: 'message', label: 'Yes', text: 'y' } },
              { type: 'action', action: { type: 'uri', label: 'Shop', uri: 'https://example.com/' } },
            ],
          },
        },
      ],
    },
  ])
})

test('each recipient gets a push', () => {
  const [one, other] = [`U${'1'.repeat(32)}`, `C${'2'.repeat(32)}`]
  const to = [one, other, one].map((value) => ({ deliveryIdentifier: { value } }))

  expect(plan({ to })?.map(({ to }) => to)).toEqual([one, other])
})

test.each<[string, Partial<DeliveryJob>, RegExp]>([
  ['a text of more than 5000 characters', { text: 'x'.repeat(5001) }, /too long/],
  ['a long quick reply', { attachments: [quickReplies(['x'.repeat(21), 'x'])] }, /up to 20 characters/],
  ['fourteen quick replies', { attachments: [quickReplies(...Array(14).fill(['x', 'x']))] }, /up to 13 quick replies/],
  ['a message to nobody', { to: [] }, /no recipient/],
])('%s is refused, with a sentence', (_, fields, sentence) => {
  expect(line.plan({ ...job, ...fields }, account)).toEqual({ problem: expect.stringMatching(sentence) })
})

test.each<[number, object, RegExp]>([
  [400, { message: 'Failed to send messages' }, /^LINE knows no such customer.*\(400\)$/],
  [
    400,
    { message: "The property, 'to', in the request body is invalid (line: -, column: -)" },
    /LINE id is not one.*\(400\)$/,
  ],
  [400, invalid('messages[0].text'), /^LINE does not take the text.*\(400\)$/],
  [400, invalid('messages[12].originalContentUrl'), /needs https.*\(400\)$/],
  [400, invalid('messages[0].quickReply.items[0].action.label'), /quick replies.*\(400\)$/],
  [400, invalid('messages[0].something'), /^LINE does not take something in this message: May not be empty \(400\)$/],
  [400, { message: 'The request body has 1 error(s)', details: [] }, /^LINE does not take something.*\(400\)$/],
  [
    400,
    {
      message: 'The request body has 2 error(s)',
      details: [
        { property: 'messages[0].text', message: 'May not be empty' },
        'odd',
        { message: 'Must be one of: [text]' },
      ],
    },
    /^LINE does not take the text of this message: May not be empty\. Must be one of: \[text\] \(400\)$/,
  ],
  [429, { message: 'You have reached your monthly limit.' }, /used up its messages of this month \(429\)$/],
  [400, { message: 'Something new' }, /^Something new \(400\)$/],
])('a %i, %o, is final and says why', async (status, json, reason) => {
  const { send } = setUp({ status, json })

  expect(await send()).toMatchObject({ outcome: 'rejected', reason: expect.stringMatching(reason) })
})

test("the team's own sentences go before ours", async () => {
  const answer = { status: 429, json: { message: 'You have reached your monthly limit.' } }
  const { send } = setUp(answer, { ...secret, reasons: { 'You have reached': 'Ask Kim for a larger plan' } })

  expect(await send()).toMatchObject({ reason: 'Ask Kim for a larger plan (429)' })
})

test.each<[number, object | undefined, boolean]>([
  [429, { message: 'The API rate limit has been exceeded. Try again later.' }, false],
  [503, undefined, false],
  [408, { message: 'Request Timeout' }, true],
  [425, { message: 'Too Early' }, true],
  [500, { message: 'Internal server error' }, true],
  [502, undefined, true],
  [403, undefined, true],
  [409, { message: 'Conflict' }, true],
])('a %i, %o, is tried again; in doubt: %s', async (status, json, inDoubt) => {
  const { send } = setUp({ status, json, headers: { 'retry-after': '7' } })

  expect(await failureOf(send())).toMatchObject({
    message: `LINE answered HTTP ${status}`,
    retryAfter: { seconds: 7 },
    inDoubt,
  })
})

test.each([
  [401, { message: 'Authentication failed due to the following reason: XXX' }],
  [403, { message: 'Access to this API is not available for your account' }],
  [404, { message: 'Not found' }],
])('a %i is about the account, not the message: it waits, and whoever looks after it is told', async (status, json) => {
  const { send } = setUp({ status, json })

  expect(await failureOf(send())).toMatchObject({
    name: 'AccountError',
    message: `LINE does not accept the channel access token of this account (HTTP ${status})`,
    inDoubt: false,
  })
})

test('without an answer it is tried again, since the key tells repetitions', async () => {
  for (const mayHaveArrived of [true, false]) {
    const { send } = setUp(new NoAnswer('POST api.line.me: ECONNRESET', mayHaveArrived))

    expect(await failureOf(send())).toMatchObject({
      message: 'LINE gave no answer (POST api.line.me: ECONNRESET)',
      inDoubt: mayHaveArrived,
    })
  }
})

test.each([
  ['without a token', { channelAccessToken: undefined }],
  ['with a token that no header carries', { channelAccessToken: 'two\nlines' }],
  ['that counts as sent what a receipt says', { sentOn: 'delivered' }],
  ['over plain HTTP', { baseUrl: 'http://api.line.me' }],
])('an account %s is none', (_, fields) => {
  expect(LineAccount.safeParse({ ...secret, ...fields }).success).toBe(false)
})

/** An account before a LINE that always gives one answer, or none. */
function setUp(answer: (Partial<HttpResponse> & { status: number }) | NoAnswer, holds: object = secret) {
  const requests: { headers: Record<string, string> }[] = []
  const fetchJson: FetchJson = async (url, { method, headers = {}, body }: HttpRequest) => {
    requests.push({ url, method, headers, body: JSON.parse(String(body)) } as (typeof requests)[0])
    if (answer instanceof NoAnswer) throw answer
    return { headers: {}, text: '', json: undefined, ...answer }
  }
  const tools = { fetchJson, now: () => now, signForHubSpot: async () => '' }
  const [part] = plan({}) ?? []
  const send = (fields: Partial<DeliveryJob> = {}, which = { index: 0, of: 1 }) =>
    line.send(
      { job: { ...job, ...fields }, part: part!, ...which, receiptsUrl: undefined },
      LineAccount.parse(holds),
      tools,
    )
  return { send, requests }
}

function plan(fields: Partial<DeliveryJob>) {
  const planned = line.plan({ ...job, ...fields }, account)
  return 'sends' in planned ? planned.sends : undefined
}

function quickReplies(...replies: (readonly [label: string, value: string, valueType?: string])[]) {
  return {
    type: 'QUICK_REPLIES',
    quickReplies: replies.map(([label, value, valueType = 'TEXT']) => ({ label, value, valueType })),
  }
}

function invalid(property: string) {
  return { message: 'The request body has 1 error(s)', details: [{ message: 'May not be empty', property }] }
}

async function failureOf(outcome: Promise<unknown>) {
  const failure = await outcome.catch((error: unknown) => error)
  expect(failure).toBeInstanceOf(RetryableError)
  return failure as RetryableError
}
