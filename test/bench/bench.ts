import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { availableParallelism, cpus, platform } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import Table from 'cli-table3'
import { program } from 'commander'
import pc from 'picocolors'
import { compare } from '../simulation/others.ts'
import { runWorld } from '../simulation/run.ts'
import { type Cloud, startCloud, times } from './bench/cloud.ts'
import { type Built, buildContenders, type Contender, contenders } from './bench/contenders.ts'
import { costPerMillion, gigabytes, prices, type Status, type Used, usedBy } from './bench/cost.ts'
import { count, countWebhookLog } from './bench/counted.ts'
import { countMessages } from './bench/counted-stack.ts'
import { endToEnd } from './bench/end-to-end.ts'
import { countHandshakes, type Measured, measure } from './bench/figures.ts'
import { atLeast, atMost, compared, costRow, figureOf, goals, type Row, ratioVerdict } from './bench/goals.ts'
import { runTask } from './bench/run.ts'
import { median, pairedRatio } from './bench/statistics.ts'

const { quick, markdown } = program
  .name('npm run bench --')
  .description(
    'Builds the relay, what a competent team writes by following the documentation (test/bench/peer) and Node alone ' +
      '(test/bench/floor), and measures all three by turns. Fails where the relay misses a goal.',
  )
  .option('--quick', 'few rounds, in two minutes: for a first look', false)
  .option('--markdown', 'prints the table as the README has it', false)
  .parse()
  .opts<{ quick: boolean; markdown: boolean }>()

for (const [signal, code] of [
  ['SIGINT', 130],
  ['SIGTERM', 143],
] as const)
  process.once(signal, () => process.exit(code))

const roundCount = quick ? 3 : 15
const startedAt = Date.now()
const rows: Row[] = []

await using built = await buildContenders()
const cloud = await startCloud()
const rounds = await measureByTurns(built, cloud)
rows.push(
  compared('cold start: INIT, and the first webhook at 256 MB', 'ms', rounds, 'coldStart', goals.coldStart),
  compared('a webhook without its network, CPU', 'µs', rounds, 'webhookCpu', goals.webhookCpu),
  compared('a batch of 10 updates, CPU', 'ms', rounds, 'batchCpu', goals.batchCpu),
  compared('a batch of 10 updates, start to end', 'ms', rounds, 'batchWall', goals.batchWall),
)
const shortRows = rows.length
rows.push(await pathRow(), ...sizeRows(built), await handshakeRow(built))
await cloud.close()
const { rows: countedRows, statuses } = await countAll(built)
const cost = costRow(statuses)
rows.push(...countedRows, cost)
const message = await usedByMessage()
const whole = await endToEnd(quick ? 100 : 500)
rows.push(
  plainRow('webhook in → HubSpot is told, local stack: p50', `${figureOf(whole.p50)} ms`),
  plainRow('webhook in → HubSpot is told, local stack: p99', `${figureOf(whole.p99)} ms`),
  {
    ...plainRow('messages told, local stack', `${figureOf(whole.toldPerSecond)} /s`),
    verdicts: [atLeast(goals.toldPerSecond, whole.toldPerSecond, ' /s')],
  },
  plainRow('calls that its emulators alone answer (a message takes ten)', `${figureOf(whole.awsCallsPerSecond)} /s`),
)
const lies = await lieSeconds(quick ? 200 : 1000)
rows.push(
  plainRow('HubSpot shows a wrong word of a message, where nobody tells it', lies.nobody),
  plainRow('… with a plain relay, in the same simulated worlds', lies.plain),
  plainRow('… with this one', lies.relay),
)

if (markdown) showMarkdown()
else show()
writeFileSync(
  new URL('./results.json', import.meta.url),
  JSON.stringify(
    { at: new Date(startedAt), machine: machine(), quick, rows, rounds, statuses, message, whole },
    undefined,
    2,
  ),
)
const missed = rows.flatMap(({ verdicts }) => verdicts).filter(({ reached }) => !reached).length
console.log(missed === 0 ? pc.green('Every goal is reached.') : pc.red(`Goals missed: ${missed}.`))
process.exit(missed === 0 ? 0 : 1)

