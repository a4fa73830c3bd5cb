import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { DeliveryJob } from '../../../functions/messages/jobs.ts'
import { sanitiseReason } from '../../../functions/messages/sanitise-reason.ts'
import { type FetchJson, type HttpRequest, NoAnswer } from '../../../functions/platform/fetch-json.ts'
import { RetryableError } from '../../../functions/platform/retry.ts'
import { WhatsAppAccount } from '../../../functions/providers/whatsapp/account.ts'
import { referenceFrom } from '../../../functions/providers/whatsapp/callback-data.ts'
import { keptId } from '../../../functions/providers/whatsapp/message-id.ts'
import { catalogue, verdicts } from '../../../functions/providers/whatsapp/reasons.ts'
import { whatsapp } from '../../../functions/providers/whatsapp/send.ts'
import { anyText } from '../../support/arbitraries.ts'
import { example } from '../../support/examples.ts'
import { job as anyJob } from '../../support/sends.ts'

const now = Date.parse('2026-11-22T12:00:00Z')
const metaSecret = {
  provider: 'whatsapp',
  phoneNumberId: '106540352242922',
  accessToken: 'access-token',
  appSecrets: ['app-secret'],
  verifyToken: 'verify-token',
}
const dialog360Secret = { provider: 'whatsapp', apiKey: 'api-key', platformSecrets: ['platform-secret'] }
const meta = WhatsAppAccount.parse(metaSecret)
const dialog360 = WhatsAppAccount.parse(dialog360Secret)
const job = { ...anyJob, to: [{ deliveryIdentifier: { type: 'HS_PHONE_NUMBER', value: '+1 (555) 010-0002' } }] }
const accepted = { status: 200, body: example('whatsapp/accepted') }
const wamid = 'wamid.HBgLMTU1NTAxMDAwMDIVAgARGBI5QTNDQTVCM0Q0Q0Q2RTY3RTcA'

test('a text goes to Meta, to the digits of the number, with our ids', async () => {
  const { send, requests } = setUp(accepted)

  const outcome = await send()

  const [{ url, method, headers, body }] = requests as [Request]
  expect({ url, method, headers }).toEqual({
    url: 'https://graph.facebook.com/v25.0/106540352242922/messages',
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: 'Bearer access-token' },
  })
  expect(body).toEqual({
    messaging_product: 'whatsapp',
    recipient_type: 'individual',
    to: '15550100002',
    type: 'text',
    text: { body: 'Grüße 👋', preview_url: false },
    biz_opaque_callback_data: 'relay?a=3000000001&c=2300310&m=message%2F1&p=243842089',
  })
  expect(outcome).toEqual({ outcome: 'sent', status: 'accepted', providerMessageId: keptId(wamid) })
})

test('over 360dialog it goes to their URL under their key, which stands for the number', async () => {
  const { send, requests } = setUp(accepted, dialog360)

  await send()

  expect(requests).toMatchObject([
    {
      url: 'https://waba-v2.360dialog.io/messages',
      headers: { 'd360-api-key': 'api-key' },
      body: { to: '15550100002', messaging_product: 'whatsapp' },
    },
  ])
  expect(requests[0]!.headers).not.toHaveProperty('authorization')
})

test('where acceptance counts as sent, it is told', async () => {
  const { send } = setUp(accepted, { ...meta, sentOn: 'accepted' })

  expect(await send()).toEqual({ outcome: 'sent', status: 'sent', providerMessageId: keptId(wamid) })
})

test('a text with a link shows what is behind it', () => {
  expect(planned({ text: 'See https://example.com/a' })).toMatchObject([{ text: { preview_url: true } }])
})

