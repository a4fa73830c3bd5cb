import fc from 'fast-check'
import { expect, test } from 'vitest'
import { readEvent, toDelivery } from '../../../functions/hubspot/events.ts'
import { DeliveryJob } from '../../../functions/messages/jobs.ts'
import { example } from '../../support/examples.ts'

const arrival = { traceId: 'request-1', receivedAt: Date.parse('2026-11-22T12:00:01Z') }

test("an agent's message becomes a job with all that a provider needs", () => {
  const body = example('hubspot/outgoing-message')

  expect(deliveryOf(body)).toEqual({
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
    attachments: [
      {
        type: 'FILE',
        fileId: '178900000001',
        fileUsageType: 'IMAGE',
        name: 'parcel.png',
        url: 'https://files.example.com/parcel.png',
      },
    ],
    createdAt: '2026-11-22T12:00:00Z',
    eventId: '9f1c2b1e-3c56-4e0f-8a51-3a1f0b6f7d20',
    traceId: 'request-1',
    original: body,
  })
})

test('what may be missing may be missing, or null', () => {
  const body = example('hubspot/outgoing-message-bare')

  expect(deliveryOf(body)).toEqual({
    portalId: '243842089',
    channelId: '2300310',
    channelAccountId: '3000000001',
    messageId: '0b5f3c1d9e7a4b2c8d6e0f1a2b3c4d5e',
    integrationThreadIds: [],
    from: { actorId: 'A-51234567' },
    to: [{ actorId: 'V-9912345', deliveryIdentifier: { value: '+15550100002' } }],
    text: 'Your parcel arrives tomorrow.',
    attachments: [],
    createdAt: '2026-11-22T12:00:00.500Z',
    traceId: 'request-1',
    original: body,
  })
})

test.each([
  'eventTimestamp',
  'eventId',
  'channelIntegrationThreadIds',
  'message.conversationsThreadId',
  'message.createdAt',
  'message.senders',
  'message.recipients',
  'message.text',
  'message.richText',
  'message.attachments',
  'message.inReplyToId',
  'message.status',
])('with %s being null a message is read as without it', (field) => {
  const event = JSON.parse(example('hubspot/outgoing-message'))
  const bodyWith = (value: unknown) => JSON.stringify(changed(event, field.split('.'), value))
  const { original: _, ...without } = deliveryOf(bodyWith(undefined))

  expect(deliveryOf(bodyWith(null))).toMatchObject(without)
})

test.each(['SENT', { statusType: 'SENT' }, 7])("a message's own status is not needed, be it %o", (status) => {
  const body = changed(JSON.parse(example('hubspot/outgoing-message')), ['message', 'status'], status)

  expect(read(JSON.stringify(body))).toMatchObject({ kind: 'message' })
})

test('without any time in the event, the message counts from when it came', () => {
  const { eventTimestamp: _, ...timeless } = JSON.parse(example('hubspot/outgoing-message-bare'))

  expect(deliveryOf(JSON.stringify(timeless))).toMatchObject({ createdAt: '2026-11-22T12:00:01.000Z' })
})

test.each(['hubspot/channel-account-created', 'hubspot/channel-account-updated', 'hubspot/channel-account-purged'])(
  '%s is read, whichever way the delivery identifier is written',
  (name) => {
    const { type } = JSON.parse(example(name))

    expect(read(example(name))).toMatchObject({
      kind: 'account',
      event: {
        type,
        portalId: '243842089',
        channelAccountId: '3000000001',
        channelAccountDeliveryIdentifier: { value: '+15550100001' },
      },
    })
  },
)

test('a type that HubSpot did not document is told from a body that cannot be read', () => {
  expect(read('{"type":"CHANNEL_ACCOUNT_RENAMED","portalId":1}')).toEqual({
    kind: 'unknown',
    type: 'CHANNEL_ACCOUNT_RENAMED',
  })
  expect(read('{"type":"CHANNEL_ACCOUNT_PURGED","portalId":1}')).toMatchObject({ kind: 'unreadable' })
  expect(read(`{"type":"${'A'.repeat(5000)}"}`)).toEqual({ kind: 'unknown', type: 'A'.repeat(100) })
})

