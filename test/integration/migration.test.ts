import { afterAll, beforeAll, expect, test } from 'vitest'
import { briskly, playMigration, type StepOutcome } from '../../infra/local/demo/migration.ts'
import { type LocalRelay, startLocalRelay } from '../../infra/local/local-relay.ts'
import type { Delivery } from '../../infra/local/providers/forward-receiver.ts'

let relay: LocalRelay
let outcomes: StepOutcome[]
const deliveries: (Delivery & { service: string })[] = []

beforeAll(async () => {
  relay = await startLocalRelay(briskly())
  relay.onEvent((event) => {
    if (event.type === 'delivery' && 'format' in event.delivery)
      deliveries.push({ ...event.delivery, service: event.channelAccountId })
  })
  outcomes = await playMigration(relay)
})

afterAll(() => relay?.stop())

const stepNamed = (name: RegExp) => outcomes.find(({ step }) => name.test(step))!

test('in every step and back, every message reaches its customer once, and HubSpot ends at the truth', () => {
  expect(outcomes).toHaveLength(7)
  for (const outcome of outcomes) {
    const { messages } = outcome
    expect(outcome).toMatchObject({ toldRight: messages, receivedOnce: messages, deadLetters: 0, asExpected: true })
    expect(messages).toBeGreaterThanOrEqual(15)
  }
})

test('nothing is left among the dead letters', async () => {
  await expect.poll(() => relay.deadLetters()).toEqual([])
})

test('the relay hands messages over only between the two moves of the webhook', () => {
  expect(stepNamed(/^HubSpot calls your service/).throughRelay).toBe(0)
  for (const step of [stepNamed(/^\(c\)/), stepNamed(/^back to \(b\)/)]) expect(step.throughRelay).toBe(step.messages)
  expect(stepNamed(/^back to the beginning/).throughRelay).toBe(0)
})

test('moves fall among messages: some that were sent before go the new way', () => {
  for (const name of [/^\(b\)/, /^back to \(a\)/]) {
    const { messages, throughRelay } = stepNamed(name)
    expect(throughRelay).toBeGreaterThan(0)
    expect(throughRelay).toBeLessThan(messages)
  }
})

test("one account's messages go to its own service while it has a secret of its own, and nobody else's do", () => {
  const own = deliveries.filter(({ service, channelAccountId }) => service === channelAccountId)
  const others = deliveries.filter(({ service, channelAccountId }) => service !== channelAccountId)

  expect(own.length).toBeGreaterThan(0)
  expect(new Set(own.map(({ format }) => format))).toEqual(new Set(['job']))
  expect(new Set(others.map(({ format }) => format))).toEqual(new Set(['hubspot']))
  expect(new Set(others.map(({ channelAccountId }) => channelAccountId)).size).toBe(2)
})
