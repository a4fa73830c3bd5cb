import { describe, expect, test } from 'vitest'
import type { UpdateAnswer } from '../../../functions/hubspot/update-answer.ts'
import { type Asked, UpdateHistory, updateOutcomeOf } from '../../../functions/hubspot/update-outcome.ts'

const now = Date.parse('2026-11-22T12:00:00Z')
const asked = (fields: Partial<Asked> = {}): Asked => ({
  now,
  random: () => 0.5,
  toldBefore: undefined,
  statusType: 'FAILED',
  errorMessage: 'No such number',
  age: 3_600_000,
  isPurged: false,
  isSystematic: false,
  history: UpdateHistory.parse({}),
  lateEffectSeconds: 120,
  ...fields,
})

/** What becomes of an update that has been rejected so three times before, over five minutes. */
function rejectedForTheFourthTime(status: number) {
  const rejected = { since: now - 300_000, at: now - 1000, times: 3, alike: 'the same', timesAlike: 3 }
  const answer: UpdateAnswer = { kind: 'rejected', problem: `HTTP ${status}`, status, alike: 'the same' }
  return updateOutcomeOf(answer, asked({ history: UpdateHistory.parse({ rejected }) }))
}

test.each([400, 422])(
  'a reason that HubSpot may not like is shortened before the word is given up: HTTP %i',
  (status) => {
    expect(rejectedForTheFourthTime(status)).toMatchObject({ kind: 'reword', history: { wording: 'short' } })
  },
)

test.each([403, 404, 409])('a message that is not there is not there for its reason: HTTP %i', (status) => {
  expect(rejectedForTheFourthTime(status)).toMatchObject({ kind: 'give up' })
})

const rejection = (fields: object = {}) =>
  ({ kind: 'rejected', problem: 'HTTP 400', status: 400, alike: 'the same', ...fields }) as UpdateAnswer

/** A rejection after others: how often before, how often alike, since when and when last, in milliseconds ago. */
function rejectedAgain(
  { times, timesAlike = times, since, at = 1000 }: { times: number; timesAlike?: number; since: number; at?: number },
  fields: Partial<Asked> & { status?: number } = {},
) {
  const rejected = { since: now - since, at: now - at, times, alike: 'the same', timesAlike }
  const { status = 400, ...others } = fields
  return updateOutcomeOf(
    rejection({ status }),
    asked({ random: () => 0, history: UpdateHistory.parse({ rejected }), ...others }),
  )
}

