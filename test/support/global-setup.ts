import { rmSync } from 'node:fs'
import { mkdir, mkdtemp, readdir, readlink, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onEndOfParent } from '../../infra/local/end-with-parent.ts'

const project = join(import.meta.dirname, '../..')

/**
 * Before all tests: a folder for what they synthesize, each app once for all, and one for temporary files. After them:
 * the folders go, with what CDK and others leave there, and no process may be left.
 */
export default async function setUp() {
  await mkdir(join(project, 'cdk.out'), { recursive: true })
  const assemblies = await mkdtemp(join(project, 'cdk.out/tests-'))
  const temporary = await mkdtemp(join(tmpdir(), 'relay-tests-'))
  process.env['SHARED_ASSEMBLIES'] = assemblies
  process.env['TMPDIR'] = temporary
  // What CDK, npm and tsc are compiled to, for the next time too.
  process.env['NODE_COMPILE_CACHE'] ??= join(project, 'node_modules/.cache/node')

  // However it ends.
  const removeNow = () =>
    [assemblies, temporary].forEach((folder) => void rmSync(folder, { recursive: true, force: true }))
  process.once('exit', removeNow)
  for (const signal of ['SIGTERM', 'SIGHUP'] as const) process.once(signal, () => process.exit(1))
  onEndOfParent(() => process.exit(1))

  return async () => {
    const left = await processesIn(assemblies)
    process.off('exit', removeNow)
    for (const folder of [assemblies, temporary]) await rm(folder, { recursive: true, force: true })
    if (left.length > 0) throw new Error(`The tests left processes behind: ${left.join(', ')}`)
  }
}

/** Processes that run in a folder, as local Lambdas do; where the system tells, as Linux does. */
async function processesIn(folder: string) {
  const pids = (await readdir('/proc').catch(() => [])).filter((name) => /^\d+$/.test(name))
  const found = await Promise.all(
    pids.map(async (pid) => ({ pid, cwd: await readlink(`/proc/${pid}/cwd`).catch(() => '') })),
  )
  return found.filter(({ cwd }) => cwd.startsWith(folder)).map(({ pid, cwd }) => `${pid} in ${cwd}`)
}
