import type { Context } from 'aws-lambda'
import { beforeEach, describe, expect, test } from 'vitest'
import { queueConclusions, queueOldPlan } from '../../../functions/messages/delivery-end.ts'
import { createLedger } from '../../../functions/messages/ledger.ts'
import { createOutcomeQueue, unconfirmedReason } from '../../../functions/messages/outcome-queue.ts'
import { LedgerItem } from '../../../functions/messages/record.ts'
import { claimSend } from '../../../functions/messages/sending.ts'
import { createMemoryTable } from '../../support/memory-table.ts'
import { collectTelemetry } from '../../support/telemetry.ts'
import { delivery } from '../../support/world.ts'

const now = () => Date.parse('2026-11-22T12:00:00Z')
const job = delivery()
const sent = { outcome: 'sent', status: 'sent' } as const
const inDoubt = { outcome: 'in doubt' } as const
const claimed = { by: 'another', until: now() }
const plan = { of: 3, digest: 'abcd' }

let queued: { part?: object; status: string; reason?: string; delay: number }[]
let collected: ReturnType<typeof collectTelemetry>
let table: ReturnType<typeof createMemoryTable>
beforeEach(() => {
  queued = []
  collected = collectTelemetry()
  table = createMemoryTable()
})

const item = (fields: object) => LedgerItem.parse({ pk: '1#2#m', version: 1, expiresAt: 0, ...fields })
const runOf = (progress: object = {}) => ({
  context: { getRemainingTimeInMillis: () => 7000 } as Context,
  id: 'me',
  since: now(),
  progress,
})

function deps() {
  const send = async (update: unknown, { delaySeconds }: { delaySeconds?: number }) => {
    const { part, status, reason } = JSON.parse(JSON.stringify(update))
    queued.push({ ...(part && { part }), status, ...(reason && { reason }), delay: delaySeconds! })
  }
  const { telemetry } = collected
  const settings = { unconfirmedAfterSeconds: 600, silenceMeans: 'sent' } as const
  const outcomes = createOutcomeQueue({ statusUpdates: { send }, telemetry, now, ...settings })
  return { ledger: createLedger(table, now), outcomes, telemetry, now }
}

describe('a message that may end here', () => {
  async function conclude(fields: object, { progress = {}, why }: { progress?: object; why?: string }) {
    table.items.set('1#2#m', { ...item(fields) })
    await queueConclusions(deps(), job, runOf(progress), why)
    return queued
  }
  const part = (index: number) => ({ part: { index, of: 3 } })

  test('of three sends: what was made is told, of what may have been that nobody knows, and why the last was not', async () => {
    const fields = { plan, send: claimed, sends: { of: 3, outcomes: [sent] } }

    expect(await conclude(fields, { why: 'Too late' })).toEqual([
      { ...part(0), status: 'sent', delay: 0 },
      { ...part(1), status: 'unconfirmed', reason: unconfirmedReason, delay: 0 },
      { ...part(2), status: 'unconfirmed', reason: 'Too late', delay: 0 },
    ])
  })

  test('and is attempted once more: that counts once the attempt has ended', async () => {
    expect(await conclude({ plan }, {})).toEqual(
      [0, 1, 2].map((index) => ({ ...part(index), status: 'unconfirmed', reason: unconfirmedReason, delay: 7 })),
    )
  })

  test.each([
    ['nothing', undefined, 'read'],
    ['a doubt', inDoubt, 'read'],
    ['what came of it', sent, 'sent'],
  ])('with an outcome that could not be recorded, where the ledger knows %s', async (_, result, status) => {
    const unrecorded = { part: { index: 0, of: 1 }, outcome: { outcome: 'sent', status: 'read' } }

    expect(await conclude({ send: { ...claimed, result } }, { progress: { unrecorded } })).toEqual([
      { status, delay: 0 },
    ])
  })
})

describe('a message whose sends were made by another plan', () => {
  const attempt = { plan, index: 0, job, trustedSecret: { secret: '2', keys: [] }, now: now(), earlier: [] }
  const begun = (outcomes: object[]) =>
    claimSend(item({ plan: { of: 2, digest: 'other' }, sends: { of: 2, outcomes } }), { by: 'me', until: 0 }, attempt)

  test.each([
    ['is told as what was made and what was not', [sent], {}, ['sent', 'failed'], [/What is left.*not sent/]],
    ['is told as what was made', [sent, sent], {}, ['sent', 'sent'], []],
    ['is not asked about', [sent, sent], { lookUps: 1 }, ['sent', 'sent'], [/not asked/]],
    ['nor where something is left', [sent], { lookUps: 1 }, ['sent', 'failed'], [/What is left/]],
  ])('%s', async (_, outcomes, progress, statuses, warnings) => {
    const made = begun(outcomes)
    await queueOldPlan(
      deps(),
      job,
      made.next ?? item({ plan: { of: 2, digest: 'other' }, sends: { of: 2, outcomes } }),
      runOf(progress),
    )

    expect(queued.map(({ status, part }) => [status, part])).toEqual(
      statuses.map((status, index) => [status, { index, of: 2 }]),
    )
    const said = collected.lines.filter(({ level }) => level === 'warn').map(({ message }) => message)
    expect(said).toEqual(warnings.map((warning) => expect.stringMatching(warning)))
  })
})
