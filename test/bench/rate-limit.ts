import { once } from 'node:events'
import { availableParallelism } from 'node:os'
import { Worker } from 'node:worker_threads'
import Table from 'cli-table3'
import { InvalidArgumentError, program } from 'commander'
import pc from 'picocolors'
import { judge, type Verdict } from './rate-limit/goals.ts'
import type { Load, Result } from './rate-limit/play.ts'
import type { Case } from './rate-limit/player.ts'

const { seed, updates } = program
  .name('npm run bench:rate-limit --')
  .description(
    "Plays a flood of updates through update-status, with the relay's shared limiter and with what is commonly done " +
      'instead, in a model of SQS, Lambda and HubSpot under a virtual clock. Fails if the shared limiter misses a goal.',
  )
  .option('--seed <number>', 'chance, repeatable', whole, 1)
  .option('--updates <number>', "the noisy portal's updates", whole, 10_000)
  .parse()
  .opts<{ seed: number; updates: number }>()

const strategyNames = ['shared limiter', 'back-off', 'bucket per Lambda'] as const
const consumers = [2, 10, 50]
const scenes = [0, 99, 399].flatMap((quietPortals) =>
  [false, true].map((refusedCount) => ({ updates, quietPortals, refusedCount, seed })),
)

const results = await playAll(allCases())
const missed = scenes.flatMap(show).filter(Boolean).length
console.log(
  '\nExtra writes, DynamoDB and SQS are requests per update. Goals: drain ≤ 1.08 × ideal, 429s ≤ 0.5 % of the PATCHes, ' +
    "quiet portals' p99 ≤ 1.5 × alone, extra writes ≤ 0.2 where batches are full. Only the shared limiter has to reach them.",
)
console.log(missed === 0 ? pc.green('Every goal is reached.') : pc.red(`Goals missed: ${missed}.`))
process.exitCode = missed === 0 ? 0 : 1

function allCases() {
  return scenes.flatMap((scene) =>
    strategyNames.flatMap((strategy) =>
      consumers.flatMap((consumers): Case[] => {
        const load = { ...scene, consumers }
        return scene.quietPortals > 0
          ? [
              { strategy, load: alone(load) },
              { strategy, load },
            ]
          : [{ strategy, load }]
      }),
    ),
  )
}

function alone(load: Load): Load {
  return { ...load, refusedCount: false, quietAlone: true }
}

/** Plays each case once, on all processors, and says how far it is. */
async function playAll(cases: Case[]) {
  const waiting = [...new Map(cases.map((one) => [keyOf(one), one]))]
  const total = waiting.length
  const results = new Map<string, Result>()
  async function work() {
    const worker = new Worker(new URL('./rate-limit/player.ts', import.meta.url))
    for (let next = waiting.pop(); next; next = waiting.pop()) {
      const [key, one] = next
      worker.postMessage(one)
      const [result] = await once(worker, 'message')
      results.set(key, result)
      process.stderr.write(pc.dim(`${results.size} of ${total}: ${one.strategy}, ${one.load.consumers} consumers\n`))
    }
    await worker.terminate()
  }
  await Promise.all(Array.from({ length: availableParallelism() }, work))
  return results
}

/** Prints the table of a scene, and returns for each goal of the relay's own limiter whether it is missed. */
function show(scene: (typeof scenes)[number]) {
  const portals = scene.quietPortals === 0 ? 'One portal' : `${scene.quietPortals + 1} portals, one of them noisy,`
  const counting = scene.refusedCount ? 'counts' : 'does not count'
  console.log(pc.bold(`\n${portals} with ${updates} updates; HubSpot ${counting} the requests that it refuses`))
  const quiet = scene.quietPortals === 0 ? [] : ['quiet p50 / p99 s (alone)']
  const head = ['', 'consumers', 'drain ÷ ideal', '429s', ...quiet, 'extra writes', 'DynamoDB', 'SQS', 'Lambda s']
  const table = new Table({ head, style: { head: [], border: [] } })
  const missed: boolean[] = []
  for (const strategy of strategyNames)
    for (const consumer of consumers) {
      const load = { ...scene, consumers: consumer }
      const result = results.get(keyOf({ strategy, load }))!
      const verdicts = judge(load, result, results.get(keyOf({ strategy, load: alone(load) })))
      if (strategy === 'shared limiter')
        missed.push(...Object.values(verdicts).map((verdict: Verdict) => verdict.reached === false))
      const { drain, refused, quiet, extraWrites } = verdicts
      table.push([
        strategy,
        consumer,
        ...[drain, refused, ...(scene.quietPortals === 0 ? [] : [quiet]), extraWrites].map(marked),
        result.dynamoDbPerUpdate.toFixed(1),
        result.sqsPerUpdate.toFixed(1),
        result.lambdaSeconds.toFixed(0),
      ])
    }
  console.log(table.toString())
  return missed
}

function marked({ figure, reached }: Verdict) {
  if (reached === undefined) return figure
  return reached ? `${figure} ${pc.green('✓')}` : `${figure} ${pc.red('✗')}`
}

function keyOf(one: Case) {
  return JSON.stringify(one)
}

function whole(text: string) {
  if (!/^[1-9]\d{0,8}$/.test(text)) throw new InvalidArgumentError('It must be a whole number, 1 or more.')
  return Number(text)
}
