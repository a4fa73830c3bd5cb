import type { SQSBatchResponse, SQSEvent } from 'aws-lambda'
import { beforeEach, describe, expect, test } from 'vitest'
import * as z from 'zod'
import { consume } from '../../../functions/platform/consume.ts'
import type { Consumer, Run } from '../../../functions/platform/consumer.ts'
import { Deferred, PermanentError, RetryableError, Superseded } from '../../../functions/platform/retry.ts'
import { collectTelemetry } from '../../support/telemetry.ts'
import { createMemoryQueue, workOff } from '../../support/world.ts'

// What every consumer does with a batch, whatever its jobs are. How the relay's own end a job: consumer-exits.test.ts.

type Job = { v: number; id: string }

const job = { v: 1, id: 'a' }

let relay: ReturnType<typeof setUp>
beforeEach(() => {
  relay = setUp()
})

describe('metrics are written out', () => {
  test('when a batch is done', async () => {
    relay.work = busy
    await relay.run({})

    expect(relay.telemetry.counts).toEqual({ Waiting: 1 })
    expect([...relay.telemetry.unwritten]).toEqual([])
  })

  test('when a batch fails as a whole', async () => {
    relay.telemetry.telemetry.count('Waiting')
    await expect(relay.handler({} as SQSEvent, {} as never)).rejects.toThrow()

    expect([...relay.telemetry.unwritten]).toEqual([])
  })
})

test('a batch goes on to the last moment: what it was at would else go on in the next invocation', async () => {
  const { promise: over, resolve: end } = Promise.withResolvers<void>()
  relay.work = () => over
  setTimeout(end, 20)

  expect(await relay.run({}, { remaining: 5 })).toEqual({ redelivered: 0, anew: [] })
})

describe('dead letters are counted by what happened', () => {
  test.each([
    ['unreadable', { id: 7 }, async () => {}],
    ['permanent', {}, () => Promise.reject(new PermanentError('No'))],
    ['too late', { waiting: { attempt: 3, since: 0, notBefore: 1e9 } }, () => busy()],
  ])('%s', async (kind, fields, work) => {
    relay.work = work
    await relay.run(fields)

    expect(relay.telemetry.everything()).toContain(JSON.stringify([kind]))
    expect(relay.deadLetters.messages).toHaveLength(1)
  })
})

describe('of a job whose run ends in a bug', () => {
  test('what only this run knows is told, and SQS redelivers it', async () => {
    relay.work = async () => {
      throw new TypeError('a bug')
    }

    expect(await relay.run({})).toEqual({ redelivered: 1, anew: [] })
    expect(relay.unrecorded).toEqual([{ job, record: false }])
  })

  test('nothing is told where it could not be read', async () => {
    relay.queue.send = async () => {
      throw new TypeError('a bug')
    }

    expect(await relay.run({ v: 2 })).toEqual({ redelivered: 1, anew: [] })
    expect(relay.unrecorded).toEqual([])
  })
})

