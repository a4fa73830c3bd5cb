import { randomBytes } from 'node:crypto'
import type { Context } from 'aws-lambda'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { HandOnJob } from '../../functions/messages/jobs.ts'
import { StatusUpdate } from '../../functions/messages/status-update.ts'
import { createQueue, gunzip } from '../../functions/platform/queue.ts'
import { createSecrets } from '../../functions/platform/secrets.ts'
import { inSecretsManager } from '../../functions/platform/secrets-manager.ts'
import { createHandler } from '../../functions/provider-receipt.ts'
import { createAccounts } from '../../functions/providers/accounts.ts'
import type { Receipt, ReceiptAdapter } from '../../functions/providers/provider.ts'
import { fingerprintOf } from '../../functions/providers/receipt-keys.ts'
import { receipts } from '../../functions/providers/receipts.ts'
import { sign, verify } from '../../functions/providers/whatsapp/signature.ts'
import { anyText } from '../support/arbitraries.ts'
import { createFakeSecretsManager, createFakeSqs } from '../support/aws.ts'
import { example } from '../support/examples.ts'
import { forwardHeaders, forwardSecret, httpEvent, type SentRequest } from '../support/http-events.ts'
import { collectTelemetry } from '../support/telemetry.ts'

const now = new Date('2026-11-22T12:00:06Z')
const body = example('forward/receipt-delivered')
const channelsOwn = forwardSecret("the channel's secret, 24 bytes")
const accountsOwn = forwardSecret("the account's secret, 24 bytes")
const stranger = forwardSecret("a stranger's secret, 24 bytes")

// Standard Webhooks' library goes by the machine's clock.
beforeAll(() => void vi.useFakeTimers({ toFake: ['Date'], now }))
afterAll(() => void vi.useRealTimers())

test("a provider's receipt is queued as a status update, and only then acknowledged", async () => {
  const { post, updates, lines, counts, unwritten } = setUp()

  expect(await post({ channelId: '2300310', channelAccountId: '3000000001' })).toEqual({ statusCode: 204 })
  expect(updates()).toEqual([
    {
      v: 1,
      type: 'status',
      portalId: '243842089',
      channelId: '2300310',
      channelAccountId: '3000000001',
      messageId: '0b5f3c1d9e7a4b2c8d6e0f1a2b3c4d5e',
      status: 'delivered',
      source: 'forward',
      providerMessageId: 'SM0123456789',
      occurredAt: '2026-11-22T12:00:05Z',
      traceId: 'request-1',
      verifiedBy: { secret: '2300310', key: fingerprintOf(channelsOwn) },
    },
  ])
  expect(lines).toEqual([
    {
      level: 'info',
      message: 'Receipt queued',
      portalId: '243842089',
      channelId: '2300310',
      channelAccountId: '3000000001',
      messageId: '0b5f3c1d9e7a4b2c8d6e0f1a2b3c4d5e',
      status: 'delivered',
      source: 'forward',
      traceId: 'request-1',
    },
  ])
  expect(counts).toMatchObject({ ReceiptsAccepted: 1, ReceiptsIgnored: 0 })
  expect(unwritten).toEqual(new Set())
})

test('a receipt for a channel as a whole names no account, and a failure keeps its reason, outside the log', async () => {
  const { post, updates, sqs, everything } = setUp()

  expect(await post({ body: example('forward/receipt-failed') })).toEqual({ statusCode: 204 })
  expect(updates()).toEqual([
    {
      v: 1,
      type: 'status',
      portalId: '243842089',
      channelId: '2300310',
      messageId: '0b5f3c1d9e7a4b2c8d6e0f1a2b3c4d5e',
      status: 'failed',
      reason: 'No such number',
      source: 'forward',
      occurredAt: '2026-11-22T12:00:05+01:00',
      traceId: 'request-1',
      verifiedBy: { secret: '2300310', key: fingerprintOf(channelsOwn) },
    },
  ])
  expect(sqs.messages).toMatchObject([{ group: '243842089' }])
  expect(everything()).not.toContain('No such number')
})

