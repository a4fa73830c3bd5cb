import fc from 'fast-check'
import { beforeEach, describe, expect, test } from 'vitest'
import { createLedger } from '../../../functions/messages/ledger.ts'
import { completeSend } from '../../../functions/messages/sending.ts'
import { createThreads, notItsTurn, type TurnProgress, waitForTurn } from '../../../functions/messages/threads.ts'
import { createMemoryTable } from '../../support/memory-table.ts'
import { delivery } from '../../support/world.ts'

const minute = 60_000
const second = 1000
let now = 0
let table = createMemoryTable()
let threads = createThreads(table, () => now)
beforeEach(() => {
  now = Date.parse('2026-11-22T12:00:00Z')
  table = createMemoryTable()
  threads = createThreads(table, () => now)
})

/** A message that the agent sent so many seconds after twelve. */
const message = (messageId: string, second: number, conversationsThreadId = 'thread') =>
  delivery({
    messageId,
    conversationsThreadId,
    createdAt: new Date(Date.parse('2026-11-22T12:00:00Z') + second * 1000).toISOString(),
  })

const ends = (job: ReturnType<typeof message>, of = 1) =>
  createLedger(table, () => now).change(job, (item) =>
    completeSend(item, { outcome: 'sent', status: 'sent' }, { part: { index: 0, of }, at: '' }),
  )

describe('a message of a thread', () => {
  test('goes at once where none is before it', async () => {
    expect(await threads.begin(message('b', 2))).toBe(false)
    expect(await threads.begin(message('a', 1))).toBe(false)
  })

  test('waits for each that the agent sent before it and that has begun, until that is sent', async () => {
    const [a, b, c] = [message('a', 1), message('b', 2), message('c', 3)]
    await threads.begin(a)
    expect([await threads.begin(b), await threads.begin(c)]).toEqual([true, true])

    await ends(a)
    expect([await threads.isWaiting(b), await threads.isWaiting(c)]).toEqual([false, true])

    await ends(b)
    expect(await threads.isWaiting(c)).toBe(false)
  })

  test('that comes between two others: the later one waits for it from then on', async () => {
    const [a, b, c] = [message('a', 1), message('b', 2), message('c', 3)]
    await threads.begin(a)
    await threads.begin(c)
    await threads.begin(b)

    await ends(a)

    expect([await threads.isWaiting(b), await threads.isWaiting(c)]).toEqual([false, true])
  })

  test('sent in the same instant: the ids decide', async () => {
    await threads.begin(message('b', 1))
    await threads.begin(message('a', 1))

    expect([await threads.isWaiting(message('a', 1)), await threads.isWaiting(message('b', 1))]).toEqual([false, true])
  })

  test('does not wait for one whose sends have not all been made, longer than for any other', async () => {
    const [a, b] = [message('a', 1), message('b', 2)]
    await threads.begin(a)
    await threads.begin(b)
    await ends(a, 2)

    expect(await threads.isWaiting(b)).toBe(true)
  })

  test('waits a minute from when the other was begun, and not a moment longer', async () => {
    const [a, b] = [message('a', 1), message('b', 2)]
    await threads.begin(a)
    now += 10 * second
    await threads.begin(b)

    now += 50 * second - 1
    expect(await threads.isWaiting(b)).toBe(true)
    now += 1
    expect(await threads.isWaiting(b)).toBe(false)
  })

  test('is begun once: a repetition does not begin its minute again, and answers whose turn it is', async () => {
    const [a, b] = [message('a', 1), message('b', 2)]
    await threads.begin(a)
    await threads.begin(b)
    now += 10 * second

    expect(await threads.begin(a)).toBe(false)
    expect(await threads.begin(b)).toBe(true)

    now += 50 * second
    expect(await threads.isWaiting(b)).toBe(false)
  })

  test('waits for none of another thread, channel or portal', async () => {
    await threads.begin(message('a', 1))

    expect(await threads.begin(message('b', 2, 'another'))).toBe(false)
    expect(await threads.begin({ ...message('b', 2), channelId: '9' })).toBe(false)
    expect(await threads.begin({ ...message('b', 2), portalId: '9' })).toBe(false)
  })

  test('what is kept of a thread is what still counts, for a day', async () => {
    const [a, b, c] = [message('a', 1), message('b', 2), message('c', 3)]
    await threads.begin(a)
    await ends(a)
    await threads.begin(b)
    now += minute
    await threads.begin(c)

    expect(table.items.get('thread#1#2#thread')).toMatchObject({
      begun: [{ messageId: 'c', since: now }],
      expiresAt: now / 1000 + 86_400,
    })
  })
})

test('whatever order they come in, messages go out in the order in which the agent sent them, once all are begun', async () => {
  await fc.assert(
    fc.asyncProperty(fc.shuffledSubarray([1, 2, 3, 4, 5, 6], { minLength: 2 }), async (seconds) => {
      table = createMemoryTable()
      threads = createThreads(table, () => now)
      // The ids say nothing of the order.
      const idOf = (second: number) => `m${9 - second}`
      const jobs = seconds.map((second) => message(idOf(second), second))
      await Promise.all(jobs.map((job) => threads.begin(job)))
      const gone: number[] = []
      while (gone.length < seconds.length) {
        const waiting = await Promise.all(jobs.map((job) => threads.isWaiting(job)))
        const free = seconds.filter((second, index) => !waiting[index] && !gone.includes(second))
        expect(free).toHaveLength(1)
        gone.push(free[0]!)
        await ends(message(idOf(free[0]!), free[0]!))
      }

      expect(gone).toEqual([...seconds].sort((a, b) => a - b))
    }),
  )
})

test('whoever waits for its turn is back after 1, 2, 4, 8 and then 15 seconds', () => {
  const progress: TurnProgress = {}
  const waits = Array.from({ length: 6 }, () => notItsTurn(progress, now).notBefore! - now)

  expect(waits).toEqual([1000, 2000, 4000, 8000, 15_000, 15_000])
  expect(progress).toEqual({ turnsWaited: 6 })
})

test('a message is registered once, and waits as long as another is under way', async () => {
  const [a, b] = [message('a', 1), message('b', 2)]
  const progress: TurnProgress = {}
  await threads.begin(a)

  await expect(waitForTurn(threads, b, progress, now)).rejects.toThrow('An earlier message of the thread goes first')
  expect(progress).toEqual({ isRegistered: true, turnsWaited: 1 })
  await expect(waitForTurn(threads, b, progress, now)).rejects.toThrow('An earlier message of the thread goes first')
  await ends(a)
  await waitForTurn(threads, b, progress, now)
  expect(progress).toEqual({ isRegistered: true, turnsWaited: 2 })
})