/** Each contender once in each round, in another order each time, so that what the machine does meanwhile hits all alike. */
async function measureByTurns(built: Built, cloud: Cloud) {
  const rounds: Record<Contender, Measured[]> = { ours: [], peer: [], floor: [] }
  for (let round = 0; round < roundCount; round++) {
    const order = contenders.map((_, index) => contenders[(index + round) % contenders.length]!)
    for (const contender of order) rounds[contender].push(await measure(built, contender, cloud, quick ? 1000 : 4000))
    progress(`round ${round + 1} of ${roundCount}`)
  }
  return rounds
}

async function pathRow(): Promise<Row> {
  const measured: { path: number; hmac: number }[] = []
  for (let round = 0; round < roundCount; round++)
    measured.push(
      (
        await runTask<{ path: number; hmac: number }>(
          { kind: 'path', times: quick ? 40_000 : 100_000 },
          { PATH: process.env['PATH'] },
          { keepLog: false },
        )
      ).result,
    )
  const [path, hmac] = [measured.map((one) => one.path), measured.map((one) => one.hmac)]
  const alone = median(hmac).toFixed(1)
  return {
    figure: `verify, parse, validate, one log line (one HMAC: ${alone} µs)`,
    values: { ours: `${figureOf(median(path))} µs` },
    verdicts: [ratioVerdict('HMAC', pairedRatio(path, hmac), goals.path)],
  }
}

function sizeRows(built: Built): Row[] {
  const sizes = (contender: Contender, name: 'hubspot-webhook' | 'update-status') => {
    const folder = built.folder(contender, name)
    const files = readdirSync(folder).map((file) => gzipSync(readFileSync(join(folder, file)), { level: 9 }).length)
    return files.reduce((sum, size) => sum + size) / 1000
  }
  return (['hubspot-webhook', 'update-status'] as const).map((name) => ({
    figure: `${name}, gzip`,
    values: Object.fromEntries(contenders.map((one) => [one, `${figureOf(sizes(one, name))} kB`])),
    verdicts: [atMost(goals.gzip[name], sizes('ours', name), ' kB')],
  }))
}

async function handshakeRow(built: Built): Promise<Row> {
  const counts = await Promise.all(contenders.map((contender) => countHandshakes(built, contender)))
  return {
    figure: 'handshakes: 4 invocations, 5 s apart, 10 PATCHes each',
    values: Object.fromEntries(contenders.map((contender, index) => [contender, String(counts[index])])),
    verdicts: [atMost(goals.handshakes, counts[contenders.indexOf('ours')]!)],
  }
}

async function countAll(built: Built) {
  const counted = {} as Record<Contender, Awaited<ReturnType<typeof count>>>
  const statuses = {} as Record<Contender, Status>
  for (const contender of contenders) {
    counted[contender] = await count(built, contender)
    const { writeUnits, readUnits, logBytes } = counted[contender].first
    statuses[contender] = {
      batchSize: 10,
      writeUnits,
      readUnits,
      logBytes: logBytes + (await countWebhookLog(built, contender)),
      // A webhook's function mostly waits for SQS, for about 10 ms; its CPU comes at its share of one.
      webhookMs: 10 + median(rounds[contender].map(({ webhookCpu }) => webhookCpu / 1000)) * (1769 / 256),
      batchMs: median(rounds[contender].map(({ batchWall }) => batchWall)),
    }
  }
  const row = (figure: string, value: (one: (typeof counted)['ours']) => number, most: number, unit: string): Row => ({
    figure,
    values: Object.fromEntries(contenders.map((one) => [one, `${figureOf(value(counted[one]))}${unit}`])),
    verdicts: [atMost(most, value(counted.ours), unit)],
  })
  const rows = [
    row('DynamoDB for an update: writes', ({ first }) => first.writeUnits, goals.update.writes, ''),
    row('DynamoDB for an update: reads', ({ first }) => first.readUnits, goals.update.reads, ''),
    row('DynamoDB for a duplicate: writes', ({ duplicate }) => duplicate.writeUnits, goals.duplicate.writes, ''),
    row('DynamoDB for a duplicate: reads', ({ duplicate }) => duplicate.readUnits, goals.duplicate.reads, ''),
    row('log of an update', ({ first }) => first.logBytes, goals.update.logBytes, ' bytes'),
  ]
  return { rows, statuses }
}

