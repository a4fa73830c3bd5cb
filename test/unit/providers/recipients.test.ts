import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { DeliveryJob } from '../../../functions/messages/jobs.ts'
import { phoneNumber, readRecipients } from '../../../functions/providers/recipients.ts'
import { senders } from '../../../functions/providers/senders.ts'
import { anyText } from '../../support/arbitraries.ts'
import { job } from '../../support/sends.ts'

const twilio = { accountSid: `AC${'0'.repeat(32)}`, authTokens: ['0'.repeat(32)], from: '+15550100001' }
const whatsapp = { phoneNumberId: '1', accessToken: 'x', appSecrets: ['x'], verifyToken: 'x' }
const dialog360 = { apiKey: 'x', platformSecrets: ['x'] }

/** Each provider that takes phone numbers, and how its requests name the customer. */
const takers: Record<
  string,
  { provider: 'twilio' | 'whatsapp'; account: object; written(part: { to: string }): string }
> = {
  'Twilio by SMS': { provider: 'twilio', account: twilio, written: ({ to }) => to },
  'Twilio over WhatsApp': {
    provider: 'twilio',
    account: { ...twilio, channel: 'whatsapp' },
    written: ({ to }) => to.replace('whatsapp:', ''),
  },
  'Twilio over RCS': {
    provider: 'twilio',
    account: { ...twilio, channel: 'rcs' },
    written: ({ to }) => to.replace('rcs:', ''),
  },
  'WhatsApp at Meta': { provider: 'whatsapp', account: whatsapp, written: ({ to }) => `+${to}` },
  'WhatsApp at 360dialog': { provider: 'whatsapp', account: dialog360, written: ({ to }) => `+${to}` },
}

function planned(taker: (typeof takers)[string], identifiers: object[], fields: object = {}) {
  const adapter = senders[taker.provider]
  const account = adapter.account.parse({ provider: taker.provider, ...taker.account, ...fields })
  const to = identifiers.map((deliveryIdentifier) => ({ deliveryIdentifier })) as DeliveryJob['to']
  const plan = adapter.plan({ ...job, to }, account)
  return 'sends' in plan ? plan.sends.map((part) => taker.written(part as { to: string })) : plan.problem
}

