import { describe, expect, test } from 'vitest'
import { compare } from './others.ts'
import { describe as inWords, reduce, runWorld } from './run.ts'
import { explore, firstPoints, scenarios } from './small.ts'
import { variants } from './variants.ts'

test('in two hundred worlds, whatever goes wrong, every invariant holds', async () => {
  for (let seed = 0; seed < 200; seed++) {
    const { violations } = await runWorld({ seed })

    if (violations.length > 0) expect.fail(inWords(await reduce({ seed })))
  }
})

test('in every small world with one fault, or one departure from the usual order, every invariant holds', async () => {
  for (const scenario of scenarios)
    for (const begin of [[], ...(await firstPoints(scenario)).map((point) => [point])]) {
      const { broken } = await explore(scenario, begin, { faults: 0, departures: 0 })

      expect({ scenario: scenario.name, ...broken }).toEqual({ scenario: scenario.name })
    }
})

test('the same seed is the same world, step by step', async () => {
  const [once, again] = [await runWorld({ seed: 23 }), await runWorld({ seed: 23 })]

  expect(again.world.trace()).toEqual(once.world.trace())
  expect(again.world.faults.happened).toEqual(once.world.faults.happened)
})

describe('how long HubSpot shows a wrong word', () => {
  test('where nothing goes wrong: the time of queues and of HubSpot, and no more', async () => {
    for (let seed = 0, calm = 0; calm < 20; seed++) {
      const { world } = await runWorld({ seed })
      if (!world.faults.calm) continue
      calm++
      const { relay, allKnowing } = await compare({ seed }, world)

      // A second in which the queue gathers a batch, and a dozen calls of AWS of up to 60 ms, for each word.
      expect(relay - allKnowing).toBeLessThan(1.75 * Math.max(1, world.hubspot.patches.length))
    }
  })

  test('whatever goes wrong: a hundredth of what others let it', async () => {
    const sum = { nobody: 0, plain: 0, relay: 0 }
    for (let seed = 0; seed < 60; seed++) {
      const { world } = await runWorld({ seed })
      const { nobody, plain, relay } = await compare({ seed }, world)
      sum.nobody += nobody
      sum.plain += plain
      sum.relay += relay
    }

    expect(sum.relay * 100).toBeLessThan(sum.nobody)
    expect(sum.relay * 50).toBeLessThan(sum.plain)
  })
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
