import fc from 'fast-check'
import { expect, test } from 'vitest'
import { eventsIn } from '../../../functions/hubspot/event-array.ts'
import { parseEvent } from '../../../functions/hubspot/events.ts'
import { DeliveryJob } from '../../../functions/messages/jobs.ts'
import { usualBehaviour } from '../../../infra/local/hubspot/behaviour.ts'
import { messageEvent } from '../../../infra/local/hubspot/webhooks.ts'
import { example } from '../../support/examples.ts'

const arrival = { traceId: 'request-1', receivedAt: Date.parse('2026-11-22T12:00:01Z') }

test("an agent's message becomes a job with all that a provider needs", () => {
  const body = example('hubspot/outgoing-message')

  expect(deliveryOf(body)).toEqual({
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
    type: 'message',
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

  expect(reading(JSON.stringify(body))).toMatchObject({ kind: 'message', unexpected: [] })
})

test('without any time in the event, the message counts from when it came', () => {
  const { eventTimestamp: _, ...timeless } = JSON.parse(example('hubspot/outgoing-message-bare'))

  expect(deliveryOf(JSON.stringify(timeless))).toMatchObject({ createdAt: '2026-11-22T12:00:01.000Z' })
})

test.each([
  ['hubspot/channel-account-created', 'created', '2026-11-22T'],
  ['hubspot/channel-account-updated', 'updated', '2026-11-22T'],
  ['hubspot/channel-account-purged', 'purged', '2026-11-22T'],
])('%s is read, without its address', (name, change, at) => {
  const read = reading(example(name))

  expect(read).toMatchObject({
    kind: 'account',
    job: { type: 'account', portalId: '243842089', channelId: '2300310', channelAccountId: '3000000001', change },
    unexpected: [],
  })
  expect(read).toMatchObject({ job: { at: expect.stringContaining(at) } })
  expect(JSON.stringify(read)).not.toContain('+1555')
})

test('a type that HubSpot did not document is told from a body that cannot be read', () => {
  expect(reading('{"type":"CHANNEL_ACCOUNT_RENAMED","portalId":1}')).toMatchObject({
    kind: 'unknown',
    type: 'CHANNEL_ACCOUNT_RENAMED',
  })
  expect(reading('{"type":"CHANNEL_ACCOUNT_PURGED","portalId":1}')).toMatchObject({ kind: 'unreadable' })
  expect(reading(`{"type":"${'A'.repeat(5000)}"}`)).toMatchObject({ kind: 'unknown', type: 'A'.repeat(100) })
})

test.each([
  ['nothing at all', '', 'not JSON'],
  ['a cut-off document', '{"type":"OUTGOING_CHANNEL_MESS', 'not JSON'],
  ["an app's webhooks, which are arrays", example('hubspot/app-webhook'), 'document: not an object'],
  ['null', 'null', 'document: not an object'],
  ['a text', '"OUTGOING_CHANNEL_MESSAGE_CREATED"', 'document: not an object'],
  ['an object without a type', '{"portalId":"1"}', 'type: cannot be read'],
  ['a type that is no text', '{"type":7}', 'type: cannot be read'],
])('%s is unreadable, and the problem says why', (_, body, problem) => {
  expect(reading(body)).toMatchObject({ kind: 'unreadable', problem })
})

test('bytes that are not UTF-8 are unreadable, not replaced', () => {
  const body = Buffer.concat([
    Buffer.from('{"type":"'),
    Buffer.from([0xff, 0xc3, 0x28]),
    Buffer.from('"'),
    Buffer.from('}]'),
  ])

  expect(parseEvent(body, arrival)).toMatchObject({ kind: 'unreadable', problem: 'not UTF-8' })
})

test('a byte order mark does no harm', () => {
  const body = `\uFEFF${example('hubspot/outgoing-message')}`

  expect(deliveryOf(body)).toMatchObject({ messageId: '0b5f3c1d9e7a4b2c8d6e0f1a2b3c4d5e' })
})

test.each([
  ['an object', '{"a":1}', ['{"a":1}']],
  ['an array', ' [ {"a":[1,2]} , {"b":"],["} ,\n 7, "\\"]" ] ', ['{"a":[1,2]}', '{"b":"],["}', '7', '"\\"]"']],
  ['an array within an array', '[[{"a":1},{"b":2}],{"c":3}]', ['{"a":1}', '{"b":2}', '{"c":3}']],
  ['an empty array', ' [ ] ', []],
  ['an array without an end', '[{"a":1},', ['[{"a":1},']],
  ['an array with something behind it', '[{"a":1}] x', ['[{"a":1}] x']],
  ['an array of nothing', '[,]', ['', '']],
  ['nothing', '', ['']],
  ['a byte order mark', '\uFEFF[1]', ['1']],
])('%s is each of its events', (_, body, events) => {
  expect(eventsIn(Buffer.from(body)).map((event) => Buffer.from(event).toString())).toEqual(events)
})

test('the events of an array are what it was made of', () => {
  fc.assert(
    fc.property(
      fc.array(
        fc.jsonValue().filter((value) => !Array.isArray(value)),
        { maxLength: 20 },
      ),
      fc.nat(3),
      (values, space) => {
        const events = eventsIn(Buffer.from(JSON.stringify(values, undefined, space)))

        expect(events.map((event) => JSON.parse(Buffer.from(event).toString()))).toEqual(
          JSON.parse(JSON.stringify(values)),
        )
      },
    ),
  )
})

test.each([
  ['of New York, at once', '2026-11-22T07:00:00', false],
  ['of Kathmandu, with a fraction', '2026-11-22 17:45:00.123', false],
  ['of UTC, at once', '2026-11-22T12:00:00', true],
  ['of UTC, which is said, hours ago', '2026-11-22T07:00:00Z', true],
])('a time without a zone is UTC only where that is about now: %s', (_, time, isRead) => {
  const event = JSON.parse(example('hubspot/outgoing-message'))
  const body = { ...event, eventTimestamp: time, message: { ...event.message, createdAt: time } }
  const read = parseEvent(Buffer.from(JSON.stringify(body)), {
    ...arrival,
    receivedAt: Date.parse('2026-11-22T12:00:03Z'),
  })
  const createdAt = read.kind === 'message' ? Date.parse(read.job.createdAt) : Number.NaN

  expect(createdAt).toBe(Date.parse(isRead ? `${time.replace('Z', '')}Z` : '2026-11-22T12:00:03Z'))
})

test('reading never throws, whatever the bytes are', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 500 }), (bytes) => {
      for (const event of [bytes, ...eventsIn(bytes)]) expect(parseEvent(event, arrival).kind).toBeTruthy()
    }),
  )
})

