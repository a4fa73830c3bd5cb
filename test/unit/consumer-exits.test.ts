import { beforeEach, describe, expect, test } from 'vitest'
import { gzip } from '../../functions/platform/queue.ts'
import { RetryableError } from '../../functions/platform/retry.ts'
import { createWorld, delivery, update, type World, workOff } from '../support/world.ts'

// How a run of a job may end, for each consumer: what is left of the job, where, and what was made known.

let world: World
beforeEach(() => {
  world = createWorld()
})

type Which = 'deliver-message' | 'update-status'
const of = (which: Which) => {
  const isDelivery = which === 'deliver-message'
  return {
    queue: isDelivery ? world.deliveries : world.statusUpdates,
    deadLetters: isDelivery ? world.deliveriesDeadLetters : world.statusUpdatesDeadLetters,
    handler: isDelivery ? world.handlers().deliver : world.handlers().update,
    job: isDelivery ? delivery() : update('sent'),
    copies: isDelivery ? 'delivery' : 'sent',
  }
}

const awsError = () => Object.assign(new Error('timeout'), { name: 'TimeoutError', $metadata: {} })
const refusing = async () => {
  throw awsError()
}
const busy = async () => {
  throw new RetryableError('The provider is busy')
}

/** Hands a job out once; says whether SQS is to redeliver it, and what lies in its queue and among its dead letters then. */
async function run(which: Which, fields: object = {}, { receives = 0 } = {}) {
  const { queue, deadLetters, handler, job } = of(which)
  const body = { ...job, ...fields }
  await send[which]({ ...body }, { group: '1' })
  const message = queue.messages.at(-1)!
  message.receives = receives
  await workOff(queue, handler)
  const isRedelivered = queue.messages.includes(message)
  const again = queue.messages.filter((other) => other !== message).map(({ body }) => JSON.parse(body).waiting)
  const letters = deadLetters.jobs() as { deadLetter: { reason: string; attempts: number }; job: object }[]
  return { isRedelivered, again, letters }
}

/** The queues' own sends, which a test may have fail afterwards. */
let send: Record<Which, World['deliveries']['send']>
beforeEach(() => {
  send = { 'deliver-message': world.deliveries.send, 'update-status': world.statusUpdates.send }
})

const waitingSince = (seconds: number) => ({
  waiting: { attempt: 7, since: world.now() - seconds * 1000, notBefore: world.now() },
})
/** Work that has to be tried later. */
function retryable() {
  world.provider.send = busy
  world.hubspot.answer = async () => ({ status: 503 })
}

const nothing = { isRedelivered: false, again: [], letters: [] }

