import type { Context } from 'aws-lambda'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { createHandler, path } from '../../functions/hubspot-webhook.ts'
import { gunzip, gzip } from '../../functions/platform/queue.ts'
import { inForms, whatItCannotCarry } from '../../functions/providers/capabilities.ts'
import { readContent } from '../../functions/providers/content.ts'
import { readRecipients } from '../../functions/providers/recipients.ts'
import { capabilities } from '../../functions/providers/twilio/capabilities.ts'
import { httpEvent, hubspotHeaders } from '../support/http-events.ts'
import { createWorld } from '../support/world.ts'

// HubSpot documents one form of its event, and nobody has seen that it keeps to it. From that form, many others; each goes
// the whole way: webhook, queue, provider, HubSpot.

const event = {
  type: 'OUTGOING_CHANNEL_MESSAGE_CREATED',
  portalId: '1',
  channelId: '2',
  eventTimestamp: '2026-11-22T12:00:00.500Z',
  eventId: 'event-1',
  channelIntegrationThreadIds: ['thread-1'],
  message: {
    id: 'm-1',
    type: 'MESSAGE',
    channelId: '2',
    channelAccountId: '3',
    conversationsThreadId: '8812345678',
    createdAt: '2026-11-22T12:00:00Z',
    createdBy: 'A-5',
    senders: [{ actorId: 'A-5', name: 'Ada', deliveryIdentifier: { type: 'HS_PHONE_NUMBER', value: '+15550100001' } }],
    recipients: [
      { actorId: 'V-9', name: 'Bo', deliveryIdentifier: { type: 'HS_PHONE_NUMBER', value: '+15550100002' } },
    ],
    text: 'Your parcel arrives tomorrow.',
    richText: '<p>Your parcel arrives tomorrow.</p>',
    attachments: [{ type: 'FILE', fileUsageType: 'IMAGE', name: 'a.png', url: 'https://files.example.com/a.png' }],
    direction: 'OUTGOING',
    inReplyToId: 'm-0',
    truncationStatus: 'NOT_TRUNCATED',
    status: 'SENT' as unknown,
  },
}

/** What becomes of an event: the message is delivered, FAILED in these words, or the event is kept and HubSpot told nothing. */
type Fate = 'delivered' | 'kept' | { failed: RegExp | string }
type Variant = { name: string; body: string; fate: Fate; messageId?: string; createdAt?: string; kept?: number }

const half = '\ud83d'
const odd: unknown[] = [
  ...[0, 7, -5, 1.5, 1e21, true, false, '', ' ', 'x'.repeat(3000), `${half}cut`, 'nul\u0000'],
  ...[[], {}, [[]], [null], ['a'], [{}], { value: 'a' }, { id: 1 }, { __proto__: null, constructor: 1 }],
]

/** The event with something else in a field; undefined leaves it out. */
const withField = (field: string, value: unknown) => JSON.stringify(changed(event, field.split('.'), value))

const described = (value: unknown) => (value === undefined ? 'missing' : JSON.stringify(value).slice(0, 40))

// Names, times, trace and thread ids, and what nobody reads.
const inessential = [
  'eventTimestamp',
  'eventId',
  'channelIntegrationThreadIds',
  'channelIntegrationThreadIds.0',
  'message.type',
  'message.channelId',
  'message.conversationsThreadId',
  'message.createdAt',
  'message.createdBy',
  'message.senders',
  'message.senders.0',
  'message.senders.0.actorId',
  'message.senders.0.name',
  'message.senders.0.deliveryIdentifier',
  'message.senders.0.deliveryIdentifier.value',
  'message.recipients.0.actorId',
  'message.recipients.0.name',
  'message.recipients.0.deliveryIdentifier.type',
  'message.direction',
  'message.inReplyToId',
  'message.truncationStatus',
  'message.status',
  'neverHeardOf',
  'message.neverHeardOf',
]
const droppable = inessential.flatMap((field) =>
  [undefined, null, ...odd].map(
    (value): Variant => ({
      name: `${field}: ${described(value)}`,
      body: withField(field, value),
      fate: 'delivered',
    }),
  ),
)

