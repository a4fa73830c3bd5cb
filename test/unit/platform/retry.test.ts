import fc from 'fast-check'
import { expect, test } from 'vitest'
import { backoff, retryAfterSeconds } from '../../../functions/platform/retry.ts'

const now = Date.parse('2026-11-22T12:00:00Z')
const random = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true })

test.each([
  [0, 1000],
  [1, 2000],
  [5, 32_000],
  [9, 512_000],
  [10, 900_000],
  [5000, 900_000],
])('attempt %i waits anything up to %i milliseconds', (attempt, longest) => {
  fc.assert(
    fc.property(random, (chance) => {
      expect(backoff(attempt, () => chance)).toBe(chance * longest)
    }),
  )
})

test.each([
  ['0', 0],
  ['7', 7],
  ['0.25', 0.25],
  ['86400', 86_400],
  ['99999999', 86_400],
  ['Sun, 22 Nov 2026 12:01:30 GMT', 90],
  ['Sun, 22 Nov 2026 12:00:00 GMT', 0],
])('Retry-After %s means in %d seconds', (header, seconds) => {
  expect(retryAfterSeconds(header, now)).toBe(seconds)
})

test.each([
  ['absent', undefined],
  ['empty', ''],
  ['in words', 'soon'],
  ['negative', '-1'],
  ['infinite', '9'.repeat(400)],
  ['a date that has passed', 'Sun, 22 Nov 2026 11:59:59 GMT'],
  ['there twice', ['1', '2']],
])('a Retry-After that is %s says nothing', (_, header) => {
  expect(retryAfterSeconds(header, now)).toBeUndefined()
})

test('whatever the header is, the wait is between nothing and a day', () => {
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.float().map(String), fc.date().map(String)), (header) => {
      const seconds = retryAfterSeconds(header, now) ?? 0

      expect(seconds >= 0 && seconds <= 86_400).toBe(true)
    }),
  )
})
