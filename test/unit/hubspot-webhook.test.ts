import { createHash, randomBytes } from 'node:crypto'
import type { Context } from 'aws-lambda'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { AppSecret } from '../../functions/hubspot/app-secret.ts'
import { createHandler, path } from '../../functions/hubspot-webhook.ts'
import { createQueue, gunzip } from '../../functions/platform/queue.ts'
import { createSecrets } from '../../functions/platform/secrets.ts'
import { inSecretsManager } from '../../functions/platform/secrets-manager.ts'
import { anyText } from '../support/arbitraries.ts'
import { createFakeSecretsManager, createFakeSqs } from '../support/aws.ts'
import { example } from '../support/examples.ts'
import { httpEvent, hubspotHeaders, type SentRequest } from '../support/http-events.ts'
import { collectTelemetry } from '../support/telemetry.ts'

const now = Date.parse('2026-11-22T12:00:01Z')
const url = `https://api.example.com${path}`
const body = example('hubspot/outgoing-message')
const appSecret = { clientId: 'client', clientSecrets: ['current-secret', 'previous-secret'] }
const mebibyte = 1024 * 1024
const minute = 60_000

test("an agent's message is queued for its provider, and only then acknowledged", async () => {
  const { post, deliveries, deadLetters, counts, unwritten } = setUp()

  expect(await post({ body })).toEqual({ statusCode: 204 })
  expect(deliveries()).toEqual([
    {
      v: 1,
      type: 'message',
      portalId: '243842089',
      channelId: '2300310',
      channelAccountId: '3000000001',
      messageId: '0b5f3c1d9e7a4b2c8d6e0f1a2b3c4d5e',
      conversationsThreadId: '8812345678',
      integrationThreadIds: ['0f3c9a5b7d1e4c2f8a6b0d9e3f5a7c1b'],
      inReplyToId: '1a2b3c4d5e6f4a7b8c9d0e1f2a3b4c5d',
      from: {
        actorId: 'A-51234567',
        name: 'Ada',
        deliveryIdentifier: { type: 'HS_PHONE_NUMBER', value: '+15550100001' },
      },
      to: [{ actorId: 'V-9912345', deliveryIdentifier: { type: 'HS_PHONE_NUMBER', value: '+15550100002' } }],
      text: 'Your parcel arrives tomorrow.',
      richText: '<div><p>Your parcel arrives tomorrow.</p></div>',
      attachments: JSON.parse(body).message.attachments,
      createdAt: '2026-11-22T12:00:00Z',
      eventId: '9f1c2b1e-3c56-4e0f-8a51-3a1f0b6f7d20',
      traceId: 'request-1',
      original: body,
    },
  ])
  expect(deadLetters()).toEqual([])
  expect(counts).toEqual({ MessagesAccepted: 1 })
  expect(unwritten).toEqual(new Set())
})

test('without delivery, a message is announced without anything of its content', async () => {
  const { post, deliveries } = setUp({ delivers: false })

  expect(await post({ body })).toEqual({ statusCode: 204 })
  expect(deliveries()).toEqual([
    {
      v: 1,
      type: 'announcement',
      portalId: '243842089',
      channelId: '2300310',
      channelAccountId: '3000000001',
      messageId: '0b5f3c1d9e7a4b2c8d6e0f1a2b3c4d5e',
      createdAt: '2026-11-22T12:00:00Z',
      eventId: '9f1c2b1e-3c56-4e0f-8a51-3a1f0b6f7d20',
      traceId: 'request-1',
    },
  ])
})

test('the message goes into the queue in the name of its portal', async () => {
  const { post, sqs } = setUp()

  await post({ body })

  expect(sqs.messages).toMatchObject([{ queue: 'deliveries', group: '243842089', delaySeconds: 0 }])
})

