import { beforeEach, describe, expect, test } from 'vitest'
import type { Again } from '../../../functions/messages/announced-again.ts'
import { createOutcomeQueue, unconfirmedReason } from '../../../functions/messages/outcome-queue.ts'
import { LedgerItem } from '../../../functions/messages/record.ts'
import { collectTelemetry } from '../../support/telemetry.ts'
import { delivery } from '../../support/world.ts'

const time = Date.parse('2026-11-22T12:00:00Z')
const one = { index: 0, of: 1 }
const second = { index: 1, of: 2 }
const job = delivery({ eventId: 'event-2' })
const { portalId, channelId, channelAccountId, messageId, traceId, createdAt } = job
const ids = { portalId, channelId, channelAccountId, messageId, traceId, messageCreatedAt: createdAt }
const status = { v: 1, type: 'status', ...ids, source: 'relay', occurredAt: '2026-11-22T12:00:00.000Z' }
const item = (fields: object) => LedgerItem.parse({ pk: '1#2#m', version: 1, expiresAt: 0, ...fields })

let queued: [job: unknown, options: unknown][]
let outcomes: ReturnType<typeof createOutcomeQueue>
beforeEach(() => {
  queued = []
  outcomes = createOutcomeQueue({
    statusUpdates: { send: async (job, options) => void queued.push([JSON.parse(JSON.stringify(job)), options]) },
    telemetry: collectTelemetry().telemetry,
    now: () => time,
    unconfirmedAfterSeconds: 600,
    silenceMeans: 'sent',
  })
})

describe('what came of a send', () => {
  test('is queued for its portal, to be told at once', async () => {
    await outcomes.queueOnce(job, one, { outcome: 'sent', status: 'delivered' }, { provider: 'twilio' })

    expect(queued).toEqual([
      [
        { ...status, source: 'twilio', status: 'delivered' },
        { group: '1', delaySeconds: 0 },
      ],
    ])
  })

  test('of several says which of them; without a provider, it is the relay that says it', async () => {
    await outcomes.queueOnce(job, second, { outcome: 'rejected', reason: 'No', code: '7' }, {})

    expect(queued[0]![0]).toEqual({ ...status, status: 'failed', reason: 'No', code: '7', part: second })
  })

  test('is queued once, in the order of the sends', async () => {
    const progress = {}
    for (const index of [0, 1, 1, 0])
      await outcomes.queueOnce(job, { index, of: 2 }, { outcome: 'sent', status: 'sent' }, progress)

    expect(queued.map(([update]) => (update as { part: object }).part)).toEqual([{ index: 0, of: 2 }, second])
  })

  test('that is not known is concluded at its deadline', async () => {
    await outcomes.queueUnconfirmed(job, second, undefined, 60_000)

    const occurredAt = '2026-11-22T12:01:00.000Z'
    const conclusion = { ...status, occurredAt, status: 'unconfirmed', reason: unconfirmedReason, part: second }
    expect(queued).toMatchObject([
      [
        { ...conclusion, waiting: { notBefore: time + 60_000 } },
        { group: '1', delaySeconds: 60 },
      ],
    ])
  })
})

describe('a message that HubSpot announced again', () => {
  const again = (becomes: Again['becomes'], known: object) =>
    outcomes.queueAgain(job, { firstEventId: 'event-1', becomes, item: item(known) })

  test('and that is not sent again is told once more', async () => {
    await again('ignored', { known: 'failed', reason: 'No' })

    expect(queued).toEqual([
      [
        { ...status, status: 'failed', reason: 'No', id: 'event-2' },
        { group: '1', delaySeconds: 0 },
      ],
    ])
  })

  test.each<[string, Again['becomes'], object]>([
    ['it is sent again', 'sent', { known: 'failed' }],
    ['nothing is known of it by now', 'withheld', {}],
  ])('is not told where %s', async (_, becomes, known) => {
    await again(becomes, known)

    expect(queued).toEqual([])
  })
})

test('a message that cannot be delivered is told as not confirmed, by the relay, with the reason', async () => {
  await outcomes.queueUndeliverable(job, 'Its channel account cannot be read')

  const reason = 'Its channel account cannot be read'
  expect(queued).toEqual([
    [
      { ...status, status: 'unconfirmed', reason },
      { group: '1', delaySeconds: 0 },
    ],
  ])
})