// A word in quotes stands as it is: numbers of this size do not survive JSON.stringify.
const written = (field: string, source: string) =>
  withField(field, 'HERE').replace('"HERE"', source.replaceAll("'", '"'))

const ids = [
  ...[
    '9007199254740993',
    '12345678901234567890',
    '9223372036854775807',
    '4503599627370497',
    '7',
    '70.0',
    '7e3',
  ].flatMap((number) =>
    ['message.id', 'eventId', 'message.conversationsThreadId', 'channelIntegrationThreadIds.0'].map(
      (field): Variant => ({
        name: `${field}: ${number}`,
        body: written(field, number),
        fate: 'delivered',
        ...(field === 'message.id' && { messageId: { '70.0': '70', '7e3': '7000' }[number] ?? number }),
      }),
    ),
  ),
  ...['1', '1.0', '1e0'].map(
    (number): Variant => ({ name: `portalId: ${number}`, body: written('portalId', number), fate: 'delivered' }),
  ),
  ...['2', '2.00'].map(
    (number): Variant => ({ name: `channelId: ${number}`, body: written('channelId', number), fate: 'delivered' }),
  ),
  { name: 'channelAccountId: 3', body: written('message.channelAccountId', '3'), fate: 'delivered' as const },
  // The same id stands in the message, too.
  ...[undefined, null, ...odd.filter((value) => value !== 0 && value !== 7), 'two', '../2', '٢'].map(
    (value): Variant => ({
      name: `channelId: ${described(value)}`,
      body: withField('channelId', value),
      fate: 'delivered',
    }),
  ),
  ...['portalId', 'message.id', 'message', 'type'].flatMap((field) =>
    [undefined, null, '', -5, 1.5, true, [], {}, [1], { value: '1' }, `${half}1`, 'x'.repeat(3000)].map(
      (value): Variant => ({ name: `${field}: ${described(value)}`, body: withField(field, value), fate: 'kept' }),
    ),
  ),
  ...['..', '.'].map(
    (value): Variant => ({ name: `message.id: ${value}`, body: withField('message.id', value), fate: 'kept' }),
  ),
  ...['one', ' 1', '1 ', '1/2', '١', '-1', '1'.repeat(21)].map(
    (value): Variant => ({ name: `portalId: ${value}`, body: withField('portalId', value), fate: 'kept' }),
  ),
  ...['m#1', 'm/1', 'm 1', '?a=b', 'é'.repeat(512), '#', '%2e%2e', 'nul\u0000', '__proto__'].map(
    (value): Variant => ({
      name: `message.id: ${value.slice(0, 9)}`,
      body: withField('message.id', value),
      fate: 'delivered',
      messageId: value,
    }),
  ),
  ...[
    undefined,
    null,
    '',
    -5,
    1.5,
    true,
    [],
    {},
    ['3'],
    { value: '3' },
    { id: '3' },
    '..',
    `${half}3`,
    'x'.repeat(513),
  ].map(
    (value): Variant => ({
      name: `message.channelAccountId: ${described(value)}`,
      body: withField('message.channelAccountId', value),
      fate: {
        failed:
          /^The message was not sent: HubSpot sent .*the account that it goes out by.* in a form that could not be read\. Send it again, and if that fails too, tell your administrator\.$/,
      },
    }),
  ),
]

const notSent = (what: string) =>
  new RegExp(
    `^The message was not sent: HubSpot sent ${what} in a form that could not be read\\. (Send|Try) .*tell your administrator\\.$`,
  )