test.each([
  ['ids that are numbers', '"portalId":243842089,"messageId":12345678901234567890', '12345678901234567890'],
  ['a status in capitals', '"portalId":"243842089","messageId":"m","status":"FAILED"', 'm'],
  ['a byte order mark', '"portalId":"243842089","messageId":"m"', 'm'],
])('a receipt with %s is taken', async (name, fields, messageId) => {
  const { post, updates } = setUp()
  const mark = name.startsWith('a byte') ? '\ufeff' : ''

  expect(await post({ body: `${mark}{"type":"message.status","data":{"status":"failed",${fields}}}` })).toEqual({
    statusCode: 204,
  })
  expect(updates()).toMatchObject([{ portalId: '243842089', messageId, status: 'failed' }])
})

test.each<[string, unknown, unknown]>([
  ['a reason of thousands of characters', 'x'.repeat(20_000), `${'x'.repeat(499)}…`],
  [
    'a reason that is cut within an emoji',
    `${'x'.repeat(498)}👨‍👩‍👧‍👦${'x'.repeat(2000)}`,
    `${'x'.repeat(498)}👨‍👩‍👧‍👦…`,
  ],
  ['an empty reason', '', ''],
  ['a reason that is none', { text: 'No' }, undefined],
  ['a reason with a number in it', 'No route to 06–98–76–54–32', 'No route to [number]'],
])('a receipt with %s is taken', async (_, reason, queued) => {
  const { post, updates, counts } = setUp()
  const receipt = JSON.parse(example('forward/receipt-failed'))
  const data = { ...receipt.data, reason, providerMessageId: 7 }

  expect(await post({ body: JSON.stringify({ ...receipt, timestamp: 'yesterday', data }) })).toEqual({
    statusCode: 204,
  })
  expect(updates()).toMatchObject([{ status: 'failed', providerMessageId: '7' }])
  expect((updates()[0] as { reason?: string }).reason).toBe(queued)
  expect(counts['UnexpectedUpdateFields']).toBeGreaterThanOrEqual(2)
})

test('what is queued is what update-status reads', async () => {
  const { post, updates } = setUp()

  await post({})

  expect(StatusUpdate.parse(updates()[0])).toEqual(updates()[0])
})

test('a body in base64 and headers in another case are the same receipt', async () => {
  const { post, updates } = setUp()
  const headers = Object.entries(forwardHeaders(body, { secrets: [channelsOwn], at: now }))

  const answer = await post({
    body: Buffer.from(body),
    headers: Object.fromEntries(headers.map(([name, value]) => [name.toUpperCase(), value])),
  })

  expect(answer).toEqual({ statusCode: 204 })
  expect(updates()).toHaveLength(1)
})

test('of several signatures one that fits is enough', async () => {
  const { post, updates } = setUp()

  expect(await post({ secrets: [stranger, channelsOwn] })).toEqual({ statusCode: 204 })
  expect(updates()).toHaveLength(1)
})

test('a misspelt field of a receipt is ignored, named in the log and counted', async () => {
  const { post, updates, counts, lines, everything } = setUp()
  const { data, ...receipt } = JSON.parse(body)

  const answer = await post({
    body: JSON.stringify({ ...receipt, data: { ...data, resaon: 'secret words', 'x y': 1 }, sent: true }),
  })

  expect(answer).toEqual({ statusCode: 204 })
  expect(updates()).toHaveLength(1)
  expect(counts).toMatchObject({ ReceiptFieldsUnknown: 3 })
  expect(lines).toContainEqual(
    expect.objectContaining({
      message: 'A receipt has fields that are not known',
      fields: ['sent', 'data.resaon', 'data.(no word)'],
    }),
  )
  expect(everything()).not.toContain('secret words')
})

test('a number that stands for a field is not repeated in the log', async () => {
  const { post, everything } = setUp()
  const { data, ...receipt } = JSON.parse(body)

  expect(await post({ body: JSON.stringify({ ...receipt, data: { ...data, 15550100123: 1 } }) })).toEqual({
    statusCode: 204,
  })
  expect(everything()).toContain('data.(no word)')
  expect(everything()).not.toContain('15550100123')
})

test("a channel account's receipts are verified by its own secret, else by its channel's, and what is queued says by which", async () => {
  const { post, secretsManager, updates } = setUp()
  secretsManager.values.set('3000000001', accountWith(accountsOwn))
  const channel = { channelId: '2300310' }
  const account = { ...channel, channelAccountId: '3000000001' }

  const statusCodes = [
    await post({ ...account, secrets: [accountsOwn] }),
    await post({ ...account, secrets: [channelsOwn] }),
    await post({ ...channel, secrets: [channelsOwn] }),
    await post({ ...channel, secrets: [accountsOwn] }),
  ].map((answer) => answer?.statusCode)

  expect(statusCodes).toEqual([204, 204, 204, 401])
  expect(updates()).toMatchObject([
    { channelAccountId: '3000000001', verifiedBy: { secret: '3000000001', key: fingerprintOf(accountsOwn) } },
    { channelAccountId: '3000000001', verifiedBy: { secret: '2300310', key: fingerprintOf(channelsOwn) } },
    { channelId: '2300310', verifiedBy: { secret: '2300310', key: fingerprintOf(channelsOwn) } },
  ])
})