test('the log names the message, and says nothing of its content', async () => {
  const { post, lines } = setUp()

  await post({ body })

  expect(lines).toEqual([
    {
      level: 'info',
      message: 'Message queued',
      portalId: '243842089',
      channelId: '2300310',
      channelAccountId: '3000000001',
      messageId: '0b5f3c1d9e7a4b2c8d6e0f1a2b3c4d5e',
      eventId: '9f1c2b1e-3c56-4e0f-8a51-3a1f0b6f7d20',
      traceId: 'request-1',
      threadId: '8812345678',
    },
  ])
})

test('other readings of the guide are taken as well', async () => {
  const { post, deliveries } = setUp()

  expect(await post({ body: example('hubspot/outgoing-message-bare') })).toEqual({ statusCode: 204 })
  expect(deliveries()).toMatchObject([{ to: [{ deliveryIdentifier: { value: '+15550100002' } }] }])
})

test('a body in base64 is the same body', async () => {
  const { post, deliveries } = setUp()

  expect(await post({ body: Buffer.from(body) })).toEqual({ statusCode: 204 })
  expect(deliveries()).toMatchObject([{ original: body }])
})

test('headers may come in any case', async () => {
  const { post } = setUp()
  const headers = Object.fromEntries(
    Object.entries(signed({ body })).map(([name, value]) => [name.toUpperCase(), value]),
  )

  expect(await post({ body, headers })).toEqual({ statusCode: 204 })
})

test.each([
  ['', undefined],
  ['?channel=1&b=%2F%20+%3d&a=1&a=2&empty', undefined],
  ['?token=a%3Ab', 'https://relay.example.com'],
  ['?token=a:b', 'https://relay.example.com/'],
])(
  'with the query %j and the public base URL %s the signed URL is the one that HubSpot called',
  async (query, publicBaseUrl) => {
    const { post, deliveries } = setUp({ publicBaseUrl })
    const called = `https://${publicBaseUrl ? 'relay' : 'api'}.example.com${path}${query}`

    expect(await post({ url: url + query, body, headers: signed({ url: called, body }) })).toEqual({ statusCode: 204 })
    expect(deliveries()).toHaveLength(1)
  },
)

test('the query is part of what is signed, in its order', async () => {
  const { post, deliveries } = setUp()
  const headers = signed({ url: `${url}?a=1&b=2`, body })

  expect(await post({ url: `${url}?b=2&a=1`, body, headers })).toEqual({ statusCode: 401, body: '' })
  expect(await post({ url, body, headers })).toEqual({ statusCode: 401, body: '' })
  expect(deliveries()).toEqual([])
})

test('the path as API Gateway decodes it plays no part', async () => {
  const { handle } = setUp()
  const event = httpEvent({ url, body, headers: signed({ body }) })

  expect(await handle({ ...event, rawPath: '/stage/hubspot/webhook' })).toEqual({ statusCode: 204 })
})

const right = signed({ body })
const signature = right['x-hubspot-signature-v3']
const v1 = createHash('sha256').update(`current-secret${body}`).digest('hex')
const v2 = createHash('sha256').update(`current-secretPOST${url}${body}`).digest('hex')
const withSignature = (value: string) => ({ ...right, 'x-hubspot-signature-v3': value })

const mismatch = 'signature does not match'
const notFresh = 'timestamp is no time in milliseconds within five minutes of now'
const onlyOlder = 'only a signature of version 1 or 2'

