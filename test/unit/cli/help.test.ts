import { expect, test } from 'vitest'
import { runRelay } from '../../support/relay-terminal.ts'

test('every help fits into 80 columns, and says a default as it could be given', async () => {
  const helps = await helpsFrom([])

  const lines = helps.flatMap((help) => help.split('\n'))
  expect(helps.length).toBeGreaterThan(20)
  expect(lines.filter((line) => line.length > 80)).toEqual([])
  const ages = helps.flatMap((help) => [...help.matchAll(/<age>(?:(?!\n {2}-).)*?default:\s+(\w+)/gs)])
  expect(ages.map(([, age]) => age)).toEqual(ages.map(() => expect.stringMatching(/^\d+[smhd]$/)))
  expect(ages.length).toBeGreaterThan(1)
  expect(lines.filter((line) => /(?<!-- |Usage: )\brelay (dead-letters|message)\b/.test(line))).toEqual([])
})

/** The help of a command, and of all commands below it. */
async function helpsFrom(words: string[]): Promise<string[]> {
  const { printed } = await runRelay('/nowhere/note.json', [...words, '--help'], { answers: [] })
  const names = [...(printed.split('\nCommands:\n')[1] ?? '').matchAll(/^ {2}([a-z-]+)/gm)].map(([, name]) => name!)
  const below = await Promise.all(names.filter((name) => name !== 'help').map((name) => helpsFrom([...words, name])))
  return [printed, ...below.flat()]
}
