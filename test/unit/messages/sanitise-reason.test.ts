import fc from 'fast-check'
import { expect, test } from 'vitest'
import { maxReasonLength, sanitiseReason } from '../../../functions/messages/sanitise-reason.ts'
import { anyText } from '../../support/arbitraries.ts'

const family = '👨‍👩‍👧‍👦'

test('an ordinary reason stays as it is', () => {
  expect(sanitiseReason('The number is not in service (30007). Ask the customer for another.')).toBe(
    'The number is not in service (30007). Ask the customer for another.',
  )
})

test.each(['Twilio 30007', 'WhatsApp 131026', '#131047', 'HTTP 404', 'error 63016: 24 hours'])(
  'the code in %j stays readable',
  (reason) => {
    expect(sanitiseReason(reason)).toBe(reason)
  },
)

test.each([
  '+4915112345678',
  '004915112345678',
  '4915112345678',
  '+49 151 1234 5678',
  '+1 (555) 010-0002',
  '555-010-0002',
  '555-0102',
  '+49\u00a0151\u00a012345678',
  'whatsapp:+4915112345678',
])('the phone number %s is masked', (number) => {
  const reason = sanitiseReason(`No route to ${number}, error 30007`)

  expect(reason).toMatch(/^No route to (whatsapp:)?\[number\], error 30007$/)
})

test.each(['ada@example.com', 'ada.lovelace+relay@mail.example.co.uk', '<ada@example.com>', '"ada@example.com"'])(
  'the e-mail address %s is masked',
  (address) => {
    expect(sanitiseReason(`Mailbox ${address} unknown`)).toMatch(/^Mailbox [<"]?\[address\][>"]? unknown$/)
  },
)

test('a reason is one line, without control characters', () => {
  expect(sanitiseReason('  No\r\nsuch\tnumber\u0000\u2028here\u0085 ')).toBe('No such number here')
})

test('the longest reason stays whole, a longer one ends in an ellipsis', () => {
  expect(sanitiseReason('x'.repeat(maxReasonLength))).toBe('x'.repeat(maxReasonLength))
  expect(sanitiseReason('x'.repeat(maxReasonLength + 1))).toBe(`${'x'.repeat(maxReasonLength - 1)}…`)
})

test.each([
  ['x'.padEnd(10_000), 'x'],
  ['x'.padEnd(10_001), 'x…'],
  [`${'x'.padEnd(10_000)}y`, 'x…'],
  ['x'.padStart(10_001), ''],
])('what comes after ten thousand characters is not read', (reason, line) => {
  expect(sanitiseReason(reason)).toBe(line)
})

test.each([200, 499, 500, 501, 5000])('%i families are cut between families', (count) => {
  for (let before = 0; before <= family.length; before++) {
    const reason = sanitiseReason('x'.repeat(before) + family.repeat(count))

    expect(reason.replaceAll(family, '')).toBe(`${'x'.repeat(before)}…`)
  }
})

test('half a surrogate pair, as senders leave it when they cut, does not travel on', () => {
  expect(sanitiseReason(`No such number ${'👋'.slice(0, 1)}`)).toBe('No such number \uFFFD')
})

test('whatever the reason is, it is one line, well-formed, no longer than the cap, and without long numbers', () => {
  const texts = fc.oneof(
    anyText,
    fc.string({ unit: 'grapheme', maxLength: 3000 }),
    fc.string({ unit: fc.constantFrom(family, '🇩🇪', 'é', 'n', '\ud83d', '\ude00', ' '), maxLength: 1500 }),
    fc.string({ unit: fc.constantFrom(...'0123456789', ' ', '(', ')', '+', '-', '.', '@', 'a'), maxLength: 3000 }),
  )

  fc.assert(
    fc.property(texts, (text) => {
      const reason = sanitiseReason(text)

      expect(reason).not.toMatch(/[\p{Cc}\u2028\u2029]|\d{7}/u)
      expect(reason.isWellFormed()).toBe(true)
      expect([...new Intl.Segmenter().segment(reason)].length).toBeLessThanOrEqual(maxReasonLength)
    }),
  )
})

test('a reason is cleaned in no time, whatever its length', () => {
  const start = performance.now()

  for (const unit of ['a', 'a@', '1', '+1(', '@a.', ' ']) sanitiseReason(unit.repeat(500_000))

  expect(performance.now() - start).toBeLessThan(2000)
})
