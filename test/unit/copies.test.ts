import { beforeEach, describe, expect, test } from 'vitest'
import type { LedgerItem } from '../../functions/messages/record.ts'
import { RetryableError } from '../../functions/platform/retry.ts'
import { createWorld, delivery, update, type World, workOff } from '../support/world.ts'

// A job that waits is sent again. Where the answer to that is lost, the one that was received comes back, and is sent once more.

let world: World
beforeEach(() => {
  world = createWorld({ giveUpAfterSeconds: 86_400 })
})

const refused = () => Object.assign(new Error('timeout'), { $metadata: {} })
const held = () => world.hubspot.held.get('m')
const item = () => world.ledgerTable.items.get('1#2#m') as LedgerItem
const busy = () => Promise.reject(new RetryableError('busy', { notBefore: world.now() + 5000 }))
const waitingIn = (queue: World['deliveries']) =>
  queue.jobs().map(({ waiting }) => waiting as { copy: { count: number; token: string }; progress: object })

/** The answers to a queue's sends are lost, one in so many. */
function loseAnswers(queue: World['deliveries'], oneIn: number) {
  const { send } = queue
  let count = 0
  queue.send = async (job, options) => {
    await send(job, options)
    if (++count % oneIn === 0) throw refused()
  }
  return () => {
    queue.send = send
  }
}

/** Lets time pass, and says how many jobs lay in the queue at most. */
async function mostIn(queue: World['deliveries'], minutes: number) {
  const end = world.now() + minutes * 60_000
  let most = 0
  while (world.now() < end && queue.messages.length > 0) {
    await world.step()
    most = Math.max(most, queue.messages.length)
    world.pass(5)
  }
  return most
}

describe('a job that waits again and again stays one', () => {
  test.each([1, 2, 3])('a delivery, where one answer in %i is lost', async (oneIn) => {
    world.provider.send = busy
    await world.deliveries.send(delivery(), { group: '1' })
    const heal = loseAnswers(world.deliveries, oneIn)

    // What was received and could not be deleted comes back, for six minutes, and ends.
    expect(await mostIn(world.deliveries, 60)).toBeLessThanOrEqual(80)
    expect(world.provider.sends.length).toBeLessThanOrEqual(740)

    heal()
    world.provider.send = async () => ({ outcome: 'sent', status: 'sent' })
    const before = world.provider.sends.length
    await world.rest()
    expect(world.provider.sends.length).toBe(before + 1)
    expect(held()).toEqual({ statusType: 'SENT' })
  })

  test('a status', async () => {
    world.hubspot.answer = async () => ({ status: 503, headers: { 'retry-after': '5' } })
    await world.statusUpdates.send(update('sent'), { group: '1' })
    const heal = loseAnswers(world.statusUpdates, 1)

    expect(await mostIn(world.statusUpdates, 60)).toBeLessThanOrEqual(80)
    expect(world.hubspot.patches.length).toBeLessThanOrEqual(740)

    heal()
    world.hubspot.answer = async () => ({ status: 200 })
    await world.rest()
    expect(held()).toEqual({ statusType: 'SENT' })
  })
})