test('two customers over one channel: neither can speak in the name of the other', async () => {
  const { post, secretsManager, updates } = setUp()
  const [ours, theirs] = [accountsOwn, stranger]
  secretsManager.values.set('ours', accountWith(ours))
  secretsManager.values.set('theirs', accountWith(theirs))

  const statusCodes = [
    await post({ channelAccountId: 'theirs', secrets: [ours] }),
    await post({ secrets: [ours] }),
    await post({ channelAccountId: 'ours', secrets: [ours] }),
  ].map((answer) => answer?.statusCode)

  // What is queued names who said it: of a message of the other account, update-status takes no word of theirs.
  expect(statusCodes).toEqual([401, 401, 204])
  expect(updates()).toMatchObject([{ channelAccountId: 'ours' }])
})

test('an account without a secret of its own goes by that of its channel', async () => {
  const { post } = setUp()

  expect(await post({ channelId: '2300310', channelAccountId: '3000000002' })).toEqual({ statusCode: 204 })
})

test.each(['../2300310', '+15550100001', 'a/b', 'ä'])(
  'an account id like %j is looked up nowhere, and kept as it is',
  async (channelAccountId) => {
    const { post, updates, secretsManager } = setUp()

    expect(await post({ channelId: '2300310', channelAccountId })).toEqual({ statusCode: 204 })
    expect(updates()).toMatchObject([{ channelAccountId }])
    expect(new Set(secretsManager.reads)).toEqual(new Set(['2300310']))
  },
)

test('while secrets are rotated the second verifies as well, and it is counted which did', async () => {
  const { post, secretsManager, counts } = setUp()
  secretsManager.values.set('2300310', accountWith(stranger, channelsOwn))

  expect(await post({ secrets: [channelsOwn] })).toEqual({ statusCode: 204 })
  expect(counts).toMatchObject({ ReceiptsByPreviousSecret: 1 })
  expect(counts).not.toHaveProperty('ReceiptsByCurrentSecret')
  expect(await post({ secrets: [stranger] })).toEqual({ statusCode: 204 })
  expect(counts).toMatchObject({ ReceiptsByPreviousSecret: 1, ReceiptsByCurrentSecret: 1 })
})

test('while there is one secret, its use is not counted', async () => {
  const { post, counts } = setUp()

  expect(await post({})).toEqual({ statusCode: 204 })
  expect(Object.keys(counts).filter((name) => name.endsWith('Secret'))).toEqual([])
})

test('a secret that was rotated since it was read is fetched again', async () => {
  const { post, secretsManager, pass, counts } = setUp()
  await post({})
  secretsManager.values.set('2300310', accountWith(stranger))
  pass(10)

  expect(await post({ secrets: [stranger] })).toEqual({ statusCode: 204 })
  expect(secretsManager.reads).toHaveLength(2)
  expect(counts).not.toHaveProperty('ReceiptsRejected')
})

test('an account that has got a secret of its own since is found again', async () => {
  const { post, secretsManager, pass } = setUp()
  const account = { channelId: '2300310', channelAccountId: '3000000001' }
  await post(account)
  secretsManager.values.set('3000000001', accountWith(accountsOwn))
  pass(10)

  expect(await post({ ...account, secrets: [accountsOwn] })).toEqual({ statusCode: 204 })
})

test('a flood of forgeries is refused with few looks at the secret', async () => {
  const { post, secretsManager, pass } = setUp()

  for (let second = 0; second < 30; second++) {
    expect(await post({ secrets: [stranger] })).toEqual({ statusCode: 401, body: '' })
    pass(1)
  }

  expect(secretsManager.reads).toHaveLength(3)
})

const right = forwardHeaders(body, { secrets: [channelsOwn], at: now })

