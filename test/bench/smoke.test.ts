import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { clientSecret } from './bench/cloud.ts'
import { type Built, buildContenders, contenders, environmentOf } from './bench/contenders.ts'
import { type EmulatedCloud, startEmulatedCloud } from './bench/emulated-cloud.ts'
import { batchOf, statusUpdate, webhook } from './bench/events.ts'
import { runTask } from './bench/run.ts'

// What is compared does the same: each contender, as it is measured, against the same AWS and the same HubSpot.

let cloud: EmulatedCloud
let built: Built

beforeAll(async () => {
  cloud = await startEmulatedCloud()
  built = await buildContenders()
})
afterAll(async () => {
  await cloud.close()
  await built[Symbol.asyncDispose]()
})
beforeEach(() => {
  for (const list of [cloud.queued, cloud.patches, cloud.refusals]) list.length = 0
})

describe.each(contenders)('%s', (contender) => {
  const entry = (name: 'hubspot-webhook' | 'update-status') => `${built.folder(contender, name)}/index.mjs`
  const answer = (event: object) =>
    runTask({ kind: 'start', entry: entry('hubspot-webhook'), event }, environmentOf(cloud))
  const consume = (...batches: object[][]) =>
    runTask({ kind: 'consume', entry: entry('update-status'), batches: batches.map(batchOf) }, environmentOf(cloud))

  test('queues a webhook that HubSpot signed, whole, and answers 204', async () => {
    await answer(webhook())

    expect(cloud.queued).toHaveLength(1)
    expect(cloud.queued[0]?.QueueUrl).toContain('/jobs')
    for (const said of ['243842089', '2300310', '0b5f3c1d9e7a4b2c8d6e0f1a2b3c4d5e', 'Your parcel arrives tomorrow.'])
      expect(cloud.queued[0]?.MessageBody).toContain(said)
  })

  test.each([
    ['with another secret', { clientSecret: `${clientSecret}?` }],
    ['ten minutes ago', { timestamp: String(Date.now() - 600_000) }],
    ['for ten minutes from now', { timestamp: String(Date.now() + 600_000) }],
  ])('refuses a webhook that was signed %s', async (_, signing) => {
    await expect(answer(webhook(signing))).rejects.toThrow('"statusCode":401')

    expect(cloud.queued).toEqual([])
  })

  test("tells HubSpot each message's status, in HubSpot's words", async () => {
    const statuses = ['sent', 'delivered', 'read', 'failed'].map((status) => statusUpdate({ status }))
    await consume(statuses)

    expect(cloud.patches.map(({ statusType }) => statusType).sort()).toEqual(['FAILED', 'READ', 'SENT', 'SENT'])
    for (const { messageId } of statuses)
      expect(cloud.patches.map(({ url }) => url)).toContain(
        `/conversations/v3/custom-channels/2300310/messages/${messageId}`,
      )
  })

  test('tells HubSpot nothing for a duplicate, in this process or the next', async () => {
    const update = statusUpdate()
    await consume([update], [update])
    await consume([update])

    expect(cloud.patches).toHaveLength(1)
  })

  test('tells HubSpot nothing that a later status has overtaken', async () => {
    const read = statusUpdate({ status: 'read' })
    await consume([read], [{ ...read, status: 'sent' }])

    expect(cloud.patches.map(({ statusType }) => statusType)).toEqual(['READ'])
  })

  // Node alone has no second try in it: the floor only says what the first one costs.
  test.skipIf(contender === 'floor')('tells HubSpot what HubSpot refused at first', async () => {
    const update = statusUpdate()
    cloud.refusals.push(500)
    await consume([update])
    // The relay sends it again; the wait is over.
    const again = cloud.queued.map(({ MessageBody }) => JSON.parse(MessageBody))
    await consume(again.map((job) => ({ ...job, waiting: { ...job.waiting, notBefore: 0 } })))

    expect(cloud.patches.map(({ statusType }) => statusType)).toEqual(['SENT', 'SENT'])
  })
})
