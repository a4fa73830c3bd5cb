import { describe, expect, test } from 'vitest'
import { judge } from './rate-limit/goals.ts'
import { type Load, play } from './rate-limit/play.ts'
import { strategies } from './rate-limit/strategies.ts'

// What `npm run bench:rate-limit` shows at full length.
describe.each([false, true])('a flood (HubSpot counts what it refuses: %s)', (refusedCount) => {
  const load: Load = { updates: 2500, quietPortals: 0, consumers: 10, refusedCount, seed: 1 }

  test('drains nearly as fast as HubSpot allows, almost never refused, with a tenth of a write for each update', async () => {
    const { drain, refused, extraWrites } = judge(load, await play(strategies['shared limiter'], load), undefined)

    expect(drain).toMatchObject({ reached: true })
    expect(refused).toMatchObject({ reached: true })
    expect(extraWrites).toMatchObject({ reached: true })
  })

  test('leaves the other portals as quick as they are alone', async () => {
    const noisy = { ...load, updates: 800, quietPortals: 399, consumers: 2 }
    const alone = await play(strategies['shared limiter'], { ...noisy, quietAlone: true })
    const { quiet } = judge(noisy, await play(strategies['shared limiter'], noisy), alone)

    expect(quiet).toMatchObject({ reached: true })
  })
})

test('the model is no easy one: without a limiter most requests are refused', async () => {
  const load: Load = { updates: 800, quietPortals: 0, consumers: 10, refusedCount: false, seed: 1 }
  const { refused } = judge(load, await play(strategies['back-off'], load), undefined)

  expect(refused).toMatchObject({ reached: false })
})
