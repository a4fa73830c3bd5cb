import { expect, test } from 'vitest'
import { describe as inWords, reduce, runWorld } from './run.ts'

test('in three hundred worlds, whatever goes wrong, every invariant holds', async () => {
  for (let seed = 0; seed < 300; seed++) {
    const { violations } = await runWorld({ seed })

    if (violations.length > 0) expect.fail(inWords(await reduce({ seed })))
  }
}, 60_000)

test('the same seed is the same world, step by step', async () => {
  const [once, again] = [await runWorld({ seed: 23 }), await runWorld({ seed: 23 })]

  expect(again.world.trace).toEqual(once.world.trace)
  expect(again.world.faults.happened).toEqual(once.world.faults.happened)
})