test.each<[string, Record<string, string>, string]>([
  ['forged', forwardHeaders(body, { secrets: [stranger], at: now }), 'No matching signature found'],
  ['unsigned', {}, 'Missing required headers'],
  [
    'signed for another body',
    forwardHeaders(`${body} `, { secrets: [channelsOwn], at: now }),
    'No matching signature found',
  ],
  ['stale', forwardHeaders(body, { secrets: [channelsOwn], at: minutesFromNow(-6) }), 'Message timestamp too old'],
  [
    'of the future',
    forwardHeaders(body, { secrets: [channelsOwn], at: minutesFromNow(6) }),
    'Message timestamp too new',
  ],
  ['without a time', { ...right, 'webhook-timestamp': 'soon' }, 'Invalid Signature Headers'],
])('a receipt that is %s is refused, and the log says why', async (_, headers, why) => {
  const { post, updates, lines, counts, everything } = setUp()

  expect(await post({ headers })).toEqual({ statusCode: 401, body: '' })
  expect(updates()).toEqual([])
  expect(lines).toEqual([
    { level: 'warn', message: 'Receipt rejected', statusCode: 401, why, channelId: '2300310', traceId: 'request-1' },
  ])
  expect(counts).toEqual({ ReceiptsRejected: 1 })
  expect(everything()).toContain('["signature"]')
  expect(everything()).not.toMatch(/v1,|whsec_/)
})

test('a channel that has no secret is unknown, and the log names it', async () => {
  const { post, lines, counts, everything } = setUp()

  expect(await post({ channelId: '99', channelAccountId: '77' })).toEqual({ statusCode: 404, body: '' })
  expect(lines).toEqual([
    {
      level: 'warn',
      message: 'Receipt rejected',
      statusCode: 404,
      why: 'no secret for this channel',
      channelId: '99',
      channelAccountId: '77',
      traceId: 'request-1',
    },
  ])
  expect(counts).toEqual({ ReceiptsRejected: 1 })
  expect(everything()).toContain('["unknown"]')
})

test.each([undefined, '', 'channel', '1'.repeat(21), '../app', '२३'])(
  'a channel id like %j is none, and no secret is looked up for it',
  async (channelId) => {
    const { post, secretsManager } = setUp()

    expect(await post({ channelId })).toEqual({ statusCode: 404, body: '' })
    expect(secretsManager.reads).toEqual([])
  },
)

test.each([
  ['{"type":"message.status"', 'not JSON'],
  [body.replace('"delivered"', '"queued"'), 'data.status: invalid value'],
  [body.replace('"243842089"', '243842089.5'), 'data.portalId: expected string'],
])('a signed receipt saying %s is answered with what is wrong', async (body, problem) => {
  const { post, updates, counts, lines, everything } = setUp()

  expect(await post({ body })).toEqual({
    statusCode: 400,
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ message: `Signed, but not understood: ${problem}` }),
  })
  expect(updates()).toEqual([])
  expect(lines).toMatchObject([{ statusCode: 400, why: problem, channelId: '2300310' }])
  expect(counts).toEqual({ ReceiptsRejected: 1 })
  expect(everything()).toContain('["unreadable"]')
})

test.each([
  ['no JSON', 'hunter2', 'Secret 2300310 is not JSON'],
  ['of no provider', '{"secrets":["hunter2"]}', 'Secret 2300310 is invalid: provider: invalid value'],
  ['of a provider that there is not', '{"provider":"hunter2"}', 'Secret 2300310 is invalid: provider: invalid value'],
  [
    'without its fields',
    '{"provider":"forward","secrets":["hunter2"]}',
    expect.stringContaining('secrets.0: invalid format'),
  ],
])(
  'with a secret that is %s the provider is asked to try again, and the log names the field alone',
  async (_, value, problem) => {
    const { post, secretsManager, lines, counts, everything } = setUp()
    secretsManager.values.set('2300310', value)

    expect(await post({})).toEqual({ statusCode: 503, headers: { 'retry-after': '5' } })
    expect(lines).toMatchObject([{ level: 'error', error: 'SecretUnavailable', problem }])
    expect(counts).toEqual({ RequestsFailed: 1 })
    expect(everything()).not.toContain('hunter2')
  },
)

test('a body larger than 4 MiB is refused before anything is computed over it', async () => {
  const { post, updates } = setUp()

  expect(await post({ body: Buffer.alloc(4 * 1024 * 1024 + 1, ' ') })).toMatchObject({ statusCode: 413 })
  expect(updates()).toEqual([])
})

