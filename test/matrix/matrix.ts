import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, rm, symlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { promisify } from 'node:util'
import Table from 'cli-table3'
import { Option, program } from 'commander'
import pc from 'picocolors'
import { ample, limitSignal } from '../../infra/local/pace.ts'

// Installs and starts the relay as a newcomer does, with each Node.js and each npm that there is.

const nodes = ['20', '22', '24']
const npms = ['10', '11', '12']
/** What is tried after an installation; each must end well. */
const trials: Record<string, (environment: NodeJS.ProcessEnv, cwd: string) => Promise<unknown>> = {
  'npm run relay': (env, cwd) => run('npm', ['run', 'relay', '--', '--help'], { env, cwd }),
  'npx cdk synth': (env, cwd) => run('npx', ['cdk', 'synth', '--quiet'], { env, cwd }),
  'npm start': startAndEnd,
  'npm run check': (env, cwd) => run('npm', ['run', 'check'], { env, cwd }),
  'npm run test:unit': (env, cwd) => run('npm', ['run', 'test:unit'], { env, cwd }),
}

const options = program
  .name('npm run test:matrix --')
  .description('Installs and starts the relay with each Node.js and each npm, with and without install scripts.')
  .addOption(new Option('--node <major...>', 'only these').choices(nodes).default(nodes))
  .addOption(new Option('--npm <major...>', 'only these').choices(npms).default(npms))
  .addOption(new Option('--try <what...>', 'only these, after npm ci').choices(Object.keys(trials)))
  .parse()
  .opts<{ node: string[]; npm: string[]; try?: string[] }>()

const project = join(import.meta.dirname, '../..')
const folder = await mkdtemp(join(tmpdir(), 'matrix-'))
let running: ChildProcess | undefined
process.on('exit', () => running?.kill('SIGKILL'))

const tried = options.try ?? Object.keys(trials)
const table = new Table({
  head: ['Node.js', 'npm', 'scripts', 'npm ci', ...tried],
  style: { head: [], border: [], compact: true },
})
let failures = 0
let missing = 0
for (const node of options.node) {
  for (const npm of options.npm) {
    for (const scripts of ['run', 'ignored']) {
      console.log(pc.bold(`Node.js ${node}, npm ${npm}, scripts ${scripts}`))
      table.push([node, npm, scripts, ...(await tryOut(node, npm, scripts === 'ignored'))])
    }
  }
}
await rm(folder, { recursive: true })
console.log(`\n${table}`)
if (missing > 0) console.log(pc.yellow(`${missing} could not be had here, and were not tried.`))
console.log(failures === 0 ? pc.green('All that was tried works.') : pc.red(`${failures} failed.`))
process.exitCode = failures === 0 ? 0 : 1

async function tryOut(node: string, npm: string, ignoreScripts: boolean) {
  const bin = await toolchain(node, npm).catch((error) => say(error))
  if (bin === undefined) {
    missing++
    return ['not to be had']
  }
  const env = {
    ...Object.fromEntries(
      Object.entries(process.env).filter(
        ([name]) => !/^npm_(?!config_)|^npm_config_local_prefix$|^NODE_(OPTIONS|COMPILE_CACHE)$/i.test(name),
      ),
    ),
    PATH: [bin, '/usr/bin', '/bin'].join(delimiter),
    CDK_DISABLE_CLI_TELEMETRY: '1',
  }
  const cwd = await mkdtemp(join(folder, 'clone-'))
  await run('git', ['clone', '--quiet', '--depth', '1', `file://${project}`, cwd], { env, cwd: folder })
  const cells = [await verdict(() => run('npm', ['ci', ...(ignoreScripts ? ['--ignore-scripts'] : [])], { env, cwd }))]
  for (const name of tried) cells.push(await verdict(() => trials[name]!(env, cwd)))
  await rm(cwd, { recursive: true })
  return cells
}

async function verdict(trial: () => Promise<unknown>) {
  try {
    await trial()
    return pc.green('works')
  } catch (error) {
    failures++
    say(error)
    return pc.red('fails')
  }
}

function say(error: unknown) {
  const { message, stdout = '', stderr = '' } = error as Error & { stdout?: string; stderr?: string }
  console.log(pc.red([message, stdout.slice(-2000), stderr.slice(-2000)].join('\n')))
  return undefined
}

/** A folder with this Node.js and this npm, both from the registry, and nothing else. */
async function toolchain(node: string, npm: string) {
  const home = join(folder, `node-${node}-npm-${npm}`)
  const bin = join(home, 'bin')
  if (existsSync(bin)) return bin
  await mkdir(home)
  const nodePackage = `node-${process.platform === 'win32' ? 'win' : process.platform}-${process.arch}`
  const wanted = [`${nodePackage}@${node}`, `npm@${npm}`]
  await run('npm', ['install', '--prefix', home, '--ignore-scripts', ...wanted], { env: process.env, cwd: home })
  await mkdir(bin)
  await symlink(join(home, 'node_modules', nodePackage, 'bin/node'), join(bin, 'node'))
  for (const name of ['npm', 'npx']) await symlink(join(home, `node_modules/npm/bin/${name}-cli.js`), join(bin, name))
  return bin
}

/** Starts the relay, waits until it is ready, and ends npm; the relay has to end with it. */
async function startAndEnd(env: NodeJS.ProcessEnv, cwd: string) {
  const npm = spawn('npm', ['start', '--', '--no-messages'], { env, cwd, stdio: ['ignore', 'pipe', 'pipe'] })
  running = npm
  let printed = ''
  await new Promise<void>((resolve, reject) => {
    limitSignal(120_000).addEventListener('abort', () => reject(new Error(`npm start is not ready:\n${printed}`)))
    npm.once('exit', () => reject(new Error(`npm start ended:\n${printed}`)))
    for (const stream of [npm.stdout, npm.stderr])
      stream.on('data', (text) => {
        printed += text
        if (printed.includes('Ready after')) resolve()
      })
  })
  // Its output ends with the last process that writes to it.
  const ended = new Promise((resolve) => npm.once('close', resolve))
  npm.kill('SIGTERM')
  await ended
}

async function run(command: string, args: string[], { env, cwd }: { env: NodeJS.ProcessEnv; cwd: string }) {
  await promisify(execFile)(command, args, { env, cwd, maxBuffer: 100 * 2 ** 20, timeout: ample(600_000) })
}
