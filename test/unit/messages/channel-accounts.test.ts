import fc from 'fast-check'
import { beforeEach, describe, expect, test } from 'vitest'
import { accountKey, createChannelAccounts } from '../../../functions/messages/channel-accounts.ts'
import type { ChannelAccountChanged } from '../../../functions/messages/jobs.ts'
import { gzip } from '../../../functions/platform/queue.ts'
import { RetryableError } from '../../../functions/platform/retry.ts'
import { example } from '../../support/examples.ts'
import { createMemoryTable } from '../../support/memory-table.ts'
import { createWorld, delivery, update, type World } from '../../support/world.ts'

const account = { portalId: '1', channelId: '2', channelAccountId: '3' }

const changed = (change: ChannelAccountChanged['change'], at = '2026-11-22T11:00:00Z'): ChannelAccountChanged => ({
  v: 1,
  type: 'account',
  ...account,
  change,
  at,
  traceId: 'trace',
})

test('whatever order the events come in, twice or side by side, the newest counts', async () => {
  const event = fc.record({
    change: fc.constantFrom('created', 'updated', 'purged'),
    authorized: fc.option(fc.boolean(), { nil: undefined }),
    at: fc.constantFrom('2026-11-22T11:00:00Z', '2026-11-22T12:30:00+01:00', '2026-11-22T12:00:00.001Z'),
  })
  await fc.assert(
    fc.asyncProperty(
      fc.array(event, { minLength: 1, maxLength: 5 }),
      fc.infiniteStream(fc.nat()),
      async (some, draws) => {
        const events = some.map((fields) => ({ ...changed('created'), ...fields }))
        const shuffled = [...events, events[0]!].sort(() => (draws.next().value % 3) - 1)

        expect(await itemAfter(shuffled)).toEqual(await itemAfter(events))
      },
    ),
  )
})

test('an event that comes late undoes nothing', async () => {
  const item = await itemAfter([changed('purged', '2026-11-22T12:00:00Z'), changed('updated', '2026-11-22T11:59:59Z')])

  expect(item).toMatchObject({ state: 'purged', at: '2026-11-22T12:00:00.000Z' })
})

test.each<[string, object, object]>([
  ['updated stands above created', { change: 'created' }, { change: 'updated' }],
  ['purged stands above updated', { change: 'updated' }, { change: 'purged' }],
  ['authorized stands above not authorized', { authorized: false }, { authorized: true }],
  ['authorized stands above what is not said', {}, { authorized: true }],
  ['not authorized stands above what is not said', {}, { authorized: false }],
])('of events of the same moment, %s', async (_, lower, higher) => {
  const [one, other] = [lower, higher].map((fields) => ({ ...changed('updated'), ...fields }))
  const { change: state, authorized } = other!

  expect(await itemAfter([one!, other!])).toMatchObject({ state, ...(authorized !== undefined && { authorized }) })
  expect(await itemAfter([other!, one!])).toEqual(await itemAfter([other!]))
})

test('an event that comes twice is written once', async () => {
  const table = createMemoryTable()
  const accounts = createChannelAccounts(table, () => 0)
  for (let time = 0; time < 2; time++) await accounts.record(changed('updated'))

  expect(table.items.get('account#1#2#3')).toMatchObject({ version: 1 })
})

test('of a message without an account, nothing is read', async () => {
  const table = createMemoryTable()
  table.get = () => Promise.reject(new Error('read'))

  expect(await createChannelAccounts(table, () => 0).isPurged({ portalId: '1', channelId: '2' })).toBe(false)
})

test('an account is kept without its address; a purged one is forgotten when its messages are', async () => {
  expect(await itemAfter([changed('updated')])).toEqual({
    pk: 'account#1#2#3',
    state: 'updated',
    at: '2026-11-22T11:00:00.000Z',
  })
  expect(await itemAfter([changed('purged')])).toMatchObject({ expiresAt: 180 * 86_400 })
})

test("an account's key never is that of a message", () => {
  expect(accountKey(account)).toMatch(/^account#1#/)
})

test.each(['deliveries', 'statusUpdates'] as const)(
  'an event that could not be read is kept once it can be: %s',
  async (queue) => {
    const world = createWorld()
    const rawBody = gzip(example('hubspot/channel-account-purged'))

    await world[queue].send({ v: 1, type: 'event', rawBody, traceId: 'trace' }, { group: '1' })
    await world.step()

    expect(world.ledgerTable.items.get('account#243842089#2300310#3000000001')).toMatchObject({ state: 'purged' })
  },
)

describe('a message of an account that is gone', () => {
  let world: World
  beforeEach(() => {
    world = createWorld()
  })
  const purge = () => world.deliveries.send(changed('purged'), { group: '1' })

  test('is not tried on, and HubSpot is told why', async () => {
    world.provider.send = async () => {
      throw new RetryableError('the provider is down')
    }
    await purge()
    await world.deliveries.send(delivery(account), { group: '1' })
    await world.rest()

    expect(world.provider.sends).toHaveLength(1)
    expect(world.hubspot.held.get('m')).toEqual({
      statusType: 'FAILED',
      errorMessage: 'Not sent: The channel account was disconnected in HubSpot.',
    })
    expect(world.deliveriesDeadLetters.jobs()).toEqual([])
    expect(world.counts).toMatchObject({ DeliveriesDisconnected: 1 })
  })

  test('is not tried on where its secret was removed, too', async () => {
    world.accounts.found = false
    await purge()
    await world.deliveries.send(delivery(account), { group: '1' })
    await world.rest()

    expect(world.hubspot.held.get('m')).toMatchObject({ statusType: 'FAILED' })
  })

  test('is sent where the provider takes it, without a look at the account', async () => {
    await purge()
    await world.step()
    let looks = 0
    const { get } = world.ledgerTable
    world.ledgerTable.get = async (pk) => {
      if (pk.startsWith('account#')) looks++
      return get(pk)
    }
    await world.deliveries.send(delivery(account), { group: '1' })
    await world.rest()

    expect(world.hubspot.held.get('m')).toEqual({ statusType: 'SENT' })
    expect(looks).toBe(0)
  })

  test('is dead-lettered at once, with the reason, where HubSpot does not have it any more', async () => {
    world.hubspot.answer = async () => ({ status: 404 })
    await world.statusUpdates.send(changed('purged'), { group: '1' })
    await world.statusUpdates.send(update('sent', account), { group: '1' })
    await world.step()

    const reason = expect.stringMatching(/^The channel account was disconnected in HubSpot.*HTTP 404/)
    expect(world.statusUpdatesDeadLetters.jobs()).toMatchObject([{ deadLetter: { reason } }])
    expect(world.statusUpdates.messages).toEqual([])
  })

  test('and of one that was connected again later is tried on', async () => {
    let refusals = 1
    world.provider.send = async () => {
      if (refusals-- > 0) throw new RetryableError('the provider is down')
      return { outcome: 'sent', status: 'sent' }
    }
    await purge()
    await world.deliveries.send(changed('created', '2026-11-22T11:30:00Z'), { group: '1' })
    await world.step()
    await world.deliveries.send(delivery(account), { group: '1' })
    await world.rest()

    expect(world.provider.sends).toHaveLength(2)
  })
})

async function itemAfter(events: ChannelAccountChanged[]) {
  const table = createMemoryTable()
  const accounts = createChannelAccounts(table, () => 0)
  await Promise.all(events.map((event) => accounts.record(event)))
  const { version: _writes, ...item } = table.items.get('account#1#2#3')!
  return item
}
