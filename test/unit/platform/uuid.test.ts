import fc from 'fast-check'
import { expect, test } from 'vitest'
import { nameUuid } from '../../../functions/platform/uuid.ts'

const dns = '6ba7b810-9dad-11d1-80b4-00c04fd430c8'

test("a name's UUID is the one that others make of it", () => {
  expect(nameUuid(dns, 'www.example.com')).toBe('2ed6657d-e927-568b-95e1-2665a8aea6a2')
  expect(nameUuid(dns, 'python.org')).toBe('886313e1-3b8a-5372-9b90-0c9aee199e5d')
})

test('whatever the name, it is a UUID of version 5', () => {
  const version5 = /^[\da-f]{8}-[\da-f]{4}-5[\da-f]{3}-[89ab][\da-f]{3}-[\da-f]{12}$/

  fc.assert(fc.property(fc.string(), (name) => void expect(nameUuid(dns, name)).toMatch(version5)))
})