const notText = [0, 7, 1.5, true, false, [], {}, ['a'], [{}], { text: 'a' }, { value: 'a' }, 12]
const content = [
  ...notText.flatMap((value): Variant[] => [
    {
      name: `message.text: ${described(value)}`,
      body: withField('message.text', value),
      fate: { failed: notSent('its text') },
    },
    {
      name: `message.richText: ${described(value)}`,
      body: withField('message.richText', value),
      fate: { failed: notSent('its formatted text') },
    },
  ]),
  ...[0, 7, true, '', 'a.png', {}, { type: 'FILE' }].map(
    (value): Variant => ({
      name: `message.attachments: ${described(value)}`,
      body: withField('message.attachments', value),
      fate: { failed: notSent('its attachments') },
    }),
  ),
  ...[null, 7, 'a', {}, [], { type: 'STRANGE' }, { type: 'LOCATION' }, { type: 'FILE' }].map(
    (value): Variant => ({
      name: `message.attachments: [${described(value)}]`,
      body: withField('message.attachments', [value]),
      fate: { failed: /cannot be sent through this channel\.$|no web address for it\.$/ },
    }),
  ),
  ...[50, 90].map(
    (depth): Variant => ({
      name: `attachments ${depth} deep`,
      body: written(
        'message.attachments',
        `[{'type':'SOCIAL_MEDIA_METADATA','x':${'['.repeat(depth)}${']'.repeat(depth)}}]`,
      ),
      fate: 'delivered',
    }),
  ),
  ...[200, 5000, 20_000].map(
    (depth): Variant => ({
      name: `attachments ${depth} deep`,
      body: written('message.attachments', '['.repeat(depth) + ']'.repeat(depth)),
      fate: { failed: notSent('its attachments') },
    }),
  ),
  { name: 'half an emoji in the text', body: withField('message.text', `Hello ${half}`), fate: 'delivered' as const },
  { name: 'text of another script', body: withField('message.text', '你好 \u0000 \u2028'), fate: 'delivered' as const },
  ...[undefined, null].flatMap((value): Variant[] =>
    ['message.text', 'message.richText', 'message.attachments'].map((field) => ({
      name: `${field}: ${described(value)}`,
      body: withField(field, value),
      fate: 'delivered',
    })),
  ),
  {
    name: 'nothing to send',
    body: JSON.stringify(
      changed(
        changed(changed(event, ['message', 'text'], ''), ['message', 'richText'], null),
        ['message', 'attachments'],
        [],
      ),
    ),
    fate: { failed: 'The message is empty.' },
  },
]

const bo = event.message.recipients[0]!
const nobody = 'The message has no recipient with an address.'
const oneLost = '1 of 2 sends failed: A recipient has no address that can be read.'
const unreadable: unknown[] = [
  7,
  true,
  '',
  'V-9',
  '+15550100002',
  [],
  [bo],
  { deliveryIdentifier: {} },
  { deliveryIdentifier: 7 },
  { deliveryIdentifier: [] },
  { deliveryIdentifier: { value: null } },
  { deliveryIdentifier: { value: 15550100002 } },
  { deliveryIdentifier: { type: 'HS_PHONE_NUMBER', value: 15550100002 } },
  { deliveryIdentifier: { value: { value: '+1' } } },
  { deliveryIdentifier: { VALUE: '+15550100002' } },
  { deliveryIdentifier: { type: 'HS_PHONE_NUMBER' } },
  { deliveryIdentifier: { value: `+1555${half}` } },
]
const recipients = [
  ...[undefined, null, []].map(
    (value): Variant => ({
      name: `message.recipients: ${described(value)}`,
      body: withField('message.recipients', value),
      fate: { failed: nobody },
    }),
  ),
  ...[7, true, 'V-9', '', {}, bo].map(
    (value): Variant => ({
      name: `message.recipients: ${described(value)}`,
      body: withField('message.recipients', value),
      fate: { failed: notSent('its recipients') },
    }),
  ),
  ...unreadable.flatMap((value): Variant[] => [
    {
      name: `one recipient: ${described(value)}`,
      body: withField('message.recipients', [value]),
      fate: { failed: notSent('its recipients') },
    },
    {
      name: `another recipient: ${described(value)}`,
      body: withField('message.recipients', [bo, value]),
      fate: { failed: oneLost },
    },
    {
      name: `another recipient, first: ${described(value)}`,
      body: withField('message.recipients', [value, bo]),
      fate: { failed: oneLost },
    },
  ]),
  ...[
    {},
    { actorId: 'V-1' },
    { deliveryIdentifier: null },
    { deliveryIdentifier: '' },
    { deliveryIdentifier: ' ' },
    { deliveryIdentifier: '\u200b' },
  ].flatMap((value): Variant[] => [
    {
      name: `one recipient: ${described(value)}`,
      body: withField('message.recipients', [value]),
      fate: { failed: nobody },
    },
    {
      name: `another recipient: ${described(value)}`,
      body: withField('message.recipients', [bo, value]),
      fate: { failed: oneLost },
    },
  ]),
  ...[
    '+15550100002',
    { value: '+15550100002' },
    { type: null, value: '+15550100002' },
    { type: 7, value: '+15550100002', more: [] },
  ].map(
    (value): Variant => ({
      name: `deliveryIdentifier: ${described(value)}`,
      body: withField('message.recipients.0.deliveryIdentifier', value),
      fate: 'delivered',
    }),
  ),
  {
    name: 'an opaque id that is a number',
    body: withField('message.recipients.0.deliveryIdentifier', {
      type: 'CHANNEL_SPECIFIC_OPAQUE_ID',
      value: 123456789,
    }),
    fate: 'delivered' as const,
  },
]

