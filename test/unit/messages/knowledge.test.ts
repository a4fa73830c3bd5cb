import { describe, expect, test } from 'vitest'
import { agentReadsTheSame, decidingPart, raiseKnown } from '../../../functions/messages/knowledge.ts'
import { type Knowledge, LedgerItem } from '../../../functions/messages/record.ts'
import { update } from '../../support/world.ts'

const item = (fields: object = {}) => LedgerItem.parse({ pk: '1#2#m', version: 1, expiresAt: 1, ...fields })

describe('what is known rises', () => {
  test("by a provider's word of a send that the plan does not have", () => {
    const planned = item({ plan: { of: 3, digest: 'd' }, parts: [{ known: 'sent' }, {}, {}] })

    expect(raiseKnown(planned, update('delivered', { part: { index: 0, of: 2 } }))).toMatchObject({
      parts: [{ known: 'delivered' }, {}, {}],
    })
  })

  test('where there are more sends than was known, though none of them does', () => {
    const known = item({ known: 'delivered', parts: [{ known: 'delivered' }, { known: 'delivered' }] })

    expect(raiseKnown(known, update('sent', { part: { index: 0, of: 3 } }))).toMatchObject({
      parts: [{ known: 'delivered' }, { known: 'delivered' }, {}],
    })
  })

  test('with the code of the first send that has one', () => {
    const known = item({ known: 'failed', parts: [{ known: 'failed', reason: 'No' }, {}, {}] })

    expect(raiseKnown(known, update('failed', { part: { index: 1, of: 3 }, reason: 'Gone', code: '7' }))).toMatchObject(
      {
        ...{ known: 'failed', code: '7' },
      },
    )
  })
})

test.each<[string, object, object | undefined]>([
  ['the first', { known: 'sent', parts: [{ known: 'sent' }, { known: 'read' }] }, { index: 0, of: 2 }],
  ['the second', { known: 'failed', parts: [{ known: 'sent' }, { known: 'failed' }] }, { index: 1, of: 2 }],
  ['none', { known: 'failed', parts: [{ known: 'sent' }, {}] }, undefined],
  ['the whole', { known: 'failed' }, undefined],
])('what is known follows from %s', (_, fields, part) => {
  expect(decidingPart(item(fields))).toEqual(part)
})

test.each<[Knowledge, Knowledge, boolean]>([
  [{}, {}, true],
  [{}, { known: 'sent' }, false],
  [{ known: 'sent' }, {}, false],
  [{ known: 'delivered' }, { known: 'sent' }, true],
  [{ known: 'failed', reason: 'No' }, { known: 'failed', reason: 'No' }, true],
  [{ known: 'failed', reason: 'No' }, { known: 'failed', reason: 'Gone' }, false],
  [{ known: 'failed', reason: 'No' }, { known: 'unconfirmed', reason: 'No' }, false],
])('of %j after %j an agent reads the same: %s', (now, before, isSame) => {
  expect(agentReadsTheSame(now, before)).toBe(isSame)
})
