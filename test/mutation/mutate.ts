import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { join, matchesGlob, relative } from 'node:path'
import type { PartialStrykerOptions } from '@stryker-mutator/api/core'
import { Stryker } from '@stryker-mutator/core'
import { Command } from 'commander'
import { explained } from './explained.ts'
import { firstWorldThatNotices, type Mutant, textOf, words } from './mutants.ts'

type Planted = Mutant & { status: string }

/** The code that keeps the promises. */
const core = [
  'functions/deliver-message.ts',
  'functions/update-status.ts',
  'functions/messages/*.ts',
  'functions/platform/{consume,requeue,envelope,dead-letter,idempotent,retry,rotated-secret,redact,redact-numbers}.ts',
  'functions/hubspot/{rate-limit,rejections,tokens,token-failure,portal,access-errors,client,update-answer,update-message,update-outcome,tell}.ts',
  'functions/providers/plan.ts',
]
const kept = 'test/report/mutation'
process.env['NODE_COMPILE_CACHE'] ??= join(process.cwd(), 'node_modules/.cache/node')
const leastNoticed = 0.9

const program = new Command('mutate')
  .description(
    'Plants one fault after another in the core, and counts those that the tests, or simulated worlds, notice.',
  )
  .argument('[files...]', 'what to plant them in', core)
  .option('--worlds <count>', 'how many worlds a mutant meets that the unit tests did not notice', Number, 250)
  .option('--tests <globs...>', 'only these unit tests, for a quick look at a few files')
  .option('--force', 'plants those again whose outcome is known from the last time', false)
  .option('--concurrency <count>', 'how many are tried side by side', Number, availableParallelism())
  .parse()
const options = program.opts<{ worlds: number; tests?: string[]; force: boolean; concurrency: number }>()

if (options.tests) process.env['MUTATION_TESTS'] = options.tests.join(',')

const planted = await meetTests(program.processedArgs[0])
const survivors = planted.filter(({ status }) => status === 'Survived' || status === 'NoCoverage')
const inWorlds = await meetWorlds(survivors)
process.exitCode = report() ? 0 : 1

/** The unit tests, as far as they come by the changed line. */
async function meetTests(mutate: string[]): Promise<Planted[]> {
  const stryker = new Stryker({
    mutate,
    testRunner: 'vitest',
    vitest: { configFile: 'test/mutation/vitest.config.ts', pool: 'forks', related: false },
    plugins: ['@stryker-mutator/vitest-runner', './test/mutation/left-out.ts'],
    ignorers: ['words'],
    // Stryker would rewrite it, by functions that TypeScript 7 does not have.
    tsconfigFile: 'none',
    disableTypeChecks: false,
    concurrency: options.concurrency,
    timeoutMS: 15_000,
    dryRunTimeoutMinutes: 60,
    incremental: true,
    incrementalFile: `${kept}/units.json`,
    force: options.force,
    cleanTempDir: 'always',
    reporters: process.stdout.isTTY ? ['progress'] : ['survivors'],
    // An ambient enum, of which nothing is there when the program runs.
    logLevel: 'error' as NonNullable<PartialStrykerOptions['logLevel']>,
  })
  const all = await stryker.runMutationTest()
  // Stryker adds what it remembers of other files, which may have changed since.
  return all.filter(({ fileName }) => mutate.some((glob) => matchesGlob(relative(process.cwd(), fileName), glob)))
}

/** What was noticed of mutants in worlds, by mutant. What is known of the same mutant in the same text is not tried again. */
async function meetWorlds(mutants: Mutant[]) {
  const file = `${kept}/worlds.json`
  const known: Record<string, string> = existsSync(file) && !options.force ? JSON.parse(readFileSync(file, 'utf8')) : {}
  const noticed = new Map<Mutant, string>()
  const left = [...mutants]
  await Promise.all(
    Array.from({ length: options.concurrency }, async () => {
      for (let mutant = left.shift(); mutant; mutant = left.shift()) {
        const key = keyOf(mutant)
        known[key] ??= (await firstWorldThatNotices(mutant, options.worlds)) ?? ''
        if (known[key]) noticed.set(mutant, known[key])
        mkdirSync(kept, { recursive: true })
        writeFileSync(file, JSON.stringify(known))
      }
    }),
  )
  return noticed
}

function keyOf({ fileName, location, replacement }: Mutant) {
  const text = readFileSync(fileName, 'utf8')
  return createHash('sha256')
    .update(JSON.stringify([text, location, replacement, options.worlds]))
    .digest('base64url')
}

/** Prints what came of the mutants, file by file, and of each that nothing noticed, why that is right. */
function report() {
  const counted = planted.filter(({ status }) => !['Ignored', 'CompileError', 'RuntimeError'].includes(status))
  const files = Map.groupBy(counted, ({ fileName }) => relative(process.cwd(), fileName))
  const unnoticed = survivors.filter((mutant) => !inWorlds.has(mutant))
  const unexplained = unnoticed.filter((mutant) => !explained.some((other) => words(mutant) === textOf(other)))
  for (const [file, mutants] of files) {
    const byTests = mutants.filter(({ status }) => status === 'Killed' || status === 'Timeout').length
    const byWorlds = mutants.filter((mutant) => inWorlds.has(mutant)).length
    console.log(
      `${percent((byTests + byWorlds) / mutants.length)}  ${file}: of ${mutants.length}, tests noticed ${byTests}, worlds ${byWorlds}`,
    )
  }
  for (const mutant of unexplained) console.log(`\nNobody noticed, nor says why that is right:\n${words(mutant)}`)
  for (const { why: _, ...other } of explained)
    if (files.has(other.file) && !unnoticed.some((mutant) => words(mutant) === textOf(other)))
      console.log(`\nExplained, but noticed, or gone:\n${textOf(other)}`)
  const share = 1 - unnoticed.length / Math.max(1, counted.length)
  console.log(
    `\n${percent(share)} of ${counted.length} mutants were noticed. Of the ${unnoticed.length} others, ` +
      `${unnoticed.length - unexplained.length} change nothing (test/mutation/explained.ts).`,
  )
  return share >= leastNoticed && unexplained.length === 0
}

function percent(share: number) {
  return `${(share * 100).toFixed(1).padStart(5)} %`
}