test('while Secrets Manager is down the provider is asked to try again', async () => {
  const { post, secretsManager } = setUp()
  secretsManager.down = true

  expect(await post({})).toMatchObject({ statusCode: 503 })
})

test('while SQS is down nothing is acknowledged', async () => {
  const { post, sqs, updates, counts } = setUp()
  sqs.down = true

  expect(await post({})).toEqual({ statusCode: 503, headers: { 'retry-after': '5' } })
  expect(counts).toEqual({ RequestsFailed: 1 })

  sqs.down = false
  expect(await post({})).toEqual({ statusCode: 204 })
  expect(updates()).toHaveLength(1)
})

test('one request may carry several statuses, and what is none of our business is counted', async () => {
  const status = { portalId: '1', status: 'read', occurredAt: '2026-11-22T12:00:05Z' } as const
  const { post, updates, counts } = setUp({
    receive: () => ({
      kind: 'statuses',
      statuses: [
        { ...status, messageId: 'm1' },
        { ...status, messageId: 'm2' },
      ],
      ignored: 3,
    }),
  })

  expect(await post({})).toEqual({ statusCode: 204 })
  expect(updates()).toMatchObject([{ messageId: 'm1' }, { messageId: 'm2' }])
  expect(counts).toEqual({ ReceiptsAccepted: 2, ReceiptsIgnored: 3 })
})

test("of a request that names no account the receipt's own counts, and of one that does, only that", async () => {
  const status = { portalId: '1', messageId: 'm', status: 'read', occurredAt: '2026-11-22T12:00:05Z' } as const
  const { post, updates } = setUp({
    receive: () => ({ kind: 'statuses', statuses: [{ ...status, channelAccountId: '7' }], ignored: 0 }),
  })

  await post({ channelId: '2300310' })
  await post({ channelId: '2300310', channelAccountId: '8' })

  expect(updates()).toMatchObject([{ channelAccountId: '7' }, { channelAccountId: '8' }])
})

test('which of several sends a receipt is about reaches update-status', async () => {
  const status = { portalId: '1', messageId: 'm', status: 'read', occurredAt: '2026-11-22T12:00:05Z' } as const
  const { post, updates } = setUp({
    receive: () => ({ kind: 'statuses', statuses: [{ ...status, part: { index: 1, of: 3 } }], ignored: 0 }),
  })

  await post({})

  expect(StatusUpdate.parse(updates()[0])).toMatchObject({ part: { index: 1, of: 3 } })
})

test("a provider's question whether the URL is ours is answered in plain text", async () => {
  const { post, updates } = setUp({
    receive: ({ method, url }) =>
      method === 'GET'
        ? { kind: 'handshake', answer: new URL(url).searchParams.get('challenge') ?? '' }
        : { kind: 'rejected', why: 'not a question' },
  })

  expect(await post({ method: 'GET', query: '?challenge=1158201444' })).toEqual({
    statusCode: 200,
    headers: { 'content-type': 'text/plain' },
    body: '1158201444',
  })
  expect(updates()).toEqual([])
})

test('thousands of statuses in one webhook are sent as many at once as there are connections', async () => {
  const statuses = Array.from({ length: 5000 }, (_, index) => ({
    ...{ portalId: '1', messageId: `m${index}`, status: 'read' as const, occurredAt: '2026-11-22T12:00:05Z' },
  }))
  const { post, updates, sqs } = setUp({ receive: () => ({ kind: 'statuses', statuses, ignored: 0 }) })
  const send = sqs.client.send.bind(sqs.client)
  let [underWay, most] = [0, 0]
  sqs.client.send = async (command: never) => {
    most = Math.max(most, ++underWay)
    await new Promise(setImmediate)
    underWay--
    return send(command)
  }

  expect(await post({})).toEqual({ statusCode: 204 })
  expect(updates()).toHaveLength(5000)
  expect(most).toBeLessThanOrEqual(50)
})

test('a provider that sends no receipts has none to post', async () => {
  const { post, lines } = setUp({ adapters: {} })

  expect(await post({})).toEqual({ statusCode: 404, body: '' })
  expect(lines).toMatchObject([{ why: 'this provider sends no receipts', channelId: '2300310' }])
})

