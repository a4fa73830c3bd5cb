import { judgeAtEnd, judgeAtRest, type Violation } from './invariants.ts'
import { createWorld, type World, type WorldOptions } from './world.ts'

/** What came of one world. */
export type Result = { seed: number; violations: Violation[]; world: World }

/** Runs a world until it has come to rest, has the dead letters redriven, and judges it. */
export async function runWorld(options: WorldOptions): Promise<Result> {
  const world = createWorld(options)
  return { seed: options.seed, violations: await judged(world), world }
}

/** Lets a world come to rest, has its dead letters redriven, and judges it. */
export async function judged(world: World): Promise<Violation[]> {
  const restless: Violation = { invariant: 'the world comes to rest', detail: 'work is left after three days' }
  if (!(await world.rest())) return [restless]
  const early = judgeAtRest(world)
  world.redrive()
  return (await world.rest()) ? [...early, ...judgeAtEnd(world)] : [...early, restless]
}

/**
 * The same failure with as little as possible: takes away messages and faults, one by one, as long as the same invariant
 * stays broken.
 */
export async function reduce(options: WorldOptions): Promise<Result> {
  let failure = await runWorld(options)
  const invariant = failure.violations[0]?.invariant
  if (!invariant) return failure
  const needed = {
    onlyMessages: new Set(failure.world.fates.map(({ id }) => id)),
    onlyFaults: new Set(failure.world.faults.happened.map(({ name }) => name)),
  }

  async function fails(tried: Partial<WorldOptions>) {
    const result = await runWorld({ ...options, ...needed, ...tried })
    const same = result.violations.some((violation) => violation.invariant === invariant)
    if (same) failure = result
    return same
  }
  for (const id of [...needed.onlyMessages]) {
    const fewer = new Set([...needed.onlyMessages].filter((other) => other !== id))
    if (fewer.size > 0 && (await fails({ onlyMessages: fewer }))) needed.onlyMessages = fewer
  }
  for (let size = Math.ceil(needed.onlyFaults.size / 2); size >= 1; size = size > 1 ? Math.ceil(size / 2) : 0) {
    const names = [...needed.onlyFaults]
    for (let at = 0; at < names.length; at += size) {
      const without = new Set(names.slice(at, at + size))
      const fewer = new Set([...needed.onlyFaults].filter((name) => !without.has(name)))
      if (await fails({ onlyFaults: fewer })) needed.onlyFaults = fewer
    }
  }
  return failure
}

/** A world's course, a line for each step, with the time since its start. */
export function describe({ seed, violations, world }: Result) {
  return [
    `Seed ${seed}`,
    ...violations.map(({ invariant, detail }) => `  broken: ${invariant}: ${detail}`),
    ...world.faults.happened.map(({ name }) => `  fault: ${name}`),
    ...world.trace().map(({ at, who, what }) => `  ${timeOf(at)}  ${who.padEnd(18)} ${what}`),
  ].join('\n')
}

function timeOf(milliseconds: number) {
  return new Date(milliseconds).toISOString().slice(11, 23)
}
