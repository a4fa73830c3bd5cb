import { expect, test } from 'vitest'
import * as z from 'zod'
import { problems } from '../../../functions/platform/problems.ts'

const Schema = z.object({
  url: z.string().refine((url) => url.startsWith('https://'), 'must be https'),
  keys: z.array(z.string().min(8)),
})

test('what a refinement refuses is said in its words', () => {
  expect(problemsOf({ url: 'http://hunter2', keys: [] })).toBe('url: must be https')
})

test('the field is named, and no value', () => {
  const said = problemsOf({ url: 7, keys: ['hunter2'] })

  expect(said).toBe('url: expected string; keys.0: too small')
  expect(problemsOf('hunter2')).toBe('document: expected object')
})

function problemsOf(document: unknown) {
  return problems(Schema.safeParse(document).error!)
}
