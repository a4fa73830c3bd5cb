import fc from 'fast-check'
import { expect, test } from 'vitest'
import { fromQuery, toQuery } from '../../../functions/providers/references.ts'

const digits = fc.stringMatching(/^\d{1,20}$/)
const id = fc.string({ minLength: 1, maxLength: 64, unit: 'binary' })
const part = fc
  .tuple(fc.nat(50), fc.integer({ min: 2, max: 60 }))
  .filter(([index, of]) => index < of)
  .map(([index, of]) => ({ index, of }))

test('whatever ids go out come back', () => {
  const references = fc.record(
    { portalId: digits, channelId: digits, channelAccountId: id, messageId: id, part },
    { requiredKeys: ['portalId', 'channelId', 'messageId'] },
  )

  fc.assert(fc.property(references, (reference) => void expect(fromQuery(toQuery(reference))).toEqual(reference)))
})

test('what is no reference of ours is none, and never an error', () => {
  fc.assert(fc.property(fc.string(), (text) => void expect(fromQuery(text)).toBeUndefined()))
  expect(fromQuery('p=1&c=2')).toBeUndefined()
  expect(fromQuery('p=x&c=2&m=3')).toBeUndefined()
})