/** Over simulated worlds, for a message, within its first day. */
async function lieSeconds(worlds: number) {
  const sum = { nobody: 0, plain: 0, relay: 0 }
  let messages = 0
  for (let seed = 0; seed < worlds; seed++) {
    const { world } = await runWorld({ seed })
    const lies = await compare({ seed }, world)
    messages += world.fates.length
    for (const who of ['nobody', 'plain', 'relay'] as const) sum[who] += lies[who]
  }
  const inSeconds = (seconds: number) => `${figureOf(seconds / messages)} s`
  return { nobody: inSeconds(sum.nobody), plain: inSeconds(sum.plain), relay: inSeconds(sum.relay) }
}

function plainRow(figure: string, value: string): Row {
  return { figure, values: { ours: value }, verdicts: [] }
}

function show() {
  const table = new Table({ head: ['', ...contenders, 'goal', ''], style: { head: [], border: [] } })
  for (const { figure, values, verdicts } of rows) {
    const said = verdicts.map(({ came, reached }) => (reached ? pc.green(`${came} ✓`) : pc.red(`${came} ✗`)))
    const goals = verdicts.map(({ goal }) => goal)
    table.push([figure, ...contenders.map((one) => values[one] ?? ''), goals.join('\n'), said.join('\n')])
  }
  console.log(table.toString())
  showCosts()
  showSizes()
  console.log(howMeasured())
}

/** The README's five rows, and docs/bench.md's all. */
function showMarkdown() {
  showRows([...rows.slice(0, shortRows), cost])
  showRows(rows)
  console.log(`\n${new Date(startedAt).toISOString().slice(0, 10)}. ${howMeasured()}`)
}

function showRows(rows: Row[]) {
  const line = (cells: string[]) => console.log(`| ${cells.join(' | ')} |`)
  line(['', ...contenders, 'goal', 'reached'])
  line(Array.from({ length: 6 }, () => '---'))
  for (const { figure, values, verdicts } of rows) {
    const came = verdicts.map(({ came, reached }) => (reached ? came : `**no: ${came}**`))
    const goals = verdicts.map(({ goal }) => goal)
    line([figure.trim(), ...contenders.map((one) => values[one] ?? ''), goals.join(', '), came.join(', ')])
  }
  console.log()
}

function howMeasured() {
  return (
    `${machine()}; ${roundCount} rounds by turns, ratios are medians of paired ones, ± half their middle half. ` +
    `PATCHes take ${times.patchMs} ms, DynamoDB ${times.dynamoDbMs} ms. Times at 256 MB are computed from CPU time, ` +
    `since Lambda gives INIT a whole CPU and an invocation 256/1769 of one. Prices: ${prices.region}, ${prices.asOf}.`
  )
}

function showCosts() {
  const used: [string, Used][] = contenders.map((one) => [`statuses, ${one}`, usedBy(statuses[one])])
  used.push(['messages, from webhook to read, the whole relay', message])
  const table = new Table({
    head: ['$ for a million', ...Object.keys(costPerMillion(message))],
    style: { head: [], border: [] },
  })
  for (const [what, one] of used) table.push([what, ...Object.values(costPerMillion(one)).map((usd) => usd.toFixed(2))])
  console.log(table.toString())
}

/** What the relay's bundles are made of, before they are compressed. */
function showSizes() {
  for (const [name, packages] of Object.entries(built.packages)) {
    const largest = packages.slice(0, 12).map(({ name, bytes }) => `${name} ${figureOf(bytes / 1000)}`)
    console.log(`${name}, kB by package: ${largest.join(', ')}`)
  }
}

/** Of a message that is told SENT and READ: three requests, and three jobs that are consumed in batches as they come. */
async function usedByMessage(): Promise<Used> {
  const counted = await countMessages(quick ? 40 : 100)
  const { webhookMs, batchMs } = statuses.ours
  const [requests, batches] = [counted.httpApiRequests, counted.lambdaInvocations - counted.httpApiRequests]
  const gigabyteSeconds = (gigabytes.webhook * requests * webhookMs + gigabytes.consumer * batches * batchMs) / 1000
  return { ...counted, gigabyteSeconds }
}

function machine() {
  return `Node ${process.version}, ${platform()}, ${availableParallelism()} × ${cpus()[0]?.model.trim()}`
}

function progress(text: string) {
  process.stderr.write(pc.dim(`${text}, ${Math.round((Date.now() - startedAt) / 1000)} s\n`))
}
