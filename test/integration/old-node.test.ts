import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { copyFileSync, mkdirSync, mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { expect, test } from 'vitest'

const project = join(import.meta.dirname, '../..')
const preload = pathToFileURL(join(project, 'infra/local/node-version.mjs')).href
const folder = mkdtempSync(join(tmpdir(), 'old-node-'))

/** Loaded first: this Node.js says that it is an old one, and the next that it starts does not. */
const pretend = join(folder, 'pretend.mjs')
writeFileSync(
  pretend,
  `if (process.env.PRETEND) {
    delete process.env.PRETEND
    Object.defineProperty(process.versions, 'node', { value: '20.19.0' })
  }`,
)
const as20 = (preload: string, ...args: string[]) =>
  [process.execPath, ['--import', pathToFileURL(pretend).href, '--import', preload, ...args]] as const

/** As npm 10 leaves it: no script finds the Node.js that was brought. */
const env = { PATH: '/usr/bin:/bin', PRETEND: 'yes' }

// On other systems Node.js 24 is not brought, but found.
test.runIf(process.platform === 'linux')('an older Node.js goes on with the one that npm ci brought', () => {
  const script = join(folder, 'script.ts')
  writeFileSync(
    script,
    'const { versions, argv, env, execPath } = process\n' +
      'console.log(JSON.stringify([versions.node as string, argv.slice(2), env.PATH!.split(":")[0], execPath]))\n' +
      'process.exitCode = 3',
  )

  const { stdout, status } = spawnSync(...as20(preload, script, '--form', 'full'), { env, encoding: 'utf8' })

  expect(status).toBe(3)
  const bin = join(project, `node_modules/node-linux-${process.arch}/bin`)
  expect(JSON.parse(stdout)).toEqual([expect.stringMatching(/^24\./), ['--form', 'full'], bin, join(bin, 'node')])
})

test.runIf(process.platform === 'linux')('a signal to the older one reaches the other', async () => {
  const script = join(folder, 'waits.ts')
  writeFileSync(script, `process.on('SIGTERM', () => process.exit(5)); setInterval(() => {}, 1000); console.log('up')`)
  const [command, args] = as20(preload, script)
  const old = spawn(command, args, { env, stdio: ['ignore', 'pipe', 'inherit'] })
  await once(old.stdout, 'data')

  old.kill('SIGTERM')

  expect(await once(old, 'exit')).toEqual([5, null])
})

test('where none is found, one sentence says what to do', () => {
  mkdirSync(join(folder, 'elsewhere/infra/local'), { recursive: true })
  const alone = join(folder, 'elsewhere/infra/local/node-version.mjs')
  copyFileSync(join(project, 'infra/local/node-version.mjs'), alone)

  const { stderr, status } = spawnSync(...as20(pathToFileURL(alone).href, '-e', ''), { env, encoding: 'utf8' })

  expect(status).toBe(1)
  expect(stderr).toMatch(/^This needs Node\.js 24 or newer, and you run v[^\n]+, then try again\.\n$/)
})