test.each<[string, Record<string, string>, string]>([
  ['no signature', {}, 'no signature'],
  ['an empty signature', withSignature(''), 'no signature'],
  ['version 1 alone', { 'x-hubspot-signature': v1, 'x-hubspot-signature-version': 'v1' }, onlyOlder],
  ['version 2 alone', { 'x-hubspot-signature': v2, 'x-hubspot-signature-version': 'v2' }, onlyOlder],
  ['a short signature', withSignature(signature.slice(0, -1)), mismatch],
  ['a long signature', withSignature(`${signature}=`), mismatch],
  ['a signature that came twice', withSignature(`${signature},${signature}`), mismatch],
  ['a signature in hexadecimal', withSignature(Buffer.from(signature, 'base64').toString('hex')), mismatch],
  ['a signature in no base64', withSignature('!'.repeat(signature.length)), mismatch],
  ['a signature beyond ASCII', withSignature('é'.repeat(signature.length / 2)), mismatch],
  ['a signature by another secret', signed({ body }, { clientSecret: 'somebody else' }), mismatch],
  ['a signature of another body', signed({ body: `${body} ` }), mismatch],
  ['a signature of another method', signed({ body, method: 'PUT' }), mismatch],
  ['a signature of another URL', signed({ body, url: `https://elsewhere.example.com${path}` }), mismatch],
  ['a signature of another time', { ...right, 'x-hubspot-request-timestamp': String(now - 1) }, mismatch],
  ['no timestamp', { 'x-hubspot-signature-v3': signature }, 'no timestamp'],
  ['a timestamp in seconds', signed({ body }, { timestamp: String(Math.floor(now / 1000)) }), notFresh],
  ['a timestamp in words', signed({ body }, { timestamp: 'yesterday' }), notFresh],
  ['a timestamp that is too old', signed({ body }, { timestamp: String(now - 5 * minute - 1) }), notFresh],
  ['a timestamp too far ahead', signed({ body }, { timestamp: String(now + 5 * minute + 1) }), notFresh],
])('a request with %s is refused; the log says why, and quotes nothing', async (_, headers, why) => {
  const { post, sqs, lines, counts, everything } = setUp()

  expect(await post({ body, headers })).toEqual({ statusCode: 401, body: '' })
  expect(sqs.messages).toEqual([])
  expect(lines).toEqual([
    { level: 'warn', message: 'Webhook rejected', why, traceId: 'request-1', url, headers: Object.keys(headers) },
  ])
  expect(counts).toEqual({ WebhooksRejected: 1 })
  const values = Object.values(headers).filter((value) => value.length > 2)
  expect(values.filter((value) => everything().includes(value))).toEqual([])
})

test.each<[string, Record<string, string>]>([
  ['unsigned', {}],
  ['old version', { 'x-hubspot-signature': 'hunter2' }],
  ['stale', signed({ body }, { timestamp: String(now - 6 * minute) })],
  ['mismatch', signed({ body }, { clientSecret: 'somebody else' })],
])('what is rejected is counted by its reason: %s', async (reason, headers) => {
  const { post, everything } = setUp()

  await post({ body, headers })

  expect(everything()).toContain(`["${reason}"]`)
})

test.each([-5 * minute, 0, 5 * minute])('a timestamp %i milliseconds from now is fresh', async (difference) => {
  const { post } = setUp()

  expect(await post({ body, headers: signed({ body }, { timestamp: String(now + difference) }) })).toEqual({
    statusCode: 204,
  })
})

test.each([
  ['?token=hunter2', '?token=…'],
  ['?hunter2', '?…'],
  ['?a=1&hunter2&b=', '?a=…&…&b=…'],
  ['?a=hunter2=&b=hunter2?', '?a=…&b=…'],
])('of the query %s the log of a refusal keeps %s', async (query, kept) => {
  const { post, lines } = setUp()

  await post({ url: url + query, body, headers: {} })

  expect(lines).toMatchObject([{ url: url + kept }])
})

test('while the client secret is rotated the previous one serves as well, and that is counted', async () => {
  const { post, deliveries, counts } = setUp()

  await post({ body, headers: signed({ body }, { clientSecret: 'current-secret' }) })
  expect(counts).toEqual({ MessagesAccepted: 1 })

  await post({ body, headers: signed({ body }, { clientSecret: 'previous-secret' }) })
  expect(counts).toEqual({ MessagesAccepted: 2, VerifiedByPreviousSecret: 1 })
  expect(deliveries()).toHaveLength(2)
})

test.each(['\n', ' ', '\r\n', '\t', '\uFEFF', '\u00a0'])(
  'a client secret that was pasted with %j around it is the same',
  async (end) => {
    const { post, secretsManager } = setUp()
    const pasted = { clientId: `client${end}`, clientSecrets: [`${end}current-secret${end}`] }
    secretsManager.values.set('app', JSON.stringify(pasted))

    expect(await post({ body })).toEqual({ statusCode: 204 })
  },
)