describe("what is no receipt: customers' messages, for instance", () => {
  const posted = Buffer.from('{"text":"hunter2 \u00e9","to":"+4915112345678"}')
  const receive = (): Receipt => ({
    kind: 'statuses',
    statuses: [{ portalId: '1', messageId: 'm', status: 'read', occurredAt: '2026-11-22T12:00:05Z' }],
    ignored: 0,
    handOn: { entries: 2, headers: ['x-hub-signature-256', 'x-absent'] },
  })
  const request = { body: posted, headers: { 'X-Hub-Signature-256': 'sha256=00', cookie: 'hunter2' } }

  test('is queued to be handed on, as it came, with the headers that count and no others', async () => {
    const { post, handOns, updates, counts, everything } = setUp({ receive, handOnTo: 'https://app.example.com/' })

    expect(await post({ ...request, channelAccountId: '7' })).toEqual({ statusCode: 204 })

    const [job] = handOns().map((job) => HandOnJob.parse(job))
    expect(job).toMatchObject({ channelId: '2300310', channelAccountId: '7', traceId: 'request-1' })
    expect(job!.headers).toEqual({ 'x-hub-signature-256': 'sha256=00' })
    expect(gunzip(job!.body)).toEqual(posted)
    expect(updates()).toHaveLength(1)
    expect(counts).toMatchObject({ EntriesHandedOn: 2, ReceiptsAccepted: 1 })
    expect(everything()).not.toMatch(/hunter2|49151|app\.example/)
  })

  test("of Meta's largest webhooks all is taken: statuses one by one, and customers' messages in parts that fit", async () => {
    const appSecret = 'app-secret'
    const noise = () => randomBytes(400).toString('base64')
    const changes = Array.from({ length: 1400 }, (_, index) => [
      {
        field: 'messages',
        value: {
          contacts: [{ wa_id: '1' }],
          messages: [
            { id: `in ${index}`, text: { body: noise() } },
            { id: `too ${index}`, text: { body: noise() } },
          ],
        },
      },
      {
        field: 'messages',
        value: {
          statuses: [
            {
              id: 'wamid.1',
              status: 'read',
              timestamp: '1795348802',
              biz_opaque_callback_data: `relay?c=2300310&m=m${index}&p=1`,
            },
          ],
        },
      },
    ])
    const whole = { object: 'whatsapp_business_account', entry: [{ id: '1', changes: changes.flat() }] }
    const body = Buffer.from(JSON.stringify(whole))
    expect(body.length).toBeGreaterThan(1.5e6)
    expect(body.length).toBeLessThan(3e6)
    const account = {
      provider: 'whatsapp',
      phoneNumberId: '1',
      accessToken: 'x',
      appSecrets: [appSecret],
      verifyToken: 'x',
      handOnTo: 'https://app.example.com/',
    }
    const { post, handOns, updates, secretsManager, counts } = setUp({ adapters: receipts })
    secretsManager.values.set('2300310', JSON.stringify(account))

    const answer = await post({ body, headers: { 'x-hub-signature-256': sign(body, appSecret) } })

    expect(answer).toEqual({ statusCode: 204 })
    expect(updates().map((update) => StatusUpdate.parse(update).messageId)).toEqual(
      changes.map((_, index) => `m${index}`),
    )
    const parts = handOns()
      .map((job) => HandOnJob.parse(job))
      .map(({ headers, body }) => ({ headers, body: gunzip(body) }))
    expect(parts.length).toBeGreaterThan(1)
    for (const { headers, body } of parts) expect(verify(body, headers['x-hub-signature-256']!, appSecret)).toBe(true)
    const arrived = parts.flatMap(({ body }) =>
      JSON.parse(body.toString()).entry.flatMap((entry: (typeof whole.entry)[0]) => entry.changes),
    )
    expect(arrived).toEqual(changes.flat())
    expect(counts).toMatchObject({ ReceiptsAccepted: 1400, EntriesHandedOn: 1400 })
  })

  test.each([
    ['entries', (items: object[]) => ({ entry: items.map((one) => ({ changes: [{ value: { messages: [one] } }] })) })],
    ['changes', (items: object[]) => ({ entry: [{ changes: items.map((one) => ({ value: { messages: [one] } })) }] })],
    [
      'messages',
      (items: object[]) => ({
        entry: [{ changes: [{ value: { contacts: [{ wa_id: '1' }, { wa_id: '2' }], messages: items } }] }],
      }),
    ],
  ])('a webhook is parted by its %s, none twice and none left out', (_, form) => {
    const { split } = receipts.whatsapp!
    const account = { appSecrets: ['app-secret'] }
    const items = [{ id: 1 }, { id: 2 }, { id: 3 }]
    const found: unknown[] = []

    const part = (body: Uint8Array): void => {
      const parts = split!({ headers: { 'x-hub-signature': 'old', 'user-agent': 'facebook' }, body }, account)
      if (!parts) return void found.push(...JSON.stringify(JSON.parse(Buffer.from(body).toString())).match(/"id":\d/g)!)
      for (const { headers, body } of parts) {
        expect(headers).toEqual({ 'user-agent': 'facebook', 'x-hub-signature-256': sign(body, 'app-secret') })
        part(body)
      }
    }
    part(Buffer.from(JSON.stringify({ object: 'whatsapp_business_account', ...form(items) })))

    expect(found).toEqual(['"id":1', '"id":2', '"id":3'])
  })

  test('what cannot be parted is not lost: the provider is asked to try again', async () => {
    const { post } = setUp({ receive, handOnTo: 'https://app.example.com/' })
    const body = randomBytes(1024 * 1024)

    expect(await post({ ...request, body })).toMatchObject({ statusCode: 503 })
  })

  test('is not acknowledged while SQS does not take it', async () => {
    const alone = () => ({ ...receive(), statuses: [] })
    const { post, sqs } = setUp({ receive: alone, handOnTo: 'https://app.example.com/' })
    sqs.down = true

    expect(await post(request)).toMatchObject({ statusCode: 503 })
  })

  test('is safe before the answer, also where SQS does not take what stands beside it', async () => {
    const { post, sqs, handOns } = setUp({ receive, handOnTo: 'https://app.example.com/' })
    const { send } = sqs.client
    const slowly: typeof send = async (command: Parameters<typeof send>[0]) => {
      if (JSON.stringify(command).includes('status-updates')) throw new Error('SQS is down')
      await new Promise((resolve) => setImmediate(resolve))
      return send(command)
    }
    sqs.client.send = slowly

    expect(await post(request)).not.toMatchObject({ statusCode: 204 })
    expect(handOns()).toHaveLength(1)
  })

  test('is counted each time, and said once for each account, where the account names no endpoint for it', async () => {
    const { post, handOns, lines, counts } = setUp({ receive })

    for (const channelAccountId of ['7', '7', '8']) await post({ ...request, channelAccountId })

    expect(handOns()).toEqual([])
    expect(counts).toMatchObject({ EntriesNotHandedOn: 6, ReceiptsAccepted: 3 })
    expect(lines.filter(({ level }) => level === 'warn').map(({ channelAccountId }) => channelAccountId)).toEqual([
      '7',
      '8',
    ])
  })
})

