import { describe, expect, test } from 'vitest'
import { asCopy } from '../../../functions/messages/copies.ts'
import { LedgerItem } from '../../../functions/messages/record.ts'

const copy = (count: number, token = `t${count}`) => ({ count, token })
const received = (names: string[]) => Object.fromEntries(names.map((name) => [name, copy(1, name)]))

/** What an item keeps of copies once this one was received; undefined where it is superseded. */
function afterReceiving(job: string, mine: object | undefined, before: object | undefined) {
  const item = LedgerItem.parse({ pk: '1#2#m', version: 1, expiresAt: 1, received: before })
  const run = { copy: mine } as Parameters<typeof asCopy>[0]['run']
  const decide = (item: LedgerItem) => ({ next: item, answer: 'mine' })
  const { next } = asCopy({ job, run }, decide)(item)
  return next && (next.received ?? {})
}

describe('a copy of a job', () => {
  test.each([
    ['that is none', undefined, { a: copy(2) }, { a: copy(2) }],
    ['that is the first', copy(1), undefined, { a: copy(1) }],
    ['that is a later one', copy(3), { a: copy(2) }, { a: copy(3) }],
    ['that was received before goes on', copy(2), { a: copy(2) }, { a: copy(2) }],
    ['that is an earlier one', copy(1), { a: copy(2) }, undefined],
    ['whose twin was received', copy(2, 'another'), { a: copy(2) }, undefined],
  ])('%s', (_, mine, before, after) => {
    expect(afterReceiving('a', mine, before)).toEqual(after)
  })

  test('keeps what was received of the last seven other jobs', () => {
    const eight = [...'abcdefgh']

    expect(Object.keys(afterReceiving('new', copy(1), received(eight))!)).toEqual([...'bcdefgh', 'new'])
    expect(Object.keys(afterReceiving('c', copy(2), received(eight))!)).toEqual([...'abdefgh', 'c'])
  })
})
