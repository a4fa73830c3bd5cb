import { existsSync, globSync, readFileSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'
import { describe, expect, test } from 'vitest'

const functions = new URL('../../functions/', import.meta.url).pathname
const files = globSync('**/*.ts', { cwd: functions })
const sources = files.map((path) => ({ path, text: readFileSync(functions + path, 'utf8') }))

const rooms = ['hubspot', 'providers', 'messages']
// It takes the place of a part of the AWS SDK, which reads the environment too.
const readsTheEnvironmentForTheSdk = 'platform/environment-credentials.ts'

test.each<[string, (source: Source) => string[]]>([
  ['imports run from handlers to rooms to the platform, and between rooms only as types of messages', strayImports],
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

test('no test sets a time limit of its own: they follow the speed of the machine, in vitest.config.ts', () => {
  const folder = new URL('../', import.meta.url).pathname
  const tests = globSync('**/*.test.ts', { cwd: folder }).map((path) => ({
    path,
    text: readFileSync(folder + path, 'utf8'),
  }))

  expect(tests.length).toBeGreaterThan(80)
  expect(tests.flatMap(ownLimits)).toEqual([])
})

describe('what these rules would find', () => {
  test.each([
    ['a room that imports another', 'hubspot/x.ts', "import { a } from '../providers/a.ts'", strayImports],
    ['a room that imports what messages do', 'hubspot/x.ts', "import { a } from '../messages/a.ts'", strayImports],
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
  ])('%s', (_, path, text, violations) => {
    expect(violations({ path, text })).toHaveLength(1)
  })
})

type Source = { path: string; text: string }
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
  return rooms.includes(from) && target === 'messages' && isType
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

/** Imports of our own files, with the path below `functions` that each leads to. */
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
