import { beforeEach, describe, expect, test } from 'vitest'
import type { DeliveryJob } from '../../functions/messages/jobs.ts'
import type { SendOutcome } from '../../functions/messages/record.ts'
import { createWorld, delivery, type World, workOff } from '../support/world.ts'

// A customer's provider that does not answer keeps a Lambda waiting for as long as a call may last. There are few of them.

let world: World

beforeEach(() => {
  world = createWorld({ giveUpAfterSeconds: 900 })
  world.provider.send = async () => taken
})

const taken: SendOutcome = { outcome: 'sent', status: 'sent' }
const down = '3'
const other = '4'

function send(messageId: string, channelAccountId = down) {
  return world.deliveries.send(
    delivery({ messageId, channelAccountId, createdAt: new Date(world.now()).toISOString() }),
    {
      group: '1',
    },
  )
}

/** The account's provider answers nothing within 20 seconds; `meanwhile`, once one has waited so many seconds for it. */
function hang(meanwhile: () => unknown = () => {}, { after = 2 } = {}) {
  let isFirst = true
  world.provider.send = async ({ channelAccountId }: DeliveryJob) => {
    if (channelAccountId !== down) return taken
    if (isFirst) {
      isFirst = false
      world.pass(after)
      await settled()
      await meanwhile()
      world.pass(20 - after)
    } else world.pass(20)
    await settled()
    return { outcome: 'in doubt' }
  }
}

/** What another Lambda does at the same time. */
const another = () => workOff(world.deliveries, world.handlers().deliver)
const settled = () => new Promise((resolve) => setImmediate(resolve))
const callsFor = (account: string) =>
  world.provider.sends.filter(({ channelAccountId }) => channelAccountId === account)
const called = () => world.provider.sends.map(({ messageId }) => messageId)
const waiting = () => world.deliveries.jobs().map(({ messageId }) => messageId)

describe('while a call has not been answered for a second', () => {
  test('no other Lambda calls for the same account, and the message waits in the queue', async () => {
    hang(async () => {
      await send('second')
      await another()
    })
    await send('first')

    await world.step()

    expect(called()).toEqual(['first'])
    expect(waiting()).toEqual(['second'])
  })

  test("other accounts' messages go out", async () => {
    hang(async () => {
      await send('second')
      await send('third', other)
      await another()
    })
    await send('first')

    await world.step()

    expect(called()).toEqual(['first', 'third'])
  })

  test('and its process dies, the next call is a trial after the pause', async () => {
    world.provider.send = async ({ messageId }) => (messageId === 'first' ? new Promise(() => {}) : taken)
    await send('first')
    void world.step()
    await expect.poll(called).toEqual(['first'])
    world.pass(2)
    await settled()
    await send('second')

    await another()
    const before = called()
    world.pass(70)
    await another()

    expect(before).toEqual(['first'])
    expect(called()).toEqual(['first', 'second'])
  })
})

test('within the first second another Lambda calls as well: most answers are on their way', async () => {
  hang(
    async () => {
      world.provider.send = async () => taken
      await send('second')
      await another()
    },
    { after: 0.5 },
  )
  await send('first')

  await world.step()

  expect(called()).toEqual(['first', 'second'])
})

describe('after a call that came to nothing', () => {
  /** When, in seconds from now, calls are made of so many messages that wait. */
  async function callsOf(count: number, { seconds }: { seconds: number }) {
    const since = world.now()
    const at: number[] = []
    const { send: answer } = world.provider
    world.provider.send = (...call) => {
      at.push(Math.round((world.now() - since) / 1000))
      return answer(...call)
    }
    for (let n = 0; n < count; n++) await send(`waiting ${n}`)
    while (world.now() < since + seconds * 1000) {
      await world.step(1)
      world.pass(1)
    }
    return at
  }

  test('one at a time is tried, after pauses that grow to two minutes', async () => {
    hang()
    await send('first')
    await world.step()

    const at = await callsOf(20, { seconds: 850 })

    const pauses = at.slice(1).map((time, n) => time - at[n]! - 20)
    expect(pauses[0]).toBeGreaterThanOrEqual(20)
    for (const [n, pause] of pauses.entries()) expect(pause).toBeGreaterThanOrEqual(Math.min(120, 20 * 2 ** n))
    expect(at.length).toBeGreaterThanOrEqual(6)
    expect(at.length).toBeLessThanOrEqual(8)
  })

  test('all go out once one is answered, within a few seconds', async () => {
    hang()
    await send('first')
    await world.step()
    world.provider.send = async () => taken

    const at = await callsOf(20, { seconds: 60 })

    expect(at).toHaveLength(20)
    expect(at.at(-1)! - at[0]!).toBeLessThanOrEqual(20)
    expect(waiting()).toEqual([])
  })

  test('a message that waits in vain is told FAILED as surely not sent, at the end of its time', async () => {
    hang()
    await send('first')
    await world.step()

    for (let n = 0; n < 20; n++) await send(`waiting ${n}`)
    await world.rest()

    const told = Array.from({ length: 20 }, (_, n) => `waiting ${n}`).filter((id) => !called().includes(id))
    expect(told.length).toBeGreaterThan(10)
    for (const id of told)
      expect(world.hubspot.held.get(id)).toEqual({
        statusType: 'FAILED',
        errorMessage: 'Not sent: The provider does not answer',
      })
    expect(world.deliveriesDeadLetters.jobs()).toHaveLength(told.length)
  })

  test('is logged with the account, and counted', async () => {
    hang()
    await send('first')
    await world.step()

    expect(world.counts).toMatchObject({ CallsUnanswered: 1 })
    expect(world.lines).toContainEqual(
      expect.objectContaining({
        level: 'warn',
        message: 'A call was not answered',
        ...{ portalId: '1', channelId: '2', channelAccountId: down, inARow: 1 },
      }),
    )
  })

  test('an answer begins anew: what comes next is called at once', async () => {
    hang()
    await send('first')
    await world.step()
    world.pass(31)
    world.provider.send = async () => ({ outcome: 'rejected', reason: 'Opted out' })
    await send('second')
    await world.step()
    await send('third')

    await world.step()

    expect(called()).toEqual(['first', 'second', 'third'])
  })
})

