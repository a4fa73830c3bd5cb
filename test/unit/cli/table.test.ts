import * as fc from 'fast-check'
import stringWidth from 'string-width'
import { expect, test } from 'vitest'
import { tableOf } from '../../../infra/cli/table.ts'

const head = ['Id', 'Queue', 'Reason']
const widest = (text: string) => Math.max(...text.split('\n').map((line) => line.length))

test('a table is no wider than the terminal, and loses no word', () => {
  const words = fc.array(fc.stringMatching(/^[a-z]{1,12}$/), { minLength: 1, maxLength: 30 })

  fc.assert(
    fc.property(
      fc.array(fc.tuple(words, words, words), { minLength: 1, maxLength: 5 }),
      fc.integer({ min: 40, max: 160 }),
      (rows, columns) => {
        const cells = rows.map((row) => row.map((some) => some.join(' ')))
        const table = tableOf(head, cells, columns)

        expect(widest(table)).toBeLessThanOrEqual(columns)
        for (const word of rows.flat(2)) expect(table).toContain(word)
      },
    ),
  )
})

test('where the columns do not fit, each row folds into lines of its own', () => {
  const rows = [['480749c0', 'deliveries', 'HTTP 400']]

  expect(tableOf(head, rows, 20)).toBe('Id      480749c0\nQueue   deliveries\nReason  HTTP 400')
})

test.each([
  'お客様の電話は電源が切れているか、圏外にあります',
  '📵 👨‍👩‍👧‍👦 nobody',
  '연결할 수 없음',
  'e\u0301'.repeat(9),
])('a cell is as wide as it is shown, and nothing of it is cut: %s', (reason) => {
  const rows = [['480749c0', 'deliveries', reason]]

  const table = tableOf(head, rows, 80)

  expect(tableOf(head, rows)).toContain(reason)
  expect(table).toContain(reason)
  expect(Math.max(...table.split('\n').map(stringWidth))).toBeLessThanOrEqual(80)
})

test('without a width, nothing wraps', () => {
  const reason = 'a '.repeat(200).trim()

  expect(tableOf(head, [['1', 'q', reason]])).toContain(reason)
})