const moments: [string, string][] = [
  ["'2026-11-22'", '2026-11-22T12:00:00.000Z'],
  ["'2026-11-21'", '2026-11-21T23:59:59.999Z'],
  ["'20261122'", '2026-11-22T12:00:00.000Z'],
  ["'2026-11-22T11:59:00'", '2026-11-22T11:59:00.000Z'],
  ["'2026-11-22 11:59:00'", '2026-11-22T11:59:00.000Z'],
  ["'2026-11-22 11:59:00Z'", '2026-11-22T11:59:00.000Z'],
  ["'2026-11-22T11:59Z'", '2026-11-22T11:59:00.000Z'],
  ["'2026-11-22T11Z'", '2026-11-22T11:00:00.000Z'],
  ["'2026-11-22T11:59:00.1Z'", '2026-11-22T11:59:00.1Z'],
  ["'2026-11-22T11:59:00.123456789Z'", '2026-11-22T11:59:00.123456789Z'],
  ["'2026-11-22T11:59:00.1234567891234Z'", '2026-11-22T11:59:00.123Z'],
  ["'2026-11-22T11:59:00,5Z'", '2026-11-22T11:59:00.500Z'],
  ["'2026-11-22T12:59:00+01:00'", '2026-11-22T12:59:00+01:00'],
  ["'2026-11-22T12:59:00+0100'", '2026-11-22T11:59:00.000Z'],
  ["'2026-11-22T12:59:00+01'", '2026-11-22T11:59:00.000Z'],
  ["'2026-11-22T06:29:00-0530'", '2026-11-22T11:59:00.000Z'],
  ["'2026-11-22T12:59:00+01:00[Europe/Berlin]'", '2026-11-22T11:59:00.000Z'],
  ["'20261122T115900Z'", '2026-11-22T11:59:00.000Z'],
  ["'2026-11-22t11:59:00z'", '2026-11-22T11:59:00.000Z'],
  ["' 2026-11-22T11:59:00Z '", '2026-11-22T11:59:00.000Z'],
  ["'2026-11-21T24:00:00Z'", '2026-11-22T00:00:00.000Z'],
  ["'2026-11-22T11:58:60Z'", '2026-11-22T11:58:59.000Z'],
  ["'Sun, 22 Nov 2026 11:59:00 GMT'", '2026-11-22T11:59:00.000Z'],
  ['1795348740', '2026-11-22T11:59:00.000Z'],
  ["'1795348740'", '2026-11-22T11:59:00.000Z'],
  ['1795348740.25', '2026-11-22T11:59:00.250Z'],
  ['1795348740000', '2026-11-22T11:59:00.000Z'],
  ["'1795348740000'", '2026-11-22T11:59:00.000Z'],
  ['1.79534874e12', '2026-11-22T11:59:00.000Z'],
  ['1795348740000000', '2026-11-22T11:59:00.000Z'],
  ['1795348740000000000', '2026-11-22T11:59:00.000Z'],
  // What is no time leaves the other field's.
  ...[
    "'yesterday'",
    '7',
    "'2026-02-30T00:00:00Z'",
    "'2026-13-01'",
    "'2026-11-22T25:00:00Z'",
    '-1795348740',
    "'0001-01-01T00:00:00Z'",
    '9e99',
    "'2026-326'",
  ].map((source): [string, string] => [source, '2026-11-22T12:00:00.500Z']),
]
const times = moments.map(
  ([source, createdAt]): Variant => ({
    name: `message.createdAt: ${source}`,
    body: written('message.createdAt', source),
    fate: 'delivered',
    createdAt,
  }),
)