describe.each(Object.entries(takers))('%s', (_, taker) => {
  test.each([
    '+15550100002',
    '+1 (555) 010-0002',
    '+1.555.010.0002',
    '(+1) 555 010 0002',
    '( +1 555) 0100002',
    ' +1\u00a0555\u00a0010\u00a00002 ',
    '\u202a+15550100002\u202c',
    '\ufeff+15550100002',
    '＋１ ５５５ ０１０ ０００２',
    'tel:+1-555-010-0002',
  ])('takes the number %j, which says its country', (value) => {
    for (const type of ['HS_PHONE_NUMBER', 'CHANNEL_SPECIFIC_OPAQUE_ID', undefined])
      expect(planned(taker, [{ type, value }])).toEqual(['+15550100002'])
  })

  test.each([
    ['+49 (0) 170 1234567', '+491701234567'],
    ['+44 (0)20 7946 0000', '+442079460000'],
    ['+39 06 1234567', '+39061234567'],
    ['+52 1 55 1234 5678', '+5215512345678'],
    ['+225 07 07 07 07 07', '+2250707070707'],
  ])('reads %j as %j, by the plan of its country', (value, number) => {
    expect(planned(taker, [{ type: 'HS_PHONE_NUMBER', value }])).toEqual([number])
  })

  test.each([
    '(650) 555-9999',
    '4155552121',
    '0170 1234567',
    '00491701234567',
    '0049 170 1234567',
    '011 49 170 1234567',
    '49 170 1234567',
    '112',
    '+1 555 010 0002 ext. 5',
    '+15550100002;ext=5',
    '+15550100002 / +15550100003',
    '+15550100002, +15550100003',
    'call +15550100002',
    '+1 800 FLOWERS',
    '+999 123 456 789',
    '+0170 1234567',
    '++15550100002',
    '+',
    'ada@example.com',
    'Ada',
  ])('guesses nothing of %j: FAILED, and the sentence says what is missing', (value) => {
    for (const type of ['HS_PHONE_NUMBER', undefined])
      expect(planned(taker, [{ type, value }])).toMatch(/ needs a phone number with its country code/)
  })

  test.each([
    ['0170 1234567', 'DE', '+491701234567'],
    ['0049 170 1234567', 'DE', '+491701234567'],
    ['(650) 555-9999', 'US', '+16505559999'],
    ['011 49 170 1234567', 'US', '+491701234567'],
    ['020 7946 0000', 'UK', '+442079460000'],
    ['+1 555 010 0002', 'DE', '+15550100002'],
  ])('reads %j at home in %s as %j', (value, country, number) => {
    expect(planned(taker, [{ type: 'HS_PHONE_NUMBER', value }], { country })).toEqual([number])
  })

  test.each([
    ['112', 'DE'],
    ['555 9999', 'US'],
    ['0170 1234567', 'US'],
    ['0170 1234567890123', 'DE'],
  ])('takes %j for none of %s', (value, country) => {
    expect(planned(taker, [{ value }], { country })).toMatch(/ needs a phone number/)
  })

  test.each(['de', 'Germany', 'XX', ''])('has no country %j', (country) => {
    const { provider, account } = taker
    expect(senders[provider].account.safeParse({ provider, ...account, country }).success).toBe(false)
  })

  test('takes nobody twice, however they are written, and sends nothing where one of several is nobody', () => {
    const one = { type: 'HS_PHONE_NUMBER', value: '+15550100002' }
    const same = { value: '+1 (555) 010-0002' }

    expect(planned(taker, [one, same, { value: ' ' }])).toEqual(['+15550100002'])
    expect(planned(taker, [one, { value: '4155552121' }])).toMatch(/ needs a phone number/)
  })

  test.each([
    ['a carrier’s code would have to be taken out of it', '+57044400000000'],
    ['it would have to be completed', '+67205106'],
  ])('sends to nobody a number where %s', (_why, value) => {
    expect(planned(taker, [{ type: 'HS_PHONE_NUMBER', value }])).toMatch(/ needs a phone number/)
  })

  test('sends to no number that is not in what was typed', () => {
    const typed = fc.oneof(
      fc.stringMatching(/^[+ ()./\d-]{1,24}$/),
      fc.tuple(fc.constantFrom('+', '', '00', '0'), fc.stringMatching(/^\d{4,16}$/)).map((parts) => parts.join('')),
      anyText,
    )

    fc.assert(
      fc.property(typed, fc.constantFrom('HS_PHONE_NUMBER', undefined), (value, type) => {
        const sent = planned(taker, [{ type, value }])
        if (typeof sent === 'string') return
        const digits = value.normalize('NFKC').replace(/\D/g, '')
        // What one dials at home before a number, and not from abroad, is all that is ever left out: 0, 06, 8.
        const without = Array.from({ length: digits.length }, (_, at) =>
          [0, 1, 2, 3].map((length) => digits.slice(0, at) + digits.slice(at + length)),
        ).flat()
        for (const number of sent) expect(without).toContain(number.slice(1))
        expect(
          value
            .normalize('NFKC')
            .replace(/[\p{Cc}\p{Cf}\s]/gu, '')
            .replace(/^tel:/i, ''),
        ).toMatch(/^\+|^(whatsapp|rcs|sms):\+|^[A-Z]{2}\./)
      }),
      { numRuns: 500 },
    )
  })
})

test.each([
  ['WhatsApp at Meta', '+15550100002'],
  ['WhatsApp at 360dialog', '+15550100002'],
  ['Twilio over WhatsApp', '+15550100002'],
])('%s takes digits alone where the provider itself gave them', (name, number) => {
  const value = '15550100002'

  expect(planned(takers[name]!, [{ type: 'CHANNEL_SPECIFIC_OPAQUE_ID', value }])).toEqual([number])
  expect(planned(takers[name]!, [{ type: 'HS_PHONE_NUMBER', value }])).toMatch(/country code/)
  expect(planned(takers[name]!, [{ value }])).toMatch(/country code/)
})

test('by SMS nobody gives digits alone', () => {
  const identifier = { type: 'CHANNEL_SPECIFIC_OPAQUE_ID', value: '15550100002' }

  expect(planned(takers['Twilio by SMS']!, [identifier])).toMatch(/country code/)
})

