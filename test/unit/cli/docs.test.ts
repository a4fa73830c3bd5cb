import { readdirSync, readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { runRelay } from '../../support/relay-terminal.ts'

const root = new URL('../../../', import.meta.url)

test('every command that the documentation names exists', async () => {
  const docs = readdirSync(new URL('docs', root), { recursive: true, encoding: 'utf8' })
  const pages = ['README.md', ...docs.filter((page) => page.endsWith('.md')).map((page) => `docs/${page}`)]
  const named = new Set(pages.flatMap(commandsIn))
  const unknown: string[] = []
  for (const command of named) if (!(await exists(command))) unknown.push(command)

  expect(named).toContain('dead-letters redrive')
  expect(unknown).toEqual([])
})

test('every command that the command line itself names can be copied: its words and arguments are taken', async () => {
  const sources = readdirSync(new URL('infra/cli', root), { recursive: true, encoding: 'utf8' })
  const named = new Set(sources.filter((file) => file.endsWith('.ts')).flatMap((file) => commandsNamedIn(file)))
  const refused: string[] = []
  for (const command of named) {
    const { exitCode, said } = await runRelay('/nowhere/note.json', wordsOf(command), { answers: [] })
    // It was understood, and then there was no relay.
    if (exitCode !== 1 || !said.includes('No local relay is running')) refused.push(`${command}: ${said}`)
  }

  expect(named.size).toBeGreaterThan(15)
  expect(refused).toEqual([])
})

/** The commands in the sentences of a source, with 1 for what stands in for an id; prose may follow them. */
function commandsNamedIn(file: string) {
  const source = readFileSync(new URL(`infra/cli/${file}`, root), 'utf8').replaceAll(/\$\{[^}]*\}|<\w+>/g, '1')
  return [...source.matchAll(/npm run relay -- (?:--local )?([a-z][^'`;,.)]*)/g)].map(([, rest = '']) =>
    rest.split(/ (?:says|lists|shows|and|as) /)[0]!.trim(),
  )
}

const wordsOf = (command: string) => [...command.matchAll(/"([^"]*)"|\S+/g)].map(([word, quoted]) => quoted ?? word)

/** The first two words of every command on a page: in a line of their own, or between backticks. */
function commandsIn(page: string) {
  const text = readFileSync(new URL(page, root), 'utf8')
  return [...text.matchAll(/(?:npm run relay -- (?:--local )?|`relay )([a-z-]+(?: [a-z][a-z-]*)?)/g)].map(
    ([, command = '']) => command,
  )
}

/** What follows a command that has no others below it is an argument. */
async function exists(command: string) {
  const usage = async (...words: string[]) =>
    /^Usage: relay (.*)$/m.exec((await runRelay('/nowhere/note.json', [...words, '--help'])).all)?.[1] ?? ''
  const [first = '', second = ''] = command.split(' ')
  const outer = await usage(first)
  if (!outer.startsWith(first)) return false
  return !second || !outer.includes('[command]') || (await usage(first, second)).startsWith(command)
}
