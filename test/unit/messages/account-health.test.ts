import { beforeEach, describe, expect, test } from 'vitest'
import { createAccountHealth, eventsOfHealth, type Fate, fateIn } from '../../../functions/messages/account-health.ts'
import type { MessageChange } from '../../../functions/messages/relay-events.ts'
import { createMemoryTable } from '../../support/memory-table.ts'

// How an account's messages fare, change by change; what is published of it: publish-events.test.ts.

type Side = Partial<MessageChange['after']>
const changeOf = (before: Side, after: Side, ids: object = {}): MessageChange => ({
  ids: { portalId: '1', channelId: '2', channelAccountId: '3', messageId: 'm', ...ids },
  before: { timeline: [], ...before },
  after: { timeline: [], ...after },
})

describe('what a change of a message says of its account', () => {
  const waits = { waiting: { isAccountError: true } }

  test.each<[string, Side, Side, Fate | undefined]>([
    ['it waits for the account', {}, waits, 'account error'],
    ['it still waits for the account', waits, waits, undefined],
    ['nothing is known', {}, {}, undefined],
    ['what was known', { known: 'delivered' }, { known: 'delivered' }, undefined],
    ['it failed', {}, { known: 'failed' }, 'failed'],
    ['nobody confirmed it', {}, { known: 'unconfirmed' }, 'failed'],
    ['it is to be sent again', { known: 'failed' }, {}, undefined],
    ['it was sent', {}, { known: 'sent' }, 'sent'],
    ['it was sent, and arrived', { known: 'sent' }, { known: 'delivered' }, 'arrived'],
    ['it failed, and arrived', { known: 'failed' }, { known: 'read' }, 'arrived'],
    ['its provider says no more than sent', {}, { known: 'sent', send: { result: { status: 'sent' } } }, 'arrived'],
  ])('%s: %j, then %j: %s', (_, before, after, fate) => {
    expect(fateIn(changeOf(before, after))).toBe(fate)
  })
})

describe('an account', () => {
  let table: ReturnType<typeof createMemoryTable>
  let minute: number
  beforeEach(() => {
    table = createMemoryTable()
    minute = 0
  })

  const time = (at: number) => new Date(at * 60_000).toISOString()
  const item = () => table.items.get('health#1#2#3') as Record<string, unknown>
  /** Its messages fare so, one a minute. */
  async function meet(...fates: [fate: Fate, messageId: string, code?: string][]) {
    for (const [fate, messageId, code] of fates)
      await createAccountHealth(table, () => 0).record(changeOf({}, { code }, { messageId }), fate, time(++minute))
  }
  const failed = (count: number) =>
    Array.from({ length: count }, (_, index) => ['failed', `f${index}`] as [Fate, string])

  test('whose failures end before it fails says nothing of a time', async () => {
    await meet(...failed(4), ['arrived', 'a'])

    expect(item()).toMatchObject({ failures: 0, sent: [] })
    expect(item()).not.toHaveProperty('at')
  })

  test('that recovers does so when its message arrives, and begins anew', async () => {
    await meet(...failed(5), ['sent', 's'], ['arrived', 'a'])

    expect(item()).toMatchObject({ failures: 0, sent: [], at: time(7) })
    expect(item()).not.toHaveProperty('failingSince')
    expect(item()).not.toHaveProperty('code')
  })

  test('is not written again for a failure that was counted', async () => {
    await meet(['failed', 'm', '1'])
    const before = item()
    await meet(['failed', 'm', '2'])

    expect(item()).toEqual(before)
  })

  test('is not written again for an error of the account by the same message, once it is failing', async () => {
    await meet(['account error', 'm', '1'])
    const before = item()
    await meet(['account error', 'm', '2'])

    expect(item()).toEqual(before)
  })

  test('fails by an error of the account, though the message was counted as failed, and recovers', async () => {
    await meet(['failed', 'm'], ['arrived', 'a'], ['account error', 'm'])
    expect(item()).toMatchObject({ failures: 0, failingSince: time(3), at: time(3) })
    await meet(['arrived', 'b'])

    expect(item()).not.toHaveProperty('failingSince')
  })

  test('remembers the last twenty that were counted', async () => {
    await meet(...failed(25))

    expect(item()['counted']).toEqual(
      failed(25)
        .map(([, id]) => id)
        .slice(5),
    )
  })

  test('has a message that failed after it was sent taken off, and no other', async () => {
    await meet(...failed(5), ['sent', 'a'], ['sent', 'b'], ['failed', 'a'])
    expect(item()).toMatchObject({ sent: ['b'] })
    await meet(['sent', 'c'], ['sent', 'd'])

    expect(item()).not.toHaveProperty('failingSince')
  })

  test('that is not named is that of the channel', async () => {
    const { ids, ...change } = changeOf({}, {})
    const { channelAccountId: _, ...channel } = ids
    await createAccountHealth(table, () => 0).record({ ids: channel, ...change }, 'failed', time(1))

    expect([...table.items.keys()]).toEqual(['health#1#2#'])
  })
})

describe('what is published', () => {
  const at = '2026-11-28T08:00:00.000Z'
  const failing = { pk: 'x', failingSince: at, at, code: '7' }
  const well = { pk: 'x', at }
  const events = (pk: string, before: unknown, after: unknown) =>
    eventsOfHealth({ id: 'e', pk, before, after, at: '2026-11-28T09:00:00.000Z' }, 'Relay')
  const ids = { v: 1, relay: 'Relay', at, portalId: '12', channelId: '34' }

  test.each([
    ['health#12#34#56', { ...ids, channelAccountId: '56' }],
    ['health#12#34#5\n6', { ...ids, channelAccountId: '5\n6' }],
    ['health#12#34#', ids],
  ])('of %j', (pk, said) => {
    expect(events(pk, undefined, failing)).toEqual([
      { type: 'account.failing', detail: { ...said, id: 'e-failing', code: '7' } },
    ])
    expect(events(pk, failing, well)).toEqual([{ type: 'account.recovered', detail: { ...said, id: 'e-recovered' } }])
  })

  test.each([
    ['another item', '1#2#health#12#34#56', undefined, failing],
    ['one that is forgotten', 'health#12#34#56', failing, undefined],
    ['one that is still failing', 'health#12#34#56', failing, { ...failing, failures: 9 }],
    ['one that is still well', 'health#12#34#56', undefined, well],
  ])('nothing of %s', (_, pk, before, after) => {
    expect(events(pk, before, after)).toEqual([])
  })
})
