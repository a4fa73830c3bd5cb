import { expect, test } from 'vitest'
import type { UpdateAnswer } from '../../../functions/hubspot/update-answer.ts'
import { type Asked, Attempts, updateOutcomeOf } from '../../../functions/hubspot/update-outcome.ts'

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

/** What becomes of an update that has been rejected so three times before, over five minutes. */
function rejectedForTheFourthTime(status: number) {
  const rejected = { since: now - 300_000, at: now - 1000, times: 3, alike: 'the same', timesAlike: 3 }
  const answer: UpdateAnswer = { kind: 'rejected', problem: `HTTP ${status}`, status, alike: 'the same' }
  return updateOutcomeOf(answer, asked({ attempts: Attempts.parse({ rejected }) }))
}

test.each([400, 422])(
  'a reason that HubSpot may not like is shortened before the word is given up: HTTP %i',
  (status) => {
    expect(rejectedForTheFourthTime(status)).toMatchObject({ kind: 'reword', attempts: { wording: 'short' } })
  },
)

test.each([403, 404, 409])('a message that is not there is not there for its reason: HTTP %i', (status) => {
  expect(rejectedForTheFourthTime(status)).toMatchObject({ kind: 'give up' })
})
