import { sign as referenceSign, verify as referenceVerify } from '@octokit/webhooks-methods'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Receipt } from '../../../functions/providers/provider.ts'
import { receiptKeys } from '../../../functions/providers/receipt-keys.ts'
import { WhatsAppAccount } from '../../../functions/providers/whatsapp/account.ts'
import { callbackDataOf } from '../../../functions/providers/whatsapp/callback-data.ts'
import { keptId } from '../../../functions/providers/whatsapp/message-id.ts'
import { catalogue } from '../../../functions/providers/whatsapp/reasons.ts'
import { whatsapp } from '../../../functions/providers/whatsapp/receipt.ts'
import { sign, verify } from '../../../functions/providers/whatsapp/signature.ts'
import { anyText } from '../../support/arbitraries.ts'
import { example } from '../../support/examples.ts'

const now = Date.parse('2026-11-22T12:00:20Z')
const url = 'https://relay.example.com/receipts/2300310'
const meta = WhatsAppAccount.parse({
  provider: 'whatsapp',
  phoneNumberId: '106540352242922',
  accessToken: 'access-token',
  appSecrets: ['app-secret', 'previous-secret'],
  verifyToken: 'verify-token',
})
const dialog360 = { provider: 'whatsapp', apiKey: 'api-key' }
const ids = { portalId: '243842089', channelAccountId: '3000000001', messageId: '0b5f3c1d9e7a4b2c8d6e0f1a2b3c4d5e' }
const wamid = 'wamid.HBgLMTU1NTAxMDAwMDIVAgARGBI5QTNDQTVCM0Q0Q0Q2RTY3RTcA'

test.each([
  // docs.github.com, "Validating webhook deliveries": the scheme is the same.
  [
    "It's a Secret to Everybody",
    'Hello, World!',
    'sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17',
  ],
  [
    'app-secret',
    example('whatsapp/message'),
    'sha256=f1fd61c9d7df7b25ebc33bf6c47ca56d0c756618dd9a6bead8f532f87e173f23',
  ],
])('the signature by %j is the one that it always was', async (secret, body, signature) => {
  expect(sign(body, secret)).toBe(signature)
  expect(verify(body, signature, secret)).toBe(true)
  expect(await referenceVerify(secret, body, signature)).toBe(true)
})

test('signatures are those of the reference library', async () => {
  const texts = anyText.filter((text) => text !== '')

  await fc.assert(
    fc.asyncProperty(texts, texts, async (secret, body) => {
      expect(sign(body, secret)).toBe(await referenceSign(secret, body))
    }),
  )
})

test.each([
  ['at Meta', { ...meta, appSecrets: ['app-secret\n'] }, { 'x-hub-signature-256': sign('{"entry":[]}', 'app-secret') }],
  [
    'by a header',
    { ...dialog360, webhookHeader: { name: 'x-secret ', secrets: [' the word\n'] } },
    { 'x-secret': 'the word' },
  ],
])('a secret that was pasted with a line break verifies, %s', (_, document, headers: Record<string, string>) => {
  const account = WhatsAppAccount.parse(document)
  const request = {
    method: 'POST',
    url,
    header: (name: string) => headers[name],
    body: Buffer.from('{"entry":[]}'),
    now,
  }

  expect(whatsapp.receive(request, account)).toMatchObject({ kind: 'statuses' })
})

test('our ids come back with the first status, and nothing of the customer comes with them', () => {
  const occurredAt = '2026-11-22T12:00:00.000Z'

  expect(receive(example('whatsapp/status-sent'))).toEqual({
    kind: 'statuses',
    statuses: [{ ...ids, status: 'sent', providerMessageId: keptId(wamid), occurredAt }],
    ignored: 0,
  })
})

test('several statuses in several entries are each understood, those of other systems counted', () => {
  const receipt = receive(example('whatsapp/statuses'))

  expect(receipt).toMatchObject({
    kind: 'statuses',
    statuses: [
      { status: 'read', part: { index: 1, of: 2 }, messageId: ids.messageId },
      { status: 'delivered', part: { index: 0, of: 2 }, messageId: ids.messageId },
      { status: 'read', messageId: ids.messageId.replace('0b5f3c', '1c6f4d') },
    ],
    ignored: 2,
  })
  expect(receipt).not.toHaveProperty('handOn')
})