const image = { type: 'FILE', fileUsageType: 'IMAGE', url: 'https://files.example.com/a.jpg', name: 'a.jpg' }
const document = { type: 'FILE', fileUsageType: 'OTHER', url: 'https://files.example.com/b.pdf', name: 'b.pdf' }
const voice = { type: 'FILE', fileUsageType: 'VOICE_RECORDING', url: 'https://files.example.com/c.ogg' }
const sticker = { type: 'FILE', fileUsageType: 'STICKER', url: 'https://files.example.com/d.webp' }
const video = { type: 'FILE', fileUsageType: 'OTHER', url: 'https://files.example.com/e.mp4' }
const reply = (label: string, value = label) => ({ label, value, valueType: 'TEXT' })
const quickReplies = (...replies: unknown[]) => ({ type: 'QUICK_REPLIES', quickReplies: replies })
const text = { type: 'text', text: { body: 'Hi', preview_url: false } }
const longText = 'x'.repeat(1025)

test.each<[string, Partial<DeliveryJob>, object[]]>([
  ['an image', { text: '', attachments: [image] }, [{ type: 'image', image: { link: image.url } }]],
  ['an image with a text', { attachments: [image] }, [{ type: 'image', image: { link: image.url, caption: 'Hi' } }]],
  ['a video with a text', { attachments: [video] }, [{ type: 'video', video: { link: video.url, caption: 'Hi' } }]],
  [
    'a document with a text',
    { attachments: [document] },
    [{ type: 'document', document: { link: document.url, caption: 'Hi', filename: 'b.pdf' } }],
  ],
  [
    'an image with a text that no caption takes',
    { text: longText, attachments: [image] },
    [
      { type: 'text', text: { body: longText, preview_url: false } },
      { type: 'image', image: { link: image.url } },
    ],
  ],
  ['a voice message with a text', { attachments: [voice] }, [text, { type: 'audio', audio: { link: voice.url } }]],
  ['a sticker with a text', { attachments: [sticker] }, [text, { type: 'sticker', sticker: { link: sticker.url } }]],
  [
    'two files with a text',
    { attachments: [image, document] },
    [
      text,
      { type: 'image', image: { link: image.url } },
      { type: 'document', document: { link: document.url, filename: 'b.pdf' } },
    ],
  ],
  [
    'quick replies below a file',
    { attachments: [image, quickReplies(reply('Yes', 'y'), reply('No', 'n'))] },
    [
      { type: 'image', image: { link: image.url } },
      {
        type: 'interactive',
        interactive: {
          type: 'button',
          body: { text: 'Hi' },
          action: {
            buttons: [
              { type: 'reply', reply: { id: 'y', title: 'Yes' } },
              { type: 'reply', reply: { id: 'n', title: 'No' } },
            ],
          },
        },
      },
    ],
  ],
])('%s takes the sends that WhatsApp has for it', (_, fields, messages) => {
  const withoutAbsent = JSON.parse(JSON.stringify(planned({ text: 'Hi', ...fields })))

  expect(withoutAbsent).toEqual(messages.map((message) => expect.objectContaining(message)))
})

test('each recipient gets each part, and the ids say which of the sends it is', async () => {
  const { send, requests } = setUp(accepted)
  const to = ['+15550100002', 'whatsapp:+4915550100003'].map((value) => ({ deliveryIdentifier: { value } }))

  await send({ to, attachments: [voice] })

  expect(requests.map(({ body }) => [body['to'], body['type']])).toEqual([
    ['15550100002', 'text'],
    ['15550100002', 'audio'],
    ['4915550100003', 'text'],
    ['4915550100003', 'audio'],
  ])
  expect(requests.map(({ body }) => referenceFrom(String(body['biz_opaque_callback_data'])))).toEqual(
    [0, 1, 2, 3].map((index) => ({
      portalId: '243842089',
      channelId: '2300310',
      channelAccountId: '3000000001',
      messageId: 'message/1',
      part: { index, of: 4 },
    })),
  )
})