test('a client secret that was rotated since it was read is fetched again', async () => {
  const { post, secretsManager, pass, counts } = setUp()
  await post({ body })
  secretsManager.values.set('app', JSON.stringify({ ...appSecret, clientSecrets: ['new-secret', 'current-secret'] }))
  pass(10)

  expect(
    await post({ body, headers: signed({ body }, { clientSecret: 'new-secret', timestamp: String(now + 10_000) }) }),
  ).toEqual({ statusCode: 204 })
  expect(secretsManager.reads).toHaveLength(2)
  expect(counts).toEqual({ MessagesAccepted: 2 })
})

test('a flood of forgeries is refused with few looks at the secret', async () => {
  const { post, secretsManager, pass, counts } = setUp()
  const forged = signed({ body }, { clientSecret: 'somebody else', timestamp: String(now) })

  for (let second = 0; second < 30; second++) {
    expect(await post({ body, headers: forged })).toMatchObject({ statusCode: 401 })
    pass(1)
  }

  expect(counts).toEqual({ WebhooksRejected: 30 })
  expect(secretsManager.reads).toHaveLength(3)
})

test('a secret that was pasted or saved with a byte order mark before it is the same', async () => {
  const { post, secretsManager } = setUp()
  secretsManager.values.set('app', `\ufeff${JSON.stringify(appSecret)}`)

  expect(await post({ body })).toEqual({ statusCode: 204 })
})

test.each([
  ['missing', undefined, 'Secret app does not exist'],
  ['not JSON', 'hunter2', 'Secret app is not JSON'],
  ['without a client secret', { clientId: 'hunter2' }, 'Secret app is invalid: clientSecrets: expected tuple'],
  [
    'with no client secret in its list',
    { clientId: 'hunter2', clientSecrets: [] },
    'Secret app is invalid: clientSecrets.0: expected string',
  ],
  [
    'with a client secret of two words',
    { clientId: 'hunter2', clientSecrets: ['hunter2 hunter2'] },
    'Secret app is invalid: clientSecrets.0: has a space, or another sign that HubSpot gives none',
  ],
  [
    'with an empty client secret',
    { clientId: 'hunter2', clientSecrets: [''] },
    'Secret app is invalid: clientSecrets.0: too small',
  ],
])(
  'with a secret that is %s HubSpot is asked to try again, and the log names the field alone',
  async (_, value, problem) => {
    const { post, deliveries, secretsManager, lines, counts, everything } = setUp()
    secretsManager.values.delete('app')
    if (value !== undefined) secretsManager.values.set('app', typeof value === 'string' ? value : JSON.stringify(value))

    expect(await post({ body })).toEqual({ statusCode: 503, headers: { 'retry-after': '5' } })
    expect(deliveries()).toEqual([])
    expect(lines).toMatchObject([{ level: 'error', error: 'SecretUnavailable', problem }])
    expect(counts).toEqual({ RequestsFailed: 1 })
    expect(everything()).not.toContain('hunter2')
  },
)

test('while Secrets Manager is down HubSpot is asked to try again', async () => {
  const { post, secretsManager, lines } = setUp()
  secretsManager.down = true

  expect(await post({ body })).toMatchObject({ statusCode: 503 })
  expect(lines).toMatchObject([{ problem: 'Secret app cannot be read: ServiceUnavailable' }])

  secretsManager.down = false
  expect(await post({ body })).toEqual({ statusCode: 204 })
})

test.each([
  ['a message', body],
  ['an unreadable event', '[]'],
])('while SQS is down %s is not acknowledged', async (_, body) => {
  const { post, sqs, counts, everything } = setUp()
  sqs.down = true

  expect(await post({ body })).toEqual({ statusCode: 503, headers: { 'retry-after': '5' } })
  expect(counts).toEqual({ RequestsFailed: 1 })
  expect(everything()).not.toContain('parcel')

  sqs.down = false
  expect(await post({ body })).toEqual({ statusCode: 204 })
})