test.each([
  ['sent', 'sent'],
  ['delivered', 'delivered'],
  ['read', 'read'],
  ['played', 'read'],
  ['failed', 'failed'],
  ['READ', 'read'],
  ['deleted', undefined],
  ['warning', undefined],
  ['pending', undefined],
  ['accepted', undefined],
  [undefined, undefined],
])("Meta's %s is %s to us", (status, ours) => {
  const receipt = receive(webhook([{ ...statusOf(), status }]))

  expect(statusesOf(receipt).map((known) => known.status)).toEqual(ours ? [ours] : [])
  expect(receipt).toMatchObject({ ignored: ours ? 0 : 1 })
})

test('where a message counts as sent only once it was delivered, Meta saying `sent` is ignored', () => {
  const account = { ...meta, sentOn: 'delivered' } as const

  expect(receive(example('whatsapp/status-sent'), { account })).toMatchObject({ statuses: [], ignored: 1 })
  expect(statusesOf(receive(webhook([statusOf({ status: 'delivered' })]), { account }))).toHaveLength(1)
})

test('a failure says why in words for the agent, with the code', () => {
  expect(statusesOf(receive(example('whatsapp/status-failed')))).toMatchObject([
    {
      status: 'failed',
      reason: expect.stringMatching(/^More than 24 hours have passed .*: Message failed to send .* \(131047\)$/),
      occurredAt: '2026-11-22T12:00:02.000Z',
    },
  ])
})

test.each<[string, unknown, string]>([
  ['a code that nobody knows', [{ code: 139999, title: 'Something new' }], 'Something new (139999)'],
  [
    'a detail',
    [{ code: 131053, title: 'Media upload error', error_data: { details: 'Unsupported Image mime type image/webp.' } }],
    `${catalogue['131053']}: Unsupported Image mime type image/webp (131053)`,
  ],
  ['a code in quotes', [{ code: '131053', title: 'Media upload error' }], `${catalogue['131053']} (131053)`],
  [
    'a detail that is a text',
    [{ code: 131053, error_data: 'Unsupported' }],
    `${catalogue['131053']}: Unsupported (131053)`,
  ],
  ['a message in place of a title', [{ code: 139999, message: 'Something new' }], 'Something new (139999)'],
  ['errors of which the second has a code', [{ title: 'Failed' }, { code: 131053 }], `${catalogue['131053']} (131053)`],
  ['errors of which the second can be read', ['odd', { code: 131053 }], `${catalogue['131053']} (131053)`],
  ['a code alone', [{ code: 139999 }], 'The messaging service reported a failure (139999)'],
  ['no code', [{ title: 'Something new' }], 'Something new'],
  ['no error', [], 'The messaging service reported a failure'],
  ['errors of another shape', 'why not', 'The messaging service reported a failure'],
  ['a long title', [{ code: 139999, title: 'x'.repeat(5000) }], `${'x'.repeat(300)} (139999)`],
])('a failure with %s still has a reason', (_, errors, reason) => {
  expect(statusesOf(receive(webhook([statusOf({ status: 'failed', errors })])))).toMatchObject([{ reason }])
})

test('a failure without our ids is in the log by the id by which the ledger knows its message', () => {
  const stranger = { ...statusOf({ status: 'failed' }), biz_opaque_callback_data: undefined }
  const others = [
    { ...stranger, status: 'sent' },
    { ...stranger, biz_opaque_callback_data: 'of another system' },
  ]

  expect(receive(webhook([stranger, ...others]))).toMatchObject({ ignored: 3, unmatched: [keptId(wamid)] })
})

test("the team's own sentence stands in for ours", () => {
  const account = { ...meta, reasons: { 131047: 'Use the template “Are you still there?”.' } }

  expect(statusesOf(receive(example('whatsapp/status-failed'), { account }))).toMatchObject([
    { reason: 'Use the template “Are you still there?” (131047)' },
  ])
})

test.each([
  ['no timestamp', undefined],
  ['a timestamp that is none', 'yesterday'],
  ['a timestamp beyond all time', '9'.repeat(30)],
])('a status with %s counts as of now', (_, timestamp) => {
  expect(statusesOf(receive(webhook([statusOf({ timestamp })])))).toMatchObject([
    { occurredAt: '2026-11-22T12:00:20.000Z' },
  ])
})

test.each<[string, Record<string, unknown>, object?]>([
  ['without callback data', { biz_opaque_callback_data: undefined }],
  ['with callback data of another system', { biz_opaque_callback_data: 'order-4711' }],
  ["with another system's ids in our form", { biz_opaque_callback_data: 'p=243842089&c=2300310&m=1' }],
  ['of a message over another channel', { biz_opaque_callback_data: 'relay?p=243842089&c=2300311&m=1' }],
  ['of a payment', { type: 'payment' }],
  ['of a call', {}, { field: 'calls' }],
])('a status %s is none of ours', (_, fields, change) => {
  expect(statusesOf(receive(webhook([statusOf(fields)], change)))).toEqual([])
})

