import { randomBytes } from 'node:crypto'
import type { Context } from 'aws-lambda'
import { describe, expect, test } from 'vitest'
import { createHandler, path } from '../../functions/hubspot-webhook.ts'
import { RetryableError } from '../../functions/platform/retry.ts'
import { example } from '../support/examples.ts'
import { httpEvent, hubspotHeaders } from '../support/http-events.ts'
import { createWorld, delivery, update, type World } from '../support/world.ts'

const nested = (levels: number) => '['.repeat(levels) + ']'.repeat(levels)

/** A status as a team wrote it to the queue, with a field more that nobody reads. */
function queueStatus(world: World, fields: object, field: string) {
  const body = JSON.stringify(fields).replace(/}$/, `,"extra":${field}}`)
  const now = world.now()
  world.statusUpdates.messages.push({ id: 'written by the team', body, sentAt: now, visibleAt: now, receives: 0 })
}

/** How often a job was handed out at most: SQS does that a few times, and then ends it without a word. */
function countReceives(world: World) {
  let most = 0
  for (const queue of [world.deliveries, world.statusUpdates]) {
    const { receive } = queue
    queue.receive = (limit) => {
      const due = receive(limit)
      most = Math.max(most, ...due.map(({ receives }) => receives))
      return due
    }
  }
  return () => most
}

describe('a job that is nested thousands deep', () => {
  test('lies among the dead letters with its reason, where it is none that is read', async () => {
    const world = createWorld()
    const { messageId: _, ...fields } = update('delivered')
    queueStatus(world, fields, nested(50_000))
    await world.rest()

    expect(world.statusUpdates.messages).toEqual([])
    expect(world.statusUpdatesDeadLetters.jobs()).toMatchObject([
      { deadLetter: { reason: expect.stringContaining('messageId') }, job: { portalId: '1', status: 'delivered' } },
    ])
  })

  test('waits as any other does, and is told', async () => {
    const world = createWorld()
    const mostReceives = countReceives(world)
    let refusals = 12
    world.hubspot.answer = async () => ({ status: refusals-- > 0 ? 503 : 200 })
    queueStatus(world, update('failed', { reason: 'No such number' }), nested(50_000))
    await world.rest()

    expect(world.hubspot.held.get('m')).toEqual({ statusType: 'FAILED', errorMessage: 'No such number' })
    expect(world.statusUpdatesDeadLetters.messages).toEqual([])
    expect(mostReceives()).toBe(1)
  })
})

test('a message that is as large as SQS takes has room to wait, and is sent', async () => {
  const world = createWorld()
  const mostReceives = countReceives(world)
  let refusals = 3
  world.provider.send = async () => {
    if (refusals-- > 0) throw new RetryableError('The endpoint answered HTTP 503')
    return { outcome: 'sent', status: 'sent' }
  }
  const { portalId, messageId } = await postAsLargeAsTaken(world)
  world.portalsTable.items.set(`portal#${portalId}`, { pk: `portal#${portalId}`, refreshToken: 'refresh' })
  await world.rest()

  expect(world.hubspot.held.get(messageId)).toEqual({ statusType: 'SENT' })
  expect(world.deliveriesDeadLetters.messages).toEqual([])
  expect(mostReceives()).toBe(1)
})

test("what a job waits for, or ended by, is logged without a provider's quotations", async () => {
  const world = createWorld()
  const said = 'The number +1 555 010 0123 of jane@example.com is busy'
  world.provider.send = async () => {
    throw new RetryableError(said)
  }
  await world.deliveries.send(delivery(), { group: '1' })
  await world.rest()

  const lines = JSON.stringify(world.lines)
  expect(lines).toContain('Waiting')
  expect(lines).toContain('Dead-lettered')
  expect(lines).toContain('The number [number] of [address] is busy')
  expect(lines).not.toMatch(/555|jane/)
})

/** Posts a message whose job is within a few bytes of what fits into SQS, as far as jobs may be: larger ones go otherwise. */
async function postAsLargeAsTaken(world: World) {
  const url = `https://relay.test${path}`
  const event = JSON.parse(example('hubspot/outgoing-message'))
  const letters = randomBytes(400_000).toString('base64')
  const webhook = createHandler({
    appSecret: async () => ({ clientId: 'client', clientSecrets: ['secret'] }),
    queue: world.deliveries,
    deadLetters: world.deliveriesDeadLetters,
    delivers: true,
    publicBaseUrl: undefined,
    telemetry: world.telemetry,
    now: world.now,
  })
  async function post(length: number) {
    world.deliveries.messages.splice(0)
    const body = JSON.stringify({ ...event, message: { ...event.message, text: letters.slice(0, length) } })
    const headers = hubspotHeaders({ url, body }, { clientSecret: 'secret', timestamp: String(world.now()) })
    expect(await webhook(httpEvent({ url, headers, body }), {} as Context)).toEqual({ statusCode: 204 })
    return 'text' in world.deliveries.jobs()[0]!
  }
  let [whole, asItCame] = [450_000, letters.length]
  expect([await post(whole), await post(asItCame)]).toEqual([true, false])
  while (asItCame - whole > 32) {
    const length = Math.floor((whole + asItCame) / 2)
    if (await post(length)) whole = length
    else asItCame = length
  }
  expect(await post(whole)).toBe(true)
  return { portalId: event.portalId as string, messageId: event.message.id as string }
}