test.each(['created', 'updated', 'purged'])(
  'that a channel account was %s is queued, without its address',
  async (name) => {
    const { post, sqs, deliveries, lines, counts, everything } = setUp()

    expect(await post({ body: example(`hubspot/channel-account-${name}`) })).toEqual({ statusCode: 204 })
    expect(sqs.messages).toHaveLength(1)
    expect(deliveries()).toEqual([
      {
        v: 1,
        type: 'account',
        portalId: '243842089',
        channelId: '2300310',
        channelAccountId: '3000000001',
        change: name,
        at: expect.stringMatching(/^2026-11-22T/),
        traceId: 'request-1',
      },
    ])
    expect(lines).toEqual([
      {
        level: 'info',
        message: 'Channel account event',
        portalId: '243842089',
        channelId: '2300310',
        channelAccountId: '3000000001',
        change: name,
        traceId: 'request-1',
      },
    ])
    expect(counts).toEqual({ ChannelAccountEvents: 1 })
    expect(everything()).not.toContain('+1555')
  },
)

test('an event of a type that HubSpot did not document is kept among the dead letters, and counted by its type', async () => {
  const { post, deliveries, deadLetters, lines, counts } = setUp()
  const event = '{"type":"CHANNEL_ACCOUNT_RENAMED","name":"Ada"}'

  expect(await post({ body: event })).toEqual({ statusCode: 204 })
  const reason = 'Unreadable event: an unknown type, CHANNEL_ACCOUNT_RENAMED'
  expect(deliveries()).toEqual([])
  expect(deadLetters()).toMatchObject([{ deadLetter: { reason } }])
  expect(gunzip(deadLetters()[0]!.job.rawBody).toString()).toBe(event)
  expect(lines).toMatchObject([{ message: 'Unreadable event, kept among the dead letters', reason }])
  expect(counts).toEqual({ UnknownEvents: 1, UnreadableEvents: 1 })
})

test('a test of the webhook is acknowledged, and goes nowhere', async () => {
  const { post, sqs, counts } = setUp()

  expect(await post({ body: '{"type":"RELAY_TEST"}' })).toEqual({ statusCode: 204 })
  expect(sqs.messages).toEqual([])
  expect(counts).toEqual({})
})

test.each<[string, Buffer, string]>([
  [
    "one of an app's webhooks, of which HubSpot posts arrays",
    Buffer.from(example('hubspot/app-webhook')),
    'type: cannot be read',
  ],
  ['an empty body', Buffer.alloc(0), 'not JSON'],
  ['an array of nothing', Buffer.from('[]'), 'an array of 0 events'],
  ['an array of far too many events', Buffer.from(JSON.stringify(Array(1001).fill({}))), 'an array of 1001 events'],
  ['bytes that are not UTF-8', Buffer.from([0x7b, 0x22, 0xff, 0xfe, 0x00, 0x22, 0x7d]), 'not UTF-8'],
  ['a message without its id', Buffer.from(body.replace('"id"', '"it"')), 'message.id: cannot be read'],
  ['a message whose portal is a word', Buffer.from(body.replace('"243842089"', '"Ada"')), 'portalId: cannot be read'],
])('%s is acknowledged and kept among the dead letters, byte by byte', async (_, bytes, problem) => {
  const { post, sqs, deliveries, deadLetters, lines, counts } = setUp()

  expect(await post({ body: bytes })).toEqual({ statusCode: 204 })

  const reason = `Unreadable event: ${problem}`
  const at = '2026-11-22T12:00:01.000Z'
  expect(deadLetters()).toEqual([
    {
      deadLetter: { reason, attempts: 1, since: at, at },
      job: { v: 1, type: 'event', rawBody: expect.any(String), traceId: 'request-1' },
    },
  ])
  expect(bytes.toString()).toContain(gunzip(deadLetters()[0]!.job.rawBody).toString().trim())
  expect(sqs.messages).toHaveLength(1)
  expect(deliveries()).toEqual([])
  expect(lines).toMatchObject([
    { level: 'info', message: 'Unreadable event, kept among the dead letters', traceId: 'request-1', reason },
  ])
  expect(counts).toMatchObject({ UnreadableEvents: 1 })
})