describe.each<Which>(['deliver-message', 'update-status'])('%s ends a run of a job', (which) => {
  test('that is done: nothing is left of it', async () => {
    expect(await run(which)).toEqual(nothing)
  })

  test('that has to be tried later: one more attempt waits', async () => {
    retryable()

    expect(await run(which, waitingSince(60))).toMatchObject({
      ...nothing,
      again: [{ attempt: 8, since: world.now() - 60_000 }],
    })
    expect(world.counts['Waiting']).toBe(1)
  })

  test("that lay among SQS's own dead letters, its time up long ago: redriven, it is attempted again", async () => {
    retryable()
    const [since, notBefore] = [world.now() - 172_800_000, world.now() - 86_400_000]

    expect(await run(which, { waiting: { attempt: 7, since, notBefore } })).toMatchObject({
      ...nothing,
      again: [{ attempt: 1, since: world.now() }],
    })
  })

  test('that comes early: it waits on, and that is no attempt', async () => {
    const waiting = { attempt: 7, since: world.now(), notBefore: world.now() + 5000 }

    expect(await run(which, { waiting })).toMatchObject({ ...nothing, again: [{ ...waiting, copy: { count: 1 } }] })
    expect([world.provider.sends, world.hubspot.patches]).toEqual([[], []])
  })

  test('beside another attempt, with its time up: it waits until that must be over, and that is no attempt', async () => {
    const { promise: answered, resolve: answer } = Promise.withResolvers<void>()
    const sendIt = world.provider.send
    world.provider.send = async (...args) => answered.then(() => sendIt(...args))
    world.hubspot.answer = async () => answered.then(() => ({ status: 200 }))
    const { queue, handler, job } = of(which)
    await send[which](job, { group: '1' })
    const other = workOff(queue, handler)
    await expect.poll(() => world.provider.sends.length + world.hubspot.patches.length).toBe(1)

    const { again, letters } = await run(which, waitingSince(86_401))
    answer()
    await other

    expect(again).toContainEqual(expect.objectContaining({ attempt: 7 }))
    expect(letters).toEqual([])
  })

  test('that AWS fails: one more attempt waits, and no receive is counted', async () => {
    world.ledgerTable.get = refusing

    expect(await run(which)).toMatchObject({ ...nothing, again: [{ attempt: 1 }] })
    expect(world.lines).toContainEqual(expect.objectContaining({ reason: 'AWS answered TimeoutError' }))
  })

  test('that our own code fails: SQS redelivers it, and nothing else happens', async () => {
    world.ledgerTable.get = async () => {
      throw new TypeError('a bug')
    }

    expect(await run(which)).toEqual({ ...nothing, isRedelivered: true })
    expect(world.lines).toContainEqual(expect.objectContaining({ level: 'error', message: expect.any(String) }))
  })

  test.each([
    ['', 1, 0],
    [', though it has waited often', 3, 0],
    [', though its own time has not come', 3, 60_000],
  ])('of which a later copy was received%s: it ends, and is counted', async (_, count, early) => {
    const { copies } = of(which)
    const received = { [copies]: { count: 9, token: 'later' } }
    world.ledgerTable.items.set('1#2#m', { pk: '1#2#m', version: 1, received, expiresAt: 9e9 })
    const waiting = {
      attempt: 7,
      since: world.now(),
      notBefore: world.now() + early,
      copy: { count, token: 'earlier' },
    }

    expect(await run(which, { waiting })).toEqual(nothing)
    expect(world.counts['CopiesEnded']).toBe(1)
    expect([world.provider.sends, world.hubspot.patches]).toEqual([[], []])
  })

  test('that has waited often, as soon as it comes: an earlier copy ends from then on', async () => {
    const { copies } = of(which)
    const waiting = {
      attempt: 7,
      since: world.now(),
      notBefore: world.now() + 60_000,
      copy: { count: 3, token: 'mine' },
    }

    expect((await run(which, { waiting })).again).toHaveLength(1)
    expect(world.ledgerTable.items.get('1#2#m')).toMatchObject({ received: { [copies]: waiting.copy } })
  })

  test('whose progress is written in another form: it is done as if nothing were known', async () => {
    const progress = {
      ...{ mayHaveTold: 'a', history: 7, slot: 'soon', isCounted: 'yes' },
      ...{ certainlyNotSent: 'a', unrecorded: 7, queued: '1', provider: 7, lookUps: '1', turnsWaited: 'x' },
    }

    expect(await run(which, { waiting: { ...waitingSince(60).waiting, progress } })).toEqual(nothing)
    if (which === 'deliver-message') expect(world.statusUpdates.jobs()).toMatchObject([{ status: 'sent' }])
    else expect(world.hubspot.patches).toHaveLength(1)
  })

  test('that nobody can read: it is a dead letter as it was, with the reason', async () => {
    const { isRedelivered, again, letters } = await run(which, { messageId: 1, portalId: null })

    expect({ isRedelivered, again }).toEqual({ isRedelivered: false, again: [] })
    expect(letters).toMatchObject([{ deadLetter: { attempts: 1 }, job: { messageId: 1, portalId: null } }])
    expect(letters[0]?.deadLetter.reason).toContain('Not a job that this version reads')
    expect(world.counts['DeadLettered']).toBe(1)
  })

  test('that carries an event whose bytes were damaged: it is a dead letter as it was, with the reason', async () => {
    const event = { v: 1, type: 'event', rawBody: gzip('{"type":"X"}').slice(0, 20), traceId: 't' }
    const { queue, deadLetters, handler } = of(which)
    await queue.send(event, { group: '1' })
    await workOff(queue, handler)

    expect(queue.messages).toEqual([])
    expect(deadLetters.jobs()).toMatchObject([{ deadLetter: { reason: 'The event cannot be unpacked' }, job: event }])
  })

  test.each(['not JSON', 'null', '[1,2]', '"text"', '5', ''])(
    'that is no object, and whose dead letter AWS refuses at first: it is one as it was, later: %s',
    async (body) => {
      const { queue, deadLetters, handler } = of(which)
      const { send } = deadLetters
      let refusals = 2
      deadLetters.send = async (...letter) => (refusals-- > 0 ? refusing() : send(...letter))
      queue.messages.push({ id: 'odd', body, sentAt: world.now(), visibleAt: world.now(), receives: 0 })
      for (let hours = 0; hours < 3; hours++) {
        await workOff(queue, handler)
        world.pass(3600)
      }

      expect(queue.messages).toEqual([])
      expect(deadLetters.jobs().map(({ job }) => (typeof job === 'string' ? job : JSON.stringify(job)))).toEqual([
        body === '"text"' ? 'text' : body,
      ])
    },
  )

  test('that comes without the time at which it was sent: its time begins then, and it is given up as any other', async () => {
    retryable()
    const { queue, deadLetters, handler, job } = of(which)
    await queue.send({ ...job }, { group: '1' })
    Object.assign(queue.messages[0]!, { sentAt: undefined })
    const start = world.now()
    while (queue.messages.length > 0 && world.now() - start < 90_000_000) {
      await workOff(queue, handler)
      world.pass(600)
    }

    expect(deadLetters.messages).toHaveLength(1)
  })

  test.each([
    [2, 1, 0],
    [3, 0, 1],
  ])('of version %i: %i waits for newer code, %i is a dead letter', async (v, held, dead) => {
    const { isRedelivered, again, letters } = await run(which, { v })

    expect([isRedelivered, again.length, letters.length]).toEqual([false, held, dead])
    expect(again.map(({ heldSince }) => heldSince)).toEqual(again.map(() => world.now()))
  })

  test('whose time is up: what is known is told, then it is a dead letter with the reason and its attempts', async () => {
    retryable()
    const { isRedelivered, again, letters } = await run(which, waitingSince(86_401))

    expect([isRedelivered, again]).toEqual([false, []])
    expect(letters).toMatchObject([{ deadLetter: { attempts: 8 } }])
    expect(letters[0]?.deadLetter.reason).toMatch(/^Given up after .*: /)
    expectKnown(which)
  })

  test('whose dead letter AWS refuses: it does not end, and waits once more', async () => {
    retryable()
    of(which).deadLetters.send = refusing

    expect(await run(which, waitingSince(86_401))).toMatchObject({ ...nothing, again: [{ attempt: 8 }] })
    expectKnown(which)
  })

  test('that AWS takes neither as a dead letter nor again: SQS redelivers it', async () => {
    retryable()
    of(which).deadLetters.send = refusing
    of(which).queue.send = refusing

    expect(await run(which, waitingSince(86_401))).toEqual({ ...nothing, isRedelivered: true })
    expectFailureSaid()
  })

  test('that is to wait, and that AWS does not take again: SQS redelivers it', async () => {
    retryable()
    of(which).queue.send = refusing

    expect(await run(which)).toEqual({ ...nothing, isRedelivered: true })
    expectFailureSaid()
  })

  test('that SQS hands out for the last time: what is known is told before anything is tried', async () => {
    const order: string[] = []
    const put = world.ledgerTable.putIfNextVersion
    world.ledgerTable.putIfNextVersion = async (item) => {
      order.push('ledger')
      return put(item)
    }
    world.provider.send = async () => {
      order.push('tried')
      return busy()
    }
    world.hubspot.answer = async () => {
      order.push('tried')
      return { status: 503 }
    }
    const { send: tell } = world.statusUpdates
    if (which === 'deliver-message')
      world.statusUpdates.send = async (...told) => {
        order.push('told')
        return tell(...told)
      }

    expect(await run(which, {}, { receives: 4 })).toMatchObject({ ...nothing, again: [{ attempt: 1 }] })
    expect(order[0]).toBe(which === 'deliver-message' ? 'told' : 'ledger')
    expect(order).toContain('tried')
    expectKnown(which)
  })

  test('before the last time, nothing is told of a job that is only tried again', async () => {
    retryable()
    await run(which, {}, { receives: 3 })

    if (which === 'deliver-message') expect(world.statusUpdates.messages).toEqual([])
    expect(world.hubspot.held.size).toBe(0)
  })
})

