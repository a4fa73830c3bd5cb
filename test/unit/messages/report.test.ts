import { beforeEach, describe, expect, test } from 'vitest'
import { LedgerItem } from '../../../functions/messages/record.ts'
import { createReport } from '../../../functions/messages/report.ts'
import type { StatusUpdate } from '../../../functions/messages/status-update.ts'
import { collectTelemetry } from '../../support/telemetry.ts'
import { update } from '../../support/world.ts'

const now = Date.parse('2026-11-22T12:01:00Z')
const item = (fields: object = {}) => LedgerItem.parse({ pk: '1#2#m', version: 1, expiresAt: 0, ...fields })
const part = { index: 1, of: 2 }

let collected: ReturnType<typeof collectTelemetry>
let dimensions: (Record<string, string> | undefined)[]
let report: ReturnType<typeof createReport>
beforeEach(() => {
  collected = collectTelemetry()
  dimensions = []
  const { telemetry } = collected
  report = createReport({
    now: () => now,
    telemetry: {
      ...telemetry,
      count(metric, value, by) {
        telemetry.count(metric, value, by)
        dimensions.push(by)
      },
    },
  })
})

describe('what HubSpot was told', () => {
  const told = (fields: Partial<StatusUpdate>, createdAt?: number, holds?: string) =>
    report.told(
      { update: update('sent', fields), item: item() },
      { status: 'sent', statusType: 'SENT' },
      { createdAt, holds },
    )

  test('is measured from Send, and from when the provider knew it', () => {
    told({ occurredAt: '2026-11-22T12:00:40Z' }, now - 60_000)

    expect(collected.counts).toEqual({ ToldSENT: 1 })
    expect(collected.measurements).toEqual({ TimeToTruthSENT: [60_000], TellingDelay: [20_000] })
  })

  test.each<[string, Partial<StatusUpdate>]>([
    ['silence means sent', { onSilence: true }],
    ['a message was not confirmed', { status: 'unconfirmed' }],
  ])('is no measure of how fast it was told where the relay itself concluded that %s', (_, fields) => {
    told(fields, now - 60_000)

    expect(collected.measurements).toEqual({ TimeToTruthSENT: [60_000] })
  })

  test('of a message whose time of sending nobody knows, is measured from when the provider knew it alone', () => {
    told({})

    expect(collected.measurements).toEqual({ TellingDelay: [60_000] })
  })

  test('and does not hold as it was told, is counted', () => {
    told({}, now, 'status')

    expect(collected.counts).toEqual({ ToldSENT: 1, HeldOtherwise: 1 })
  })
})

test.each<[string, Partial<StatusUpdate>, object, string]>([
  ['what is known', {}, { known: 'sent' }, 'UpdatesDuplicate'],
  ['less than is known', {}, { known: 'read' }, 'UpdatesSuperseded'],
  ['more, in which agents see no difference', { status: 'delivered' }, { known: 'sent' }, 'UpdatesCoalesced'],
  ['what is known of the same send', { part }, { known: 'read', parts: [{}, { known: 'sent' }] }, 'UpdatesDuplicate'],
  ['the first word of one of several sends', { part }, { parts: [{ known: 'read' }] }, 'UpdatesCoalesced'],
])('an update that says %s is counted as that', (_, fields, before, metric) => {
  report.nothingNew(update('sent', fields), item(before))

  expect(collected.counts).toEqual({ [metric]: 1 })
  expect(collected.lines).toMatchObject([{ message: 'Nothing new', messageId: 'm' }])
})

describe('a receipt that did not come is counted', () => {
  const silence = (fields: Partial<StatusUpdate>, now: object, before: object = {}) =>
    report.silence(update('sent', { onSilence: true, ...fields }), { decidedOn: item(before), item: item(now) })
  const trusted = (...names: string[]) => ({ trustedSecrets: names.map((secret) => ({ secret, keys: [] })) })

  test.each<[string, Partial<StatusUpdate>, object, string]>([
    [
      'of the secret that the message was last sent with',
      { channelAccountId: '3' },
      trusted('oldest', 'old', 'new'),
      'new',
    ],
    ['of its channel account, where no secret is known', { channelAccountId: '3' }, {}, '3'],
    ['of its channel account, where there is no secret', { channelAccountId: '3' }, trusted(), '3'],
    ['of its channel, where nothing else is known', {}, {}, '2'],
  ])('by the name %s', (_, fields, now, account) => {
    silence(fields, now)

    expect(collected.counts).toEqual({ ReceiptsMissing: 1 })
    expect(dimensions).toEqual([{ account }])
  })

  test.each<[string, Partial<StatusUpdate>, object]>([
    ['something was known of the message', {}, { known: 'sent' }],
    ['something was known of the send', { part }, { parts: [{}, { known: 'sent' }] }],
    ['none was due', { onSilence: undefined }, {}],
  ])('but not where %s', (_, fields, before) => {
    silence(fields, {}, before)

    expect(collected.counts).toEqual({})
  })

  test('of one of several sends, whatever is known of the others', () => {
    silence({ part }, {}, { known: 'read', parts: [{ known: 'read' }] })

    expect(collected.counts).toEqual({ ReceiptsMissing: 1 })
  })
})

test('fields of another form are counted each, and said once', () => {
  report.unexpected(update('sent', { unexpected: ['reason', 'code'] }))
  report.unexpected(update('sent', { unexpected: [] }))
  report.unexpected(update('sent'))

  expect(collected.counts).toEqual({ UnexpectedUpdateFields: 2 })
  expect(collected.lines).toMatchObject([{ level: 'warn', unexpected: ['reason', 'code'] }])
})

test('of fields that nobody reads the first five are named, where they are words, and all are counted', () => {
  const unknown = ['resaon', '15550100123', 'a b', 'to@example', 'x'.repeat(41), 'sixth']
  report.unexpected(update('sent', { unknown }))

  expect(collected.counts).toEqual({ UnexpectedUpdateFields: 6 })
  const hidden = '(no word)'
  expect(collected.lines).toMatchObject([{ level: 'warn', fields: ['resaon', hidden, hidden, hidden, hidden] }])
})
