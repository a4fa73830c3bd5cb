import { createHash } from 'node:crypto'
import { existsSync, globSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { dirname, join, relative } from 'node:path'
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
  'functions/hubspot/{rate-limit,rejections,refusals,tokens,token-failure,portal,access-errors,client,update-answer,update-message,update-outcome,tell}.ts',
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

const planted = await meetTests(globSync(program.processedArgs[0] as string[]))
const survivors = planted.filter(isSurvivor)
const inWorlds = await meetWorlds(survivors)
process.exitCode = report() ? 0 : 1

/** The tests in the folder of the same name first, since most mutants are noticed there; then, for what survived, all of them. */
async function meetTests(files: string[]): Promise<Planted[]> {
  if (options.tests) return runStryker('some', files, options.tests)
  const planted: Planted[] = []
  for (const [folder, own] of Map.groupBy(files, dirname)) {
    console.log(`\n${folder}, by the tests of its folder`)
    const tests = `${folder.replace('functions', 'test/unit')}/*.test.ts`
    planted.push(...(await runStryker(folder.replaceAll('/', '-'), own, [tests])))
  }
  const survivors = planted.filter(isSurvivor)
  if (survivors.length === 0) return planted
  console.log(`\n${survivors.length} that survived, by all unit tests`)
  const byAll = await runStryker('all', [...new Set(survivors.map(placeOf))])
  const statuses = new Map(byAll.map((mutant) => [identityOf(mutant), mutant.status]))
  return planted.map((mutant) => ({ ...mutant, status: statuses.get(identityOf(mutant)) ?? mutant.status }))
}

/** Plants mutants in files, or in what stands between two places of one: each meets the tests that come by its line, of some or of all. */
async function runStryker(name: string, mutate: string[], tests?: string[]): Promise<Planted[]> {
  if (tests) process.env['MUTATION_TESTS'] = tests.join(',')
  else delete process.env['MUTATION_TESTS']
  const incrementalFile = `${kept}/${name}.json`
  forgetSurvivors(incrementalFile)
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
    // All of them take long beside another's load.
    timeoutMS: tests ? 15_000 : 60_000,
    dryRunTimeoutMinutes: 60,
    incremental: true,
    incrementalFile,
    force: options.force,
    cleanTempDir: 'always',
    reporters: process.stdout.isTTY ? ['progress'] : ['survivors'],
    // An ambient enum, of which nothing is there when the program runs.
    logLevel: 'error' as NonNullable<PartialStrykerOptions['logLevel']>,
  })
  const all = await stryker.runMutationTest()
  // Stryker adds what it remembers of other files, which may have changed since.
  return all.filter((mutant) =>
    mutate.some((place) => place.split(':')[0] === relative(process.cwd(), mutant.fileName)),
  )
}

/** Stryker would not try a survivor again in code that runs while modules load, whatever tests are new. */
function forgetSurvivors(incrementalFile: string) {
  if (!existsSync(incrementalFile)) return
  const report: { files: Record<string, { mutants: Planted[] }> } = JSON.parse(readFileSync(incrementalFile, 'utf8'))
  for (const file of Object.values(report.files)) file.mutants = file.mutants.filter((mutant) => !isSurvivor(mutant))
  writeFileSync(incrementalFile, JSON.stringify(report))
}

/** What was noticed of mutants in worlds, by mutant. What is known of the same mutant in the same text is not tried again. */
async function meetWorlds(mutants: Mutant[]) {
  const file = `${kept}/worlds.json`
  const known: Record<string, string> = existsSync(file) && !options.force ? JSON.parse(readFileSync(file, 'utf8')) : {}
  const noticed = new Map<Mutant, string>()
  const left = [...mutants]
  if (left.length > 0) console.log(`\n${left.length} that survived these, in up to ${options.worlds} worlds each`)
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

function isSurvivor({ status }: Planted) {
  return status === 'Survived' || status === 'NoCoverage'
}

/** Where a mutant is planted, as Stryker takes it: columns are counted from 0 there. */
function placeOf({ fileName, location: { start, end } }: Mutant) {
  return `${relative(process.cwd(), fileName)}:${start.line}:${start.column - 1}-${end.line}:${end.column - 1}`
}

function identityOf(mutant: Mutant) {
  return `${placeOf(mutant)} ${mutant.replacement}`
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