test('a code that no table knows is counted, and one that is about the account is said at once', async () => {
  const status = { portalId: '1', messageId: 'm', status: 'failed', occurredAt: '2026-11-22T12:00:05Z' } as const
  const failures = [
    { code: '139999', verdict: undefined },
    { code: '131042', verdict: 'account' },
    { code: '131026', verdict: 'final' },
  ] as const
  const { post, lines, counts } = setUp({
    receive: () => ({ kind: 'statuses', statuses: [status], ignored: 0, failures: [...failures] }),
  })

  await post({})

  expect(counts).toMatchObject({ UnknownCodes: 1, AccountErrors: 1 })
  expect(lines.filter(({ level }) => level === 'warn')).toMatchObject([
    { message: 'Unmapped provider error code', code: '139999' },
    { message: 'The provider does not accept the account', code: '131042' },
  ])
})

test('a provider sees the URL as it called it', async () => {
  const urls: string[] = []
  const { post } = setUp({
    publicBaseUrl: 'https://relay.example.com/',
    receive: ({ url }) => {
      urls.push(url)
      return { kind: 'statuses', statuses: [], ignored: 1 }
    },
  })

  await post({ channelId: '2300310', query: '?message=a%20b&portal=1' })
  await post({ channelId: '2300310', channelAccountId: '+1 555', query: '' })

  expect(urls).toEqual([
    'https://relay.example.com/receipts/2300310?message=a%20b&portal=1',
    'https://relay.example.com/receipts/2300310/%2B1%20555',
  ])
})