describe('a customer whom WhatsApp knows by user id', () => {
  const ids = ['US.13491208655302741918', 'DE.ENT.11815799212886844830']

  test.each(ids)('%s is named as such at Meta and at 360dialog, and never as a number', (value) => {
    for (const account of [whatsapp, dialog360]) {
      const parts: object[] = []
      planned({ provider: 'whatsapp', account, written: (part) => String(parts.push(part)) }, [{ value }])
      expect(parts).toEqual([expect.objectContaining({ recipient: value })])
      expect(parts[0]).not.toHaveProperty('to')
    }
  })

  test.each(ids)('%s goes through Twilio under the name of the channel, and by no other one', (value) => {
    expect(planned({ ...takers['Twilio over WhatsApp']!, written: ({ to }) => to }, [{ value }])).toEqual([
      `whatsapp:${value}`,
    ])
    expect(planned(takers['Twilio by SMS']!, [{ value }])).toMatch(/country code/)
    expect(planned(takers['Twilio over RCS']!, [{ value }])).toMatch(/country code/)
  })

  test.each(['us.13491208655302741918', 'US.', 'USA.1', 'US.ENT.', 'US.12 34', `US.${'1'.repeat(129)}`])(
    'is not %j',
    (value) => {
      expect(planned(takers['WhatsApp at Meta']!, [{ type: 'CHANNEL_SPECIFIC_OPAQUE_ID', value }])).toMatch(
        /country code/,
      )
    },
  )
})

describe('Telegram', () => {
  const telegram = { provider: 'telegram', botToken: '1:a' }
  const chats = (identifier: object) => {
    const adapter = senders.telegram
    const plan = adapter.plan(
      { ...job, to: [{ deliveryIdentifier: identifier }] as DeliveryJob['to'] },
      adapter.account.parse(telegram),
    )
    return 'sends' in plan
      ? plan.sends.map((call) => (call as { body: { chat_id: string } }).body.chat_id)
      : plan.problem
  }

  test.each(['900000004', '-1001234567890', '@channelusername'])('takes the chat %j', (value) => {
    expect(chats({ type: 'CHANNEL_SPECIFIC_OPAQUE_ID', value })).toEqual([value])
    expect(chats({ value })).toEqual([value])
  })

  test.each([
    { type: 'HS_PHONE_NUMBER', value: '4155552121' },
    { type: 'HS_PHONE_NUMBER', value: '+15550100002' },
    { value: '+15550100002' },
    { value: '(650) 555-9999' },
    { value: '007' },
    { value: 'Ada' },
    { type: 'HS_EMAIL_ADDRESS', value: 'ada@example.com' },
  ])('takes %j for no chat: a phone number would be somebody else', (identifier) => {
    expect(chats(identifier)).toMatch(/needs the id of a chat/)
  })
})

describe('LINE', () => {
  const line = { provider: 'line', channelAccessToken: 'x' }
  const ids = (value: string) => {
    const adapter = senders.line
    const plan = adapter.plan({ ...job, to: [{ deliveryIdentifier: { value } }] }, adapter.account.parse(line))
    return 'sends' in plan ? plan.sends.map((push) => (push as { to: string }).to) : plan.problem
  }

  test.each(['U', 'C', 'R'])('takes the id of a user, group or room: %s…', (kind) => {
    expect(ids(kind + 'a1'.repeat(16))).toEqual([kind + 'a1'.repeat(16)])
  })

  test.each(['U1', 'X'.padEnd(33, '1'), `U${'1'.repeat(33)}`, '+15550100002', '15550100002', 'ada'])(
    'takes %j for none',
    (value) => {
      expect(ids(value)).toMatch(/needs the id of a user/)
    },
  )
})

test('a number is read without a throw, whatever it is', () => {
  fc.assert(
    fc.property(anyText, fc.constantFrom(undefined, 'DE', 'AQ', 'ZZ'), (value, country) => {
      expect(phoneNumber(value, country) ?? '+15550100').toMatch(/^\+\d{5,15}$/)
    }),
  )
})

test('a message to nobody says so', () => {
  expect(readRecipients({ to: [{ actorId: 'V-1' }] }, ({ value }) => value, 'needs')).toEqual({
    recipients: [],
    problem: 'The message has no recipient with an address.',
  })
})
