import fc from 'fast-check'
import { expect, test } from 'vitest'
import {
  backoff,
  nextTry,
  parseRetryAfter,
  parseRetryAfterSeconds,
  RetryableError,
  retryAfterWait,
} from '../../../functions/platform/retry.ts'

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
  ['2026-11-22T12:01:30Z', 90],
  ['2026-11-22T13:01:30+01:00', 90],
])('Retry-After %s means in %d seconds', (header, seconds) => {
  expect(parseRetryAfterSeconds(header, now)).toBe(seconds)
})

test.each([
  ['absent', undefined],
  ['empty', ''],
  ['in words', 'soon'],
  ['negative', '-1'],
  ['infinite', '9'.repeat(400)],
  ['a date that has passed', 'Sun, 22 Nov 2026 11:59:59 GMT'],
  ['there twice', ['1', '2']],
  ['in a list', ['7']],
])('a Retry-After that is %s says nothing', (_, header) => {
  expect(parseRetryAfterSeconds(header, now)).toBeUndefined()
})

test('whatever the header is, the wait is between nothing and a day', () => {
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.float().map(String), fc.date().map(String)), (header) => {
      const seconds = parseRetryAfterSeconds(header, now) ?? 0

      expect(seconds >= 0 && seconds <= 86_400).toBe(true)
    }),
  )
})

test.each([
  ['a first number of a minute or less is kept', 30, { isRepeated: false }, 30_000],
  ['a first number is given a minute at most', 86_400, { isRepeated: false }, 60_000],
  ['a repeated one is given an hour at most', 86_400, { isRepeated: true }, 3_600_000],
  ['a billion seconds are an hour', 1e9, { isRepeated: true }, 3_600_000],
  ['no end is an hour', Number.POSITIVE_INFINITY, { isRepeated: true }, 3_600_000],
  ['nothing is half a back-off', 0, { isRepeated: true }, 2000],
  ['less than nothing is half a back-off', -10, { isRepeated: false }, 2000],
  ['no number is half a back-off', Number.NaN, { isRepeated: true }, 2000],
  ['a number below half a back-off is half a back-off', 1, { isRepeated: false }, 2000],
])('of what the other side names, %s', (_, seconds, when, milliseconds) => {
  expect(retryAfterWait({ seconds }, { ...when, attempt: 3, random: () => 0.5 })).toBe(milliseconds)
})

test('who calls may set another limit for a number that is repeated', () => {
  const when = { isRepeated: true, attempt: 0, random: () => 0.5 }

  expect(retryAfterWait({ seconds: 86_400, max: 900 }, when)).toBe(900_000)
})

test('whatever the other side names, the next try is neither now over and over, nor beyond the end of the work', () => {
  const seconds = fc.oneof(fc.double(), fc.constantFrom(0, -10, 86_400, 1e9, 30_000))
  fc.assert(
    fc.property(seconds, fc.nat(20), fc.nat(5), random, (named, attempt, retryAftersInARow, chance) => {
      const when = { attempt, retryAftersInARow, now, end: now + 600_000, random: () => chance }

      const next = nextTry(new RetryableError('busy', { retryAfter: { seconds: named } }), when)

      expect(next).toBeGreaterThanOrEqual(Math.min(now + backoff(attempt, () => chance) / 2, now + 600_000))
      expect(next).toBeLessThanOrEqual(now + 600_001)
    }),
  )
})

test('what is named beyond the end of the work is tried once that has passed, and given up then', () => {
  const when = { attempt: 0, retryAftersInARow: 0, now, end: now + 1000, random: () => 0.5 }

  expect(nextTry(new RetryableError('busy', { retryAfter: { seconds: 60 } }), when)).toBe(now + 1001)
})

test('only a number that is repeated is granted more than a minute', () => {
  const nextAfter = (retryAftersInARow: number) => {
    const when = { attempt: 0, retryAftersInARow, now, end: now + 86_400_000, random: () => 0.5 }
    return nextTry(new RetryableError('busy', { retryAfter: { seconds: 600 } }), when) - now
  }

  expect([nextAfter(0), nextAfter(1)]).toEqual([60_000, 600_000])
})

test.each([
  ['7', { seconds: 7 }],
  ['0', { seconds: 0 }],
  ['7 minutes', undefined],
  ['about 7', undefined],
])('a Retry-After of %s asks for %o', (header, asked) => {
  expect(parseRetryAfter(header, now)).toEqual(asked)
})

test('a time that the work itself needs is kept, whatever the other side names', () => {
  const when = { attempt: 1, retryAftersInARow: 0, now, end: now + 1000, random: () => 0.5 }

  expect(nextTry(new RetryableError('late', { notBefore: now + 120_000, retryAfter: { seconds: 5 } }), when)).toBe(
    now + 120_000,
  )
})
