import type { Context } from 'aws-lambda'
import { beforeEach, describe, expect, test } from 'vitest'
import { createLedger, type Ledger } from '../../../functions/messages/ledger.ts'
import type { LedgerItem, SendOutcome } from '../../../functions/messages/record.ts'
import { changeAsDelivery, type SendProgress, sendOnce } from '../../../functions/messages/send-once.ts'
import type { Run } from '../../../functions/platform/consumer.ts'
import { RetryableError, Superseded } from '../../../functions/platform/retry.ts'
import { createMemoryTable } from '../../support/memory-table.ts'
import { delivery } from '../../support/world.ts'

const now = () => Date.parse('2026-11-22T12:00:00Z')
const job = delivery({ eventId: 'event-1' })
const sent = { outcome: 'sent', status: 'sent' } as const

let table: ReturnType<typeof createMemoryTable>
let ledger: Ledger
let again: unknown[]
beforeEach(() => {
  table = createMemoryTable()
  ledger = createLedger(table, now)
  again = []
})

const item = () => table.items.get('1#2#m') as LedgerItem
const store = (fields: object) => table.items.set('1#2#m', { pk: '1#2#m', version: 1, expiresAt: 0, ...fields })
const runOf = (fields: Partial<Run<SendProgress>> = {}): Run<SendProgress> => ({
  context: { getRemainingTimeInMillis: () => 60_000 } as Context,
  id: 'me',
  since: now(),
  progress: {},
  ...fields,
})

function send(run: Run<SendProgress>, make: () => Promise<SendOutcome>, { index = 0, of = 1, message = job } = {}) {
  const outcomes = { queueAgain: async (_: unknown, what: unknown) => void again.push(what) }
  const claim = { by: run.id, until: now() + 60_000 }
  const toMake = {
    ...{ job: message, claim, part: { index, of }, plan: { of, digest: 'abcd' } },
    trustedSecret: { secret: '2', keys: [] },
  }
  return sendOnce({ ledger, now, resend: 'ignore', outcomes }, toMake, run, make)
}

const never = async () => {
  throw new Error('Sent, though it must not be')
}

describe('a run that certainly did not make the send that it claimed', () => {
  const died = (by: string) => ({ send: { by, until: now() + 60_000 }, plan: { of: 1, digest: 'abcd' } })

  test('leaves it to the next one, though it could not give it back', async () => {
    const run = runOf({ id: 'first' })
    const put = table.putIfNextVersion
    await expect(
      send(run, async () => {
        table.putIfNextVersion = async () => {
          throw new Error('the table is down')
        }
        throw new RetryableError('HTTP 503')
      }),
    ).rejects.toThrow()
    table.putIfNextVersion = put

    expect(await send(runOf({ progress: run.progress }), async () => sent)).toEqual({ outcome: sent })
  })

  test('which does not where it may have been made', async () => {
    const run = runOf({ id: 'first' })
    await expect(send(run, () => Promise.reject(new RetryableError('timeout', { inDoubt: true })))).rejects.toThrow(
      'timeout',
    )

    expect(run.progress.certainlyNotSent ?? []).not.toContain('first')
    expect(await send(runOf({ progress: run.progress }), never)).toEqual({ outcome: { outcome: 'in doubt' } })
  })

  test('is known after three more that were cut short as well, and no more are kept', async () => {
    const names = ['a', 'b', 'c', 'd', 'e']
    const run = runOf({ progress: { certainlyNotSent: names } })
    store(died('c'))
    await expect(
      send(run, async () => {
        throw new RetryableError('HTTP 503')
      }),
    ).rejects.toThrow('503')
    expect(run.progress.certainlyNotSent).toEqual(['me'])

    const waiting = runOf({ progress: { certainlyNotSent: names } })
    store(died('a'))
    await expect(send(waiting, never)).rejects.toThrow('in progress')
    expect(waiting.progress.certainlyNotSent).toEqual(['c', 'd', 'e', 'me'])
  })

  test('is known however many sends were made before', async () => {
    const made = [sent, sent, sent, sent]
    const plan = { of: 5, digest: 'abcd' }
    store({ plan, sends: { of: 5, outcomes: made }, send: { by: 'before', until: now() + 60_000 } })
    const run = runOf({ progress: { certainlyNotSent: ['before'] } })
    for (const index of made.keys()) expect(await send(run, never, { index, of: 5 })).toEqual({ outcome: sent })

    expect(await send(run, async () => sent, { index: 4, of: 5 })).toEqual({ outcome: sent })
  })
})

describe('a copy of which a later one was received', () => {
  const received = (job: string) => ({ received: { [job]: { count: 5, token: 'later' } } })
  const copy = { count: 4, token: 'earlier' }

  test('sends nothing and ends', async () => {
    store(received('delivery'))

    await expect(send(runOf({ copy }), never)).rejects.toThrow(Superseded)
    await expect(changeAsDelivery({ ledger, now }, job, runOf({ copy }), (item) => item)).rejects.toThrow(Superseded)
  })

  test('leaves what it alone knows', async () => {
    store({ ...received('delivery'), send: { by: 'me', until: now() + 60_000 } })
    const unrecorded = { part: { index: 0, of: 1 }, outcome: sent }
    await expect(send(runOf({ copy, progress: { unrecorded } }), never)).rejects.toThrow(Superseded)

    expect(item().send?.result).toEqual(sent)
    expect(item().timeline.map(({ at }) => at)).toEqual(['2026-11-22T12:00:00.000Z'])
  })

  test('gives back what it claimed and did not send', async () => {
    store({ ...received('delivery'), send: { by: 'earlier', until: now() + 60_000 } })
    await expect(send(runOf({ copy, progress: { certainlyNotSent: ['earlier'] } }), never)).rejects.toThrow(Superseded)

    expect(item().send).toBeUndefined()
  })
})

test.each([
  ['the first event', ['event-1'], 'event-1', 'delivery'],
  ['an event before which none was known', undefined, 'event-1', 'delivery'],
  ['an event without an id', ['event-1'], undefined, 'delivery'],
  ['another event', ['event-1'], 'event-2', 'delivery#event-2'],
])("copies of %s's job are counted by themselves", async (_, eventIds, eventId, name) => {
  store({ eventIds })
  const copy = { count: 3, token: 'one' }
  await changeAsDelivery({ ledger, now }, delivery({ eventId }), runOf({ copy }), (item) => item)

  expect(item().received).toEqual({ [name]: copy })
})

test('what HubSpot announced again, having been told FAILED, is not sent, and that is said', async () => {
  store({ eventIds: ['event-0'], told: { statusType: 'FAILED', at: 'then' }, known: 'failed' })

  expect(await send(runOf(), never)).toEqual({ notSentAgain: true })
  expect(again).toMatchObject([{ firstEventId: 'event-0', becomes: 'ignored' }])
})
