import { execFile } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { FunctionProperties } from '../../infra/local/aws/lambda.ts'
import { readTemplate } from '../../infra/local/aws/template.ts'

const project = join(import.meta.dirname, '../..')
const app = mkdtempSync(join(tmpdir(), 'app-'))
const assembly = join(app, 'cdk.out')
const installed = join(app, 'node_modules/hubspot-status-relay')
let brought: string[]

/** An app of somebody else's: empty, but for the package and what it asks its users to have. */
beforeAll(async () => {
  await run('npm', ['pack', '--silent', '--pack-destination', app], project)
  const tarball = readdirSync(app).find((name) => name.endsWith('.tgz'))!
  writeFileSync(join(app, 'package.json'), '{"name":"app","private":true,"type":"module"}')
  // Offline, so whatever the package asked for beside its peers would make this fail.
  await run('npm', ['install', '--offline', '--legacy-peer-deps', `./${tarball}`], app)
  brought = readdirSync(join(app, 'node_modules')).filter((name) => !name.startsWith('.'))
  linkPeers()
})
afterAll(() => rmSync(app, { recursive: true }))

test('the package brings nothing along, and no TypeScript but declarations', () => {
  const files = readdirSync(installed, { recursive: true, encoding: 'utf8' })

  expect(brought).toEqual(['hubspot-status-relay'])
  expect(files.filter((name) => /\.[cm]?ts$/.test(name) && !name.endsWith('.d.ts'))).toEqual([])
  expect(files).toEqual(
    expect.arrayContaining([
      'CHANGELOG.md',
      'LICENSE',
      'README.md',
      'docs/upgrades.md',
      'docs/openapi.json',
      'docs/schemas/Job.json',
    ]),
  )
})

test('plain JavaScript synthesizes a stack with the functions that would be deployed from here', async () => {
  writeFileSync(
    join(app, 'app.js'),
    `import { App, Stack } from 'aws-cdk-lib'
     import { EventBus } from 'aws-cdk-lib/aws-events'
     import { StatusRelay } from 'hubspot-status-relay'
     const stack = new Stack(new App(), 'Theirs')
     const eventBus = EventBus.fromEventBusName(stack, 'Bus', 'default')
     new StatusRelay(stack, 'Relay', { tellSent: 'corrections', eventBus })`,
  )

  await run(process.execPath, ['--no-strip-types', 'app.js'], app)

  const { resources, assetFolder } = readTemplate(assembly)
  const functions = resources.filter(({ type }) => type === 'AWS::Lambda::Function')
  expect(functions.map(({ name }) => name.split('/').at(-1)).sort()).toEqual(bundled)
  for (const { name, properties } of functions) {
    const { Code } = FunctionProperties.pick({ Code: true }).parse(properties)
    expect(contentOf(assetFolder(Code.S3Key))).toEqual(
      contentOf(join(project, 'dist/bundles', name.split('/').at(-1)!)),
    )
  }
})

test('who does not read `exports`, like CommonJS apps whose types are resolved as Node once did, finds the same files', () => {
  const { main, types, exports } = JSON.parse(readFileSync(join(installed, 'package.json'), 'utf8'))

  expect({ default: main, types }).toEqual(exports['.'])
  expect(readdirSync(join(installed, 'dist/infra/relay'))).toEqual(
    expect.arrayContaining(['status-relay.js', 'status-relay.d.ts']),
  )
})

test('CommonJS may require it', async () => {
  writeFileSync(join(app, 'required.cjs'), `console.log(typeof require('hubspot-status-relay').StatusRelay)`)

  expect(await run(process.execPath, ['required.cjs'], app)).toBe('function\n')
})

test('its types are complete by themselves, and know a misspelt setting', async () => {
  writeFileSync(
    join(app, 'typed.ts'),
    `import { App, Duration, Stack } from 'aws-cdk-lib'
     import { StatusRelay, type StatusRelayProps } from 'hubspot-status-relay'
     const props: StatusRelayProps = { giveUpAfter: Duration.hours(6), throttle: { rate: 1, burst: 2 } }
     new StatusRelay(new Stack(new App(), 'Theirs'), 'Relay', props)
     // @ts-expect-error
     new StatusRelay(new Stack(new App(), 'Others'), 'Relay', { tellSent: 'never' })`,
  )

  const tsc = join(project, 'node_modules/.bin/tsc')
  const strict = '--noEmit --strict --skipLibCheck false --module nodenext --lib es2024,esnext.disposable'.split(' ')

  expect(await run(tsc, [...strict, 'typed.ts'], app)).toBe('')
})

const bundled = readdirSync(join(project, 'functions'))
  .flatMap((name) => name.match(/^(.*)\.lambda\.ts$/)?.[1] ?? [])
  .sort()

const contentOf = (folder: string) =>
  Object.fromEntries(readdirSync(folder).map((name) => [name, readFileSync(join(folder, name), 'utf8')]))

/** What the package expects of its users' app; from here, since they are large. */
function linkPeers() {
  const { peerDependencies } = JSON.parse(readFileSync(join(installed, 'package.json'), 'utf8')) as {
    peerDependencies: object
  }
  for (const name of Object.keys(peerDependencies)) {
    symlinkSync(join(project, 'node_modules', name), join(app, 'node_modules', name), 'junction')
  }
}

async function run(command: string, args: string[], cwd: string) {
  const env = { ...process.env, CDK_OUTDIR: assembly, npm_config_fund: 'false', npm_config_audit: 'false' }
  const { stdout } = await promisify(execFile)(command, args, { cwd, env, shell: process.platform === 'win32' })
  return stdout
}