const whole = JSON.stringify(event)
const other = withField('message.id', 'm-2')
const forms: Variant[] = [
  { name: 'an array of one', body: `[${whole}]`, fate: 'delivered' },
  { name: 'an array within an array', body: `[[${whole}]]`, fate: 'delivered' },
  { name: 'an array with something unreadable before it', body: `[7,${whole}]`, fate: 'delivered', kept: 1 },
  {
    name: 'an array with something unreadable behind it',
    body: `[${whole},null,{"type":"NEW"},"a]"]`,
    fate: 'delivered',
    kept: 3,
  },
  {
    name: 'an array with another that cannot be delivered',
    body: `[${withField('message', { id: 'm-2', text: 7 })},${whole}]`,
    fate: 'delivered',
    kept: 1,
  },
  { name: 'the same twice in an array', body: `[${whole}, ${whole}]`, fate: 'delivered' },
  {
    name: 'two hundred in an array',
    body: `[${[...Array(200).keys()].map((index) => withField('message.id', `n-${index}`))},${whole}]`,
    fate: 'delivered',
  },
  { name: 'two in an array', body: `[${other},\n${whole}]`, fate: 'delivered' },
  { name: 'space around it', body: `\n  ${JSON.stringify(event, undefined, 2)}\t\n`, fate: 'delivered' },
  { name: 'a byte order mark', body: `\uFEFF${whole}`, fate: 'delivered' },
  { name: 'JSON of JSON', body: JSON.stringify(whole), fate: 'delivered' },
  { name: 'the message as JSON', body: withField('message', JSON.stringify(event.message)), fate: 'delivered' },
  { name: 'escaped characters', body: whole.replaceAll('m-1', '\\u006d\\u002d1'), fate: 'delivered' },
  {
    name: 'a key twice, of which the last counts',
    body: whole.replace('"text":', '"text":7,"text":'),
    fate: 'delivered',
  },
  {
    name: '__proto__ as a key',
    body: whole.replace('{"type"', '{"__proto__":{"portalId":7,"type":8},"type"'),
    fate: 'delivered',
  },
  {
    name: 'constructor as a key',
    body: whole.replace('{"type"', '{"constructor":{"prototype":{}},"type"'),
    fate: 'delivered',
  },
  {
    name: 'something deep that nobody reads',
    body: whole.replace('{"type"', `{"deep":${'['.repeat(9000)}${']'.repeat(9000)},"type"`),
    fate: 'delivered',
  },
  {
    name: 'a number of a thousand digits that nobody reads',
    body: whole.replace('{"type"', `{"huge":${'9'.repeat(1000)},"type"`),
    fate: 'delivered',
  },
  ...['outgoing_channel_message_created', 'OUTGOING_CHANNEL_MESSAGE_UPDATED', 'x'.repeat(3000)].map(
    (type): Variant => ({ name: `type: ${described(type)}`, body: withField('type', type), fate: 'kept' }),
  ),
  { name: 'keys in another case', body: whole.replace('portalId', 'PortalId'), fate: 'kept' },
  { name: 'wrapped', body: JSON.stringify({ event }), fate: 'kept' },
  { name: 'no JSON', body: 'type=OUTGOING', fate: 'kept' },
  { name: 'nothing', body: '', fate: 'kept' },
  { name: 'cut off', body: whole.slice(0, -1), fate: 'kept' },
  { name: 'twice in a row', body: whole + whole, fate: 'kept' },
]

