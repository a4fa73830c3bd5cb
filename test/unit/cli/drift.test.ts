import { expect, test } from 'vitest'
import type { LedgerItem } from '../../../functions/messages/record.ts'
import { markOf, ofMark } from '../../../functions/messages/telling.ts'
import { driftOf } from '../../../infra/cli/drift.ts'

const now = Date.parse('2026-11-22T12:00:00Z')
const id = 'reconcile-2026-11-22'
const hourAgo = now - 3_600_001
const told = (statusType: 'SENT' | 'FAILED' | 'READ') => ({ statusType, at: '2026-11-22T11:00:00Z' })
const mark = (of: string, until: number) => ({ mark: of, by: 'run', until })

test.each<[string, Partial<LedgerItem>, string]>([
  ['of which nothing is known', {}, 'nothing known'],
  ['whose word is told', { known: 'delivered', told: told('SENT') }, 'told'],
  ['that HubSpot calls SENT by itself', { known: 'sent' }, 'told'],
  ['whose correction HubSpot refused', { known: 'failed', told: told('SENT'), rejected: 'FAILED' }, 'told'],
  ['that a job is telling', { known: 'failed', marks: [mark('failed', now)] }, 'under way'],
  ['that failed, while HubSpot says SENT', { known: 'failed', told: told('SENT') }, 'untold'],
  ['that failed, and HubSpot was told nothing', { known: 'failed' }, 'untold'],
  ['with a mark left behind', { known: 'sent', told: told('SENT'), marks: [mark('sent', hourAgo)] }, 'untold'],
])('a message %s', (_what, item, kind) => {
  expect(driftOf(itemWith(item), { now, id })).toMatchObject({ kind })
})

test('what is known is told again, as an update of its own', () => {
  expect(driftOf(itemWith({ known: 'read', told: told('SENT') }), { now, id })).toEqual({
    kind: 'untold',
    updates: [
      {
        v: 1,
        type: 'status',
        portalId: '1',
        channelId: '2',
        messageId: 'm#3',
        status: 'read',
        id,
        source: 'relay',
        occurredAt: '2026-11-22T12:00:00.000Z',
      },
    ],
  })
})

test('marks left behind are taken over in the name of their jobs', () => {
  const marks = [mark('sent', hourAgo), mark('failed#reconcile-2026-11-20', hourAgo), mark('read', now)]

  expect(driftOf(itemWith({ known: 'read', marks }), { now, id })).toMatchObject({
    updates: [{ status: 'sent' }, { status: 'failed', id: 'reconcile-2026-11-20' }],
  })
})

test('of a message that took several sends, what is told again is known of one of them, and raises none', () => {
  const parts = [{ known: 'sent' as const }, { known: 'failed' as const, reason: 'No such number' }]
  const reason = '1 of 2 sends failed: No such number'

  expect(driftOf(itemWith({ parts, known: 'failed', reason, told: told('SENT') }), { now, id })).toMatchObject({
    kind: 'untold',
    updates: [{ status: 'failed', part: { index: 1, of: 2 }, id }],
  })
})

test('outcomes of several sends that nobody passed on are told, each as its own', () => {
  const sent = { outcome: 'sent' as const, status: 'sent' as const }
  const sends = { of: 3, outcomes: [sent, { outcome: 'in doubt' as const }, sent] }
  const item = itemWith({ send: { by: 'run', until: hourAgo }, sends, parts: [{ known: 'sent' }, {}, {}] })

  expect(driftOf(item, { now, id })).toMatchObject({
    kind: 'untold',
    updates: [{ status: 'sent', part: { index: 2, of: 3 } }],
  })
})

test('an outcome of the send that nobody passed on is told', () => {
  const send = { by: 'run', result: { outcome: 'rejected' as const, reason: 'The customer has opted out' } }

  expect(driftOf(itemWith({ send: { ...send, until: now } }), { now, id })).toEqual({ kind: 'under way' })
  expect(driftOf(itemWith({ send: { ...send, until: hourAgo } }), { now, id })).toMatchObject({
    kind: 'untold',
    updates: [{ status: 'failed', reason: 'The customer has opted out' }],
  })
  expect(
    driftOf(itemWith({ send: { by: 'run', until: hourAgo, result: { outcome: 'in doubt' } } }), { now, id }),
  ).toEqual({ kind: 'nothing known' })
})

const part = { index: 1, of: 3 }
test.each([
  { status: 'sent' as const },
  { status: 'failed' as const, id: 'a#b' },
  { status: 'read' as const, part },
  { status: 'failed' as const, part, id: '0.3/1#2' },
])('a mark tells whose it is: %j', (job) => {
  expect(ofMark(markOf(job))).toEqual(job)
})

const itemWith = (item: Partial<LedgerItem>): LedgerItem => ({
  pk: '1#2#m#3',
  version: 1,
  marks: [],
  timeline: [],
  expiresAt: now,
  ...item,
})
