import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Built, buildContenders } from './bench/contenders.ts'
import { count, countWebhookLog } from './bench/counted.ts'
import { countHandshakes } from './bench/figures.ts'

// What `npm run bench` counts, and docs/cost.md multiplies. Figures of the bundles that would be deployed.

let built: Built

beforeAll(async () => {
  built = await buildContenders()
})
afterAll(() => built[Symbol.asyncDispose]())

// One of them waits for a quarter of a minute: side by side with the others.
test.concurrent('a status update of a full batch costs 2.1 writes and a read, and a duplicate one read', async () => {
  const { first, duplicate } = await count(built, 'ours')

  expect(first).toMatchObject({ patches: 1 })
  expect(first.writeUnits).toBeGreaterThanOrEqual(2.1)
  // A record that is late takes its slot of the rate limit alone.
  expect(first.writeUnits).toBeLessThanOrEqual(2.2)
  // And a portal's tokens, once for each process.
  expect(first.readUnits).toBeCloseTo(1, 1)
  expect(duplicate).toMatchObject({ patches: 0, writeUnits: 0, readUnits: 1 })
})

test.concurrent('updates of different portals cost a write more: a slot of the rate limit each', async () => {
  const { first } = await count(built, 'ours', { portals: 10 })

  expect(first).toMatchObject({ patches: 1, writeUnits: 3 })
})

test.concurrent('a status update logs at most 0.42 kB, metrics included, and a webhook 0.53', async () => {
  const { first } = await count(built, 'ours')
  const webhookBytes = await countWebhookLog(built, 'ours')

  expect(first.logBytes).toBeGreaterThan(100)
  expect(first.logBytes).toBeLessThanOrEqual(420)
  expect(webhookBytes).toBeLessThanOrEqual(530)
})

test.concurrent('ten PATCHes in each of four invocations, five seconds apart, take ten handshakes', async () => {
  expect(await countHandshakes(built, 'ours')).toBe(10)
})
