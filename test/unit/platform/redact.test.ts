import { createHash } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { redact } from '../../../functions/platform/redact.ts'
import { anyText } from '../../support/arbitraries.ts'

describe('what goes', () => {
  test.each([
    // International, national, with every sign that people part digits by.
    '+4915112345678',
    '004915112345678',
    '4915112345678',
    '+49 151 1234 5678',
    '+49\u00a0151\u202f1234\u20095678',
    '+1 (555) 010-0002',
    '(030) 1234567',
    '+49 (0)151 12345678',
    '555-010-0002',
    '555.010.0002',
    '555-0102',
    '030/123456',
    '06–98–76–54–32',
    '06—98—76—54—32',
    '06‑98‑76‑54‑32',
    '06 - 98 - 76 - 54',
    '06 . 98 . 76 . 54',
    '06, 98, 76, 54, 32',
    '+49, 151, 2345, 678',
    '06·98·76·54·32',
    '06_98_76_54_32',
    '06\u200b98\u200b76\u200b54',
    '06\n98\r\n76\t54',
    '06     98     76     54',
    '0 6 9 8 7 6 5',
    '0️⃣6️⃣9️⃣8️⃣7️⃣6️⃣5️⃣4️⃣',
    // Other scripts.
    '٠٦٩٨٧٦٥٤٣٢',
    '۰۹۱۲۳۴۵۶۷۸',
    '+९१ ९८७६५ ४३२१०',
    '０９０－１２３４－５６７８',
    '๐๘๑ ๒๓๔ ๕๖๗๘',
    '⓪⑥⑨⑧⑦⑥⑤④',
    '+1&nbsp;555&nbsp;010&nbsp;0123',
    '⁰⁶⁹⁸⁷⁶⁵⁴',
    '06\u316498\u115f76\uffa0\u116054',
    '₀₆₉₈₇₆₅₄',
  ])('the number %j', (number) => {
    expect(redact(`No route to ${number}, error 30007`)).toBe('No route to [number], error 30007')
  })

  test.each([
    'ada@example.com',
    'ada.lovelace+relay@mail.example.co.uk',
    'jane@localhost',
    'jane@[192.168.0.1]',
    'jane(at)example.com',
    'jane [at] example.com',
    'jane (at) example (dot) com',
    'jane[at]example[dot]com',
    'jane @ example.com',
    'jane%40example.com',
    'jane&#64;example.com',
    'jane＠example.com',
    'jane&commat;example.com',
    'jane&#x0040;example.com',
    'jane\\u0040example.com',
    'jane%2540example.com',
    'jane@@example.com',
    'jane at example dot com',
    'jane.doe AT mail DOT example DOT co DOT uk',
    "jane.o'neil@example.com",
    '"jane doe"@example.com',
    'jörg@bücher.example',
    '用户@例子.公司',
    '4915112345678@s.whatsapp.net',
    '@jane_doe',
    // WhatsApp's ids of users who show no number.
    'US.13491208655302741918',
    'BR.ABC123XYZ',
    'DE.1a2b3c4d5e',
    'US.ENT.11815799212886844830',
    'US.AbCdEfGhIj',
    'BR.ENT.aBcDeFgHi',
  ])('the address %j', (address) => {
    const rest = redact(`Mailbox ${address} unknown`)

    expect(rest).toMatch(/^Mailbox (jane\.o')?\[address\] unknown$/)
  })

  test.each([
    'CLHn0vLYMxIO',
    'CLHn0vLYMxIOAwEAAQAAACA',
    'sk_live_51H8abcDEF',
    'rk_test_4eC39Hq',
    'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw',
    'EAAGm0PX4ZCpsBA',
    'eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9P',
    'pat-na1-cfc68c0b-4b4e-4ef8-b764-95350e4ea479',
    'na1-cfc68c0b-4b4e-4ef8-b764-95350e4ea479',
    'eu1-4f2e-88aa-01bc',
    'xoxb-1234-abcd',
    'ghp_16C7e42F292c6912E7710c838347Ae178B4a',
    'glpat-x1y2z3',
    'AKIAIOSFODNN7EXAMPLE',
    'AIzaSyA1234567890',
    'GOCSPX-a1b2c3',
    'SG.ngeVfQFYQlKU0ufo8x5d1A.TwL2iGABf9DHoTf',
    '123456789:AAF-abcdefghijklmnopqrstuvwxyz012345',
    'AC0123456789abcdef0123456789abcdef',
    'U4af4980629abcdef0123456789abcdef',
    '0b5f3c1d9e7a4b2c8d6e0f1a2b3c4d5e',
    'gbj1XPRvUt0noT7i7fXfTzOD4sLzQmf0VT28ZYq0EYg=',
    'Zm9vYmFyMTIzNDU2Nzg5MGFiY2Q=',
    'k3j5h2k3jh5k2j3h5kj23h5',
    'wJalrXUtnFEMIxK7MDENGbPxRfiCYzEXAMPLE1',
    'CKD_6vaYMhIJAAEAQAAAAAEYuvyqASCa',
  ])('the credential %j', (credential) => {
    expect(redact(`Refused: (${credential}) is no good`)).toBe('Refused: ([secret]) is no good')
  })

  test.each([
    ['Bearer abcdef', 'Bearer [secret]'],
    ['authorization: Bearer na1-12', 'authorization: Bearer [secret]'],
    ['Authorization: Basic dXNlcjpwYXNz', 'Authorization: Basic [secret]'],
    ['{"access_token":"abc"}', '{"access_token":"[secret]"}'],
    ['{"client_secret": "cfc68c0b-4b4e-4ef8-b764-95350e4ea479"}', '{"client_secret": "[secret]"}'],
    ['https://example.com/cb?token=abc&x=1', 'https://example.com/cb?token=[secret]&x=1'],
    ['hapikey=demo', 'hapikey=[secret]'],
    ['password: swordfish', 'password: [secret]'],
    ['api_key = abc', 'api_key = [secret]'],
    ['token: a1b2', 'token: [secret]'],
    ['the oauth-token (CLHnvLYMx…) expired', 'the oauth-token ([secret]) expired'],
    ['This oauth-token CLHn… does not have permissions', 'This oauth-token [secret] does not have permissions'],
    ['the token <CLHnvLYMx…> expired', 'the token <[secret]> expired'],
    ['client secret cfc68c0b-4b4e-4ef8-b764-95350e4ea479 is wrong', 'client secret [secret] is wrong'],
    ['the code (6b3a1c2d-4b4e-4ef8-b764-95350e4ea479) was used', 'the code ([secret]) was used'],
    ['Token abcdef0123 is gone', 'Token [secret] is gone'],
    ['write to https://t.me/jane_doe', 'write to https://t.me/[address]'],
    ['the token "abc..." expired', 'the token "[secret]" expired'],
    ['https://user:pass@example.com/x', 'https://[secret]@example.com/x'],
    [
      'https://api.telegram.org/bot123456789:AAF-abcdefghijklmnopqrstuvwxyz/getMe',
      'https://api.telegram.org/bot[secret]/getMe',
    ],
    ['accesstoken=abc', 'accesstoken=[secret]'],
    ['apikey=abc', 'apikey=[secret]'],
    ['credential=abc', 'credential=[secret]'],
    ['authorization: Bearer  na1-12', 'authorization: Bearer  [secret]'],
    ['refused (Bearer abcdef)', 'refused (Bearer [secret])'],
    ['refused (Bearer  abcdef)', 'refused (Bearer  [secret])'],
    ['the token(CLHnvLYMx…) expired', 'the token([secret]) expired'],
    ['the token ("CLHnvLYMx…") expired', 'the token ("[secret]") expired'],
    ['the keys:  CLHn… expired', 'the keys:  [secret] expired'],
    ['the token  CLHn… expired', 'the token  [secret] expired'],
    ['Token   abcdef0123 is gone', 'Token   [secret] is gone'],
    ['Token 12abcdef is gone', 'Token [secret] is gone'],
    ['-----BEGIN PRIVATE KEY-----\nMIIE\n-----END PRIVATE KEY-----', '[secret]'],
    ['-----BEGIN PRIVATE KEY-----\nMIIE', '[secret]'],
  ])('what %j names', (text, rest) => {
    expect(redact(text)).toBe(rest)
  })
})

describe('what stays', () => {
  test.each([
    'took 16384 < 20000',
    'error 63016 … /63016',
    'error 63016: see https://www.twilio.com/docs/api/errors/63016',
    'error 63016: 24 hours have passed',
    '131026. 24 hours have passed',
    '30008, 30008, 30003',
    '30008,30008,30003',
    '30003; 30008; 131026',
    'codes: 30003 | 30008',
    'code 131049, subcode 2494055',
    'error_subcode: 2494010',
    'error 0x80070005',
    '5 242 880 bytes',
    'at most 1 048 576 bytes',
    'höchstens 1.048.576 Bytes',
    "maximal 16'777'216 Bytes",
    'au plus 1\u202f048\u202f576 octets',
    '16\u00a0777\u00a0216 bytes',
    'took 12345.678 ms',
    'after 1,234.567891 seconds',
    'limit 104857600',
    'size 5242881 > 5242880 bytes',
    'it took 1234 > 5678',
    'it took 1234 <= 5678',
    'id=0F2C4A5E-1111-2222-3333-444455556666',
    'the token expired... ask for another',
    'max: 16777216',
    'the token expired … ask for another',
    'CHANNEL_SPECIFIC_OPAQUE_ID and CLIENT_ERROR_4XX_OR_5XX_ANSWER',
    'he is at the office',
    'it failed at step two dot one',
    'HTTP 404, 500, 503',
    '(#131026) Message undeliverable',
    'Twilio 30007 and WhatsApp 131047',
    'the code 123456',
    '2026-11-22',
    '2026-11-22T12:00:00Z',
    '2026-11-22T12:00:00.000+01:00',
    '2026-11-22T12:00:00.000000+0100',
    '2026-11-22 12:00:00',
    '20261122T120000Z',
    'from 2026-11-22 to 2026-11-30',
    'Sun, 22 Nov 2026 12:00:00 GMT',
    '22.11.2026 14:30',
    '11/22/2026',
    'between 12:00:00.123 and 12:00:01.456',
    '16777216 bytes',
    '16777216 B',
    '16,777,216 bytes',
    '1048576kB',
    'Media size 16777216 exceeds the limit',
    'size: 104857600, allowed: 16777216 bytes',
    'after 12345678 ms',
    'correlation id 6ba7b810-9dad-11d1-80b4-00c04fd430c8',
    '{"correlationId":"6ba7b810-9dad-11d1-80b4-00c04fd430c8"}',
    '6BA7B810-9DAD-11D1-80B4-00C04FD430C8',
    '$1,250.00',
    '$1250000.00',
    'EUR 1234567.00',
    '1.234.567,89 EUR',
    '€ 1 234 567',
    '1,234,567.89',
    'CustomChannelsError.INVALID_CHANNEL_CAPABILITY_VALUES',
    'conversations.custom_channels.write',
    'You have reached your ten_secondly_rolling limit.',
    'X-HubSpot-RateLimit-Interval-Milliseconds',
    'invalid token: expired',
    'Invalid token: the token was revoked',
    'Bearer token is missing',
    'Bearer authentication failed',
    'Basic authentication is required',
    'signature: mismatch',
    'the password is wrong',
    'the token expected here',
    'a cupbearer abcdef',
    'the token v2 is due',
    'ERR_SSL_TLSV1_ALERT_UNKNOWN_CA',
    'TLSv1.3, sha256, utf8mb4, x86_64-unknown-linux-gnu',
    'HTTP/1.1 429 Too Many Requests',
    'iPhone15Pro and PlayStation5',
    'ChannelIntegrationMessagePublishError',
    'Donaudampfschifffahrtsgesellschaftskapitän',
    'message 2 of 3 failed: 131047',
    'RFC 6749, section 5.2',
    'today @ noon',
    '[number], [address] and [secret]',
  ])('%j', (text) => {
    expect(redact(`It says: ${text}, and no more`)).toBe(`It says: ${text}, and no more`)
  })
})

describe('where it ends', () => {
  test.each([
    // A word of a sentence, or a credential.
    ['Token: 9auth', 'Token: [secret]'],
    ['Basic is1has', 'Basic [secret]'],
    ['Token: "abcdefgh', 'Token: "[secret]'],
    ['bearer !a!', 'bearer [secret]'],
    ['the token |has…', 'the token [secret]'],
    ['the token expired@10…', 'the token [secret]'],
    // Drawn at random, or written.
    ['30008aB1Is', '[secret]'],
    ['49Wordx1y2', '[secret]'],
    ['ABCDEa0151131026', '[secret]'],
    ['Ab12eyJAb120abcdefgh', '[secret]'],
    ['x1y2token1234567', '[secret]'],
    ['x1y2131026', 'x1y[number]'],
    ['o6Ewwmta3Iccbcxnuyxf6dpyIdw0qqbc', '[secret]'],
    ['abcdefghcredentialexpireda1b2c3d4Ab12112', '[secret]'],
    ['0123456789Abcdefgh', '[number]Abcdefgh'],
    // Of an address, and of what follows it.
    ['no mailbox jane@example.com...', 'no mailbox [address]...'],
    ['no mailbox jane@localhost...', 'no mailbox [address]...'],
    ['the user US.ABCDE', 'the user [address]'],
    // Of a number, and of what stands around it.
    ['call (5551234', 'call ([number]'],
    ['call +[5551234', 'call +[[number]'],
    ['20261122T120000Z1234567 is one', '20261122T120000Z[number] is one'],
    ['5551234 < 49', '[number] < 49'],
    ['4906 . 98 . 76 . 54must', '[number]must'],
    ['12345 | 12', '[number]'],
    ['see (docs) +1 (555) 010-0100', 'see (docs) [number]'],
    ['(see docs: +1 (555) 010-0100', '(see docs: [number]'],
    ['(+1) 555 010 0100 is wrong', '[number] is wrong'],
    ['(555 0100 100)', '([number])'],
    ['12 EUR0791234567', '12 EUR[number]'],
    ['0791234567 at 12:30', '[number] at 12:30'],
    ['131026.&nbsp;24 hours', '131026.&nbsp;24 hours'],
    ['30008, (30003)', '30008, (30003)'],
    ['0791, 234567', '[number]'],
    ['12345 ,67890', '[number]'],
    ['555, -123 4567', '[number]'],
    ['12, 34, 56, 78', '[number]'],
    ['+49 151 2345678 seconds', '[number] seconds'],
    ['0791 234 567 EUR', '[number] EUR'],
    ['555.010.0123 bytes', '[number] bytes'],
    ['0791.234.567 bytes', '[number] bytes'],
    ['+1.555.010.012 bytes', '[number] bytes'],
    ['+1 555 010 0100, 42 attempts', '[number], 42 attempts'],
    ['+123 4567, 42 attempts', '[number], 42 attempts'],
  ])('of %j stays %j', (text, rest) => {
    expect(redact(text)).toBe(rest)
  })

  test.each([
    'Bearer credential',
    'bearer  plain',
    'secret=auth.',
    'Basic b',
    'basic  plain',
    'basic a+',
    'Token:   expired',
    'AAFFbcEFDDbcECCA',
    'F1DCB012BB',
    'CLHnaB1120',
    '12345ABCDEFGH4XXAb12',
    'XZaccbcYZYXXZZZbcYZZZZcaccYZZZbc',
    'YZabXabXXXbcZcaabc',
    'ZZZZXZZcbZaccbZcXXbc',
    'US.realm',
  ])('all of %j stays', (text) => {
    expect(redact(text)).toBe(text)
  })
})

const digits = fc.array(fc.integer({ min: 0, max: 9 }), { minLength: 7, maxLength: 15 })
const zeros = ['0', '٠', '۰', '०', '０', '๐', '০', '𝟎'].map((zero) => zero.codePointAt(0)!)

test('digits of any script, and whatever but letters stands between them, are never seven in a row', () => {
  const parting = fc.array(fc.constantFrom(...' -./()–—·_~*\u00a0\u200b\u0301'), { maxLength: 3 })
  const written = fc
    .tuple(
      fc.constantFrom('+', '0', '(0'),
      digits,
      fc.constantFrom(...zeros),
      fc.array(parting, { minLength: 15, maxLength: 15 }),
    )
    .map(
      ([start, numbers, zero, between]) =>
        start + numbers.map((digit, index) => String.fromCodePoint(zero + digit) + between[index]!.join('')).join(''),
    )
    .filter((text) => !/\d[-/.]\d{1,2}[-/.]\d|\d:\d/.test(text))

  fc.assert(
    fc.property(written, fc.constantFrom('to', 'for:', '='), (number, before) => {
      const rest = redact(`Not sent ${before} ${number} just now`)

      expect([...rest.matchAll(/\p{Nd}/gu)].length).toBeLessThan(7)
    }),
    { numRuns: 1000 },
  )
})

test('a token drawn at random goes, whatever stands before it', () => {
  const before = fc.constantFrom('the token (', 'key=', 'got "', 'Bearer ', 'at ', '')
  const bytes = fc.uint8Array({ minLength: 8, maxLength: 8 })

  fc.assert(
    fc.property(bytes, fc.constantFrom('base64', 'base64url', 'hex'), before, (token, encoding, start) => {
      const written = createHash('sha256')
        .update(token)
        .digest(encoding as 'hex')

      expect(redact(`${start}${written} refused`)).not.toContain(written.slice(4, 16))
    }),
    { numRuns: 1000 },
  )
})

test.each([
  'the token (2HPWELNFKPrFyhE+CLHn0vLYMxIO8yEAAb1SgOzAhB6=',
  'the token (GE+GMjCqss+axZ6/CX8aAlYMxIO8yEAb1SgOzAhB6Q=',
  'got "q8Zr4TqPHLuyQ/EAAb1SgOzAhB6YbWk3vNf2x9R0mT5cLsDpE=',
])('a token goes whole, where what looks like the beginning of one stands within: %s', (text) => {
  expect(redact(`${text} refused`)).toMatch(/^(the token \(|got ")\[secret\] refused$/)
})

test.each([
  ['@token: token: 0', '[address]: token: [secret]'],
  ['US.0token: token: 0', '[address]: token: [secret]'],
  ['02026-11-22US.0Bearer ', '[number][address] '],
  ['+1 555 123 0000EAAb', '[number][secret]'],
])('what stood beside something that is gone is gone, too: %s', (text, redacted) => {
  expect(redact(text)).toBe(redacted)
})

test('what was redacted stays as it is when it is redacted again', () => {
  const alphabet = fc.constantFrom(
    ...'0123456789abcXYZ +-/.,:@()[]"=_…٠é\n',
    '[number]',
    'Bearer ',
    'token: ',
    'US.',
    '2026-11-22',
  )

  fc.assert(
    fc.property(fc.oneof(anyText, fc.string({ unit: alphabet, maxLength: 80 })), (text) => {
      const once = redact(text)

      expect(redact(once)).toBe(once)
    }),
    { numRuns: 2000 },
  )
})

test.each([
  ...[
    'a',
    'a@',
    '1',
    '+1(',
    '@a.',
    ' ',
    '1 ',
    'token=',
    '-----BEGIN RSA-----',
    'aA1',
    '1,111',
    'US.',
    'Bearer ',
    'eyJ',
  ],
  ...['"', 'a(at)', '٠', '1:', '2026-', '$1', 'x/', 'na1-', 'key (', '1\u0301', 'B 1', '%40', '😀', '1,'],
])('megabytes of %j take seconds at most, in proportion', (unit) => {
  const timeFor = (length: number) => {
    const text = unit.repeat(Math.ceil(length / unit.length))
    // The processor's time, of which a busy machine takes no more.
    const start = process.threadCpuUsage()
    redact(text)
    const { user, system } = process.threadCpuUsage(start)
    return (user + system) / 1000
  }
  timeFor(50_000)

  // Squared, it would take 64 times as long.
  expect(timeFor(800_000)).toBeLessThan(40 * Math.max(50, timeFor(100_000)))
})
