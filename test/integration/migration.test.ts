import { afterAll, beforeAll, expect, test } from 'vitest'
import { briskly, playMigration, type StepOutcome } from '../../infra/local/demo/migration.ts'
import { type LocalRelay, startLocalRelay } from '../../infra/local/local-relay.ts'
import type { Delivery } from '../../infra/local/providers/simulator.ts'

let relay: LocalRelay
let outcomes: StepOutcome[]
const deliveries: (Delivery & { service: string })[] = []

beforeAll(async () => {
  relay = await startLocalRelay(briskly())
  relay.onEvent((event) => {
    if (event.type === 'delivery') deliveries.push({ ...event.delivery, service: event.channelAccountId })
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
  const accountOf = ({ reference }: Delivery) => reference?.channelAccountId
  const formatOf = ({ request }: Delivery) => ('x-hubspot-signature-v3' in request!.headers! ? 'hubspot' : 'job')
  const own = deliveries.filter((delivery) => delivery.service === accountOf(delivery))
  const others = deliveries.filter((delivery) => delivery.service !== accountOf(delivery))

  expect(own.length).toBeGreaterThan(0)
  expect(new Set(own.map(formatOf))).toEqual(new Set(['job']))
  expect(new Set(others.map(formatOf))).toEqual(new Set(['hubspot']))
  expect(new Set(others.map(accountOf)).size).toBe(2)
})
