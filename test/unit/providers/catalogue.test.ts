import { expect, test } from 'vitest'
import { sanitiseReason } from '../../../functions/messages/sanitise-reason.ts'
import { Reasons, reasonFor, reasonForWords } from '../../../functions/providers/catalogue.ts'

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

test("the provider's own detail stands behind the sentence where it says more, and not behind the team's", () => {
  const known = { own: {}, catalogue, title: 'Unreachable' }

  expect(reasonFor(30003, { ...known, detail: ' Out of reach since  Monday. ' })).toBe(
    'The phone is switched off or out of reach: Out of reach since Monday (30003)',
  )
  expect(reasonFor(30003, { ...known, detail: 'Unreachable.' })).toBe(
    'The phone is switched off or out of reach (30003)',
  )
  expect(reasonFor(30003, { ...known, own: { 30003: 'Call' }, detail: 'Out of reach since Monday' })).toBe(
    'Call (30003)',
  )
})

test('a number at the end of what the provider says does not take the code along when it is masked', () => {
  const reason = reasonFor('99', { own: {}, catalogue, title: 'Unhappy with +15550100002' })

  expect(sanitiseReason(reason)).toBe('Unhappy with [number]. (99)')
})

test('without code and title there is still a reason', () => {
  expect(reasonFor(undefined, { own: Reasons.parse(undefined), catalogue, title: ' ' })).toBe(
    'The messaging service reported a failure',
  )
})

test('where there are words and no codes, the sentence goes by how they begin', () => {
  const options = { own: {}, catalogue: { 'bot was kicked': 'The bot was removed' }, code: 403 }

  expect(reasonForWords('Bot was kicked from the group chat', options)).toBe('The bot was removed (403)')
  expect(reasonForWords('the bot was kicked', options)).toBe('the bot was kicked (403)')
  expect(reasonForWords('bot was kicked', { ...options, own: { 'Bot was': 'Add it again' } })).toBe(
    'Add it again (403)',
  )
})
