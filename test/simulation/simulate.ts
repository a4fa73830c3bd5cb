import { availableParallelism } from 'node:os'
import { Worker } from 'node:worker_threads'
import { Command, InvalidArgumentError } from 'commander'
import { noticeAll, playAll } from './all.ts'
import type { Lies } from './others.ts'
import { describe, reduce, runWorld } from './run.ts'
import type { Report } from './worker.ts'

const program = new Command('simulate')
  .description('Runs the relay in worlds under a seed, each with faults of its own, and judges what came of them.')
  .option('--seeds <count>', 'how many worlds', whole, 10_000)
  .option('--from <seed>', 'the first seed', whole, 0)
  .option('--seed <seed>', 'one world only, and its course', whole)
  .option(
    '--all',
    'every small world: one message, and at most so many faults and departures from the usual order',
    false,
  )
  .option('--faults <count>', 'with --all: how many faults', whole, 1)
  .option('--departures <count>', 'with --all: how many departures', whole, 1)
  .option('--trace', 'with --seed: its course as it is, even where it could be reduced', false)
  .parse()
type Options = {
  seeds: number
  from: number
  seed?: number
  trace: boolean
  all: boolean
  faults: number
  departures: number
}
const options = program.opts<Options>()

if (options.all) await every()
else if (options.seed === undefined) await simulate(options.from, options.seeds)
else await replay(options.seed)

/** Every small world, and then, within narrower bounds, one for each wrong relay that notices it. */
async function every() {
  const holds = await playAll(options)
  const isNoticed = holds && (await noticeAll({ faults: 1, departures: 1 }))
  process.exitCode = isNoticed ? 0 : 1
}

async function replay(seed: number) {
  const result = await (options.trace ? runWorld({ seed }) : reduce({ seed }))
  console.log(describe(result))
  process.exitCode = result.violations.length > 0 ? 1 : 0
}

/** Works the seeds off on all cores, until all are done, one fails, or Ctrl-C. */
async function simulate(from: number, count: number) {
  const begun = performance.now()
  const total = { worlds: 0, messages: 0, updates: 0, patches: 0, redriven: 0, virtualHours: 0 }
  const lies: Lies & { messages: number } = { nobody: 0, plain: 0, relay: 0, allKnowing: 0, messages: 0 }
  const faults: Record<string, number> = {}
  let next = from
  let failed: number | undefined
  let stopped = false
  process.once('SIGINT', () => {
    stopped = true
  })

  const work = () =>
    new Promise<void>((resolve, reject) => {
      const worker = new Worker(new URL('./worker.ts', import.meta.url))
      const assign = () => {
        if (stopped || failed !== undefined || next >= from + count) void worker.terminate().then(() => resolve())
        else worker.postMessage(next++)
      }
      worker.on('error', reject)
      worker.on('message', (report: Report) => {
        total.worlds++
        for (const key of ['messages', 'updates', 'patches', 'redriven', 'virtualHours'] as const)
          total[key] += report[key]
        if (report.lies) lies.messages += report.messages
        for (const [who, seconds] of Object.entries(report.lies ?? {})) lies[who as keyof Lies] += seconds
        for (const kind of report.faults) faults[kind] = (faults[kind] ?? 0) + 1
        if (report.failed) failed = Math.min(failed ?? report.seed, report.seed)
        if (process.stdout.isTTY)
          process.stdout.write(`\r${bar(total.worlds / count)} ${total.worlds} of ${count} worlds`)
        assign()
      })
      assign()
    })
  await Promise.all(Array.from({ length: availableParallelism() }, work))

  if (process.stdout.isTTY) process.stdout.write('\n')
  const seconds = Math.round((performance.now() - begun) / 1000)
  console.log(
    `${total.worlds} worlds in ${seconds} s (${Math.round(total.virtualHours)} hours of theirs): ${total.messages} messages, ` +
      `${total.updates} updates, ${total.patches} PATCHes, ${total.redriven} dead letters redriven.`,
  )
  for (const [kind, times] of Object.entries(faults).sort(([, a], [, b]) => b - a))
    console.log(`${String(times).padStart(8)} × ${kind}`)
  showLies(lies)
  if (failed === undefined)
    return console.log(stopped ? 'Stopped; until then every invariant held.' : 'Every invariant held.')
  console.log(`\n${describe(await reduce({ seed: failed }))}\n\nReplay: npm run simulate -- --seed ${failed}`)
  process.exitCode = 1
}

/** For how long HubSpot shows another word than what the provider's side knows, a message, by who tells it. */
function showLies({ messages, nobody, plain, relay, allKnowing }: Lies & { messages: number }) {
  if (messages === 0) return
  const each = (seconds: number) => `${(seconds / messages).toFixed(1)} s`
  console.log(
    `HubSpot shows a wrong word of a message, within its first day, for ${each(nobody)} where nobody tells it, ` +
      `${each(plain)} by a plain relay, ${each(relay)} by this one, and ${each(allKnowing)} by one who knows everything at once.`,
  )
}

function bar(done: number) {
  const full = Math.round(done * 30)
  return `[${'#'.repeat(full)}${' '.repeat(30 - full)}]`
}

function whole(value: string) {
  if (!/^\d{1,9}$/.test(value)) throw new InvalidArgumentError('It has to be a whole number.')
  return Number(value)
}
