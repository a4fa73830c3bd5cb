import { readFileSync, writeFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { answers, answersTable, becomesOf } from '../../support/answers-table.ts'
import { createWorld, update } from '../../support/world.ts'

const page = new URL('../../../docs/hubspot.md', import.meta.url)
const marked = /(<!-- answers: .* -->\n\n)([\s\S]*?)(\n\n<!-- end of answers -->)/

test('docs/hubspot.md says of every answer what the code does with it', async () => {
  const text = readFileSync(page, 'utf8')
  const table = await answersTable()
  if (process.env['UPDATE_ANSWERS']) writeFileSync(page, text.replace(marked, `$1${table}$3`))

  expect(marked.exec(readFileSync(page, 'utf8'))?.[2]).toBe(table)
})

test('no first answer is final, whatever it is', async () => {
  for (const answered of answers) {
    const [young, , later] = await becomesOf(answered)
    expect(`${answered} ${young} ${later}`).not.toContain('final')
  }
})

test('what the table calls final becomes a dead letter after five minutes, and nothing else within an hour', async () => {
  for (const answered of answers) {
    if (typeof answered === 'string') continue
    const world = createWorld()
    const start = world.now()
    world.pass(3600)
    world.hubspot.answer = async () => ({ status: world.now() - start < 7200_000 ? answered : 200 })
    await world.statusUpdates.send(update('sent', { messageCreatedAt: new Date(start).toISOString() }), { group: '1' })
    await world.rest()

    const isFinal = (await becomesOf(answered))[3] === '**final**'
    expect([answered, world.statusUpdatesDeadLetters.messages.length]).toEqual([answered, isFinal ? 1 : 0])
    expect([answered, world.hubspot.held.get('m')]).toEqual([answered, isFinal ? undefined : { statusType: 'SENT' }])
  }
})