test('whatever comes unsigned is refused, and nothing is queued', async () => {
  const { post, updates, counts } = setUp()
  const names = fc.constantFrom(...Object.keys(right), 'cookie')
  const values = fc.oneof(anyText, fc.constantFrom(...Object.values(right)))
  const requests = fc.record({
    channelId: fc.oneof(fc.constant('2300310'), fc.string(), fc.nat().map(String)),
    channelAccountId: fc.option(fc.string(), { nil: undefined }),
    headers: fc.dictionary(names, values, { noNullPrototype: true }),
    body: fc.oneof(anyText, fc.uint8Array()),
  })

  await fc.assert(
    fc.asyncProperty(requests, async (request) => {
      expect([401, 404]).toContain((await post(request))?.statusCode)
    }),
  )
  expect(updates()).toEqual([])
  expect(Object.keys(counts)).toEqual(['ReceiptsRejected'])
})

test('no reason, no address and no secret appears in a log line, whatever happens', async () => {
  const field = fc.constantFrom('reason', 'providerMessageId', 'status', 'portalId', 'to', 'occurredAt')
  const word = fc.constantFrom('hunter2', '+4915112345678', 'ada@example.com')
  const shaped = word.chain((word) => fc.constantFrom<unknown>(word, [word], { [word]: word }))
  const trouble = fc.constantFrom('none', 'forged', 'queue down', 'cut off')

  await fc.assert(
    fc.asyncProperty(field, shaped, trouble, async (name, value, trouble) => {
      const { post, sqs, everything } = setUp()
      const receipt = JSON.parse(body)
      const whole = JSON.stringify({ ...receipt, data: { ...receipt.data, [name]: value } })
      sqs.down = trouble === 'queue down'

      const answer = await post({
        body: trouble === 'cut off' ? whole.slice(0, -1) : whole,
        secrets: [trouble === 'forged' ? stranger : channelsOwn],
      })

      expect([204, 400, 401, 503]).toContain(answer?.statusCode)
      expect(everything() + JSON.stringify(answer)).not.toMatch(/hunter2|49151|ada@|whsec_/)
    }),
  )
})

type Post = {
  channelId?: string | undefined
  channelAccountId?: string | undefined
  query?: string
  secrets?: string[]
} & Omit<Partial<SentRequest>, 'url'>

type Options = {
  publicBaseUrl?: string
  receive?: ReceiptAdapter<unknown>['receive']
  handOnTo?: string
  adapters?: typeof receipts
}

/** The function before a channel whose secret is known. `receive` takes the place of the provider's own adapter. */
function setUp(options: Options = {}) {
  const forward = { ...receipts.forward!, ...(options.receive && { receive: options.receive }) }
  const { adapters = { forward: { ...forward, handOnTo: () => options.handOnTo } } } = options
  let time = now.getTime()
  const sqs = createFakeSqs()
  const secretsManager = createFakeSecretsManager()
  secretsManager.values.set('2300310', accountWith(channelsOwn))
  const { telemetry, ...told } = collectTelemetry()
  const handler = createHandler({
    accounts: createAccounts({
      credentials: createSecrets(inSecretsManager(secretsManager.getSecretValue), () => time),
      adapters,
    }),
    statusUpdates: createQueue(sqs.client, 'status-updates'),
    handOns: createQueue(sqs.client, 'hand-ons'),
    publicBaseUrl: options.publicBaseUrl,
    telemetry,
    now: () => time,
  })

  /** Posts a receipt as the provider does, to the channel unless told otherwise; with headers of its own, as somebody else. */
  function post({ secrets = [channelsOwn], query = '', ...request }: Post) {
    const { channelId, channelAccountId } = { channelId: '2300310', ...request }
    const sent = request.body ?? body
    const pathParameters = {
      ...(channelId !== undefined && { channelId }),
      ...(channelAccountId !== undefined && { channelAccountId }),
    }
    const path = Object.values(pathParameters).map((id) => encodeURIComponent(id))
    const event = httpEvent({
      url: `https://api.example.com/receipts/${path.join('/')}${query}`,
      method: request.method ?? 'POST',
      headers: request.headers ?? forwardHeaders(sent.toString(), { secrets, at: now }),
      body: sent,
      pathParameters,
    })
    return handler(event, {} as Context)
  }

  const pass = (seconds: number) => {
    time += seconds * 1000
  }
  return {
    ...told,
    sqs,
    secretsManager,
    post,
    pass,
    updates: () => sqs.jobsIn('status-updates'),
    handOns: () => sqs.jobsIn('hand-ons'),
  }
}

function accountWith(...secrets: string[]) {
  return JSON.stringify({ provider: 'forward', url: 'https://service.example.com/messages', secrets })
}

function minutesFromNow(minutes: number) {
  return new Date(now.getTime() + minutes * 60_000)
}