test('the events of an array have each their own fate', async () => {
  const { post, deliveries, deadLetters, counts } = setUp()
  const another = body.replace('0b5f3c1d9e7a4b2c8d6e0f1a2b3c4d5e', 'another')

  expect(
    await post({ body: `[${body}, 7, {"type":"RENAMED"}, ${example('hubspot/channel-account-created')}, ${another}]` }),
  ).toEqual({ statusCode: 204 })

  expect(deliveries()).toMatchObject([
    { messageId: '0b5f3c1d9e7a4b2c8d6e0f1a2b3c4d5e' },
    { change: 'created' },
    { messageId: 'another', original: another.trim() },
  ])
  expect(deadLetters().map(({ job }) => gunzip(job.rawBody).toString())).toEqual(['7', '{"type":"RENAMED"}'])
  expect(counts).toMatchObject({ MessagesAccepted: 2, ChannelAccountEvents: 1, UnreadableEvents: 2, UnknownEvents: 1 })
})

test('what is not as documented, and not needed, is repaired or dropped, and counted by its name', async () => {
  const { post, deliveries, lines, counts, everything } = setUp()
  const event = JSON.parse(body)
  const strange = {
    ...event,
    portalId: 243842089,
    eventTimestamp: 1795348800500,
    eventId: { hunter2: true },
    channelIntegrationThreadIds: '0f3c9a5b7d1e4c2f8a6b0d9e3f5a7c1b',
    message: { ...event.message, createdAt: 'hunter2', senders: 'hunter2' },
  }

  expect(await post({ body: JSON.stringify(strange) })).toEqual({ statusCode: 204 })

  expect(deliveries()).toMatchObject([
    {
      portalId: '243842089',
      createdAt: '2026-11-22T12:00:00.500Z',
      integrationThreadIds: ['0f3c9a5b7d1e4c2f8a6b0d9e3f5a7c1b'],
      text: 'Your parcel arrives tomorrow.',
    },
  ])
  const unexpected = [
    'portalId',
    'eventTimestamp',
    'message.createdAt',
    'eventId',
    'channelIntegrationThreadIds',
    'message.senders',
  ]
  expect(lines).toMatchObject([{ message: 'Message queued', unexpected }])
  expect(counts).toEqual({ MessagesAccepted: 1, UnexpectedFields: 6 })
  expect(everything()).not.toContain('hunter2')
})

test('a message that cannot be delivered goes to whoever tells the agent, as it came and with its ids', async () => {
  const { post, deliveries, deadLetters, lines, counts } = setUp()
  const event = body.replace('"text": "', '"text": 7, "was": "')

  expect(await post({ body: event })).toEqual({ statusCode: 204 })

  const ids = {
    portalId: '243842089',
    channelId: '2300310',
    channelAccountId: '3000000001',
    messageId: '0b5f3c1d9e7a4b2c8d6e0f1a2b3c4d5e',
  }
  expect(deliveries()).toEqual([
    {
      v: 1,
      type: 'event',
      ...ids,
      createdAt: '2026-11-22T12:00:00Z',
      rawBody: expect.any(String),
      traceId: 'request-1',
    },
  ])
  expect(gunzip((deliveries() as [{ rawBody: string }])[0].rawBody).toString()).toBe(event)
  expect(deadLetters()).toEqual([])
  expect(lines).toMatchObject([
    { level: 'warn', message: 'Message that cannot be delivered', ...ids, problem: 'message.text: cannot be read' },
  ])
  expect(counts).toEqual({ MessagesUndeliverable: 1, UnexpectedFields: 1 })
})

