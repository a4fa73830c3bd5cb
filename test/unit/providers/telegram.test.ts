import { expect, test } from 'vitest'
import type { DeliveryJob } from '../../../functions/messages/jobs.ts'
import { type FetchJson, type HttpRequest, NoAnswer } from '../../../functions/platform/fetch-json.ts'
import { RetryableError } from '../../../functions/platform/retry.ts'
import { TelegramAccount } from '../../../functions/providers/telegram/account.ts'
import { telegram } from '../../../functions/providers/telegram/send.ts'
import { AccountError } from '../../../functions/providers/verdict.ts'
import { job as anyJob } from '../../support/sends.ts'

const customer = '1111111'
const job = { ...anyJob, to: [{ deliveryIdentifier: { type: 'CHANNEL_SPECIFIC_OPAQUE_ID', value: customer } }] }

const now = Date.parse('2026-11-22T12:00:05Z')
const secret = { provider: 'telegram', botToken: '110201543:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw' }
const account = TelegramAccount.parse(secret)
const taken = { ok: true, result: { message_id: 42, chat: { id: 1111111 }, text: 'Grüße 👋' } }
const picture = { type: 'FILE', fileUsageType: 'IMAGE', url: 'https://files.example.com/a.png' }
const guide = { type: 'FILE', fileUsageType: 'OTHER', name: 'guide.pdf', url: 'https://files.example.com/guide' }

test('a message goes to the chat of its recipient, by the bot of the account', async () => {
  const { send, requests } = setUp({ status: 200, json: taken })

  const outcome = await send()

  expect(outcome).toEqual({ outcome: 'sent', status: 'sent', providerMessageId: '42' })
  expect(requests).toEqual([
    {
      url: `https://api.telegram.org/bot${account.botToken}/sendMessage`,
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: { chat_id: '1111111', text: 'Grüße 👋' },
    },
  ])
})

test('a Bot API server of the team is called at its own endpoint', async () => {
  const { send, requests } = setUp(
    { status: 200, json: taken },
    { ...secret, baseUrl: 'https://bots.example.com/api/' },
  )

  await send()

  expect(requests[0]?.url).toBe(`https://bots.example.com/api/bot${account.botToken}/sendMessage`)
})

test.each<[string, object, string, string]>([
  ['a picture', picture, 'sendPhoto', 'photo'],
  ['a sticker', { ...picture, fileUsageType: 'STICKER' }, 'sendPhoto', 'photo'],
  ['a moving picture', { ...picture, url: 'https://files.example.com/a.GIF?s=1' }, 'sendAnimation', 'animation'],
  [
    'a voice message',
    { ...picture, url: 'https://files.example.com/a.ogg', fileUsageType: 'VOICE_RECORDING' },
    'sendVoice',
    'voice',
  ],
  ['music', { ...picture, url: 'https://files.example.com/a.mp3', fileUsageType: 'AUDIO' }, 'sendAudio', 'audio'],
  ['a film', { type: 'FILE', url: 'https://files.example.com/a.mp4' }, 'sendVideo', 'video'],
  ['a document', guide, 'sendDocument', 'document'],
])('%s goes out as what it is, with the text below it', (_, file, method, field) => {
  const url = 'url' in file ? file.url : undefined

  expect(plan({ attachments: [file] })).toEqual([
    { method, body: { chat_id: '1111111', [field]: url, caption: 'Grüße 👋' } },
  ])
})

test('a text that is too long for a caption, or for one of several files, goes first', () => {
  const text = 'x'.repeat(1025)

  expect(plan({ text, attachments: [picture] })).toMatchObject([{ body: { text } }, { method: 'sendPhoto' }])
  expect(plan({ attachments: [picture, guide] })).toMatchObject([
    { method: 'sendMessage' },
    { method: 'sendPhoto', body: { photo: picture.url } },
    { method: 'sendDocument', body: { document: guide.url } },
  ])
  expect(plan({ text: '', attachments: [picture] })).toEqual([
    { method: 'sendPhoto', body: { chat_id: '1111111', photo: picture.url } },
  ])
})