// A time that cannot be: the webhook's own counts.
const yetToCome = ['2026-11-22T12:06:00Z', '2027-01-01T00:00:00Z', '2099-12-31T23:59:59Z', 4102358400].flatMap(
  (time): Variant[] =>
    ['message.createdAt', 'eventTimestamp'].map((field) => ({
      name: `${field}: ${time}`,
      body: withField(field, time),
      fate: 'delivered',
      createdAt: field === 'eventTimestamp' ? event.message.createdAt : event.eventTimestamp,
    })),
)

const all = { droppable, ids, content, recipients, times, yetToCome, forms }

test('there are many of them', () => {
  expect(Object.values(all).flat().length).toBeGreaterThan(700)
})

describe.each(Object.entries(all))('%s', (_, variants) => {
  test.each(variants)('$name', async (variant) => {
    expect(await fateOf(variant)).toEqual(expectedOf(variant))
  })
})

/** Posts an event, signed, lets everything come to rest, and looks what became of it. */
async function fateOf({ body, fate, messageId = 'm-1', createdAt, kept }: Variant) {
  const { world, post } = createRelay()

  const answer = await post(body)
  await world.rest()

  const held = world.hubspot.held.get(messageId)
  const sends = world.provider.sends.filter((send) => send.messageId === messageId)
  const letters = world.deliveriesDeadLetters.messages.length
  const failed = typeof fate === 'object'
  return {
    answer: answer?.statusCode,
    told: held?.statusType,
    reason: failed && fate.failed instanceof RegExp ? fate.failed.test(held?.errorMessage ?? '') : held?.errorMessage,
    sent: sends.map((send) => send.to[0]?.deliveryIdentifier?.value ?? ''),
    kept: letters > 0,
    ...(kept !== undefined && { letters }),
    ...(createdAt !== undefined && { createdAt: sends[0]?.createdAt }),
  }
}

function expectedOf({ name, fate, createdAt, kept }: Variant) {
  const to = name.startsWith('an opaque id') ? '123456789' : '+15550100002'
  const isPart = typeof fate === 'object' && fate.failed === oneLost
  const isRefused = typeof fate === 'object' && (typeof fate.failed === 'string' || /channel/.test(fate.failed.source))
  return {
    answer: 204,
    told: fate === 'delivered' ? 'SENT' : fate === 'kept' ? undefined : 'FAILED',
    reason: typeof fate !== 'object' ? undefined : typeof fate.failed === 'string' ? fate.failed : true,
    sent:
      fate === 'delivered' || isPart ? (name.startsWith('another recipient, first') ? [expect.any(String)] : [to]) : [],
    // What the relay itself could not read is kept for a version that can.
    kept: kept !== undefined || fate === 'kept' || (typeof fate === 'object' && !isRefused),
    ...(kept !== undefined && { letters: kept }),
    ...(createdAt !== undefined && { createdAt }),
  }
}

test('without delivery, nothing is told FAILED for what the team sends itself', async () => {
  for (const variant of [...content, ...recipients, ...ids.filter(({ fate }) => typeof fate === 'object')]) {
    const { world, post } = createRelay({ delivers: false })

    expect(await post(variant.body)).toEqual({ statusCode: 204 })
    await world.rest()

    expect(world.hubspot.patches).toEqual([])
    expect(world.ledgerTable.items.size + world.statusUpdatesDeadLetters.messages.length).toBe(1)
  }
})

test.each(['2024-03-01T10:00:00Z', '2001-01-01T00:00:00Z', 1700000000])(
  'that a message failed is told, however long ago it is said to have been written: %s',
  async (createdAt) => {
    const { world, post } = createRelay()
    world.provider.send = async () => ({ outcome: 'rejected', reason: 'No such number' })
    await post(withField('message.createdAt', createdAt))
    await world.rest()

    expect(world.hubspot.held.get('m-1')).toEqual({ statusType: 'FAILED', errorMessage: 'No such number' })
  },
)