test('without delivery, a message that could not be delivered is announced all the same: it may have gone out', async () => {
  const { post, deliveries, deadLetters, counts } = setUp({ delivers: false })

  await post({ body: body.replace('"text": "', '"text": 7, "was": "') })
  expect(deliveries()).toMatchObject([{ createdAt: '2026-11-22T12:00:00Z', channelAccountId: '3000000001' }])
  expect(counts).toMatchObject({ MessagesAccepted: 1 })

  await post({ body: body.replace('"3000000001"', '{"value": "3000000001"}') })
  expect(deliveries()).toHaveLength(1)
  expect(deadLetters()).toMatchObject([
    { deadLetter: { reason: 'Unreadable event: message.channelAccountId: cannot be read' } },
  ])
})

test('a body of more than a mebibyte is taken, if it is signed', async () => {
  const { post, deliveries, counts } = setUp()
  const large = messageOf('x'.repeat(5 * mebibyte))

  expect(await post({ body: large, headers: {} })).toEqual({ statusCode: 401, body: '' })
  expect(await post({ body: large })).toEqual({ statusCode: 204 })
  const [job] = deliveries() as [{ rawBody: string }]
  expect(gunzip(job.rawBody).toString()).toBe(large)
  expect(counts).toEqual({ MessagesAccepted: 1, WebhooksRejected: 1 })
})

test.each([900_000, 3_000_000])(
  '%i bytes that do not compress are kept in pieces, and the first says which message it is',
  async (bytes) => {
    const { post, deliveries, deadLetters } = setUp()
    const large = messageOf(randomBytes(bytes).toString('base64'))

    expect(await post({ body: large })).toEqual({ statusCode: 204 })

    const first = deliveries()[0] as { rawBody: string; piece: { of: number } }
    expect(first).toMatchObject({ messageId: '0b5f3c1d9e7a4b2c8d6e0f1a2b3c4d5e', piece: { index: 0 } })
    const pieces = [first, ...deadLetters().map(({ job }) => job)]
    expect(pieces).toHaveLength(first.piece.of)
    expect(gunzip(pieces.map(({ rawBody }) => rawBody).join('')).toString()).toBe(large)
  },
)

test.each([790_000, 2_000_000])('%i bytes that are no event are kept in pieces, too', async (bytes) => {
  const { post, deliveries, deadLetters } = setUp()
  const large = randomBytes(bytes)

  expect(await post({ body: large })).toEqual({ statusCode: 204 })
  expect(deliveries()).toEqual([])
  expect(
    gunzip(
      deadLetters()
        .map(({ job }) => job.rawBody)
        .join(''),
    ),
  ).toEqual(large)
})

test('every character of a text reaches the queue', async () => {
  const { post, deliveries } = setUp()

  await fc.assert(
    fc.asyncProperty(anyText, async (random) => {
      const text = `👩‍👩‍👧‍👦 𝒳 🇩🇪 é\u0000\u2028\uFFFF"\\ ${random}`

      expect(await post({ body: messageOf(text) })).toEqual({ statusCode: 204 })
      expect(deliveries().at(-1)).toMatchObject({ text, original: messageOf(text) })
    }),
  )
})

test('a message that is too large for its job goes as HubSpot sent it, to be read by whoever delivers it', async () => {
  const { post, deliveries, counts } = setUp()
  const large = messageOf(randomBytes(600_000).toString('base64'))

  expect(await post({ body: large })).toEqual({ statusCode: 204 })
  const [job] = deliveries() as [{ rawBody: string }]
  expect(job).toMatchObject({ v: 1, traceId: 'request-1' })
  expect(gunzip(job.rawBody).toString()).toBe(large)
  expect(counts).toEqual({ MessagesAccepted: 1 })
})

test('whatever comes unsigned is refused, and nothing is queued', async () => {
  const { post, sqs, counts } = setUp()
  const names = fc.constantFrom(
    'x-hubspot-signature-v3',
    'x-hubspot-request-timestamp',
    'x-hubspot-signature',
    'cookie',
  )
  const headers = fc.dictionary(names, fc.oneof(anyText, fc.constant(String(now))), {
    noNullPrototype: true,
  })
  const bodies = fc.option(fc.oneof(anyText, fc.uint8Array()), { nil: undefined })

  await fc.assert(
    fc.asyncProperty(headers, bodies, async (headers, body) => {
      expect(await post({ headers, ...(body !== undefined && { body }) })).toEqual({ statusCode: 401, body: '' })
    }),
  )
  expect(sqs.messages).toEqual([])
  expect(Object.keys(counts)).toEqual(['WebhooksRejected'])
})

