import fc from 'fast-check'
import { beforeEach, describe, expect, test } from 'vitest'
import { createRateLimit } from '../../../functions/hubspot/rate-limit.ts'
import { createMemoryTable } from '../../support/memory-table.ts'

const start = Date.parse('2026-11-22T12:00:00Z')
let time: number
let table: ReturnType<typeof createMemoryTable>
let requests: string[]

beforeEach(() => {
  time = start
  table = createMemoryTable()
  requests = []
})

/** The limiter of one Lambda; all share the table. */
function limiter({ limit = 110, share = 1, random = Math.random } = {}) {
  const counted = {
    ...table,
    get: (pk: string) => {
      requests.push(`read ${pk}`)
      return table.get(pk)
    },
    addFrom: (pk: string, floor: number, add: number) => {
      requests.push(`write ${pk}`)
      return table.addFrom(pk, floor, add)
    },
  }
  return createRateLimit({ table: counted, limit, share, now: () => time, sleep: async () => {}, random })
}

const take = (rateLimit: ReturnType<typeof limiter>, count: number, portalId = '1') =>
  Promise.all(Array.from({ length: count }, () => rateLimit.takeSlot(portalId)))

/** The most requests in any of HubSpot's rolling ten seconds. */
function mostInWindow(times: number[]) {
  const sorted = times.toSorted((a, b) => a - b)
  return Math.max(...sorted.map((at) => sorted.filter((other) => other > at - 10_000 && other <= at).length))
}

describe('slots', () => {
  test('whoever asks when, in whatever batches: no ten seconds hold more requests than the share of the limit', async () => {
    const batches = fc.array(
      fc.record({ pause: fc.integer({ min: 0, max: 12_000 }), count: fc.integer({ min: 1, max: 10 }) }),
    )
    await fc.assert(
      fc.asyncProperty(
        batches,
        fc.integer({ min: 1, max: 60 }),
        fc.double({ min: 0.1, max: 1, noNaN: true }),
        async (batches, limit, share) => {
          table = createMemoryTable()
          const lambdas = [limiter({ limit, share }), limiter({ limit, share })]
          const used: number[] = []
          for (const [index, { pause, count }] of batches.entries()) {
            time += pause
            const slots = await take(lambdas[index % 2]!, count)
            used.push(...slots.map((slot) => Math.max(slot, time)))
          }

          expect(mostInWindow([...used, 0])).toBeLessThanOrEqual(Math.max(1, Math.floor(limit * share)))
        },
      ),
    )
  })

  test('a flood uses 98 % of what the limit has', async () => {
    const rateLimit = limiter()
    const slots: number[] = []
    for (let i = 0; i < 300; i++) slots.push(...(await take(rateLimit, 10)))

    expect(mostInWindow(slots)).toBeGreaterThanOrEqual(108)
    expect((3000 - 1) / (Math.max(...slots) - start)).toBeGreaterThan(0.98 * 0.011)
  })

  test('a batch takes its slots with one write, and each record gets its own', async () => {
    const slots = await take(limiter(), 10)

    expect(requests).toEqual(['write rate-limit#1'])
    expect(new Set(slots).size).toBe(10)
  })

  test('after a rest, the first request goes at once', async () => {
    const [slot] = await take(limiter(), 1)

    expect(slot).toBeLessThanOrEqual(time)
  })

  test('portals do not hold up each other', async () => {
    const rateLimit = limiter()
    await take(rateLimit, 500)
    const [slot] = await take(rateLimit, 1, '2')

    expect(slot).toBeLessThanOrEqual(time)
  })
})