test.each([
  ['its channel', url],
  ['its channel account', `${url}/3000000001`],
  ['its channel, with a query', `${url}?x=/receipts/1`],
])('a status that comes to the URL of %s is ours', (_, to) => {
  expect(statusesOf(receive(example('whatsapp/status-sent'), { to }))).toHaveLength(1)
})

test.each([
  ['a customer’s message', example('whatsapp/message'), 1],
  ['news of the account', example('whatsapp/account-update'), 1],
  ['a status of a call', webhook([statusOf()], { field: 'calls' }), 1],
  ['an error of the account beside a status', webhook([statusOf()], {}, { errors: [{ code: 130429 }] }), 1],
  ['what has no known shape', '{"entry":[{"changes":[1,null,{}]},7]}', 3],
])('%s is handed on with what proves its origin', (_, body, entries) => {
  expect(receive(body)).toMatchObject({
    handOn: { entries, headers: expect.arrayContaining(['content-type', 'x-hub-signature-256']) },
  })
})

test('what is handed on goes to the URL that the account has for it', () => {
  const to = 'https://chat.example.com/whatsapp'

  expect(whatsapp.handOnTo?.({ ...meta, handOnTo: to })).toBe(to)
  expect(whatsapp.handOnTo?.(meta)).toBeUndefined()
})

test('statuses and a customer’s message in one body are both seen', () => {
  const body = webhook([statusOf()], {}, { messages: [{ id: 'wamid.1', type: 'text' }] })

  expect(receive(body)).toMatchObject({ statuses: [{ status: 'sent' }], ignored: 0, handOn: { entries: 1 } })
})

test.each([
  ['the current secret', 'app-secret'],
  ['the previous secret', 'previous-secret'],
])('a webhook signed with %s is taken', (_, secret) => {
  const body = example('whatsapp/status-sent')

  expect(receive(body, { headers: { 'x-hub-signature-256': sign(body, secret) } }).kind).toBe('statuses')
})

test.each([
  ['at Meta', meta, ['app-secret', 'previous-secret'], { appSecrets: ['previous-secret'] }],
  [
    'at 360dialog',
    WhatsAppAccount.parse({ ...dialog360, platformSecrets: ['current', 'previous-secret'] }),
    ['current', 'previous-secret'],
    { platformSecrets: ['previous-secret'] },
  ],
])('the keys of an account %s are known, and the account with one of them alone', (_, account, keys, only) => {
  expect(receiptKeys.whatsapp!.keys(account)).toEqual(keys)
  expect(receiptKeys.whatsapp!.withOnly(account, 'previous-secret')).toEqual({ ...account, ...only })
})

const body = example('whatsapp/status-sent')
test.each<[string, Record<string, string>]>([
  ['no signature', {}],
  ['an empty signature', { 'x-hub-signature-256': '' }],
  ["a stranger's signature", { 'x-hub-signature-256': sign(body, 'stranger') }],
  ['a signature of another body', { 'x-hub-signature-256': sign(`${body} `, 'app-secret') }],
  ['a signature by another algorithm', { 'x-hub-signature': sign(body, 'app-secret').replace('sha256', 'sha1') }],
  ["360dialog's signature", { 'x-360dialog-signature': sign(body, 'app-secret') }],
])('a webhook with %s is refused', (_, headers) => {
  expect(receive(body, { headers })).toMatchObject({ kind: 'rejected' })
})

test.each(['', '{"object"', '[]', '7', 'null', '{}', '{"entry":{}}'])(
  'a signed webhook saying %j is unreadable',
  (body) => {
    expect(receive(body).kind).toBe('unreadable')
  },
)

test('receiving never throws, whatever comes, signed or not', () => {
  const json = fc.json({ maxDepth: 6 })
  const statuses = fc.array(
    fc.dictionary(fc.constantFrom(...Object.keys(statusOf()), 'errors', 'type'), fc.jsonValue()),
  )

  fc.assert(fc.property(fc.oneof(json, anyText), (body) => void expect(receive(body)).toHaveProperty('kind')))
  fc.assert(fc.property(statuses, (statuses) => void expect(receive(webhook(statuses)).kind).toBe('statuses')))
  fc.assert(
    fc.property(anyText, anyText, fc.constantFrom('GET', 'POST'), (signature, to, method) => {
      expect(receive(body, { headers: { 'x-hub-signature-256': signature }, to, method }).kind).toBe('rejected')
    }),
  )
})