test('a redrive by code that can read the event corrects what the agent was told', async () => {
  const { world, post } = createRelay()
  await post(withField('message.text', 7))
  await world.rest()
  expect(world.hubspot.held.get('m-1')).toMatchObject({ statusType: 'FAILED' })

  // As if this code had learnt to read it: the letter holds the documented form now.
  const [letter] = world.deliveriesDeadLetters.jobs() as [{ job: { rawBody: string } }]
  expect(JSON.parse(gunzip(letter.job.rawBody).toString())).toMatchObject({ message: { text: 7 } })
  await world.deliveries.send({ ...letter, job: { ...letter.job, rawBody: gzip(whole) } }, { group: '1' })
  await world.rest()

  expect(world.provider.sends).toMatchObject([{ messageId: 'm-1', text: 'Your parcel arrives tomorrow.' }])
  expect(world.hubspot.held.get('m-1')).toEqual({ statusType: 'SENT' })
})

test('any JSON at all, signed, is acknowledged, and is kept or done', async () => {
  const anything = fc.oneof(
    fc.json({ maxDepth: 5 }),
    fc.array(fc.json(), { maxLength: 5 }).map((events) => `[${events.join()}]`),
    fc
      .tuple(
        fc.constantFrom(...Object.keys(event), ...Object.keys(event.message).map((key) => `message.${key}`)),
        fc.jsonValue(),
      )
      .map(([field, value]) => withField(field, value)),
    fc.string({ unit: 'binary' }),
  )

  await fc.assert(
    fc.asyncProperty(anything, async (body) => {
      const { world, post } = createRelay()

      expect(await post(body)).toEqual({ statusCode: 204 })
      expect(world.deliveries.messages.length + world.deliveriesDeadLetters.messages.length).toBeGreaterThan(0)
      await world.rest()

      expect(world.deliveries.messages).toEqual([])
      const isSettled =
        world.hubspot.held.size + world.deliveriesDeadLetters.messages.length + world.ledgerTable.items.size
      expect(isSettled).toBeGreaterThan(0)
    }),
    { numRuns: 300 },
  )
})

/** The relay from its webhook to HubSpot, with a provider that refuses what providers refuse. */
function createRelay({ delivers = true } = {}) {
  const world = createWorld()
  world.provider.plan = (job) => {
    const { recipients, problem: noRecipient } = readRecipients(job, ({ value }) => value, 'Needs an address.')
    const problem = [
      noRecipient,
      whatItCannotCarry(inForms(readContent(job), capabilities.sms), capabilities.sms),
    ].find((reason) => reason !== undefined)
    return problem === undefined ? { sends: recipients } : { problem }
  }
  const clientSecret = 'secret'
  const url = `https://relay.test${path}`
  const webhook = createHandler({
    appSecret: async () => ({ clientId: 'client', clientSecrets: [clientSecret] }),
    queue: delivers ? world.deliveries : world.statusUpdates,
    deadLetters: delivers ? world.deliveriesDeadLetters : world.statusUpdatesDeadLetters,
    delivers,
    publicBaseUrl: undefined,
    telemetry: world.telemetry,
    now: world.now,
  })
  const post = (text: string) => {
    const body = Buffer.from(text)
    const headers = hubspotHeaders({ url, body }, { clientSecret, timestamp: String(world.now()) })
    return webhook(httpEvent({ url, headers, body }), {} as Context)
  }
  return { world, post }
}

/** A document with a value in place of what is at a path; undefined removes it. */
function changed(document: unknown, [first, ...rest]: string[], value: unknown): unknown {
  if (first === undefined) return value
  const inner = changed((document as Record<string, unknown>)[first], rest, value)
  return Array.isArray(document) ? document.with(Number(first), inner) : { ...(document as object), [first]: inner }
}