test('what people wrote, who they are and what is secret appear in no log line, whatever happens', async () => {
  const sentinel = fc.constantFrom('hunter2', '+4915112345678', 'ada@example.com')
  const field = fc.constantFrom(
    ...['text', 'richText', 'attachments', 'senders', 'recipients', 'inReplyToId', 'status', 'createdBy'],
    ...['conversationsThreadId', 'createdAt', 'truncationStatus', 'unheardOf'],
  )
  const shaped = sentinel.chain((word) =>
    fc.constantFrom<unknown>(
      word,
      { [word]: word },
      [word],
      [{ actorId: word, name: word, deliveryIdentifier: word }],
      [{ deliveryIdentifier: { type: word, value: word } }],
      { statusType: word },
    ),
  )
  const trouble = fc.constantFrom('none', 'cut off', 'forged', 'queue down', 'secret wrong')

  await fc.assert(
    fc.asyncProperty(field, shaped, trouble, async (name, value, trouble) => {
      const { post, sqs, secretsManager, everything } = setUp()
      const event = JSON.parse(body)
      event.message[name] = value
      const whole = JSON.stringify(event)
      const sent = trouble === 'cut off' ? whole.slice(0, -1) : whole
      sqs.down = trouble === 'queue down'
      if (trouble === 'secret wrong')
        secretsManager.values.set('app', JSON.stringify({ clientSecrets: ['hunter2', 7] }))

      const clientSecret = trouble === 'forged' ? 'hunter2' : 'current-secret'
      const answer = await post({ body: sent, headers: signed({ body: sent }, { clientSecret }) })

      expect([204, 401, 503]).toContain(answer?.statusCode)
      expect(everything() + JSON.stringify(answer)).not.toMatch(/hunter2|49151|ada@|parcel|current-secret/)
    }),
    { numRuns: 200 },
  )
})

function setUp({ publicBaseUrl, delivers = true }: { publicBaseUrl?: string | undefined; delivers?: boolean } = {}) {
  let time = now
  const sqs = createFakeSqs()
  const secretsManager = createFakeSecretsManager({ app: appSecret })
  const secrets = createSecrets(inSecretsManager(secretsManager.getSecretValue), () => time)
  const { telemetry, ...told } = collectTelemetry()
  const handler = createHandler({
    appSecret: (options) => secrets.require('app', AppSecret, options),
    queue: createQueue(sqs.client, 'deliveries'),
    deadLetters: createQueue(sqs.client, 'dead-letters'),
    delivers,
    publicBaseUrl,
    telemetry,
    now: () => time,
  })
  const handle = (event: ReturnType<typeof httpEvent>) => handler(event, {} as Context)
  return {
    ...told,
    sqs,
    secretsManager,
    handle,
    /** Posts to the webhook as HubSpot does; with headers of its own, as somebody else. */
    post: (request: Partial<SentRequest>) => handle(httpEvent({ url, headers: signed(request), ...request })),
    pass: (seconds: number) => {
      time += seconds * 1000
    },
    deliveries: () => sqs.jobsIn('deliveries'),
    deadLetters: () => sqs.jobsIn('dead-letters') as { job: { rawBody: string } }[],
  }
}

/** HubSpot's headers for a request to the webhook, unless told otherwise. */
function signed(
  request: Partial<SentRequest>,
  { clientSecret = 'current-secret', timestamp = String(now) }: { clientSecret?: string; timestamp?: string } = {},
) {
  return hubspotHeaders({ url, ...request }, { clientSecret, timestamp })
}

function messageOf(text: string) {
  const event = JSON.parse(example('hubspot/outgoing-message-bare'))
  return JSON.stringify({ ...event, message: { ...event.message, text } })
}