test.each<[string, Partial<DeliveryJob>, RegExp]>([
  ['a text over 4096 characters', { text: 'x'.repeat(4097) }, /too long.* 4096 .* 4097/],
  ['nothing in it', { text: ' ' }, /empty/],
  ['no recipient', { to: [] }, /no recipient/],
  [
    'an e-mail address to go to',
    { to: [{ deliveryIdentifier: { value: 'a@example.com' } }] },
    /a phone number with its country code/,
  ],
  ['a number that is too short', { to: [{ deliveryIdentifier: { value: '112' } }] }, /country code/],
  ['a number without its country', { to: [{ deliveryIdentifier: { value: '0555 0100002' } }] }, /country code/],
  [
    'one wrong number of two',
    { to: [...job.to, { deliveryIdentifier: { value: 'nobody' } }] },
    /a phone number with its country code/,
  ],
  ['a file without an address', { attachments: [{ type: 'FILE', fileId: '1' }] }, /no web address/],
  ['a location', { attachments: [{ type: 'LOCATION' }] }, /location/],
  ['four quick replies', { attachments: [quickReplies(...['a', 'b', 'c', 'd'].map((l) => reply(l)))] }, /up to 3/],
  ['a long quick reply', { attachments: [quickReplies(reply('x'.repeat(21)))] }, /20 characters/],
  ['equal quick replies', { attachments: [quickReplies(reply('a', '1'), reply('a', '2'))] }, /differ/],
  ['quick replies that mean the same', { attachments: [quickReplies(reply('a', '1'), reply('b', '1'))] }, /differ/],
  ['a link to choose', { attachments: [quickReplies({ ...reply('a', 'https://a'), valueType: 'URL' })] }, /no links/],
  ['quick replies alone', { text: '', attachments: [quickReplies(reply('a'))] }, /below a text/],
  ['a long text above quick replies', { text: longText, attachments: [quickReplies(reply('a'))] }, /1024/],
  ['ids that Meta would not return', { messageId: '/'.repeat(200) }, /ids/],
])('a message with %s is refused, with a sentence for the agent', (_, fields, sentence) => {
  const plan = whatsapp.plan({ ...job, ...fields }, meta)

  expect(plan).toEqual({ problem: expect.stringMatching(sentence) })
})

test('whatever is planned, our ids fit into what Meta returns', () => {
  const ids = fc.tuple(anyText, fc.nat(30)).map(([text, times]) => `x${text.repeat(times)}`)

  fc.assert(
    fc.asyncProperty(ids, ids, async (messageId, channelAccountId) => {
      const { send, requests } = setUp(accepted)
      await send({ messageId, channelAccountId, attachments: [voice] })
      for (const { body } of requests) {
        const data = String(body['biz_opaque_callback_data'])
        expect(data.length).toBeLessThanOrEqual(512)
        expect(referenceFrom(data)).toMatchObject({ messageId, channelAccountId })
      }
    }),
  )
})

const windowDetail =
  'Message failed to send because more than 24 hours have passed since the customer last replied to this number'
const unsupported =
  "Unsupported post request. Object with ID '106540352242922' does not exist, cannot be loaded due to missing permissions, or does not support this operation"

test.each<[string, number, string | object, string]>([
  ['the closed window', 400, example('whatsapp/error-window'), `${catalogue['131047']}: ${windowDetail} (131047)`],
  ['what Meta calls its own fault, by a code that is final', 500, error(131047), `${catalogue['131047']} (131047)`],
  ['a limit whose code is final', 429, error(131048), `${catalogue['131048']} (131048)`],
  [
    'a picture of another type',
    400,
    {
      error: {
        code: 131053,
        message: '(#131053) Media upload error',
        error_data: { details: 'Unsupported Image mime type image/webp. Please use one of image/jpeg, image/png.' },
      },
    },
    `${catalogue['131053']}: Unsupported Image mime type image/webp. Please use one of image/jpeg, image/png (131053)`,
  ],
  [
    'a detail in JSON within a text',
    400,
    { error: { code: 131053, error_data: '{"details":"Unsupported Image mime type image/webp"}' } },
    `${catalogue['131053']}: Unsupported Image mime type image/webp (131053)`,
  ],
  [
    'a detail that is a text',
    400,
    { error: { code: 131053, error_data: 'Unsupported Image mime type image/webp' } },
    `${catalogue['131053']}: Unsupported Image mime type image/webp (131053)`,
  ],
  [
    'words for the user alone',
    400,
    { error: { code: 100, message: '(#100) Invalid parameter', error_user_msg: 'The caption is too long.' } },
    `${catalogue['100']}: The caption is too long (100)`,
  ],
  [
    'a parameter that the message alone names',
    400,
    error(100, "(#100) Param text['body'] must be at most 4096 characters long."),
    `${catalogue['100']}: Param text['body'] must be at most 4096 characters long (100)`,
  ],
  ['a code in quotes', 400, { error: { code: '131047' } }, `${catalogue['131047']} (131047)`],
  ['words without a code', 400, { error: { message: 'Something new', code: null } }, 'Something new (400)'],
  ['an unknown code', 400, error(139999, '(#139999) Something new'), 'Something new (139999)'],
  [
    'an unknown code without words',
    400,
    { error: { code: 139999 } },
    'The messaging service reported a failure (139999)',
  ],
  ['an error without a code', 400, { error: {} }, 'The messaging service reported a failure (400)'],
  ["360dialog's refusal, in its newer form", 400, { meta: { developerMessage: 'Wrong.' } }, 'Wrong (400)'],
])('after %s the message has failed, and the reason says why', async (_, status, answer, reason) => {
  const { send } = setUp({ status, body: answer })

  expect(await send()).toMatchObject({ outcome: 'rejected', reason })
})