/** A line names the job that SQS redelivers, and why. */
function expectFailureSaid() {
  const line = { level: 'error', message: 'Failed, SQS will redeliver it', messageId: 'm', error: 'TimeoutError' }
  expect(world.lines).toContainEqual(expect.objectContaining(line))
}

/** Of a delivery, a conclusion is on its way to HubSpot; of a status, it is in the ledger, with its job's mark. */
function expectKnown(which: Which) {
  if (which === 'deliver-message') expect(world.statusUpdates.jobs()).toMatchObject([{ status: 'unconfirmed' }])
  else expect(world.ledgerTable.items.get('1#2#m')).toMatchObject({ known: 'sent', marks: [{ mark: 'sent' }] })
}

describe('a delivery', () => {
  test('in doubt whose look-ups are counted in another form is looked up all the same', async () => {
    world = createWorld({ looksUp: true })
    send['deliver-message'] = world.deliveries.send
    world.provider.send = async () => ({ outcome: 'in doubt' })
    const { again } = await run('deliver-message', {
      waiting: { ...waitingSince(60).waiting, progress: { lookUps: '5' } },
    })

    expect(again).toMatchObject([{ attempt: 7, progress: { lookUps: 0 } }])
    expect(world.counts['DeliveriesInDoubt']).toBe(1)
  })

  test('whose turns are counted in another form waits for its turn all the same', async () => {
    world.provider.send = busy
    const thread = { conversationsThreadId: 'thread' }
    await world.deliveries.send(delivery({ ...thread, messageId: 'a', createdAt: '2026-11-22T11:59:00Z' }), {
      group: '1',
    })
    await workOff(world.deliveries, world.handlers().deliver)
    const { again } = await run('deliver-message', {
      ...{ ...thread, waiting: { ...waitingSince(60).waiting, progress: { turnsWaited: 'x' } } },
    })

    expect(again).toContainEqual(expect.objectContaining({ attempt: 7, notBefore: world.now() + 1000 }))
  })

  test('that has no time left in its run waits its turn, which is no attempt', async () => {
    world.haveTime(20_000)
    await world.deliveries.send(delivery(), { group: '1' })
    await world.step()

    expect(world.deliveries.jobs()).toMatchObject([{ waiting: { attempt: 0 } }])
    expect(world.provider.sends).toEqual([])
  })

  test('whose outcome the ledger does not take goes on with it', async () => {
    const put = world.ledgerTable.putIfNextVersion
    world.ledgerTable.putIfNextVersion = async (item) =>
      (item as { send?: { result?: object } }).send?.result ? refusing() : put(item)
    const { again } = await run('deliver-message')

    expect(again).toMatchObject([{ attempt: 1, progress: { unrecorded: { outcome: { outcome: 'sent' } } } }])
  })
})

