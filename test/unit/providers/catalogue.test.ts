import { expect, test } from 'vitest'
import { Reasons, reasonFor } from '../../../functions/providers/catalogue.ts'

const catalogue = { 30003: 'The phone is switched off or out of reach.' }

test('a known code is a sentence, with the code', () => {
  expect(reasonFor('30003', { own: {}, catalogue })).toBe('The phone is switched off or out of reach (30003)')
})

test("the team's own sentence goes before the catalogue's", () => {
  expect(reasonFor(30003, { own: { 30003: 'Call the customer instead' }, catalogue })).toBe(
    'Call the customer instead (30003)',
  )
})

test('an unknown code is what the provider calls it', () => {
  expect(reasonFor('99', { own: {}, catalogue, title: 'Queue overflow' })).toBe('Queue overflow (99)')
  expect(reasonFor('constructor', { own: {}, catalogue })).toBe(
    'The messaging service reported a failure (constructor)',
  )
})

test('without code and title there is still a reason', () => {
  expect(reasonFor(undefined, { own: Reasons.parse(undefined), catalogue, title: ' ' })).toBe(
    'The messaging service reported a failure',
  )
})