describe('a rejection is tried again', () => {
  test('after five seconds at first, and that is noted', () => {
    expect(updateOutcomeOf(rejection(), asked({ random: () => 0 }))).toEqual({
      kind: 'retry',
      reason: 'HubSpot rejects the status (HTTP 400)',
      notBefore: now + 5000,
      history: UpdateHistory.parse({
        rejected: { since: now, at: now, times: 1, alike: 'the same', timesAlike: 1 },
      }),
    })
  })

  test.each([
    ['half a minute after the first', 1, 6000, 24_000],
    ['two minutes after it', 2, 31_000, 89_000],
    ['five minutes after it', 3, 121_000, 179_000],
    ['every five minutes from then on', 4, 200_000, 300_000],
    ['never sooner than in five seconds', 1, 29_000, 5000],
  ])('%s', (_, times, since, wait) => {
    expect(rejectedAgain({ times, since, timesAlike: 0 })).toMatchObject({ kind: 'retry', notBefore: now + wait })
  })

  test('spread over a twentieth of the time', () => {
    expect(rejectedAgain({ times: 4, since: 200_000, timesAlike: 0 }, { random: () => 1 })).toMatchObject({
      notBefore: now + 315_000,
    })
    expect(updateOutcomeOf(rejection(), asked({ random: () => 1 }))).toMatchObject({ notBefore: now + 5250 })
  })

  test('sooner, in proportion, where somebody only tries that out', () => {
    const fields = { rejectedForSeconds: 30 }

    expect(rejectedAgain({ times: 1, since: 600 }, fields)).toMatchObject({ kind: 'retry', notBefore: now + 2400 })
    expect(rejectedAgain({ times: 3, since: 30_000 }, fields)).toMatchObject({ kind: 'reword' })
  })

  test.each([
    ['the first time', 0, 0, 2000],
    ['the third time', 2, 4000, 8000],
    ['the seventh time', 6, 100_000, 60_000],
    ['shortly before the five minutes are over', 6, 270_000, 45_000],
  ])('of a message that is too young to be there, within a minute: %s', (_, times, since, wait) => {
    expect(
      rejectedAgain({ times, since, timesAlike: 0 }, { age: 299_999, status: 404, random: () => 1 }),
    ).toMatchObject({
      kind: 'retry',
      reason: 'HubSpot does not have the message yet (HTTP 400)',
      notBefore: now + wait,
    })
  })

  test.each([
    ['old enough', { age: 300_000, status: 404 }],
    ['not there for another reason', { age: 0, status: 400 }],
  ])('of a message that is %s, as of any other', (_, fields) => {
    expect(rejectedAgain({ times: 1, since: 6000 }, fields)).toMatchObject({
      reason: 'HubSpot rejects the status (HTTP 400)',
      notBefore: now + 24_000,
    })
  })

  test('when the five minutes are over, where message after message is rejected so', () => {
    const fields = { isSystematic: true }

    expect(updateOutcomeOf(rejection(), asked({ random: () => 0, ...fields }))).toMatchObject({
      notBefore: now + 300_000,
    })
    expect(rejectedAgain({ times: 1, since: 298_000 }, fields)).toMatchObject({ kind: 'retry', notBefore: now + 5000 })
  })
})

describe('a rejection is final', () => {
  const fields = { errorMessage: undefined }

  test.each<[string, number, number, Partial<Asked>, string]>([
    ['four times alike in five minutes', 3, 300_000, {}, 'give up'],
    ['four times alike in less', 3, 299_999, {}, 'retry'],
    ['three times alike in five minutes', 2, 300_000, {}, 'retry'],
    ['twice in five minutes, as all of the channel', 1, 300_000, { isSystematic: true }, 'give up'],
    ['once, as all of the channel', 0, 300_000, { isSystematic: true }, 'retry'],
    ['as a correction of another word', 3, 300_000, { toldBefore: 'SENT' }, 'correction rejected'],
    ['of the word that HubSpot was told before', 3, 300_000, { toldBefore: 'FAILED' }, 'give up'],
  ])('%s: %s', (_, times, since, others, kind) => {
    expect(rejectedAgain({ times, since }, { ...fields, ...others })).toMatchObject({ kind })
  })

  test('only where it is alike: another begins its own count', () => {
    const rejected = { since: now - 300_000, at: now - 1000, times: 5, alike: 'another', timesAlike: 3 }
    const outcome = updateOutcomeOf(rejection(), asked({ ...fields, history: UpdateHistory.parse({ rejected }) }))

    expect(outcome).toMatchObject({
      kind: 'retry',
      history: { rejected: { times: 6, alike: 'the same', timesAlike: 1 } },
    })
  })

  test.each([
    ['within an hour of the one before', 3_599_999, 'give up'],
    ['not after a job lay elsewhere for an hour', 3_600_000, 'retry'],
  ])('%s', (_, at, kind) => {
    expect(rejectedAgain({ times: 3, since: 4_000_000, at }, fields)).toMatchObject({ kind })
  })

  test('and says how often in how long', () => {
    expect(rejectedAgain({ times: 3, since: 390_000 }, fields)).toEqual({
      kind: 'give up',
      reason: 'HubSpot rejects the status, 4 times in 7 minutes (HTTP 400)',
    })
  })

  test('at once where the channel account was disconnected: the message went with it', () => {
    expect(updateOutcomeOf(rejection(), asked({ isPurged: true }))).toEqual({
      kind: 'give up',
      reason: 'The channel account was disconnected in HubSpot, and the message went with it (HTTP 400)',
    })
  })

  test('after its reason was shortened, and then left out', () => {
    const rejected = { since: now - 300_000, at: now - 1000, times: 3, alike: 'the same', timesAlike: 3 }
    const wordedAs = (wording: UpdateHistory['wording']) =>
      updateOutcomeOf(rejection(), asked({ history: UpdateHistory.parse({ rejected, wording }) }))

    expect(wordedAs('whole')).toMatchObject({ kind: 'reword', problem: 'HTTP 400', history: { wording: 'short' } })
    expect(wordedAs('short')).toMatchObject({ kind: 'reword', history: { wording: 'none', rejected: { times: 4 } } })
    expect(wordedAs('none')).toMatchObject({ kind: 'give up' })
  })
})

