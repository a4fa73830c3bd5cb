import { expect, test } from 'vitest'
import type { UpdateAnswer } from '../../../functions/hubspot/update-answer.ts'
import { type Asked, Attempts, outcomeOf } from '../../../functions/hubspot/update-outcome.ts'

const now = Date.parse('2026-11-22T12:00:00Z')
const asked = (fields: Partial<Asked> = {}): Asked => ({
  now,
  random: () => 0.5,
  toldBefore: undefined,
  word: 'FAILED',
  errorMessage: 'No such number',
  age: 3_600_000,
  isPurged: false,
  isSystematic: false,
  attempts: Attempts.parse({}),
  lateEffectSeconds: 120,
  ...fields,
})

/** What becomes of an update that has been refused so three times before, over five minutes. */
function refusedForTheFourthTime(status: number) {
  const refused = { since: now - 300_000, at: now - 1000, times: 3, alike: 'the same', timesAlike: 3 }
  const answer: UpdateAnswer = { kind: 'refused', problem: `HTTP ${status}`, status, alike: 'the same' }
  return outcomeOf(answer, asked({ attempts: Attempts.parse({ refused }) }))
}

test.each([400, 422])(
  'a reason that HubSpot may not like is shortened before the word is given up: HTTP %i',
  (status) => {
    expect(refusedForTheFourthTime(status)).toMatchObject({ kind: 'reword', attempts: { wording: 'short' } })
  },
)

test.each([403, 404, 409])('a message that is not there is not there for its reason: HTTP %i', (status) => {
  expect(refusedForTheFourthTime(status)).toMatchObject({ kind: 'give up' })
})
