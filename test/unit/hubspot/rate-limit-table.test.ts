import fc from 'fast-check'
import { expect, test } from 'vitest'
import { createRateLimit } from '../../../functions/hubspot/rate-limit.ts'
import { createMemoryTable } from '../../support/memory-table.ts'

// How long a portal pauses when HubSpot says that its limit is reached.

const start = Date.parse('2026-11-22T12:00:00Z')

/** Reaches the limit so often, each time when the pause before is over; how long the last pause is. */
async function lastPause(named: (number | undefined)[], random = () => 0.5) {
  const table = createMemoryTable()
  let time = start
  let pause = 0
  for (const seconds of named) {
    const limit = createRateLimit({ table, limit: 110, share: 1, now: () => time, sleep: async () => {}, random })
    pause = (await limit.noteLimitReached('1', seconds)) - time
    time += pause
  }
  return pause
}

const times = (count: number, seconds: number | undefined) => Array<number | undefined>(count).fill(seconds)

test.each<[string, (number | undefined)[], number]>([
  ['once', times(1, undefined), 750],
  ['twice', times(2, undefined), 1500],
  ['three times', times(3, undefined), 3000],
  ['six times', times(6, undefined), 24_000],
  ['seven times', times(7, undefined), 45_000],
  ['twenty times', times(20, undefined), 45_000],
  ['once, for 5 seconds', [5], 5000],
  ['once, for a day', [86_400], 60_000],
  ['twice, for a day', times(2, 86_400), 900_000],
  ['once, for no time', [0], 250],
  ['seven times, for no time', times(7, 0), 16_000],
  ['once, for less than no time', [-5], 250],
  ['once, for what is no number', [Number.NaN], 250],
])('%s', async (_, named, milliseconds) => {
  expect(await lastPause(named)).toBe(milliseconds)
})

test('whatever it names, and however often: no pause is longer than a quarter of an hour, nor none at all for long', async () => {
  const seconds = fc.option(fc.oneof(fc.integer(), fc.double(), fc.constantFrom(1e9, -10, 0)), { nil: undefined })
  await fc.assert(
    fc.asyncProperty(
      fc.array(seconds, { minLength: 1, maxLength: 12 }),
      fc.double({ min: 0.01, max: 0.99, noNaN: true }),
      async (named, drawn) => {
        const pause = await lastPause(named, () => drawn)

        expect(pause).toBeGreaterThan(0)
        expect(pause).toBeLessThanOrEqual(900_000)
      },
    ),
  )
})