describe('what HubSpot holds is compared with what it was asked to hold', () => {
  const taken = (held: object | undefined, fields: Partial<Asked> = {}) =>
    updateOutcomeOf({ kind: 'taken', held } as UpdateAnswer, asked(fields))

  test.each<[string, object | undefined, Partial<Asked>, string | undefined]>([
    ['it does not say', undefined, {}, undefined],
    ['the same', { statusType: 'FAILED', errorMessage: 'No such number' }, {}, undefined],
    ['the same in other spaces', { statusType: 'FAILED', errorMessage: ' No  such\nnumber ' }, {}, undefined],
    ['the same word without a reason', { statusType: 'FAILED' }, {}, undefined],
    ['another word', { statusType: 'SENT' }, {}, 'holds SENT after FAILED'],
    ['another reason', { statusType: 'FAILED', errorMessage: 'No' }, {}, 'holds another reason'],
    [
      'the words of its reason run together',
      { statusType: 'FAILED', errorMessage: 'Nosuch number' },
      {},
      'holds another reason',
    ],
    [
      'a reason where none was told',
      { statusType: 'FAILED', errorMessage: 'No' },
      { errorMessage: undefined },
      'holds another reason',
    ],
    [
      'an empty reason where none was told',
      { statusType: 'FAILED', errorMessage: '' },
      { errorMessage: undefined },
      undefined,
    ],
    [
      'a reason of another time, of what is read',
      { statusType: 'READ', errorMessage: 'No' },
      { statusType: 'READ' },
      undefined,
    ],
  ])('%s', (_, held, fields, holds) => {
    const heldOther = UpdateHistory.parse({ heldOther: true })
    expect(taken(held, { ...fields, history: heldOther })).toEqual({ kind: 'told', holds })
    if (holds === undefined) expect(taken(held, fields)).toEqual({ kind: 'told', holds: undefined })
    else
      expect(taken(held, fields)).toEqual({
        kind: 'retry',
        reason: `HubSpot ${holds}`,
        notBefore: now + 45_000,
        history: heldOther,
      })
  })
})

test.each<[string, UpdateAnswer, object]>([
  ['busy', { kind: 'retryable', problem: 'HTTP 503', status: 503 }, { kind: 'retry', retryAfter: undefined }],
  [
    'busy for a day',
    { kind: 'retryable', problem: 'HTTP 477', status: 477, retryAfterSeconds: 86_400 },
    { kind: 'retry', retryAfter: { seconds: 86_400, max: 900 } },
  ],
  [
    'at its limit',
    { kind: 'retryable', problem: 'HTTP 429', status: 429, retryAfterSeconds: 7 },
    { kind: 'pause portal', seconds: 7 },
  ],
  [
    'cut off',
    { kind: 'in doubt', problem: 'HTTP 504', retryAfterSeconds: 9 },
    {
      ...{ kind: 'retry', reason: 'HubSpot may have taken it (HTTP 504)' },
      ...{ notBefore: now + 120_000, retryAfter: { seconds: 9, max: 900 } },
    },
  ],
  ['closed to us', { kind: 'unauthorized' }, { kind: 'no access' }],
  ['closed to the app', { kind: 'scopes missing' }, { kind: 'no access' }],
])('HubSpot is %s', (_, answer, outcome) => {
  expect(updateOutcomeOf(answer, asked())).toMatchObject(outcome)
})