test('each recipient gets all of it', () => {
  const to = ['1111111', '-100222', '1111111'].map((value) => ({ deliveryIdentifier: { value } }))

  expect(plan({ to, attachments: [picture, guide] })?.map(({ body }) => body['chat_id'])).toEqual([
    ...Array(3).fill('1111111'),
    ...Array(3).fill('-100222'),
  ])
})

test('answers to choose are keys below the last part, which go once one was pressed', () => {
  const sends = plan({ attachments: [picture, guide, quickReplies(['Yes', 'y'], ['No', 'n'])] })

  expect(sends?.map(({ body }) => body['reply_markup'])).toEqual([
    undefined,
    undefined,
    { keyboard: [[{ text: 'Yes' }], [{ text: 'No' }]], one_time_keyboard: true, resize_keyboard: true },
  ])
})

test('links are buttons; beside answers to choose they are in the text', () => {
  const shop = ['Shop', 'https://example.com/', 'URL'] as const

  expect(plan({ attachments: [quickReplies(shop)] })).toMatchObject([
    {
      body: { text: 'Grüße 👋', reply_markup: { inline_keyboard: [[{ text: 'Shop', url: 'https://example.com/' }]] } },
    },
  ])
  expect(plan({ attachments: [quickReplies(shop, ['Yes', 'y'])] })).toMatchObject([
    { body: { text: 'Grüße 👋\nShop: https://example.com/', reply_markup: { keyboard: [[{ text: 'Yes' }]] } } },
  ])
})

test.each<[string, Partial<DeliveryJob>, RegExp]>([
  ['a text of more than 4096 characters', { text: 'x'.repeat(4097) }, /too long/],
  ['a message to nobody', { to: [] }, /no recipient/],
  ['an empty message', { text: ' ' }, /empty/],
  ['a file without address', { attachments: [{ ...picture, url: undefined }] }, /no web address/],
  ['a location', { attachments: [{ type: 'LOCATION' }] }, /location/],
])('%s is refused, with a sentence', (_, fields, sentence) => {
  expect(telegram.plan({ ...job, ...fields }, account)).toEqual({ problem: expect.stringMatching(sentence) })
})

test.each([
  [400, 'Bad Request: chat not found', /customer has to write to the bot first \(400\)$/],
  [400, 'Bad Request: group chat was upgraded to a supergroup chat', /another id.*\(400\)$/],
  [400, 'Bad Request: not enough rights to send photos to the chat', /may not send this here.*\(400\)$/],
  [400, 'Bad Request: CHAT_SEND_PLAIN_FORBIDDEN', /may not send this here.*\(400\)$/],
  [400, 'Bad Request: wrong file identifier/HTTP URL specified', /does not take this file.*\(400\)$/],
  [400, 'Bad Request: WEBPAGE_CURL_FAILED', /could not fetch the file.*\(400\)$/],
  [400, 'Bad Request: WEBPAGE_MEDIA_EMPTY', /does not take this file.*\(400\)$/],
  [400, 'Bad Request: failed to get HTTP URL content', /could not fetch the file.*\(400\)$/],
  [400, "Bad Request: inline keyboard button URL 'x' is invalid: Wrong", /the address of a button \(400\)$/],
  [403, "Forbidden: bots can't send messages to bots", /Bots cannot write to bots \(403\)$/],
  [403, 'Forbidden: bot was blocked by the user', /customer has blocked the bot \(403\)$/],
  [403, "Forbidden: bot can't initiate conversation with a user", /cannot write first.*\(403\)$/],
  [403, 'Forbidden: user is deactivated', /no longer exists \(403\)$/],
  [403, 'Forbidden: bot was kicked from the channel chat', /has been removed.*\(403\)$/],
  [400, 'Bad Request: ALLOW_PAYMENT_REQUIRED_10', /from those who pay for them.*\(400\)$/],
  [400, 'Bad Request: CHAT_GUEST_SEND_FORBIDDEN', /the bot has to be added \(400\)$/],
  [400, 'Bad Request: CHAT_FORBIDDEN', /has been removed.*\(400\)$/],
  [400, 'Bad Request: TOPIC_DELETED', /topic of the group does not exist \(400\)$/],
  [400, 'Bad Request: USER_RESTRICTED', /has limited the bot.*\(400\)$/],
  [400, 'Bad Request: something new', /^something new \(400\)$/],
])('a %i, %s, is final and says why', async (status, description, reason) => {
  const { send } = setUp({ status, json: { ok: false, error_code: status, description } })

  expect(await send()).toMatchObject({ outcome: 'rejected', reason: expect.stringMatching(reason) })
})