describe('a job that waits', () => {
  test.each([
    ['half a second before its time is done at once', 500, 1],
    ['earlier waits on', 501, 0],
  ])('and comes %s', async (_, early, done) => {
    await relay.run({ waiting: { attempt: 0, since: relay.now(), notBefore: relay.now() + early } })

    expect(relay.jobs).toHaveLength(done)
  })

  test('and was held for newer code is done at once, since it is read now', async () => {
    const since = relay.now()
    await relay.run({ waiting: { attempt: 0, since, heldSince: since, notBefore: since + 900_000 } })

    expect(relay.jobs).toHaveLength(1)
  })

  test.each([
    ['as SQS hands it out, goes on', 120_000, 8],
    ['two minutes after its time, lay among dead letters, and begins anew', 120_001, 1],
  ])('and was sent %s', async (_, late, attempt) => {
    relay.work = busy
    const since = relay.now() - 200_000

    expect(await relay.run({ waiting: { attempt: 7, since, notBefore: relay.now() - late } })).toMatchObject({
      anew: [{ attempt }],
    })
  })

  test.each([
    ['when its time is up to the millisecond', 900_000, 0],
    ['after that', 900_001, 1],
  ])('is given up only after its time: %s', async (_, ago, letters) => {
    relay.work = busy
    const since = relay.now() - ago
    await relay.run({ waiting: { attempt: 3, since, notBefore: relay.now() } })

    expect(relay.deadLetters.messages).toHaveLength(letters)
  })

  test('is given longer by as much as it waited for its turn', async () => {
    relay.work = busy
    const since = relay.now() - 900_001
    const { anew } = await relay.run({ waiting: { attempt: 3, since, waitedMilliseconds: 1, notBefore: relay.now() } })

    expect(anew).toMatchObject([{ attempt: 4, waitedMilliseconds: 1 }])
  })

  test('for its turn makes no attempt, and its wait does not count', async () => {
    relay.work = () => Promise.reject(new Deferred('not yet', relay.now() + 7000))
    const waitedMilliseconds = 6 * 86_400_000
    const since = relay.now() - waitedMilliseconds
    const { anew } = await relay.run({
      waiting: { attempt: 3, since, waitedMilliseconds, retryAftersInARow: 2, notBefore: relay.now() },
    })

    expect(anew).toMatchObject([{ attempt: 3, retryAftersInARow: 2, waitedMilliseconds: waitedMilliseconds + 7000 }])
  })

  test.each([
    ['a week and the time of any job', 7 * 86_400_000 + 900_000, 0],
    ['a millisecond more', 7 * 86_400_000 + 900_001, 1],
  ])('for its turn ends as well: %s', async (_, ago, letters) => {
    relay.work = () => Promise.reject(new Deferred('not yet', relay.now() + 7000))
    const since = relay.now() - ago
    await relay.run({ waiting: { attempt: 3, since, waitedMilliseconds: ago, notBefore: relay.now() } })

    expect(relay.deadLetters.messages).toHaveLength(letters)
  })

  test('lies in the queue until its time', async () => {
    relay.work = () => Promise.reject(new RetryableError('busy', { notBefore: relay.now() + 7000 }))
    await relay.run({})

    expect(relay.queue.messages.map(({ visibleAt }) => visibleAt)).toEqual([relay.now() + 7000])
  })

  test('says how long it has waited, in seconds', async () => {
    relay.work = busy
    await relay.run({ waiting: { attempt: 3, since: relay.now() - 60_000, notBefore: relay.now() } })

    expect(relay.telemetry.measurements).toEqual({ WaitedFor: [60] })
  })

  test('for a time that the other side asks for counts how often in a row it did', async () => {
    relay.work = () => Promise.reject(new RetryableError('busy', { retryAfter: { seconds: 5 } }))
    const first = await relay.run({})
    const second = await relay.run({
      waiting: { attempt: 1, since: relay.now(), retryAftersInARow: 1, notBefore: relay.now() },
    })
    relay.work = busy
    const third = await relay.run({
      waiting: { attempt: 2, since: relay.now(), retryAftersInARow: 2, notBefore: relay.now() },
    })

    expect([first, second, third].map(({ anew }) => anew[0]?.retryAftersInARow)).toEqual([1, 2, undefined])
  })
})

describe('where AWS does not take a job that is to wait, SQS redelivers it', () => {
  const down = () => Promise.reject(Object.assign(new Error('no'), { $metadata: {} }))

  test('and what only this run knows is told', async () => {
    relay.work = busy
    relay.queue.send = down

    expect(await relay.run({})).toEqual({ redelivered: 1, anew: [] })
    expect(relay.unrecorded).toEqual([{ job, record: false }])
  })

  test('and nothing is told of a job that only newer code can read', async () => {
    relay.queue.send = down

    expect(await relay.run({ v: 2 })).toEqual({ redelivered: 1, anew: [] })
    expect(relay.unrecorded).toEqual([])
  })
})

test('what only this run knows is told and recorded where a later copy goes on with the job', async () => {
  relay.work = () => Promise.reject(new Superseded())

  expect(await relay.run({})).toEqual({ redelivered: 0, anew: [] })
  expect(relay.unrecorded).toEqual([{ job, record: true }])
  expect(relay.telemetry.counts).toEqual({ CopiesEnded: 1 })
})