test('reading never throws, whatever the document is', () => {
  fc.assert(fc.property(fc.json(), (document) => void expect(reading(document).kind).toBeTruthy()))
  expect(reading('['.repeat(100_000))).toMatchObject({ kind: 'unreadable', problem: 'not JSON' })
})

test.each([
  ['message.id', 'unreadable'],
  ['eventId', 'message'],
  ['channelIntegrationThreadIds', 'message'],
])('nor where %s has a length, as a text has, that is no number', (field, kind) => {
  for (const length of ['9007199254740993', '[1e300]', '{"valueOf":1,"toString":1}']) {
    const event = JSON.parse(example('hubspot/outgoing-message'))
    const body = JSON.stringify(changed(event, field.split('.'), { length: 'odd' })).replace('"odd"', length)

    expect(reading(body)).toMatchObject({ kind, unexpected: [field] })
  }
})

test('a message with anything in place of one of its fields is one of four things, and its problem quotes nothing', () => {
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
      const read = reading(JSON.stringify(changed(event, path, value)))

      if (read.kind === 'message') DeliveryJob.parse({ v: 1, ...read.job })
      if ('problem' in read) expect(read.problem).toMatch(/^[\w.]+: [\w ]+(; [\w.]+: [\w ]+)*$/)
      if ('problem' in read) expect(read.problem + read.unexpected.join()).not.toContain(secret)
      if (read.kind === 'undeliverable') expect(read.reason).not.toContain(secret)
    }),
    { numRuns: 500 },
  )
})

test("the simulated HubSpot's other form says the same as the documented one", () => {
  const message = {
    ...{ id: '9007199254740', portalId: '1001', channelId: '2300310', channelAccountId: '3000000001' },
    ...{ conversationsThreadId: '9000000001', integrationThreadIds: ['thread-1'], to: ['+15550100002'], text: '42' },
    ...{ eventId: 'event-1', createdAt: arrival.receivedAt, status: 'SENT' as const, patches: [], webhooks: [] },
  }
  const [documented, other] = (['documented', 'other'] as const).map((eventForm) => {
    const body = Buffer.from(JSON.stringify(messageEvent({ ...usualBehaviour, eventForm }, message)))
    return eventsIn(body).map((event) => parseEvent(event, arrival))
  })

  expect(documented).toMatchObject([{ kind: 'message', unexpected: [] }])
  expect(other).toMatchObject([
    { kind: 'message', job: { ...(documented![0] as { job: object }).job, original: expect.any(String) } },
  ])
  expect(other![0]!.unexpected).toEqual(
    expect.arrayContaining(['portalId', 'message.id', 'message.createdAt', 'channelIntegrationThreadIds']),
  )
})

const reading = (body: string) => parseEvent(Buffer.from(body), arrival)

function deliveryOf(body: string) {
  const read = reading(body)
  if (read.kind !== 'message') throw new Error(`Read as ${JSON.stringify(read)}`)
  return read.job
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