test('a detail that quotes the customer is rid of that by what keeps the reason', async () => {
  const details = 'No messages to +1 555 010 0002 (US.13491208655302741918), by EAAGm0PX4ZCpsBAKZCkZBq'
  const answer = { error: { code: 139999, message: '(#139999) Something new', error_data: { details } } }
  const { send } = setUp({ status: 400, body: answer })

  const outcome = await send()

  expect(sanitiseReason((outcome as { reason: string }).reason)).toBe(
    'Something new: No messages to [number] ([address]), by [secret] (139999)',
  )
})

test("the team's own sentence stands in for ours", async () => {
  const account = { ...meta, reasons: { 131047: 'Send the template “Are you still there?”' } }
  const { send } = setUp({ status: 400, body: example('whatsapp/error-window') }, account)

  expect(await send()).toMatchObject({ reason: 'Send the template “Are you still there?” (131047)' })
})

test.each<[string, number, string | object]>([
  ['too many requests', 429, ''],
  ['a token that has expired, which an operator can fix', 401, example('whatsapp/error-token')],
  ["360dialog's refusal of the key", 401, { meta: { developer_message: 'Invalid api_key' } }],
  ['what Meta itself calls transient', 400, { error: { code: 1, is_transient: true } }],
  ["360dialog's own limit", 400, { meta: { developer_message: 'You have exceeded the endpoint rate limit.' } }],
  ['a limit that Meta calls its own fault', 500, error(130429)],
  ['a limit by a code that nobody knows', 429, error(139999)],
  ...codes('later').map((code): [string, number, object] => [`error ${code}`, 400, error(code)]),
])('after %s the message is tried again', async (_, status, answer) => {
  const { send } = setUp({ status, body: answer })

  expect(await failureOf(send())).toMatchObject({ inDoubt: false, retryAfter: undefined })
})

test.each<[string, number, string | object]>([
  ['a lack of permission', 403, error(200)],
  ['a missing permission that Meta calls its own fault', 500, error(3)],
  ['a page of some gateway', 403, '<html>'],
  ['a path that is not there', 404, '<html>'],
  ['a redirect', 302, ''],
  ['a number that the token may not use', 400, { error: { code: 100, error_subcode: 33, message: unsupported } }],
  [
    'the id of a business account in place of a number',
    400,
    error(100, '(#100) Tried accessing nonexisting field (messages) on node type (WhatsAppBusinessAccount)'),
  ],
  ['the id of something that takes no messages', 400, error(100, 'Unsupported request - method type: post')],
  ['a token, by its code in quotes', 400, { error: { code: '190' } }],
  [
    'a refusal of the address that we call from',
    400,
    error(5, "(#5) This IP can't make requests for that application."),
  ],
  ["360dialog's refusal of whoever asks", 403, { meta: { developer_message: 'Forbidden' } }],
  ['a number that does not exist', 400, { error: { code: 100, message: unsupported } }],
  [
    'a number that the token may not see',
    400,
    error(100, '(#100) Object does not exist, cannot be loaded due to missing permission or reviewable feature'),
  ],
  [
    'an app that asks for a proof with each call',
    400,
    error(100, 'API calls from the server require an appsecret_proof argument'),
  ],
  ['a service that has not been paid', 402, '<html>'],
  [
    "360dialog's word that the account is disabled",
    400,
    { meta: { developer_message: 'Your WhatsApp for Business API has been disabled' } },
  ],
  ...codes('account').map((code): [string, number, object] => [`error ${code}`, 400, error(code)]),
])('after %s the message waits, and whoever looks after the account is told', async (_, status, answer) => {
  const { send } = setUp({ status, body: answer })

  expect(await failureOf(send())).toMatchObject({ name: 'AccountError', inDoubt: false })
})