describe('whoever looks a job up reads why it waits', () => {
  const until = (seconds: number) => new RetryableError('busy', { notBefore: relay.now() + seconds * 1000 })

  test.each([
    ['after more than ten seconds', 11, 1],
    ['not where it is back in ten', 10, 0],
  ])('%s', async (_, seconds, notes) => {
    relay.work = () => Promise.reject(until(seconds))
    await relay.run({})

    const note = { reason: 'busy', until: new Date(relay.now() + 11_000).toISOString() }
    expect(relay.notes).toEqual(notes === 1 ? [note] : [])
  })

  test('not where it only waits for its turn', async () => {
    relay.work = () => Promise.reject(new Deferred('its turn', relay.now() + 60_000))
    await relay.run({})

    expect(relay.notes).toEqual([])
  })

  test('and it waits all the same where that cannot be written', async () => {
    relay.work = () => Promise.reject(until(60))
    relay.noteWait = () => Promise.reject(new Error('AWS is down'))

    expect(await relay.run({})).toMatchObject({ redelivered: 0, anew: [{ attempt: 1 }] })
  })

  test('not where it is for newer code to read', async () => {
    const { send } = relay.queue
    relay.queue.send = async () => {
      relay.queue.send = send
      throw Object.assign(new Error('no'), { $metadata: {} })
    }
    const { anew } = await relay.run({ v: 2, waiting: { attempt: 7, since: relay.now(), notBefore: relay.now() } })

    expect(anew).toMatchObject([{ attempt: 8, notBefore: relay.now() + 128_000 }])
    expect(relay.notes).toEqual([])
  })
})

describe('from the third wait on, a run first records which copy it received', () => {
  test.each([
    [undefined, 0],
    [2, 0],
    [3, 1],
  ])('its copy: %o', async (count, received) => {
    const copy = count === undefined ? undefined : { count, token: 'token' }
    await relay.run({ waiting: { attempt: 1, since: relay.now(), notBefore: relay.now(), copy } })

    expect(relay.received).toHaveLength(received)
    expect(relay.jobs).toHaveLength(1)
  })
})

test('what nobody can read of its wait does not stop a job', async () => {
  await relay.run({ waiting: { attempt: 'seven' } })

  expect(relay.jobs).toEqual([job])
})

test('what only resembles a dead letter is none', async () => {
  await relay.run({ deadLetter: {}, job: { v: 1, id: 'b' } })

  expect(relay.jobs).toEqual([job])
})

test('a job stays in the group of its tenant, waiting and among the dead letters', async () => {
  relay.work = busy
  await relay.run({})
  relay.work = () => Promise.reject(new PermanentError('No'))
  await relay.run({})

  expect(relay.groups).toEqual(['tenant of a', 'tenant of a'])
})

describe('a job for newer code', () => {
  const heldFor = (milliseconds: number) => ({
    v: 2,
    waiting: { attempt: 3, since: 1, heldSince: relay.now() - milliseconds, notBefore: relay.now() },
  })

  test('waits for as long as SQS can delay it, and that time does not count', async () => {
    expect(await relay.run({ v: 2 })).toMatchObject({
      redelivered: 0,
      anew: [
        {
          attempt: 0,
          since: relay.now(),
          heldSince: relay.now(),
          waitedMilliseconds: 900_000,
          notBefore: relay.now() + 900_000,
        },
      ],
    })
    expect(relay.queue.messages[0]?.visibleAt).toBe(relay.now() + 900_000)
  })

  test('whose own time has not come waits for that first, which newer code must not take for the end of its wait', async () => {
    const [due, progress] = [relay.now() + 86_400_000, { later: true }]
    const waiting = { attempt: 0, since: due, waitedMilliseconds: 0, notBefore: due, progress }
    const { anew } = await relay.run({ v: 2, waiting })

    expect(anew).toEqual([{ ...waiting, copy: expect.objectContaining({ count: 1 }) }])
    expect(relay.telemetry.counts).toEqual({ WrittenByNewerVersion: 1 })
  })

  test('is kept for four days', async () => {
    const { anew } = await relay.run(heldFor(4 * 86_400_000))

    expect(anew).toMatchObject([{ attempt: 3, since: 1, heldSince: relay.now() - 4 * 86_400_000 }])
    expect(relay.telemetry.counts).toEqual({ WrittenByNewerVersion: 1 })
  })

  test('is a dead letter after that', async () => {
    expect(await relay.run(heldFor(4 * 86_400_000 + 1))).toEqual({ redelivered: 0, anew: [] })
    expect(relay.deadLetters.jobs()).toMatchObject([
      { deadLetter: { reason: 'Written by a newer version, which has not come to read it for four days' } },
    ])
  })
})