test("the team's own sentences go before ours", async () => {
  const json = { ok: false, error_code: 403, description: 'Forbidden: bot was blocked by the user' }
  const { send } = setUp({ status: 403, json }, { ...secret, reasons: { 'Bot was blocked': 'Call instead' } })

  expect(await send()).toMatchObject({ reason: 'Call instead (403)' })
})

test('when Telegram takes no more, it says how much later to try', async () => {
  const description = 'Too Many Requests: retry after 7'
  const { send } = setUp({
    status: 429,
    json: { ok: false, error_code: 429, description, parameters: { retry_after: 7 } },
  })

  expect(await failureOf(send())).toMatchObject({ retryAfter: { seconds: 7 }, inDoubt: false })
})

test.each([
  [400, 'Bad Request: SLOWMODE_WAIT_30', 30],
  [420, 'FLOOD_WAIT_12', 12],
  [420, 'FLOOD_PREMIUM_WAIT_7', 7],
  [429, 'Too Many Requests: retry after 9', 9],
])('a %i, %s, is tried again after that long', async (status, description, seconds) => {
  const { send } = setUp({ status, json: { ok: false, error_code: status, description } })

  expect(await failureOf(send())).toMatchObject({ retryAfter: { seconds }, inDoubt: false })
})

test.each([
  [
    { ok: false, error_code: '403', description: 'Forbidden: bot was blocked by the user' },
    'The customer has blocked the bot (403)',
  ],
  [{ ok: false, error_code: 403 }, 'The messaging service reported a failure (403)'],
])('a refusal in another form is one: %j', async (json, reason) => {
  const { send } = setUp({ status: 403, json })

  expect(await send()).toMatchObject({ outcome: 'rejected', reason })
})

