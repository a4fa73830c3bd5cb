import { existsSync, globSync, readFileSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'
import { describe, expect, test } from 'vitest'

const root = new URL('../../', import.meta.url).pathname
const functions = join(root, 'functions/')
const sources = read(functions, '**/*.ts')
const files = sources.map(({ path }) => path)
/** By their paths below the repository's root. */
const everything = read(root, '{functions,infra,test}/**/*.{ts,mjs,js}')

const rooms = ['hubspot', 'providers', 'messages']
// What is defined once, for all rooms; what messages do is left to handlers.
const schemas = ['about', 'authority', 'ids', 'job-version', 'jobs', 'record', 'status', 'status-update'].map(
  (name) => `messages/${name}.ts`,
)
// It takes the place of a part of the AWS SDK, which reads the environment too.
const readsTheEnvironmentForTheSdk = 'platform/environment-credentials.ts'

// What each code of a provider means, and what each end of an installation says.
const isTable = (path: string) => path.endsWith('/reasons.ts') || path === 'hubspot/install-pages.ts'

test.each<[string, (source: Source) => string[]]>([
  [
    'imports run from handlers to rooms to the platform, and between rooms only as schemas and types of messages',
    strayImports,
  ],
  ['every import of our own leads to a file, by its whole name', missingImports],
  ['nothing but a *.lambda.ts reads the environment', environmentReads],
  ['nobody collects the exports of others', barrels],
  ['zod is imported as a namespace, which a bundle can prune, or for its types', prunelessZod],
])('%s', (_, violations) => {
  expect(sources.flatMap(violations)).toEqual([])
})

test('every folder is a room or the platform', () => {
  const folders = new Set(files.filter((path) => path.includes('/')).map(folderOf))

  expect([...folders].sort()).toEqual(['hubspot', 'messages', 'platform', 'providers'])
})

test('a handler and its Lambda come in pairs', () => {
  const handlers = files.filter((path) => !path.includes('/'))
  const names = handlers.map((path) => path.replace(/(\.lambda)?\.ts$/, ''))

  expect(handlers.toSorted()).toEqual([...new Set(names)].flatMap((name) => [`${name}.lambda.ts`, `${name}.ts`]).sort())
})

test('a file is read at a sitting: two hundred lines at most, seventy-two on average, tables aside', () => {
  const lengths = sources
    .filter(({ path }) => !isTable(path))
    .map(({ path, text }) => ({ path, lines: text.split('\n').length - 1 }))

  expect(lengths.filter(({ lines }) => lines > 200)).toEqual([])
  expect(lengths.reduce((sum, { lines }) => sum + lines, 0) / lengths.length).toBeLessThanOrEqual(72)
})

test('infra: the construct stands alone, what watches it knows only itself, and nothing but local knows local', () => {
  expect(everything.flatMap(strayInfraImports)).toEqual([])
})

test('no file of the construct is longer than 150 lines', () => {
  expect(everything.filter(({ path }) => path.startsWith('infra/relay/')).flatMap(tooLong)).toEqual([])
})

test('imports run in no circle: not in functions, nor in infra, nor in test', () => {
  expect(circles(everything)).toEqual([])
})

test('what CONTRIBUTING.md names is there', () => {
  const named = readFileSync(join(root, 'CONTRIBUTING.md'), 'utf8').matchAll(
    /`((?:functions|infra|test|docs)\/[\w/.-]*)`/g,
  )
  const paths = [...named].map(([, path = '']) => path)

  expect(paths.length).toBeGreaterThan(20)
  expect(paths.filter((path) => !existsSync(join(root, path)))).toEqual([])
})

test('no test sets a time limit of its own: they follow the speed of the machine, in vitest.config.ts', () => {
  const tests = everything.filter(({ path }) => path.endsWith('.test.ts'))

  expect(tests.length).toBeGreaterThan(80)
  expect(tests.flatMap(ownLimits)).toEqual([])
})

describe('what these rules would find', () => {
  test.each([
    ['a room that imports another', 'hubspot/x.ts', "import { a } from '../providers/a.ts'", strayImports],
    ['a room that imports what messages do', 'hubspot/x.ts', "import { a } from '../messages/ledger.ts'", strayImports],
    ['messages that import another room', 'messages/x.ts', "import type { A } from '../hubspot/a.ts'", strayImports],
    ['a room that imports a handler', 'hubspot/x.ts', "import { a } from '../update-status.ts'", strayImports],
    ['a platform that imports a room', 'platform/x.ts', "import type { A } from '../messages/a.ts'", strayImports],
    ['a Lambda that somebody imports', 'x.ts', "import type { Env } from './update-status.lambda.ts'", strayImports],
    ['a handler that imports another', 'x.ts', "import { a } from './update-status.ts'", strayImports],
    ['an import from outside', 'x.ts', "import { a } from '../infra/app.ts'", strayImports],
    ['several lines', 'platform/x.ts', "import {\n  a,\n  type B,\n} from '../messages/a.ts'", strayImports],
    ['an import for its effect', 'platform/x.ts', "import '../messages/a.ts'", strayImports],
    ['an import at run time', 'platform/x.ts', "const a = await import('../messages/a.ts')", strayImports],
    ['an export of an import', 'platform/x.ts', "export { a } from '../messages/a.ts'", strayImports],
    ['an import without its extension', 'x.ts', "import { a } from './platform/queue'", missingImports],
    ['the environment read', 'platform/x.ts', "const { A } = process['env']", environmentReads],
    ['the environment imported', 'platform/x.ts', "import { env } from 'node:process'", environmentReads],
    ['an index', 'platform/index.ts', '', barrels],
    ['a collection', 'platform/x.ts', "export * from './queue.ts'", barrels],
    ['zod by its name', 'platform/x.ts', "import { z } from 'zod'", prunelessZod],
    ['zod by default', 'platform/x.ts', "import z from 'zod'", prunelessZod],
    ['a construct that runs what functions do', 'infra/relay/x.ts', "import { a } from '../../functions/a.ts'", infra],
    ['a construct with the command line', 'infra/relay/x.ts', "import type { A } from '../cli/a.ts'", infra],
    ['a construct with a simulator', 'infra/relay/x.ts', "import { a } from '../local/aws/a.ts'", infra],
    ['a construct with this app', 'infra/relay/x.ts', "import { a } from '../settings.ts'", infra],
    ['alarms that know the construct', 'infra/operations/x.ts', "import type { A } from '../relay/a.ts'", infra],
    ['alarms that know the command line', 'infra/operations/x.ts', "import { a } from '../cli/a.ts'", infra],
    ['a command line that knows a simulator', 'infra/cli/x.ts', "import type { A } from '../local/a.ts'", infra],
    ['this app with a simulator', 'infra/x.ts', "import { a } from './local/a.ts'", infra],
    ['a local stack with the construct', 'infra/local/x.ts', "import { a } from '../relay/a.ts'", infra],
    ['a simulator with another', 'infra/local/hubspot/x.ts', "import { a } from '../providers/a.ts'", infra],
    ['the emulated AWS with the page', 'infra/local/aws/x.ts', "import type { A } from '../inbox/a.ts'", infra],
    ['a long file', 'infra/relay/x.ts', 'a()\n'.repeat(151), tooLong],
    ['a product that knows its tests', 'infra/cli/x.ts', "import { a } from '../../test/a.ts'", infra],
  ])('%s', (_, path, text, violations) => {
    expect(violations({ path, text })).toHaveLength(1)
  })

  test.each([
    ['two files', { 'a.ts': ["import { b } from './b.ts'"], 'b.ts': ["import { a } from './a.ts'"] }, 2],
    ['types alone', { 'a.ts': ["import type { B } from './b.ts'"], 'b.ts': ["import type { A } from './a.ts'"] }, 2],
    [
      'a long one through folders',
      { 'a.ts': ["import './x/b.ts'"], 'x/b.ts': ["import './c.ts'"], 'x/c.ts': ["const a = await import('../a.ts')"] },
      3,
    ],
  ])('a circle of %s', (_, imports, length) => {
    const planted = Object.entries(imports).map(([path, lines]) => ({ path, text: lines.join('\n') }))
    const besides = { path: 'd.ts', text: "import './a.ts'" }

    expect(circles([besides, ...planted])).toEqual([expect.toSatisfy((circle: string[]) => circle.length === length)])
  })
})

type Source = { path: string; text: string }

function read(folder: string, pattern: string): Source[] {
  const ignored = (path: string) => path.includes('node_modules')
  return globSync(pattern, { cwd: folder, exclude: ignored }).map((path) => ({
    path,
    text: readFileSync(join(folder, path), 'utf8'),
  }))
}

type Import = { statement: string; from: string; isType: boolean }

function strayImports({ path, text }: Source) {
  return ownImports({ path, text })
    .filter(({ to, isType }) => !mayImport(path, to, isType))
    .map(({ statement }) => `${path}: ${statement}`)
}

function mayImport(path: string, to: string, isType: boolean) {
  if (to.startsWith('..') || to.endsWith('.lambda.ts')) return false
  const [from, target] = [folderOf(path), folderOf(to)]
  if (target === '') return from === '' && path === to.replace(/\.ts$/, '.lambda.ts')
  if (from === '' || from === target || (from !== 'platform' && target === 'platform')) return true
  return rooms.includes(from) && target === 'messages' && (isType || schemas.includes(to))
}

function tooLong({ path, text }: Source) {
  const lines = text.trimEnd().split('\n').length
  return lines > 150 ? [`${path}: ${lines} lines`] : []
}

/** What the folders of `infra` may import beside themselves and libraries. */
const infraMayImport: Record<string, (to: string, isType: boolean) => boolean> = {
  relay: (to, isType) => to.startsWith('infra/operations/') || (isType && to.startsWith('functions/')),
  operations: () => false,
  cli: (to) => /^(functions\/|infra\/(operations|relay)\/|infra\/[^/]+$)/.test(to),
  local: (to) => /^(functions\/|infra\/cli\/)/.test(to),
  package: (to) => /^(functions\/|infra\/relay\/)/.test(to),
  '': (to) => to.startsWith('infra/relay/') || to === 'cdk.json',
}
/** Folders of `infra/local` that could each be replaced by the real thing. */
const simulators = ['aws', 'hubspot', 'providers']

function strayInfraImports({ path, text }: Source) {
  const [area, folder] = placeIn(path)
  if (area === undefined) return []
  return ownImports({ path, text })
    .filter(({ to, isType }) => {
      const [target, targetFolder] = placeIn(to)
      if (target !== area) return !infraMayImport[area]!(to, isType)
      return simulators.includes(folder) && targetFolder !== '' && targetFolder !== folder
    })
    .map(({ statement }) => `${path}: ${statement}`)
}
const infra = strayInfraImports

/** Which part of `infra` a file belongs to, and which folder of that; nothing outside. */
function placeIn(path: string): [area: string | undefined, folder: string] {
  if (!path.startsWith('infra/')) return [undefined, '']
  const [first = '', second = ''] = path.split('/').slice(1, -1)
  return [first, second]
}

/** Groups of files of which each leads to each: Tarjan's strongly connected components, without those of one file. */
function circles(all: Source[]) {
  const paths = new Set(all.map(({ path }) => path))
  const next = new Map(
    all.map((source) => [source.path, ownImports(source).flatMap(({ to }) => (paths.has(to) ? [to] : []))]),
  )
  const found: string[][] = []
  const order = new Map<string, number>()
  const open: string[] = []

  /** Returns how far back a file leads, among those that are still open. */
  function visit(path: string): number {
    const own = order.size
    order.set(path, own)
    open.push(path)
    let earliest = own
    for (const to of next.get(path) ?? []) {
      if (!order.has(to)) earliest = Math.min(earliest, visit(to))
      else if (open.includes(to)) earliest = Math.min(earliest, order.get(to)!)
    }
    if (earliest === own) {
      const circle = open.splice(open.indexOf(path))
      if (circle.length > 1 || next.get(path)?.includes(path)) found.push(circle)
    }
    return earliest
  }

  for (const path of paths) if (!order.has(path)) visit(path)
  return found
}

function missingImports({ path, text }: Source) {
  return ownImports({ path, text })
    .filter(({ to }) => !to.endsWith('.ts') || !existsSync(functions + to))
    .map(({ statement }) => `${path}: ${statement}`)
}

function environmentReads({ path, text }: Source) {
  const reads = /\bprocess\b(\.env|\[|'$)/m.test(text)
  return reads && !path.endsWith('.lambda.ts') && path !== readsTheEnvironmentForTheSdk ? [path] : []
}

function barrels({ path, text }: Source) {
  return path.endsWith('index.ts') || /^export[^=;]*\bfrom\s*'/m.test(text) ? [path] : []
}

function prunelessZod({ path, text }: Source) {
  return importsOf(text)
    .filter(({ from }) => /^zod\b/.test(from))
    .filter(({ statement, from, isType }) => !isType && !(from === 'zod' && statement.startsWith('import * as z ')))
    .map(({ statement }) => `${path}: ${statement}`)
}

/** Time limits of tests, hooks and polls. */
function ownLimits({ path, text }: Source) {
  const limits = text.match(
    /^.*(?:vi\.wait(?:For|Until)\(|\.poll\(.*timeout:|^\s*\}, [\d_]{4,}\)$|(?:test|hook)Timeout: [\d_]+).*$/gm,
  )
  return (limits ?? []).map((line) => `${path}: ${line.trim()}`)
}

/** Imports of our own files, with the path that each leads to, from where the given path is counted. */
function ownImports({ path, text }: Source) {
  return importsOf(text)
    .filter(({ from }) => from.startsWith('.'))
    .map((found) => ({ ...found, to: normalize(join(dirname(path), found.from)) }))
}

/** Every import and re-export. Biome's format makes this easy: a statement begins a line, quotes are single. */
function importsOf(text: string): Import[] {
  const statements = [...text.matchAll(/^(?:import|export)\s(?:[^'=;]*\bfrom\s*)?'([^']+)'/gm)]
  const calls = [...text.matchAll(/\bimport\(\s*'([^']+)'/g)]
  return [...statements, ...calls].map(([statement, from = '']) => ({
    statement,
    from,
    isType: /^(import|export)\s+type\s/.test(statement),
  }))
}

function folderOf(path: string) {
  return path.includes('/') ? path.split('/')[0]! : ''
}
