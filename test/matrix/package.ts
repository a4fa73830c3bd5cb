import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import Table from 'cli-table3'
import pc from 'picocolors'
import packageJson from '../../package.json' with { type: 'json' }

// Packs the construct, and uses it as other people's apps do, with the oldest aws-cdk-lib that it asks for and the newest.

const project = join(import.meta.dirname, '../..')
const folder = await mkdtemp(join(tmpdir(), 'package-'))
const { peerDependencies } = packageJson
const oldest = (range: string) => range.replace('^', '')
const versions = [
  {
    cdk: oldest(peerDependencies['aws-cdk-lib']),
    constructs: oldest(peerDependencies.constructs),
    typescript: '5.9',
  },
  { cdk: oldest(peerDependencies['aws-cdk-lib']), constructs: 'latest', typescript: '5.9' },
  { cdk: 'latest', constructs: 'latest', typescript: '5.9' },
]

const source = `
import { App, Duration, Stack } from 'aws-cdk-lib'
import { StatusRelay, type StatusRelayProps } from 'hubspot-status-relay'
const props: StatusRelayProps = { giveUpAfter: Duration.hours(6), alarmSubscribers: ['ops@example.com'] }
const relay = new StatusRelay(new Stack(new App(), 'Theirs'), 'Relay', props)
const url: string = relay.webhookUrl
relay.metricTold('FAILED')
// @ts-expect-error
new StatusRelay(new Stack(new App(), 'Others'), 'Relay', { tellSent: 'never' })
`
const compiled = source
  .replace(', type StatusRelayProps', '')
  .replace(': StatusRelayProps', '')
  .replace(/const url.*\n/, '')
const valid = (text: string) => text.split('// @ts-expect-error')[0]!
const commonJs = (text: string) => text.replaceAll(/import (\{.*\}) from ('.*')/g, 'const $1 = require($2)')
const strict = [
  '--noEmit',
  '--strict',
  '--skipLibCheck',
  'false',
  '--target',
  'es2022',
  '--lib',
  'es2024,esnext.disposable',
]

/** What is tried in an app, by its kind; each must end well. */
const trials: Record<string, (app: App) => Promise<unknown>> = {
  'ES modules': (app) => synthesize(app, 'app.mjs', valid(compiled)),
  CommonJS: (app) => synthesize(app, 'app.cjs', commonJs(valid(compiled))),
  'types, nodenext': (app) => compile(app, 'module', ['--module', 'nodenext']),
  'types, bundler': (app) => compile(app, 'module', ['--module', 'esnext', '--moduleResolution', 'bundler']),
  'types, CommonJS and node': (app) => compile(app, 'commonjs', ['--module', 'commonjs', '--moduleResolution', 'node']),
  'ts-node, as cdk init has it': async (app) => {
    await writeFile(join(app.cwd, 'package.json'), '{"private":true}')
    await writeFile(join(app.cwd, 'tsconfig.json'), JSON.stringify(initConfig))
    await synthesize(app, 'bin.ts', valid(source), [
      join(app.cwd, 'node_modules/ts-node/dist/bin.js'),
      '--prefer-ts-exts',
    ])
  },
}
const initConfig = {
  compilerOptions: {
    target: 'ES2022',
    module: 'NodeNext',
    moduleResolution: 'NodeNext',
    strict: true,
    skipLibCheck: true,
  },
}

type App = { cwd: string; templates: Set<string> }

const works = pc.green('works')
const table = new Table({
  head: ['aws-cdk-lib', 'constructs', ...Object.keys(trials), 'one template'],
  style: { head: [], border: [], compact: true },
})
let failures = 0
const templates = new Set<string>()
try {
  await run('npm', ['pack', '--silent', '--pack-destination', folder], project)
  const [tarball = ''] = await readdir(folder)
  for (const { cdk, constructs, typescript } of versions) {
    console.log(pc.bold(`aws-cdk-lib ${cdk}, constructs ${constructs}`))
    const app = { cwd: join(folder, `${cdk}-${constructs}`), templates }
    await mkdir(app.cwd)
    await writeFile(join(app.cwd, 'package.json'), '{"private":true,"type":"module"}')
    const wanted = [
      `aws-cdk-lib@${cdk}`,
      `constructs@${constructs}`,
      `typescript@${typescript}`,
      'ts-node',
      '@types/node@24',
    ]
    const cells = [
      await verdict(() => run('npm', ['install', '--no-audit', '--no-fund', ...wanted, `../${tarball}`], app.cwd)),
    ]
    if (cells[0] === works) cells.length = 0
    for (const trial of Object.values(trials)) cells.push(await verdict(() => trial(app)))
    table.push([cdk, constructs, ...cells, templates.size === 1 ? works : pc.red(`${templates.size}`)])
    await rm(app.cwd, { recursive: true })
  }
} finally {
  await rm(folder, { recursive: true })
}
console.log(`\n${table}`)
if (templates.size !== 1) failures++
console.log(failures === 0 ? pc.green('All of it works.') : pc.red(`${failures} failed.`))
process.exitCode = failures === 0 ? 0 : 1

async function synthesize({ cwd, templates }: App, file: string, text: string, runner: string[] = []) {
  await writeFile(join(cwd, file), text)
  const assembly = join(cwd, 'cdk.out')
  await run(process.execPath, [...runner, file], cwd, { CDK_OUTDIR: assembly })
  templates.add(await readFile(join(assembly, 'Theirs.template.json'), 'utf8'))
  await rm(assembly, { recursive: true })
}

async function compile({ cwd }: App, type: string, flags: string[]) {
  await writeFile(join(cwd, 'package.json'), JSON.stringify({ private: true, type }))
  await writeFile(join(cwd, 'typed.ts'), source)
  await run(process.execPath, [join(cwd, 'node_modules/typescript/bin/tsc'), ...strict, ...flags, 'typed.ts'], cwd)
}

async function verdict(trial: () => Promise<unknown>) {
  try {
    await trial()
    return works
  } catch (error) {
    failures++
    const { stdout = '', stderr = '' } = error as { stdout?: string; stderr?: string }
    console.log(pc.red(`${stdout}${stderr}`.slice(-2000) || String(error)))
    return pc.red('fails')
  }
}

async function run(command: string, args: string[], cwd: string, env = {}) {
  await promisify(execFile)(command, args, { cwd, env: { ...process.env, ...env }, maxBuffer: 2 ** 26 })
}
