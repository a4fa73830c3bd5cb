import { createHash } from 'node:crypto'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { about, tenantOf } from '../../../functions/messages/about.ts'
import { version } from '../../../functions/messages/job-version.ts'
import {
  Announcement,
  ChannelAccountChanged,
  DeliveryJob,
  DeliveryQueueJob,
  HandOnJob,
  RawEvent,
  StatusJob,
} from '../../../functions/messages/jobs.ts'
import { StatusUpdate } from '../../../functions/messages/status-update.ts'

const delivery: DeliveryJob = {
  v: version,
  type: 'message',
  portalId: '243842089',
  channelId: '2300310',
  channelAccountId: '3000000001',
  messageId: 'm1',
  integrationThreadIds: [],
  to: [{ deliveryIdentifier: { value: '+15550100002' } }],
  text: 'Your parcel arrives tomorrow.',
  attachments: [],
  createdAt: '2026-11-22T12:00:00Z',
  traceId: 'request-1',
  original: '{}',
}
const update: StatusUpdate = {
  v: version,
  type: 'status',
  portalId: '243842089',
  channelId: '2300310',
  messageId: 'm1',
  status: 'sent',
  source: 'forward',
  occurredAt: '2026-11-22T12:00:00+01:00',
}

const ids = { v: version, portalId: '243842089', channelId: '2300310', channelAccountId: '3000000001' }
const announcement = {
  ...ids,
  type: 'announcement',
  messageId: 'm1',
  createdAt: '2026-11-22T12:00:00+05:30',
  traceId: 't',
}
const account = { ...ids, type: 'account', change: 'purged', at: '2026-11-22T12:00:00+05:30', traceId: 't' }
const event = {
  ...{ ...ids, type: 'event', rawBody: 'H4s', piece: { index: 3, of: 5 }, messageId: 'm1', traceId: 't' },
  createdAt: '2026-11-22T12:00:00+05:30',
}
const handOn = { v: version, type: 'hand-on', channelId: '2300310', headers: { 'x-a': '1' }, body: 'H4s', traceId: 't' }

test.each([
  ['a delivery', DeliveryJob, { ...delivery, unreadableRecipients: 3 }],
  ['a delivery, by its consumer', DeliveryQueueJob, delivery],
  ['an announcement', Announcement, announcement],
  ['an announcement, by its consumer', StatusJob, announcement],
  ['a change of an account', ChannelAccountChanged, account],
  ['a change of an account, by its consumer', StatusJob, account],
  ['an account that is new', ChannelAccountChanged, { ...account, change: 'created', authorized: true }],
  ['another change of one', ChannelAccountChanged, { ...account, change: 'updated', authorized: false }],
  ['a piece of an event', RawEvent, event],
  ['a piece of an event, by its consumer', StatusJob, event],
  ['what is handed on', HandOnJob, handOn],
  ['a status that somebody signed', StatusJob, { ...update, verifiedBy: { secret: '2', key: 'k' } }],
  ['a status of one of three sends', StatusJob, { ...update, part: { index: 2, of: 3 } }],
])('%s is read as it is written', (_, schema, job) => {
  expect(schema.parse(job)).toEqual(job)
})

test.each([
  ['a piece before the first', RawEvent, { ...event, piece: { index: -1, of: 2 } }],
  ['the only piece', RawEvent, { ...event, piece: { index: 0, of: 1 } }],
  ['a change that is none', ChannelAccountChanged, { ...account, change: 'renamed' }],
  ['no recipient that cannot be read', DeliveryJob, { ...delivery, unreadableRecipients: 0 }],
  ['a type of its own', DeliveryQueueJob, { ...event, type: '' }],
  ['the type of another', StatusJob, { ...handOn, messageId: 'm1', portalId: '1' }],
  ['a secret of a name too long', StatusUpdate, { ...update, verifiedBy: { secret: 'x'.repeat(513), key: 'k' } }],
  ['a key too long', StatusUpdate, { ...update, verifiedBy: { secret: '2', key: 'x'.repeat(65) } }],
  ['more sends than a message takes', StatusUpdate, { ...update, part: { index: 0, of: 101 } }],
])('a job with %s is not read', (_, schema, job) => {
  expect(schema.safeParse(job).success).toBe(false)
})

test('a log line says whose job it is, and nothing of what is in it', () => {
  expect(about(delivery)).toEqual({
    portalId: '243842089',
    channelId: '2300310',
    channelAccountId: '3000000001',
    messageId: 'm1',
    traceId: 'request-1',
  })
  expect(about({ ...update, reason: 'No such number' })).toEqual({
    portalId: '243842089',
    channelId: '2300310',
    messageId: 'm1',
    status: 'sent',
  })
})

