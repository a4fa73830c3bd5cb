import { expect, test } from 'vitest'
import * as z from 'zod'
import { senders } from '../../functions/providers/senders.ts'
import { inWords, meant, unknownFields } from '../../infra/unknown-fields.ts'

const twilio = { provider: 'twilio', accountSid: `AC${'0'.repeat(32)}`, authTokens: ['0'.repeat(32)], from: '+1555' }
const meta = { provider: 'whatsapp', phoneNumberId: '1', accessToken: 'a', appSecrets: ['s'], verifyToken: 'v' }
const dialog360 = { provider: 'whatsapp', apiKey: 'k', platformSecrets: ['s'] }

test.each([
  ['twilio', { ...twilio, sentOm: 'delivered' }, 'sentOm (did you mean sentOn?)'],
  ['twilio', { ...twilio, reason: {} }, 'reason (did you mean reasons?)'],
  [
    'twilio',
    { ...twilio, apiKey: { sid: `SK${'0'.repeat(32)}`, secret: '0'.repeat(32), Secret: 'x' } },
    'apiKey.Secret (did you mean secret?)',
  ],
  ['twilio', { ...twilio, somethingElse: 1 }, 'somethingElse'],
  ['whatsapp', { ...meta, handOnto: 'https://example.com' }, 'handOnto (did you mean handOnTo?)'],
  ['whatsapp', { ...dialog360, webhookHeaders: {} }, 'webhookHeaders (did you mean webhookHeader?)'],
  ['whatsapp', { ...meta, apiKey: 'k' }, 'apiKey'],
  [
    'line',
    { provider: 'line', channelAccessToken: 't', sentOn: 'accepted', reasosn: {} },
    'reasosn (did you mean reasons?)',
  ],
] as const)('a field of a %s account that nobody reads is named', (provider, account, words) => {
  const { account: schema } = senders[provider]

  expect(schema.safeParse(account).success).toBe(true)
  expect(inWords(unknownFields(schema, account))).toBe(words)
})

test.each([
  ['twilio', { ...twilio, reasons: { 30003: 'The phone is off' }, sentOn: 'sent' }],
  ['whatsapp', meta],
  ['whatsapp', { ...dialog360, webhookHeader: { name: 'X-Secret', secrets: ['s'] } }],
] as const)('a complete %s account has none', (provider, account) => {
  expect(unknownFields(senders[provider].account, account)).toEqual([])
})

test('what takes any field knows each', () => {
  expect(unknownFields(z.looseObject({ a: z.string() }), { a: '', b: '' })).toEqual([])
})

test('a name is meant whatever its case, and not where it is far off', () => {
  expect(meant('SENTON', ['sentOn', 'reasons'])).toBe('sentOn')
  expect(meant('colour', ['sentOn', 'reasons'])).toBeUndefined()
})
