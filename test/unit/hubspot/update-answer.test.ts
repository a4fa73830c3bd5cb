import { expect, test } from 'vitest'
import { updateAnswerFrom } from '../../../functions/hubspot/update-answer.ts'

const answer = (status: number, text = '') => updateAnswerFrom({ status, headers: {}, json: undefined, text }, 0)

test('only a 2xx is an answer of somebody who took the status', () => {
  expect([101, 199, 200, 299, 300].filter((status) => answer(status).kind === 'taken')).toEqual([200, 299])
})

test.each([
  [400, 'scopes missing'],
  [499, 'scopes missing'],
  [500, 'retryable'],
  [502, 'in doubt'],
])('the category of missing scopes counts where HubSpot refuses, not where it fails: a %i is %s', (status, kind) => {
  const json = { category: 'MISSING_SCOPES' }

  expect(updateAnswerFrom({ status, headers: {}, json, text: JSON.stringify(json) }, 0).kind).toBe(kind)
})

test.each([
  'A scope is missing',
  'The token does not have proper permissions',
  'This requires all of [x.write]',
  'This requires any one of [x.write]',
  'Ask for conversations.custom_channels.write',
])('a sentence says that scopes are missing: %s', (sentence) => {
  expect(answer(403, sentence).kind).toBe('scopes missing')
})

test('a page names missing scopes at its beginning, or not at all', () => {
  expect(answer(403, 'A scope is missing').kind).toBe('scopes missing')
  expect(answer(403, `${' '.repeat(10_000)}A scope is missing`).kind).not.toBe('scopes missing')
})
