import { Signature } from '@hubspot/api-client/lib/src/utils/signature.js'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { isFresh, type SignedRequest, sign, verify } from '../../../functions/hubspot/signature.ts'
import { anyText } from '../../support/arbitraries.ts'
import { example } from '../../support/examples.ts'

const published = {
  clientSecret: 'cfc68c0b-4b4e-4ef8-b764-95350e4ea479',
  request: {
    method: 'POST',
    url: 'https://webhook.site/335453f5-94b3-49d9-b684-a55354d4b8df',
    body: example('hubspot/app-webhook'),
    timestamp: '1752613922216',
  },
  signature: 'gbj1XPRvUt0noT7i7fXfTzOD4sLzQmf0VT28ZYq0EYg=',
}
const now = Date.parse('2026-11-22T12:00:00Z')
const fiveMinutes = 300_000
const twelve = new Set([...`:/?@!$'()*,;`].map((character) => character.charCodeAt(0)))

const requests = fc.record({
  method: fc.constantFrom('POST', 'GET', 'PUT'),
  url: fc.webUrl({ withQueryParameters: true }).filter((url) => !url.includes('%')),
  body: anyText,
  timestamp: fc.integer({ min: 0, max: 4e12 }).map(String),
})
const secrets = anyText.filter((text) => text !== '')

test("HubSpot's published example is signed as published", () => {
  const { request, clientSecret, signature } = published

  expect(sign(request, clientSecret)).toBe(signature)
  expect(verify(request, signature, clientSecret)).toBe(true)
})

test("HubSpot's own client signs the same where a URL has no encoded characters", () => {
  fc.assert(
    fc.property(requests, secrets, (request, secret) => {
      expect(sign(request, secret)).toBe(undecoded(request, secret))
    }),
  )
})

test.each([
  ['%3A', ':'],
  ['%2F', '/'],
  ['%3F', '?'],
  ['%40', '@'],
  ['%21', '!'],
  ['%24', '$'],
  ['%27', "'"],
  ['%28', '('],
  ['%29', ')'],
  ['%2A', '*'],
  ['%2C', ','],
  ['%3B', ';'],
])('in a URL %s is signed as %s', (encoded, character) => {
  const request = (text: string) => ({ ...published.request, url: `https://example.com/a${text}b?c=${text}${text}` })
  const asCharacter = undecoded(request(character), 'secret')

  expect(sign(request(encoded), 'secret')).toBe(asCharacter)
  expect(sign(request(encoded.toLowerCase()), 'secret')).toBe(asCharacter)
})

test('every other encoded byte is signed as it stands, %20, %2B, %3D, %26 and %25 among them', () => {
  const others = Array.from({ length: 256 }, (_, byte) => byte).filter((byte) => !twelve.has(byte))

  const decoded = others
    .map((byte) => `%${byte.toString(16).padStart(2, '0').toUpperCase()}`)
    .filter((encoded) => {
      const request = { ...published.request, url: `https://example.com/?c=${encoded}` }
      return sign(request, 'secret') !== undecoded(request, 'secret')
    })

  expect(others).toHaveLength(244)
  expect(decoded).toEqual([])
})

test('decoding happens once: %253A stays %253A', () => {
  const request = { ...published.request, url: 'https://example.com/%253A' }

  expect(sign(request, 'secret')).toBe(undecoded(request, 'secret'))
})

test('what was signed is verified, whatever it is', () => {
  fc.assert(
    fc.property(requests, secrets, (request, secret) => {
      expect(verify(request, sign(request, secret), secret)).toBe(true)
    }),
  )
})

test('a text and its bytes in UTF-8 are the same body', () => {
  const request = { ...published.request, body: 'Grüße 👋' }

  expect(sign({ ...request, body: Buffer.from(request.body) }, 'secret')).toBe(sign(request, 'secret'))
})

test.each(['method', 'url', 'body', 'timestamp', 'signature'] as const)(
  'any flipped bit of the %s is refused',
  (part) => {
    fc.assert(
      fc.property(requests, secrets, fc.nat(), fc.nat(), (request, secret, at, bit) => {
        fc.pre(request.body !== '')
        const signed = { ...request, signature: sign(request, secret) }
        const bytes = flipped(Buffer.from(signed[part]), at, bit)

        const { signature, ...forged } = { ...signed, [part]: part === 'body' ? bytes : bytes.toString('latin1') }

        expect(verify(forged, signature, secret)).toBe(false)
      }),
    )
  },
)

test('another secret is refused', () => {
  const { request, signature } = published

  expect(verify(request, signature, `${published.clientSecret} `)).toBe(false)
})

test('an empty secret or signature is never right', () => {
  const { request, clientSecret } = published

  expect(verify(request, sign(request, ''), '')).toBe(false)
  expect(verify(request, '', clientSecret)).toBe(false)
  expect(verify(request, '', '')).toBe(false)
})

test('a signature of any length and any characters is compared without throwing', () => {
  fc.assert(
    fc.property(anyText, (signature) => {
      expect(verify(published.request, signature, published.clientSecret)).toBe(false)
    }),
  )
})

test('a timestamp is fresh for five minutes, to either side', () => {
  const differences = [-fiveMinutes - 1000, -fiveMinutes - 1, -fiveMinutes, 0, fiveMinutes, fiveMinutes + 1000]

  const fresh = differences.filter((difference) => isFresh(String(now + difference), now))

  expect(fresh).toEqual([-fiveMinutes, 0, fiveMinutes])
})

test.each([
  ['in seconds', '1795348800'],
  ['that is not a number', 'NaN'],
  ['that is infinite', 'Infinity'],
  ['below zero', '-1795348800000'],
  ['far too large', '9'.repeat(400)],
  ['that is empty', ''],
  ['with a fraction', `${now}.5`],
  ['with an exponent', '1.7953488e12'],
  ['in hexadecimal digits', `0x${now.toString(16)}`],
  ['with spaces around it', ` ${now} `],
  ['with a line break after it', `${now}\n`],
  ['that came twice', `${now},${now}`],
  ['in other digits than ASCII', String(now).replace(/\d/g, (digit) => String.fromCharCode(0x660 + Number(digit)))],
  ['in ISO 8601', new Date(now).toISOString()],
])('a timestamp %s is not fresh', (_, timestamp) => {
  expect(isFresh(timestamp, now)).toBe(false)
})

test('whatever is no time in milliseconds is not fresh', () => {
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.integer().map(String), fc.double().map(String)), (timestamp) => {
      expect(isFresh(timestamp, now)).toBe(false)
    }),
  )
})

/** The signature by HubSpot's own client, which decodes nothing. */
function undecoded({ method, url, body, timestamp }: Record<keyof SignedRequest, string>, clientSecret: string) {
  const options = { url, requestBody: body, timestamp: Number(timestamp), clientSecret, signature: '' }
  return Signature.getSignature(method, 'v3', options)
}

function flipped(bytes: Buffer, at: number, bit: number) {
  bytes[at % bytes.length]! ^= 1 << (bit % 7)
  return bytes
}