describe('a status', () => {
  test('beside which more became known is told what is known, by the same run', async () => {
    world.hubspot.answer = async () => {
      world.hubspot.answer = async () => ({ status: 200 })
      await world.statusUpdates.send(update('read'), { group: '1' })
      await workOff(world.statusUpdates, world.handlers().update)
      return { status: 200 }
    }

    expect(await run('update-status')).toEqual(nothing)
    expect(world.hubspot.patches.map(({ statusType }) => statusType)).toEqual(['SENT', 'READ', 'READ'])
    expect(world.counts['ToldAgain']).toBe(1)
  })

  test('whose note of a renewed token is in another form has its token renewed where HubSpot refuses it', async () => {
    const answers = [{ status: 401 }]
    world.hubspot.answer = async () => answers.shift() ?? { status: 200 }

    expect(
      await run('update-status', { waiting: { ...waitingSince(60).waiting, progress: { isRenewed: 'yes' } } }),
    ).toEqual(nothing)
    expect(world.hubspot.patches).toHaveLength(2)
  })

  test('that bears a field in another form is counted once, however often it is tried', async () => {
    const answers = [{ status: 503 }, { status: 503 }]
    world.hubspot.answer = async () => answers.shift() ?? { status: 200 }
    await world.statusUpdates.send({ ...update('sent'), traceId: 7 }, { group: '1' })
    await world.rest()

    expect(world.hubspot.patches).toHaveLength(3)
    expect(world.counts['UnexpectedUpdateFields']).toBe(1)
  })

  test.each<[string, object, string]>([
    ['that says nothing new', update('sent'), 'UpdatesDuplicate'],
    ['of somebody who may not speak for its message', update('read', { channelAccountId: '4' }), 'UpdatesUnauthorized'],
  ])('%s counts as that alone', async (_, job, metric) => {
    await world.deliveries.send(delivery(), { group: '1' })
    await world.rest()
    const before = { ...world.counts }
    await world.statusUpdates.send(job, { group: '1' })
    await world.rest()

    expect(world.counts).toEqual({ ...before, [metric]: 1 })
  })

  test('that is refused for good is a dead letter with HubSpot’s word', async () => {
    world.hubspot.answer = async () => ({ status: 400, json: { message: 'No such thing' } })
    await world.statusUpdates.send(update('sent'), { group: '1' })
    await world.rest()

    const [letter] = world.statusUpdatesDeadLetters.jobs() as [{ deadLetter: { reason: string } }]
    expect(letter.deadLetter.reason).toContain('No such thing')
    expect(world.ledgerTable.items.get('1#2#m')).toMatchObject({ known: 'sent', marks: [{ mark: 'sent' }] })
  })

  test('whose slot lies ahead waits its turn, which is no attempt', async () => {
    world.portalsTable.items.set('rate-limit#1', { pk: 'rate-limit#1', value: world.now() + 10_000 })

    expect(await run('update-status')).toMatchObject({ ...nothing, again: [{ attempt: 0, since: world.now() }] })
    expect(world.hubspot.patches).toEqual([])
  })
})