test('a provider that is slow, and answers, has its messages called one batch after the other', async () => {
  world.provider.send = async ({ messageId }) => {
    if (messageId !== 'first') return taken
    world.pass(3)
    await settled()
    await send('second')
    await another()
    expect(called()).toEqual(['first'])
    return taken
  }
  await send('first')
  await world.step()
  world.pass(6)

  await world.step()

  expect(called()).toEqual(['first', 'second'])
  expect(world.counts).not.toHaveProperty('CallsUnanswered')
})

test('an answer closes the circuit, too, after another call of its batch came to nothing', async () => {
  let end: (value: unknown) => void
  const firstHasEnded = new Promise((resolve) => {
    end = resolve
  })
  world.provider.send = async ({ messageId }) => {
    if (messageId !== 'first') {
      if (messageId === 'second') await firstHasEnded
      return taken
    }
    world.pass(2)
    await settled()
    world.pass(8)
    setImmediate(() => {
      world.pass(1)
      end(undefined)
    })
    return { outcome: 'in doubt' }
  }
  await send('first')
  await send('second')
  await world.step()
  await send('third')

  await world.step()

  expect(called()).toEqual(['first', 'second', 'third'])
})

test('what a provider refuses at once, as for now, holds up nobody and opens nothing', async () => {
  world.provider.send = async () => ({ outcome: 'in doubt' })
  await send('first')
  await world.step()
  await send('second')

  await world.step()

  expect(called()).toEqual(['first', 'second'])
  expect([...world.ledgerTable.items.keys()].filter((key) => key.startsWith('circuit'))).toEqual([])
})

test('of several accounts whose providers do not answer, one at a time is tried', async () => {
  const accounts = ['5', '6', '7']
  world.provider.send = async () => {
    world.pass(20)
    await settled()
    return { outcome: 'in doubt' }
  }
  for (const account of accounts) await send(`first of ${account}`, account)
  for (const _ of accounts) await world.step(1)
  world.pass(60)
  let most = 0
  let underWay = 0
  world.provider.send = async () => {
    most = Math.max(most, ++underWay)
    await another()
    world.pass(20)
    underWay--
    return { outcome: 'in doubt' }
  }
  for (const account of accounts) await send(`second of ${account}`, account)

  await world.step(1)

  expect(most).toBe(1)
  expect(waiting()).toHaveLength(2)
})

test('a send in doubt is asked for once its provider may answer again, be there no other message', async () => {
  world = createWorld({ looksUp: true })
  world.provider.lookUp = async () => ({ outcome: 'sent', status: 'delivered' })
  hang()
  await send('first')

  await world.rest()

  expect(world.provider.lookUps).toHaveLength(1)
  expect(world.hubspot.patches.at(-1)).toMatchObject({ statusType: 'SENT' })
})

test('a send in doubt is not asked for while its provider is not to be called', async () => {
  world = createWorld({ looksUp: true })
  hang()
  await send('first')
  await world.step()
  world.pass(12)
  for (const missed of ['second', 'third', 'fourth']) await send(missed)
  await world.step()

  world.pass(10)
  await world.step()

  expect(world.provider.lookUps).toEqual([])
})

test.each([
  ['finds the message', taken, undefined],
  ['finds nothing', undefined, 1],
])('a look-up that takes its time and %s: calls that count as not answered: %j', async (_case, said, unanswered) => {
  world = createWorld({ looksUp: true })
  world.provider.send = async () => ({ outcome: 'in doubt' })
  world.provider.lookUp = async () => {
    world.pass(2)
    await settled()
    return said
  }
  await send('first')
  await world.step()
  world.pass(30)

  await world.step()

  expect(world.provider.lookUps).toHaveLength(1)
  expect(world.counts['CallsUnanswered']).toBe(unanswered)
})

test('of several sends, those after one that was not answered wait', async () => {
  world.provider.parts = 3
  hang()
  await send('first')

  await world.step()

  expect(callsFor(down)).toHaveLength(1)
  expect(waiting()).toEqual(['first'])
})

test('where the table cannot be read, the message goes out all the same', async () => {
  const { get } = world.ledgerTable
  world.ledgerTable.get = async (pk) => {
    if (pk.startsWith('circuit')) throw Object.assign(new Error(), { name: 'InternalServerError', $metadata: {} })
    return get(pk)
  }
  await send('first')

  await world.step()

  expect(called()).toEqual(['first'])
})
