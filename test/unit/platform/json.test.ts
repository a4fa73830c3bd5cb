import { describe, expect, test } from 'vitest'
import * as z from 'zod'
import { parseJson, parseJsonExactly, wholeNumber } from '../../../functions/platform/json.ts'
import { senders } from '../../../functions/providers/senders.ts'
import { job } from '../../support/sends.ts'

/** Each of these a schema would compare with a number, and throw. */
const odd = [
  '{"length": {"valueOf": 1, "toString": 1}}',
  '{"length": [{"toString": 1}]}',
  '{"length":\n [[1e300]]}',
  '{"l\\u0065ngth": {"valueOf": 1, "toString": 1}}',
  '[{"a": {"length": {"valueOf": 1, "toString": 1}}}]',
  '\ufeff{"length": {"valueOf": 1, "toString": 1}}',
]

describe('a length that nothing can be compared with', () => {
  const Text = z.string().min(1).max(9).catch('')
  const Anything = z.union([Text, z.array(z.object({ a: Text }))])

  test.each(odd)('in %j makes no schema throw', (text) => {
    for (const parse of [parseJson, parseJsonExactly]) expect(() => Anything.parse(parse(text))).not.toThrow()
  })

  test.each(odd)('in %j, a field of an attachment, leaves a message with a plan', (text) => {
    const file = `{"type": "FILE", "url": ${text.replace('\ufeff', '')}}`
    const attachments = [parseJsonExactly(file)]
    const to = [{ deliveryIdentifier: { value: '900000004' } }]

    expect(senders.telegram.plan({ ...job, to, attachments }, undefined)).toEqual({
      problem: 'A file could not be sent: HubSpot gave no web address for it.',
    })
  })

  test('is left out alone', () => {
    const text = '{"length": [1], "size": {"length": 7, "letters": [{"length": null}, {"length": "x"}]}}'

    expect(parseJson(text)).toEqual({ size: { length: 7, letters: [{ length: null }, { length: 'x' }] } })
  })
})

test('a number that would be rounded keeps its digits behind a byte order mark, too', () => {
  const { id } = parseJsonExactly('\ufeff{"id": 12345678901234567890}') as { id: unknown }

  expect(wholeNumber(id)).toBe('12345678901234567890')
})