test.each([
  ['nothing at all', '', 'not JSON'],
  ['a cut-off document', '{"type":"OUTGOING_CHANNEL_MESS', 'not JSON'],
  ["an app's webhooks, which are arrays", example('hubspot/app-webhook'), 'document: expected object'],
  ['null', 'null', 'document: expected object'],
  ['a string', '"OUTGOING_CHANNEL_MESSAGE_CREATED"', 'document: expected object'],
  ['an object without a type', '{"portalId":"1"}', 'type: invalid union'],
  ['a type that is no string', '{"type":7}', 'type: invalid union'],
])('%s is unreadable, and the problem says why', (_, body, problem) => {
  expect(read(body)).toEqual({ kind: 'unreadable', problem })
})

test('bytes that are not UTF-8 are unreadable, not replaced', () => {
  const body = Buffer.concat([Buffer.from('{"type":"'), Buffer.from([0xff, 0xc3, 0x28]), Buffer.from('"}')])

  expect(readEvent(body)).toEqual({ kind: 'unreadable', problem: 'not UTF-8' })
})

test.each([
  ['portalId', undefined],
  ['portalId', 243842089],
  ['portalId', '24384208９'],
  ['channelId', null],
  ['channelId', '../2300310'],
  ['message', 'Hello'],
  ['message.id', undefined],
  ['message.id', ''],
  ['message.id', 17],
  ['message.id', 'x'.repeat(513)],
  ['message.channelAccountId', undefined],
  ['message.channelAccountId', { value: '3000000001' }],
  ['message.recipients', 'V-9912345'],
  ['message.createdAt', 'yesterday'],
])('with %s being %o a message is unreadable, and the problem names the field', (field, value) => {
  const body = changed(JSON.parse(example('hubspot/outgoing-message')), field.split('.'), value)

  expect(read(JSON.stringify(body))).toEqual({ kind: 'unreadable', problem: expect.stringContaining(`${field}: `) })
})

test('a byte order mark does no harm', () => {
  const body = `\uFEFF${example('hubspot/outgoing-message')}`

  expect(deliveryOf(body)).toMatchObject({ messageId: '0b5f3c1d9e7a4b2c8d6e0f1a2b3c4d5e', original: body })
})

test('reading never throws, whatever the bytes are', () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 500 }), (bytes) => void expect(readEvent(bytes).kind).toBeTruthy()))
})

test('reading never throws, whatever the document is', () => {
  fc.assert(fc.property(fc.json(), (document) => void expect(read(document).kind).toBeTruthy()))
  expect(read('['.repeat(100_000))).toEqual({ kind: 'unreadable', problem: 'not JSON' })
})

test('a message with anything in place of one of its fields is read into a job or is unreadable, and its problem quotes nothing', () => {
  const event = JSON.parse(example('hubspot/outgoing-message'))
  const field = fc.constantFrom(...pathsIn(event))
  const secret = 'call 4915112345678'
  const values = fc.oneof(
    fc.constant(secret),
    fc.constant([secret]),
    fc.constant({ [secret]: secret, value: secret, type: secret, statusType: secret }),
    fc.jsonValue(),
  )

  fc.assert(
    fc.property(field, values, (path, value) => {
      const body = JSON.stringify(changed(event, path, value))
      const result = read(body)

      if (result.kind === 'message') DeliveryJob.parse({ v: 1, ...deliveryOf(body) })
      if (result.kind === 'unreadable') expect(result.problem).toMatch(/^[\w.]+: [\w ]+(; [\w.]+: [\w ]+)*$/)
      if (result.kind === 'unreadable') expect(result.problem).not.toContain(secret)
    }),
    { numRuns: 500 },
  )
})

const read = (body: string) => readEvent(Buffer.from(body))

function deliveryOf(body: string) {
  const result = read(body)
  if (result.kind !== 'message') throw new Error(`Read as ${JSON.stringify(result)}`)
  return toDelivery(result.event, Buffer.from(body), arrival)
}

/** A document with a value in place of what is at a path; undefined removes it. */
function changed(document: unknown, [first, ...rest]: string[], value: unknown): unknown {
  if (first === undefined) return value
  const inner = changed((document as Record<string, unknown>)[first], rest, value)
  return Array.isArray(document) ? document.with(Number(first), inner) : { ...(document as object), [first]: inner }
}

function pathsIn(document: unknown, path: string[] = []): string[][] {
  if (typeof document !== 'object' || document === null) return [path]
  return [path, ...Object.entries(document).flatMap(([key, value]) => pathsIn(value, [...path, key]))]
}
