import { afterAll, beforeAll, expect, test } from 'vitest'
import type { PublishedEvent } from '../../infra/local/aws/event-bridge.ts'
import { ids, type LocalRelay, startLocalRelay } from '../../infra/local/local-relay.ts'
import type { Conduct } from '../../infra/local/providers/simulator.ts'

const [works, breaks] = ['3000000001', '3000000002']
const refused: Conduct = { answers: [{ reply: { status: 422, body: '{"reason":"No such number","code":"30003"}' } }] }

let relay: LocalRelay
let conduct: Conduct = refused
const events: PublishedEvent[] = []

beforeAll(async () => {
  relay = await startLocalRelay({
    settings: { eventBus: 'team' },
    overrides: { maxDelaySeconds: 1, visibilityTimeoutSeconds: 2 },
    onEvent: (event) => events.push(event),
  })
  await relay.addChannelAccount(works)
  await relay.addChannelAccount(breaks, { conduct: () => conduct })
})
afterAll(() => relay?.stop())

test('a message that is read is told twice, on the bus that the setting names', async () => {
  const message = await send(works)
  await expect.poll(() => message.told).toBe('READ')
  await relay.stack.idle()

  expect(of(message.id)).toEqual(['message.told', 'message.told'])
  expect(events[0]).toMatchObject({
    bus: 'team',
    source: 'hubspot-status-relay',
    detail: { relay: 'HubSpotStatusRelay', ...ids, channelAccountId: works, messageId: message.id, statusType: 'SENT' },
  })
})

test('an account whose messages fail is said to fail, once, and to recover, once', async () => {
  const failed = await Promise.all(Array.from({ length: 7 }, () => send(breaks)))
  await expect.poll(() => failed.every(({ told }) => told === 'FAILED')).toBe(true)
  await relay.stack.idle()
  conduct = { receipts: [{ status: 'delivered' }] }
  const delivered = await send(breaks)
  await expect.poll(() => ofAccount(breaks)).toContain('account.recovered')
  await relay.stack.idle()

  expect(of(failed[0]!.id)).toEqual(['message.failed', 'message.told'])
  expect(events.find(({ type }) => type === 'message.failed')).toMatchObject({
    detail: { status: 'failed', source: 'forward', code: '30003' },
  })
  expect(of(delivered.id)).toEqual(['message.told'])
  expect(ofAccount(breaks)).toEqual(['account.failing', 'account.recovered'])
  expect(ofAccount(works)).toEqual([])
})

test('a bus that takes nothing holds up no status, and hears of it when it does again', async () => {
  const fault = { service: 'events', operation: 'PutEvents' } as const
  relay.stack.faults.add(fault)
  const message = await send(works)
  await expect.poll(() => message.told).toBe('READ')
  expect(of(message.id)).toEqual([])
  relay.stack.faults.delete(fault)

  await expect.poll(() => of(message.id)).toEqual(['message.told', 'message.told'])
})

test('events of which the answer was lost come again, with the ids that they had', async () => {
  const fault = { service: 'events', operation: 'PutEvents', takesEffect: true } as const
  relay.stack.faults.add(fault)
  const message = await send(works)
  await expect.poll(() => of(message.id).length).toBeGreaterThan(4)
  relay.stack.faults.delete(fault)
  await relay.stack.idle()

  const named = events.filter(({ detail }) => detailOf(detail).messageId === message.id)
  expect(new Set(named.map(({ detail }) => detailOf(detail).id)).size).toBe(2)
})

test('a portal that took its consent back is said to have', async () => {
  relay.hubspot.uninstallApp(ids.portalId)
  relay.hubspot.expireAccessTokens(ids.portalId)
  await send(works)

  await expect.poll(() => events.some(({ type }) => type === 'portal.revoked')).toBe(true)
  const revoked = events.filter(({ type }) => type === 'portal.revoked')
  expect(revoked).toMatchObject([{ detail: { portalId: ids.portalId } }])
})

test('nothing was refused to the function that publishes, and it may touch nothing of the ledger but what accounts met', () => {
  const grants = relay.stack.grants.filter(({ principal }) => principal.includes('publishevents'))
  const onLedger = grants.filter(({ resource }) => /table\/[^/]+$/.test(resource))

  expect(relay.stack.denials).toEqual([])
  expect(onLedger.map(({ action, keys }) => [action, keys])).toEqual([
    ['dynamodb:BatchGetItem', ['health#*']],
    ['dynamodb:PutItem', ['health#*']],
  ])
})

const send = (channelAccountId: string) => relay.hubspot.sendMessage({ ...ids, channelAccountId, text: 'Hello' })

const detailOf = (detail: unknown) => detail as { id: string; messageId?: string; channelAccountId?: string }
const of = (messageId: string) =>
  events.filter(({ detail }) => detailOf(detail).messageId === messageId).map(({ type }) => type)
const ofAccount = (channelAccountId: string) =>
  events
    .filter(({ type, detail }) => type.startsWith('account.') && detailOf(detail).channelAccountId === channelAccountId)
    .map(({ type }) => type)