describe('a copy of a waiting job', () => {
  /** A delivery that has waited so often. */
  async function wait(times: number) {
    world.provider.send = busy
    await world.deliveries.send(delivery(), { group: '1' })
    for (let waits = 0; waits < times; waits++) {
      await world.step()
      world.pass(6)
    }
  }

  test('bears how often the job was sent again, and a token of its own each time', async () => {
    await wait(2)
    const [second] = waitingIn(world.deliveries)
    await world.step()
    const [third] = waitingIn(world.deliveries)

    expect([second!.copy.count, third!.copy.count]).toEqual([2, 3])
    expect(third!.copy.token).not.toBe(second!.copy.token)
  })

  test('counts from when it is received, not from when it is sent: an earlier one goes on where nobody received the later', async () => {
    await wait(4)
    const [message] = world.deliveries.messages
    const body = message!.body
    await world.step()
    // The later one is lost before anybody receives it.
    world.deliveries.messages.length = 0
    world.provider.send = async () => ({ outcome: 'sent', status: 'sent' })
    await world.deliveries.send(JSON.parse(body), { group: '1' })
    await world.rest()

    expect(held()).toEqual({ statusType: 'SENT' })
  })

  test('ends where a later one was received, and where another of the same count was', async () => {
    await wait(4)
    const earlier = world.deliveries.messages[0]!.body
    const twin = JSON.parse(earlier)
    twin.waiting.copy.token = 'another'
    await world.deliveries.send(twin, { group: '1' })
    await world.step()
    expect(world.deliveries.messages).toHaveLength(1)
    world.pass(6)
    await world.step()

    await world.deliveries.send(JSON.parse(earlier), { group: '1' })
    world.pass(2)
    await world.step()
    expect(world.counts['CopiesEnded']).toBe(2)
    expect(world.deliveries.messages).toHaveLength(1)
  })

  test('that was handed out twice, and whose first process died, goes on', async () => {
    await wait(4)
    const live = world.handlers()
    const put = world.ledgerTable.putIfNextVersion
    world.ledgerTable.putIfNextVersion = async (written) => {
      if ((written as { send?: object }).send) throw new Error('the process dies')
      return put(written)
    }
    await workOff(world.deliveries, live.deliver)
    expect(item().received).toMatchObject({ delivery: { count: 4 } })
    world.ledgerTable.putIfNextVersion = put
    world.provider.send = async () => ({ outcome: 'sent', status: 'sent' })
    await world.rest()

    expect(held()).toEqual({ statusType: 'SENT' })
  })

  test('costs no write of its own for the first two waits, and one for each from the third on', async () => {
    const writes: number[] = []
    const put = world.ledgerTable.putIfNextVersion
    world.ledgerTable.putIfNextVersion = async (written) => {
      writes[writes.length - 1]!++
      return put(written)
    }
    world.provider.send = busy
    await world.deliveries.send(delivery(), { group: '1' })
    for (let waits = 0; waits < 5; waits++) {
      writes.push(0)
      await world.step()
      world.pass(6)
    }

    expect(writes).toEqual([2, 2, 2, 3, 3])
  })

  test('is borne by its dead letter, and a redrive goes on from it', async () => {
    world = createWorld({ giveUpAfterSeconds: 60 })
    await wait(4)
    await world.rest()
    const [letter] = world.deliveriesDeadLetters.jobs() as [{ copy: { count: number } }]
    expect(letter.copy.count).toBeGreaterThan(4)
    expect(item().received).toMatchObject({ delivery: letter.copy })

    world.provider.send = async () => ({ outcome: 'sent', status: 'sent' })
    await world.deliveries.send(letter, { group: '1' })
    await world.rest()
    expect(held()).toEqual({ statusType: 'SENT' })
  })

  test('a webhook that is repeated after all that goes on from it as well', async () => {
    world = createWorld({ giveUpAfterSeconds: 60 })
    await wait(4)
    await world.rest()
    const before = world.provider.sends.length
    await world.deliveries.send(delivery(), { group: '1' })
    await world.step()
    world.pass(6)
    await world.step()
    world.pass(6)
    world.provider.send = async () => ({ outcome: 'sent', status: 'sent' })
    await world.rest()

    expect(world.provider.sends.length).toBeGreaterThan(before + 2)
    expect(held()).toEqual({ statusType: 'SENT' })
  })

  test('that ends tells and records what it alone knows', async () => {
    await wait(4)
    const [message] = world.deliveries.messages
    const known = JSON.parse(message!.body)
    known.waiting.progress.unrecorded = { part: { index: 0, of: 1 }, outcome: { outcome: 'sent', status: 'delivered' } }
    await world.step()
    world.pass(6)
    await world.step()
    world.pass(2)
    await world.deliveries.send({ ...known, waiting: { ...known.waiting, notBefore: world.now() } }, { group: '1' })
    await world.step()
    const made = world.provider.sends.length
    await world.rest()

    expect(world.provider.sends.length).toBe(made)
    expect(held()).toEqual({ statusType: 'SENT' })
    expect(item().send?.result).toMatchObject({ outcome: 'sent', status: 'delivered' })
  })

  test('that ends while AWS fails frees no send that it may have made', async () => {
    await wait(4)
    const [message] = world.deliveries.messages
    const known = JSON.parse(message!.body)
    known.waiting.progress = {
      certainlyNotSent: ['its run'],
      unrecorded: { part: { index: 0, of: 1 }, outcome: { outcome: 'in doubt' } },
    }
    await world.step()
    world.pass(6)
    await world.step()
    const { items, putIfNextVersion: put, get } = world.ledgerTable
    items.set('1#2#m', { ...item(), send: { by: 'its run', until: world.now() + 60_000 } })
    world.ledgerTable.putIfNextVersion = async (written) => {
      world.ledgerTable.get = () => Promise.reject(refused())
      return put(written)
    }
    const made = world.provider.sends.length
    await world.deliveries.send({ ...known, waiting: { ...known.waiting, notBefore: world.now() } }, { group: '1' })
    await workOff(world.deliveries, world.handlers().deliver)
    Object.assign(world.ledgerTable, { putIfNextVersion: put, get })
    world.provider.send = async () => ({ outcome: 'sent', status: 'sent' })
    await world.rest()

    expect(world.provider.sends.length).toBe(made)
  })
})

test('a receipt that waits is not ended by the conclusion that counts where none comes', async () => {
  world = createWorld({ unconfirmedAfterSeconds: 86_400 })
  const { items } = world.portalsTable
  const portal = items.get('portal#1')!
  world.provider.send = async () => ({ outcome: 'sent', status: 'accepted' })
  await world.deliveries.send(delivery(), { group: '1' })
  for (let minute = 0; minute < 120; minute++) {
    // It waits for access as the conclusion is received and sent again.
    if (minute === 74) {
      await world.statusUpdates.send(update('sent'), { group: '1' })
      items.delete('portal#1')
    }
    if (minute === 76) items.set('portal#1', portal)
    await world.step()
    world.pass(60)
  }
  const told = held()
  await world.rest()

  expect(told).toEqual({ statusType: 'SENT' })
  expect(world.counts).not.toHaveProperty('ReceiptsMissing')
})
