import { describe, expect, test } from 'vitest'
import { describe as inWords, reduce, runWorld } from './run.ts'
import { variants } from './variants.ts'

test('in two hundred worlds, whatever goes wrong, every invariant holds', async () => {
  for (let seed = 0; seed < 200; seed++) {
    const { violations } = await runWorld({ seed })

    if (violations.length > 0) expect.fail(inWords(await reduce({ seed })))
  }
})

test('the same seed is the same world, step by step', async () => {
  const [once, again] = [await runWorld({ seed: 23 }), await runWorld({ seed: 23 })]

  expect(again.world.trace()).toEqual(once.world.trace())
  expect(again.world.faults.happened).toEqual(once.world.faults.happened)
})

describe('a relay that is wrong is noticed:', () => {
  test.each(variants)(
    '$wrong',
    async ({ breaks, handlers, kinds }) => {
      const noticed = await firstSeed(400, async (seed) => {
        const { violations } = await runWorld({ seed, variant: handlers, kinds })
        return violations.some(({ invariant }) => invariant === breaks)
      })

      expect(noticed).toBeDefined()
    },
    240_000,
  )
})

async function firstSeed(seeds: number, holds: (seed: number) => Promise<boolean>) {
  for (let seed = 0; seed < seeds; seed++) if (await holds(seed)) return seed
  return undefined
}