describe('a dead letter', () => {
  const copy = { count: 2, token: 'token' }

  test('says why, how often it was tried, since when, and goes on from there when it is redriven', async () => {
    relay.work = () => Promise.reject(new PermanentError('Not for +49 30 1234567'))
    const since = relay.now() - 60_000
    await relay.run({
      waiting: { attempt: 3, since, notBefore: relay.now(), copy, progress: { sent: true } },
    })

    const at = new Date(relay.now()).toISOString()
    expect(relay.deadLetters.jobs()).toEqual([
      {
        deadLetter: { reason: 'Not for [number]', attempts: 4, since: new Date(since).toISOString(), at },
        progress: { sent: true },
        copy,
        job,
      },
    ])
  })

  test('has no progress where the run left none', async () => {
    relay.work = (_job, { progress }) => {
      Object.assign(progress, { sent: undefined })
      return Promise.reject(new PermanentError('No'))
    }
    await relay.run({})

    expect(Object.keys(relay.deadLetters.jobs()[0]!)).toEqual(['deadLetter', 'job'])
  })

  test.each([
    [119, '119 seconds'],
    [120, '2 minutes'],
    [7199, '120 minutes'],
    [7200, '2 hours'],
    [100_000, '27.8 hours'],
  ])('of a job that is given up after %i seconds says so in %s', async (giveUpAfterSeconds, words) => {
    relay = setUp({ giveUpAfterSeconds })
    relay.work = busy
    const since = relay.now() - giveUpAfterSeconds * 1000 - 1
    await relay.run({ waiting: { attempt: 3, since, notBefore: relay.now() } })

    expect(relay.deadLetters.jobs()).toMatchObject([{ deadLetter: { reason: `Given up after ${words}: busy` } }])
  })

  test.each([
    ['a week beyond its own time waits on', 0, []],
    ['more than that says how long', 1, ['Given up after 168.3 hours: its turn']],
  ])('of a job that waited for its turn: %s', async (_, more, reasons) => {
    relay.work = () => Promise.reject(new Deferred('its turn', relay.now() + 1000))
    const since = relay.now() - 7 * 86_400_000 - 900_000 - more
    await relay.run({ waiting: { attempt: 3, since, notBefore: relay.now() } })

    const letters = relay.deadLetters.jobs() as { deadLetter: { reason: string } }[]
    expect(letters.map(({ deadLetter }) => deadLetter.reason)).toEqual(reasons)
  })

  test.each([
    ['before which something cannot be told yet', () => new RetryableError('later')],
    ['that AWS does not take', () => Object.assign(new Error('no'), { $metadata: {} })],
  ])('%s is no end yet: the job is tried again', async (_, error) => {
    relay.work = () => Promise.reject(new PermanentError('No'))
    relay.onPossibleEnd = () => Promise.reject(error())
    const since = relay.now() - 60_000
    const left = await relay.run({
      waiting: { attempt: 2, since, waitedMilliseconds: 7, notBefore: relay.now(), copy, progress: { sent: true } },
    })

    expect(left).toMatchObject({
      redelivered: 0,
      anew: [
        {
          ...{ attempt: 3, since, waitedMilliseconds: 7, notBefore: relay.now() + 2000 },
          progress: { sent: true },
          copy: { count: 3 },
        },
      ],
    })
    expect(relay.deadLetters.messages).toEqual([])
  })

  test('that fails by a bug is no end: SQS redelivers the job', async () => {
    relay.work = () => Promise.reject(new PermanentError('No'))
    relay.onPossibleEnd = () => Promise.reject(new TypeError('a bug'))

    expect(await relay.run({})).toEqual({ redelivered: 1, anew: [] })
    expect(relay.deadLetters.messages).toEqual([])
  })

  test('of a body that nobody can read comes without a word before', async () => {
    relay.onPossibleEnd = () => Promise.reject(new TypeError('a bug'))

    expect(await relay.run({ id: 7 })).toEqual({ redelivered: 0, anew: [] })
    expect(relay.deadLetters.messages).toHaveLength(1)
  })
})