test('a body of thousands of statuses is read in full', () => {
  const many = Array.from({ length: 5000 }, (_, index) => statusOf({ id: `wamid.${index}` }))

  expect(statusesOf(receive(webhook(many)))).toHaveLength(5000)
})

test('the question whether the URL is ours is answered with its challenge', () => {
  const query = 'hub.mode=subscribe&hub.challenge=1158201444&hub.verify_token=verify-token'

  expect(shakeHands(query)).toEqual({ kind: 'handshake', answer: '1158201444' })
})

test.each([
  ['another token', 'hub.mode=subscribe&hub.challenge=1&hub.verify_token=verify-tokem'],
  ['a token that only begins like ours', 'hub.mode=subscribe&hub.challenge=1&hub.verify_token=verify-token-2'],
  ['no token', 'hub.mode=subscribe&hub.challenge=1'],
  ['another mode', 'hub.mode=unsubscribe&hub.challenge=1&hub.verify_token=verify-token'],
  ['nothing', ''],
])('a question with %s is refused', (_, query) => {
  expect(shakeHands(query).kind).toBe('rejected')
})

test('360dialog has nothing to ask', () => {
  const account = WhatsAppAccount.parse({ ...dialog360, platformSecrets: ['platform-secret'] })

  expect(receive('', { method: 'GET', to: `${url}?hub.mode=subscribe&hub.verify_token=`, account }).kind).toBe(
    'rejected',
  )
})

test.each<[string, string, string[], Record<string, string>]>([
  ['its signature', 'taken', ['current', 'previous'], { 'x-360dialog-signature': bare(sign(body, 'current')) }],
  ['its previous signature', 'taken', ['current', 'previous'], { 'x-360dialog-signature': sign(body, 'previous') }],
  ["a stranger's signature", 'rejected', ['current'], { 'x-360dialog-signature': bare(sign(body, 'stranger')) }],
  ["Meta's header", 'rejected', ['current'], { 'x-hub-signature-256': sign(body, 'current') }],
])("360dialog's webhook for a partner, with %s, is %s", (_, outcome, platformSecrets, headers) => {
  const account = WhatsAppAccount.parse({ ...dialog360, platformSecrets })

  expect(receive(body, { headers, account }).kind).toBe(outcome === 'taken' ? 'statuses' : outcome)
})

test.each<[string, string, Record<string, string>]>([
  ['the header that it was given', 'taken', { authorization: 'Bearer current' }],
  ['the header as it was before', 'taken', { authorization: 'Bearer previous' }],
  ['another value in that header', 'rejected', { authorization: 'Bearer currenT' }],
  ['no such header', 'rejected', {}],
])("360dialog's webhook with %s is %s", (_, outcome, headers) => {
  const webhookHeader = { name: 'Authorization', secrets: ['Bearer current', 'Bearer previous'] }
  const account = WhatsAppAccount.parse({ ...dialog360, webhookHeader })

  expect(receive(body, { headers, account }).kind).toBe(outcome === 'taken' ? 'statuses' : outcome)
})

function receive(
  body: string,
  {
    account = meta,
    headers,
    to = url,
    method = 'POST',
  }: { account?: WhatsAppAccount; headers?: Record<string, string>; to?: string; method?: string } = {},
) {
  const sent: Record<string, string> = headers ?? { 'x-hub-signature-256': sign(body, 'app-secret') }
  return whatsapp.receive({ method, url: to, header: (name) => sent[name], body: Buffer.from(body), now }, account)
}

const shakeHands = (query: string) => receive('', { method: 'GET', to: `${url}?${query}` })

const statusesOf = (receipt: Receipt) => (receipt.kind === 'statuses' ? receipt.statuses : [])

function statusOf(fields: Record<string, unknown> = {}): Record<string, unknown> {
  const job = { ...ids, channelId: '2300310' }
  const biz_opaque_callback_data = callbackDataOf({ job, index: 0, of: 1 })
  return { id: wamid, status: 'sent', timestamp: '1795348800', biz_opaque_callback_data, ...fields }
}

function webhook(statuses: unknown[], change: object = {}, value: object = {}) {
  const changes = [{ field: 'messages', value: { messaging_product: 'whatsapp', statuses, ...value }, ...change }]
  return JSON.stringify({ object: 'whatsapp_business_account', entry: [{ id: '1', changes }] })
}

function bare(signature: string) {
  return signature.replace('sha256=', '')
}