test('what is wrong with a message itself is its own fault, also by the code of a number that is wrong', async () => {
  const { send } = setUp({ status: 400, body: error(100, '(#100) Invalid parameter') })

  expect(await send()).toMatchObject({ outcome: 'rejected' })
})

test('a code that no table knows is noted', async () => {
  const noted: string[] = []
  const { send } = setUp({ status: 400, body: error(139999) }, meta, (code) => noted.push(code))
  const known = setUp({ status: 400, body: error(131047) }, meta, (code) => noted.push(code))

  await send()
  await known.send()

  expect(noted).toEqual(['139999'])
})

test('Meta may say how much later', async () => {
  const { send } = setUp({ status: 400, body: error(130429), headers: { 'retry-after': '30' } })

  expect((await failureOf(send())).retryAfter).toEqual({ seconds: 30 })
})

test.each<[string, Answer]>([
  ['no answer', new NoAnswer('POST graph.facebook.com: ECONNRESET', true)],
  ['an answer of some gateway', { status: 502, body: '<html>' }],
  ['a timeout of some gateway', { status: 504 }],
  ['a failure of Meta by no code that it publishes', { status: 500, body: error(139999) }],
  ['a failure of Meta that it calls transient', { status: 503, body: { error: { code: 1, is_transient: true } } }],
  ['an outage', { status: 503, body: '<html>' }],
  ...codes('in doubt').flatMap((code): [string, Answer][] => [
    [`error ${code}, HTTP 500`, { status: 500, body: error(code) }],
    [`error ${code}, HTTP 400, called transient`, { status: 400, body: { error: { code, is_transient: true } } }],
  ]),
  ['an answer without an id', { status: 200, body: '{}' }],
  ['an answer that is none', { status: 200, body: 'OK' }],
])('after %s nobody knows, so the message is not sent again', async (_, answer) => {
  const { send } = setUp(answer)

  expect(await send()).toEqual({ outcome: 'in doubt' })
  expect(whatsapp.idempotencyScope).toBeUndefined()
})

test('a connection that never stood is a reason to try later', async () => {
  const { send } = setUp(new NoAnswer('POST graph.facebook.com: ECONNREFUSED', false))

  expect(await failureOf(send())).toMatchObject({ inDoubt: false })
})

test('no failure quotes the text, the number or the token', async () => {
  const quoting = `(#131009) To +15550100002: Grüße 👋, by access-token`
  for (const status of [400, 500, 503]) {
    const { send } = setUp({ status, body: error(130429, quoting) })

    expect((await failureOf(send())).message).not.toMatch(/5550100002|Grüße|access-token/)
  }
})

test('every sentence of ours is one that an agent can read', () => {
  const unfit = Object.values(catalogue).filter(
    (sentence) => !/^[A-Z].{10,180}[^.]$/.test(sentence) || sanitiseReason(sentence) !== sentence,
  )

  expect(unfit).toEqual([])
})