describe('a slot that was kept', () => {
  test('still holds: a batch asks with one read, and writes nothing', async () => {
    const rateLimit = limiter()
    const slots = await take(rateLimit, 10)
    requests = []
    const again = await Promise.all(slots.map((slot) => rateLimit.takeSlot('1', slot)))

    expect(again).toEqual(slots)
    expect(requests).toEqual(['read rate-limit-pause#1'])
  })

  test('is taken again when its time has long passed, behind all others', async () => {
    const rateLimit = limiter()
    const slots = await take(rateLimit, 200)
    time = slots[0]! + 2000
    const again = await rateLimit.takeSlot('1', slots[0]!)

    expect(again).toBeGreaterThan(slots.at(-1)!)
  })

  test('is taken again when another Lambda was told to pause', async () => {
    const rateLimit = limiter()
    const slots = await take(rateLimit, 100)
    await limiter().pause('1', time + 30_000)
    const again = await rateLimit.takeSlot('1', slots[50]!)

    expect(again).toBeGreaterThanOrEqual(time + 30_000)
  })

  test('holds when it lies behind the pause', async () => {
    const rateLimit = limiter()
    const slots = await take(rateLimit, 500)
    await rateLimit.pause('1', time + 30_000)

    expect(await rateLimit.takeSlot('1', slots.at(-1)!)).toBe(slots.at(-1))
  })

  test.each([
    ['a second after its time, it still holds', 1000, true],
    ['later, it is taken again', 1001, false],
  ])('%s', async (_, late, holds) => {
    const rateLimit = limiter()
    const slot = await rateLimit.takeSlot('1')
    await take(rateLimit, 50)
    time = slot + late

    expect((await rateLimit.takeSlot('1', slot)) === slot).toBe(holds)
  })

  test('holds where the pause ends with it, or is over', async () => {
    const rateLimit = limiter()
    const slots = await take(rateLimit, 500)
    const slot = slots.at(-1)!
    await rateLimit.pause('1', slot)
    expect(await rateLimit.takeSlot('1', slot)).toBe(slot)

    time = slot + 500
    await rateLimit.pause('1', time)
    expect(await rateLimit.takeSlot('1', slot)).toBe(slot)
    await rateLimit.pause('1', time + 1)
    expect(await rateLimit.takeSlot('1', slot)).toBeGreaterThan(slot)
  })
})