test.each([
  [401, 'Unauthorized'],
  [406, 'AUTH_KEY_DUPLICATED'],
  [400, 'Bad Request: BOT_METHOD_INVALID'],
  [404, 'Not Found'],
  [400, 'Bad Request: Logged out'],
  [400, 'Logged out'],
  [421, 'Misdirected Request'],
  [420, 'FROZEN_METHOD_INVALID'],
  [400, 'Bad Request: FROZEN_METHOD_INVALID'],
])(
  'a %i, %s, is about the bot, not the message: it waits, and whoever looks after it is told',
  async (status, description) => {
    const { send } = setUp({ status, json: { ok: false, error_code: status, description } })

    const failure = await failureOf(send())

    expect(failure).toBeInstanceOf(AccountError)
    expect(failure.message).toMatch(/^Telegram does not accept this bot as it is set up \(/)
    expect(failure.inDoubt).toBe(false)
  },
)

test('a group that has become a supergroup gets the message under its new id, once', async () => {
  const description = 'Bad Request: group chat was upgraded to a supergroup chat'
  const migrated = { ok: false, error_code: 400, description, parameters: { migrate_to_chat_id: -1001234567890 } }
  const chats: unknown[] = []
  const tools = {
    fetchJson: async (_: string, { body }: HttpRequest) => {
      chats.push(JSON.parse(String(body)).chat_id)
      const json = chats.length === 1 ? migrated : { ok: true, result: { message_id: 42 } }
      return { status: chats.length === 1 ? 400 : 200, headers: {}, text: '', json }
    },
    now: Date.now,
    signForHubSpot: async () => '',
  }
  const [part] = plan({}) ?? []
  const bot = TelegramAccount.parse(secret)

  const outcome = await telegram.send({ job, part: part!, index: 0, of: 1, receiptsUrl: undefined }, bot, tools)

  expect(outcome).toMatchObject({ outcome: 'sent', providerMessageId: '42' })
  expect(chats).toEqual([customer, -1001234567890])
})

test.each([400, 403, 404, 429])('a %i in the words of something before Telegram is tried later', async (status) => {
  const { send } = setUp({ status, json: undefined })

  expect(await failureOf(send())).toMatchObject({ retryAfter: undefined, inDoubt: false })
})

test.each<[string, { status: number; json?: unknown } | NoAnswer]>([
  ['no answer', new NoAnswer('POST api.telegram.org: ECONNRESET', true)],
  ['trouble at Telegram', { status: 500, json: { ok: false, error_code: 500, description: 'Internal Server Error' } }],
  ['trouble on the way', { status: 502 }],
  ['an answer that is none', { status: 200, json: {} }],
])('after %s nobody knows, and it is not sent again', async (_, answer) => {
  const { send } = setUp(answer)

  expect(await send()).toEqual({ outcome: 'in doubt' })
  expect(telegram.idempotencyScope).toBeUndefined()
})

test('without a connection it was certainly not sent: tried later', async () => {
  const { send } = setUp(new NoAnswer('POST api.telegram.org: ECONNREFUSED', false))

  const failure = await failureOf(send())

  expect(failure.message).toBe('Telegram could not be reached (POST api.telegram.org: ECONNREFUSED)')
  expect(failure.inDoubt).toBe(false)
})

test.each([
  ['without a token', { botToken: undefined }],
  ['with a token that leads elsewhere', { botToken: '110201543:x/../y' }],
  ['with a token that is none', { botToken: 'hunter2' }],
  ['that counts as sent what a receipt says', { sentOn: 'sent' }],
  ['over plain HTTP', { baseUrl: 'http://api.telegram.org' }],
])('an account %s is none', (_, fields) => {
  expect(TelegramAccount.safeParse({ ...secret, ...fields }).success).toBe(false)
})

/** A bot before a Telegram that always gives one answer, or none. */
function setUp(answer: { status: number; json?: unknown } | NoAnswer, holds: object = secret) {
  const requests: object[] = []
  const fetchJson: FetchJson = async (url, { method, headers, body }: HttpRequest) => {
    requests.push({ url, method, headers, body: JSON.parse(String(body)) })
    if (answer instanceof NoAnswer) throw answer
    return { headers: {}, text: '', json: undefined, ...answer }
  }
  const tools = { fetchJson, now: () => now, signForHubSpot: async () => '' }
  const bot = TelegramAccount.parse(holds)
  const [part] = plan({}) ?? []
  const send = () => telegram.send({ job, part: part!, index: 0, of: 1, receiptsUrl: undefined }, bot, tools)
  return { send, requests: requests as { url: string }[] }
}

function plan(fields: Partial<DeliveryJob>) {
  const planned = telegram.plan({ ...job, ...fields }, account)
  return 'sends' in planned ? planned.sends : undefined
}

function quickReplies(...replies: (readonly [label: string, value: string, valueType?: string])[]) {
  return {
    type: 'QUICK_REPLIES',
    quickReplies: replies.map(([label, value, valueType = 'TEXT']) => ({ label, value, valueType })),
  }
}

async function failureOf(outcome: Promise<unknown>) {
  const failure = await outcome.catch((error: unknown) => error)
  expect(failure).toBeInstanceOf(RetryableError)
  return failure as RetryableError
}