test.each([
  ['without credentials', { accessToken: undefined }],
  ['without an app secret', { appSecrets: [] }],
  ['with an empty app secret', { appSecrets: [''] }],
  ['without a verify token', { verifyToken: '' }],
  ['with a phone number for its id', { phoneNumberId: '+15550100001' }],
  ['with a token that no header carries', { accessToken: 'a\nb' }],
  ['over plain HTTP', { baseUrl: 'http://graph.facebook.com' }],
  ['that hands on over plain HTTP', { handOnTo: 'http://chat.example.com' }],
  ['of another version', { graphVersion: '25' }],
  ['that counts a message as sent at a moment that there is not', { sentOn: 'read' }],
  ['of another provider', { provider: 'twilio' }],
])('an account at Meta %s is none', (_, fields) => {
  expect(WhatsAppAccount.safeParse({ ...metaSecret, ...fields }).success).toBe(false)
})

test.each([
  ['without its key', { apiKey: undefined }],
  ['by which anybody could post receipts', { platformSecrets: undefined }],
  ['with an empty header', { platformSecrets: undefined, webhookHeader: { name: 'authorization', secrets: [] } }],
])('an account at 360dialog %s is none', (_, fields) => {
  expect(WhatsAppAccount.safeParse({ ...dialog360Secret, ...fields }).success).toBe(false)
})

test.each(['accepted', 'sent', 'delivered'])('a message may count as sent when it is %s', (sentOn) => {
  expect(WhatsAppAccount.parse({ ...metaSecret, sentOn })).toMatchObject({ sentOn })
})

type Answer = { status: number; body?: string | object; headers?: Record<string, string> } | Error
type Request = { url: string; method: string; headers: Record<string, string>; body: Record<string, unknown> }

/** The provider before a Meta that always gives one answer, or none. `send` makes all sends of the message. */
function setUp(answer: Answer, account = meta, noteUnknownCode?: (code: string) => void) {
  const requests: Request[] = []
  const fetchJson: FetchJson = async (url, { method, headers = {}, body }: HttpRequest) => {
    requests.push({ url, method, headers, body: JSON.parse(String(body)) })
    if (answer instanceof Error) throw answer
    const { status, body: given = '', headers: answered = {} } = answer
    const text = typeof given === 'string' ? given : JSON.stringify(given)
    return { status, headers: answered, text, json: /^\{/.test(text) ? JSON.parse(text) : undefined }
  }
  const tools = {
    fetchJson,
    now: () => now,
    signForHubSpot: async () => '',
    ...(noteUnknownCode && { noteUnknownCode }),
  }

  async function send(fields: Partial<DeliveryJob> = {}) {
    const wanted = { ...job, ...fields }
    const plan = whatsapp.plan(wanted, account)
    const parts = 'sends' in plan ? plan.sends : []
    const rest = { job: wanted, of: parts.length, receiptsUrl: undefined }
    const outcomes = []
    for (const [index, part] of parts.entries())
      outcomes.push(await whatsapp.send({ ...rest, part, index }, account, tools))
    return outcomes[0]
  }
  return { send, requests }
}

/** The parts of a message, which there must be. */
function planned(fields: Partial<DeliveryJob>) {
  const plan = whatsapp.plan({ ...job, ...fields }, meta)
  return 'sends' in plan ? plan.sends : plan.problem
}

/** The codes that mean this. */
function codes(verdict: string) {
  return [...verdicts].filter(([, found]) => found === verdict).map(([code]) => Number(code))
}

function error(code: number, message = 'An error') {
  return { error: { message, type: 'OAuthException', code, fbtrace_id: 'Az8or2yhqkZfEZ' } }
}

async function failureOf(outcome: Promise<unknown>) {
  const failure = await outcome.catch((error: unknown) => error)
  expect(failure).toBeInstanceOf(RetryableError)
  return failure as RetryableError
}

test("WhatsApp's id, which holds the customer's number, is kept as a digest by which it is found again", () => {
  expect(Buffer.from(wamid.slice(6), 'base64').toString()).toContain('15550100002')
  expect(keptId(wamid)).toMatch(/^wamid#[\w-]{22}$/)
  expect(keptId(keptId(wamid))).toBe(keptId(wamid))
})