describe('what HubSpot says', () => {
  test('nobody gets a slot within a pause, and a shorter one does not end it', async () => {
    const rateLimit = limiter()
    await rateLimit.pause('1', time + 30_000)
    await rateLimit.pause('1', time + 1000)

    expect(await limiter().takeSlot('1')).toBeGreaterThanOrEqual(time + 30_000)
  })

  test('its limit counts, in its interval, instead of the one that is set', async () => {
    const rateLimit = limiter({ limit: 110, share: 0.5 })
    await rateLimit.observeLimit('1', { max: 20, remaining: 19, intervalMilliseconds: 20_000 })
    const slots = await take(rateLimit, 10)

    expect(slots[9]! - slots[8]!).toBeCloseTo(20_000 / 9, 3)
  })

  test('with nothing left of its limit, everybody waits until something is', async () => {
    const rateLimit = limiter()
    await rateLimit.observeLimit('1', { max: 110, remaining: 0 })

    expect(await limiter().takeSlot('1')).toBeGreaterThan(time)
  })

  test('when its limit is reached again and again, the pause grows, for all Lambdas together', async () => {
    const pauses: number[] = []
    for (let i = 0; i < 12; i++) {
      const until = await limiter().noteLimitReached('1', undefined)
      pauses.push(until - time)
      time = until
    }

    for (const [index, pause] of pauses.entries())
      expect(pause).toBeLessThanOrEqual(Math.min(60_000, 1000 * 2 ** index))
    expect(pauses.at(-1)).toBeGreaterThanOrEqual(30_000)
    expect(await limiter().takeSlot('1')).toBeGreaterThanOrEqual(time)
  })

  describe('of one update, whenever it is told, while others are taken', () => {
    /** One more time for an update that has met the limit so often; another was taken a second before. */
    async function onceMore(times: number, { taken = true, named }: { taken?: boolean; named?: number } = {}) {
      const rateLimit = limiter({ random: () => 0.5 })
      time = (await rateLimit.noteLimitReached('1', undefined)) + 1
      if (taken) rateLimit.succeeded('1')
      time += 1000
      const wait = (await rateLimit.noteLimitReached('1', named, times)) - time
      return { wait, paused: (table.items.get('rate-limit-pause#1') as { value: number }).value > time }
    }

    test('ten times, the portal pauses', async () => {
      expect(await onceMore(10)).toMatchObject({ paused: true })
    })

    test('more often, it waits alone, longer each time', async () => {
      expect(await onceMore(11)).toEqual({ wait: 500, paused: false })
      expect(await onceMore(14)).toEqual({ wait: 4000, paused: false })
      expect(await onceMore(40)).toEqual({ wait: 225_000, paused: false })
    })

    test('and as long as HubSpot says, up to a quarter of an hour', async () => {
      expect(await onceMore(11, { named: 30 })).toEqual({ wait: 30_000, paused: false })
      expect(await onceMore(11, { named: 86_400 })).toEqual({ wait: 900_000, paused: false })
    })

    test('where none is taken, the portal pauses, however often it was', async () => {
      expect(await onceMore(40, { taken: false })).toMatchObject({ paused: true })
    })
  })

  test('requests that were refused together are refused once', async () => {
    const first = await limiter().noteLimitReached('1', undefined)
    for (let i = 0; i < 10; i++) expect(await limiter().noteLimitReached('1', undefined)).toBe(first)
    time = first

    expect((await limiter().noteLimitReached('1', undefined)) - time).toBeLessThanOrEqual(2000)
  })

  test('a success makes the next time a first time', async () => {
    const rateLimit = limiter()
    for (let i = 0; i < 8; i++) time = await rateLimit.noteLimitReached('1', undefined)
    time += 100
    rateLimit.succeeded('1')
    time += 100

    expect((await rateLimit.noteLimitReached('1', undefined)) - time).toBeLessThanOrEqual(1000)
  })

  test.each([
    ['an hour after the pause, it is a first time', 3_600_000, 1000],
    ['before that, it is a second time', 3_599_999, 2000],
  ])('%s', async (_, later, longest) => {
    const until = await limiter().noteLimitReached('1', undefined)
    time = until + later
    const pause = (await limiter().noteLimitReached('1', undefined)) - time

    expect(pause).toBeGreaterThanOrEqual(longest / 2)
    expect(pause).toBeLessThanOrEqual(longest)
  })

  test.each([
    ['before the pause is over, it shows nothing', 0, 2000],
    ['after it, it makes the next time a first time', 1, 1000],
  ])('a success: %s', async (_, later, longest) => {
    const rateLimit = limiter()
    time = (await rateLimit.noteLimitReached('1', undefined)) + later
    rateLimit.succeeded('1')
    const pause = (await rateLimit.noteLimitReached('1', undefined)) - time

    expect(pause).toBeGreaterThanOrEqual(longest / 2)
    expect(pause).toBeLessThanOrEqual(longest)
  })

  test('a time that it names within a pause lengthens that, and is no further time', async () => {
    const until = await limiter().noteLimitReached('1', undefined)
    expect(await limiter().noteLimitReached('1', 30)).toBe(time + 30_000)
    expect(await limiter().noteLimitReached('1', 5)).toBe(time + 30_000)

    expect(until).toBeLessThan(time + 30_000)
    expect(table.items.get('rate-limit-exceeded#1')).toMatchObject({ times: 0, version: 3 })
  })

  test.each([
    ['twice, it is noted at the third', 2, 3],
    ['again and again, everybody pauses all the same after the fourth', 9, 4],
  ])('where others write at the same time: %s', async (_, lost, tries) => {
    const { putIfNextVersion } = table
    let puts = 0
    table.putIfNextVersion = async (item) => ++puts > lost && putIfNextVersion(item)
    const until = await limiter().noteLimitReached('1', undefined)

    expect(puts).toBe(tries)
    expect(await limiter().takeSlot('1')).toBeGreaterThanOrEqual(until)
  })

  test('a limit that is reached because others use it is left alone for a fifth of a second', async () => {
    await limiter().observeLimit('1', { max: 110, remaining: 0 })

    expect(table.items.get('rate-limit-pause#1')).toMatchObject({ value: time + 200 })
  })

  test('with something left of its limit, nobody pauses', async () => {
    await limiter().observeLimit('1', { max: 110, remaining: 1 })
    await limiter().observeLimit('1', { max: 110 })

    expect(requests).toEqual([])
  })

  test.each([0, 7, 30_000, 86_400, 1e9])(
    'of %i seconds that it names, a minute is given at first, then a quarter of an hour',
    async (seconds) => {
      const first = (await limiter().noteLimitReached('1', seconds)) - time
      time += first
      const second = (await limiter().noteLimitReached('1', seconds)) - time

      expect(first).toBeLessThanOrEqual(60_000)
      expect(first).toBeGreaterThanOrEqual(Math.min(seconds * 1000, 60_000))
      expect(second).toBeLessThanOrEqual(900_000)
      expect(second).toBeGreaterThanOrEqual(Math.min(seconds * 1000, 900_000))
    },
  )
})
