import Table from 'cli-table3'
import { InvalidArgumentError, program } from 'commander'
import pc from 'picocolors'
import { quantile } from './bench/statistics.ts'
import { type Load, measureSpeed, type Neighbour, play, type Result, startCustomers } from './fair/scene.ts'

const options = program
  .name('npm run bench:fair --')
  .description(
    'Customers on the local stack, each with a portal and an account of its own, write a message now and then: alone, ' +
      'beside one whose provider does not answer, beside one whose provider answers 503, and beside one who sends ' +
      'thousands at once. Fails where that makes the messages of the others more than half again as late.',
  )
  .option('--customers <number>', 'how many write now and then', whole, 40)
  .option('--seconds <number>', 'for how long each scene is played', whole, 120)
  .option('--messages <number>', 'how many the one sends at once', whole, 10_000)
  .parse()
  .opts<{ customers: number; seconds: number; messages: number }>()

const scenes: { name: string; neighbour?: Neighbour }[] = [
  { name: 'alone' },
  { name: 'beside one whose provider does not answer', neighbour: { provider: 'silent' } },
  { name: 'beside one whose provider answers 503', neighbour: { provider: 'busy' } },
  {
    name: `beside one who sends ${options.messages} at once`,
    neighbour: { provider: 'takes', atOnce: options.messages },
  },
]

const goal = 1.5
const stopping = new AbortController()
process.once('SIGINT', () => stopping.abort())

let load: Load | undefined
const results: { name: string; result: Result }[] = []
for (const { name, neighbour } of scenes) {
  if (stopping.signal.aborted) break
  say(`${name}: starting the local stack …`)
  await using customers = await startCustomers(options.customers, neighbour ?? { provider: 'takes' })
  const perSecond = await measureSpeed(customers)
  // A fifth of what the machine can do leaves room for the neighbour.
  load ??= { ...options, everySeconds: Math.max(2, (5 * options.customers) / perSecond) }
  say(`${perSecond.toFixed(1)} messages a second told; each customer writes every ${load.everySeconds.toFixed(0)} s`)
  const result = await play(customers, load, {
    ...(neighbour && { neighbour }),
    signal: stopping.signal,
    progress: say,
  })
  results.push({ name, result })
}
process.exitCode = stopping.signal.aborted ? 130 : show()

/** Prints the figures; returns the exit code. */
function show() {
  const [alone] = results
  const head = ['', 'messages', 'p50 s', 'p99 s', 'p50 ÷ alone', 'p99 ÷ alone', 'the one: sent, told, calls', 'queued']
  const table = new Table({ head, style: { head: [], border: [] } })
  let missed = 0
  for (const { name, result } of results) {
    const ratios = [0.5, 0.99].map(
      (share) => quantile(result.latencies, share) / quantile(alone!.result.latencies, share),
    )
    missed += ratios.filter((ratio) => ratio > goal).length
    const { sent, told, calls } = result.neighbour
    table.push([
      name,
      result.latencies.length,
      ...[0.5, 0.99].map((share) => (quantile(result.latencies, share) / 1000).toFixed(2)),
      ...(result === alone!.result ? ['', ''] : ratios.map(marked)),
      result === alone!.result ? '' : `${sent}, ${told}, ${calls}`,
      result.backlog,
    ])
  }
  console.log(table.toString())
  console.log(
    `From HubSpot's webhook until HubSpot is told, of ${options.customers} customers' messages. Goal: ${goal} times alone, at most.`,
  )
  console.log(missed === 0 ? pc.green('Every goal is reached.') : pc.red(`Goals missed: ${missed}.`))
  return missed === 0 ? 0 : 1
}

function marked(ratio: number) {
  return `${ratio.toFixed(2)} ${ratio <= goal ? pc.green('✓') : pc.red('✗')}`
}

function say(line: string) {
  process.stderr.write(pc.dim(`${line}\n`))
}

function whole(text: string) {
  if (!/^[1-9]\d{0,5}$/.test(text)) throw new InvalidArgumentError('It must be a whole number, 1 or more.')
  return Number(text)
}