describe('a consumer that offers only what it must', () => {
  beforeEach(() => {
    relay = setUp({ bare: true })
  })

  test.each([
    ['is done', {}, async () => {}, { redelivered: 0, anew: [] }],
    ['waits', {}, () => busy(), { redelivered: 0, anew: [{ attempt: 1 }] }],
    ['is a third copy', { waiting: { attempt: 1, since: 0, notBefore: 0, copy: { count: 3, token: 't' } } }],
  ] as const)('its job %s', async (_, fields, work = async () => {}, left = { redelivered: 0, anew: [] }) => {
    relay.work = work

    expect(await relay.run(fields, { receives: 4 })).toMatchObject(left)
  })
})

function busy(): Promise<never> {
  return Promise.reject(new RetryableError('busy'))
}

/** A consumer with all that it may offer, or with as little as it must. */
function setUp({ bare = false, giveUpAfterSeconds = 900 } = {}) {
  const now = () => 1e9
  const telemetry = collectTelemetry()
  const groups: string[] = []
  const queue = createMemoryQueue(now)
  const deadLetters = createMemoryQueue(now)
  const { send } = queue
  for (const one of [queue, deadLetters]) {
    const { send } = one
    one.send = (job, options) => {
      groups.push(options.group)
      return send(job, options)
    }
  }
  const handler = (event: SQSEvent, context: never) =>
    consume(bare ? must : { ...must, ...may })(event, context) as Promise<SQSBatchResponse | undefined>
  const world = {
    telemetry,
    queue,
    deadLetters,
    groups,
    now,
    work: (_job: Job, _run: Run) => Promise.resolve(),
    noteWait: async () => {},
    onPossibleEnd: async () => {},
    jobs: [] as Job[],
    unrecorded: [] as { job: Job; record: boolean }[],
    received: [] as Job[],
    notes: [] as object[],
    /** Hands a job out once; says whether SQS is to redeliver it, and how it waits in the queue then. */
    async run(fields: object, { receives = 0, remaining = 60_000 } = {}) {
      queue.messages.length = 0
      await send({ v: 1, id: 'a', ...fields }, { group: '1' })
      const message = queue.messages[0]!
      message.receives = receives
      await workOff(queue, handler, 10, remaining)
      const anew = queue.jobs().flatMap(({ waiting }, index) => (queue.messages[index] === message ? [] : [waiting]))
      return { redelivered: queue.messages.includes(message) ? 1 : 0, anew: anew as Record<string, unknown>[] }
    },
    handler,
  }
  const must: Consumer<Job, object> = {
    version: 1,
    schema: z.object({ v: z.literal(1), id: z.string() }),
    progress: z.looseObject({}),
    tenantOf: (body) => `tenant of ${(body as Job).id}`,
    about: () => ({}),
    giveUpAfterSeconds,
    maxReceives: 5,
    queue,
    deadLetters,
    telemetry: telemetry.telemetry,
    now,
    random: () => 0.5,
    async handle(job, run) {
      world.jobs.push(job)
      await world.work(job, run)
    },
  }
  const may: Partial<Consumer<Job, object>> = {
    async queueUnrecorded(job, _run, { record } = { record: false }) {
      world.unrecorded.push({ job, record })
    },
    onPossibleEnd: () => world.onPossibleEnd(),
    async claimCopy(job) {
      world.received.push(job)
    },
    async noteWait(_job, _run, wait) {
      world.notes.push(wait)
      await world.noteWait()
    },
  }
  return world
}