test('of anything there is something to say: its portal, or that it is unknown', () => {
  fc.assert(
    fc.property(fc.anything(), (body) => {
      expect(Object.keys(about(body))).toBeInstanceOf(Array)
      expect(tenantOf(body)).toBeTypeOf('string')
    }),
  )
  expect(tenantOf(update)).toBe('243842089')
  expect(tenantOf({ ...update, portalId: 7 })).toBe('unknown')
  for (const portalId of ['', 'my portal', 'münchen', '1\n', '1'.repeat(200)])
    expect(tenantOf({ ...update, portalId })).toBe('unknown')
})

test.each([
  ['a newer version', { v: version + 1 }],
  ['a version before the one before', { v: version - 2 }],
  ['a version before the first', { v: 0 }],
  ['a portal that is no number', { portalId: 'portal' }],
  ['a channel that is a path', { channelId: '1/2' }],
  ['a number that is no id', { messageId: 7.5 }],
  ['an empty id', { messageId: '' }],
  ['an id longer than ids are', { messageId: 'x'.repeat(513) }],
  ['half a character in its id', { messageId: '\ud83d' }],
  ['an id that leads elsewhere in a URL', { messageId: '..' }],
  ['an account that is no id', { channelAccountId: { value: '3' } }],
])('a job with %s is not read', (_, fields) => {
  expect(DeliveryJob.safeParse({ ...delivery, ...fields }).success).toBe(false)
  expect(StatusUpdate.safeParse({ ...update, ...fields }).success).toBe(false)
})

test.each([
  ['a time that is none', { createdAt: 'today' }],
  ['a time without its zone', { createdAt: '2026-11-22T12:00:00' }],
])('a delivery with %s is not read', (_, fields) => {
  expect(DeliveryJob.safeParse({ ...delivery, ...fields }).success).toBe(false)
})

test.each([
  ['a status that is none', { status: 'queued' }],
  ['a part that there is not', { part: { index: 2, of: 2 } }],
  ['a part that is none', { part: 'first' }],
  ['a signer that is none', { verifiedBy: 'me', reason: 7 }],
])('a status update with %s is not read', (_, fields) => {
  expect(StatusUpdate.safeParse({ ...update, ...fields }).success).toBe(false)
})

const long = 'x'.repeat(3000)
test.each<[string, unknown, unknown]>([
  ['reason', long, `${'x'.repeat(499)}…`],
  ['reason', 7, undefined],
  ['reason', null, undefined],
  ['source', '', 'unknown'],
  ['source', undefined, 'unknown'],
  ['source', long, 'x'.repeat(64)],
  ['source', {}, 'unknown'],
  ['id', long, createHash('sha256').update(long).digest('base64url')],
  ['id', 7, '7'],
  ['id', [], undefined],
  ['providerMessageId', long, createHash('sha256').update(long).digest('base64url')],
  ['providerMessageId', 7, '7'],
  ['providerMessageId', {}, undefined],
  ['occurredAt', '2026-11-22T12:00:00', '2026-11-22T12:00:00.000Z'],
  ['occurredAt', 1795348800, '2026-11-22T12:00:00.000Z'],
  ['occurredAt', 'today', expect.stringMatching(/^20\d\d-.*Z$/)],
  ['occurredAt', undefined, expect.stringMatching(/^20\d\d-.*Z$/)],
  ['messageCreatedAt', '2026-11-22 12:00:00+0100', '2026-11-22T11:00:00.000Z'],
  ['messageCreatedAt', 'today', undefined],
  ['traceId', long, 'x'.repeat(128)],
  ['traceId', 7, undefined],
])('a status update whose %s is %o is read, and says which field it was', (field, value, read) => {
  const result = StatusUpdate.parse({ ...update, [field]: value })

  expect(result).toEqual({ ...update, [field]: read, unexpected: [field] })
})

test.each(['id', 'providerMessageId'] as const)('an %s that is just short enough stays as it is', (field) => {
  const longest = 'x'.repeat(field === 'id' ? 128 : 512)

  expect(StatusUpdate.parse({ ...update, [field]: longest, traceId: 7 })).toMatchObject({ [field]: longest })
})

test.each([
  [true, true],
  ['yes', undefined],
  [false, undefined],
])('that it was concluded of silence is believed where it is said as %j', (onSilence, believed) => {
  expect(StatusUpdate.parse({ ...update, onSilence, traceId: 7 }).onSilence).toBe(believed)
})

test.each([null, undefined, 7, 'status', [update], { ...update, part: [] }, { ...update, part: 'of' }])(
  'a body that is no status update is not read: %j',
  (body) => {
    expect(StatusUpdate.safeParse(body).success).toBe(false)
  },
)

test.each([null, { index: 0, of: 1 }])('a part that says nothing is left out: %j', (part) => {
  expect(StatusUpdate.parse({ ...update, part })).not.toHaveProperty('part')
})

test('fields that this version does not know do no harm', () => {
  expect(DeliveryJob.parse({ ...delivery, later: true })).toEqual(delivery)
  expect(StatusUpdate.parse({ ...update, later: true })).toEqual({ ...update, unexpected: [], unknown: ['later'] })
})
