import { createHash, createHmac } from 'node:crypto'
import { SignatureV4 } from '@smithy/signature-v4'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { signedHeaders } from '../../../functions/platform/sign-request.ts'

const credentials = { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY' }
const sessionToken =
  'AQoDYXdzEPT//////////wEXAMPLEtc764bNrC9SAPBSM22wDOk4x4HIZ8j4FZTwdQWLWsKWHGBuFqwAeMicRXmxfpSPfIeoIYRqTflfKD8YUuwthAx7mSEI/qkPpKPi/kMcGdQrmGdeehM4IC1NtBmUpp2wUE8phUZampKsburEDy0KPkyQDYwT7WZ0wq5VSXDvp75YU9HFvlRd8Tx6q6fE8YQcHNVXAkiY9q6d+xo0rKwT38xVqr7ZD0u0iPPkUL64lIZbqBAz+scqKmlzm8FDrypNC9Yjc8fPOLn9FX9KSYvKTr4rvx3iSIlTJabIQwj2ICCR/oLxBA=='
const host = 'example.amazonaws.com'
const form = 'application/x-www-form-urlencoded'

// Published by AWS: the Signature Version 4 test suite, those of its requests that post.
test.each([
  ['post-vanilla', {}, '', '5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b'],
  [
    'post-header-key-case and -sort',
    { 'my-header1': 'value1' },
    '',
    'c5410059b04c1ee005303aed430f6e6645f61f4dc9e1461ec8f8916fdf18852c',
  ],
  [
    'post-header-value-case',
    { 'my-header1': 'VALUE1' },
    '',
    'cdbc9802e29d2942e5e10b5bccfdd67c5f22c7c4e8ae67b53629efa58b974b7d',
  ],
  [
    'post-x-www-form-urlencoded',
    { 'content-type': form },
    'Param1=value1',
    'ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a',
  ],
])("%s of AWS's test suite", (_, headers, body, signature) => {
  const request = { service: 'service', region: 'us-east-1', headers: { host, ...headers }, body }

  const { authorization } = signedHeaders(request, credentials, Date.parse('2015-08-30T12:36:00Z'))

  expect(authorization).toMatch(
    /^AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE\/20150830\/us-east-1\/service\/aws4_request, /,
  )
  expect(authorization).toMatch(new RegExp(`Signature=${signature}$`))
})

test('what is signed is what the SDK signs, session and all', async () => {
  const printable = fc.stringMatching(/^[!-~]{1,40}$/)
  await fc.assert(
    fc.asyncProperty(
      fc.record({
        region: fc.stringMatching(/^[a-z]{2}-[a-z]{4,9}-\d$/),
        target: printable,
        id: printable,
        secret: printable,
      }),
      fc.string({ unit: 'binary' }),
      fc.integer({ min: Date.UTC(2001, 1), max: Date.UTC(2100, 1) }),
      fc.option(fc.constant(sessionToken), { nil: undefined }),
      async ({ region, target, id, secret }, body, at, sessionToken) => {
        const headers = { host, 'content-type': 'application/x-amz-json-1.0', 'x-amz-target': target }
        const keys = { accessKeyId: id, secretAccessKey: secret, ...(sessionToken && { sessionToken }) }

        const ours = signedHeaders({ service: 'dynamodb', region, headers, body }, keys, at)

        const signer = new SignatureV4({
          service: 'dynamodb',
          region,
          credentials: keys,
          sha256: Sha256,
          applyChecksum: false,
        })
        const theirs = await signer.sign(
          { method: 'POST', protocol: 'https:', hostname: host, path: '/', headers, body },
          { signingDate: new Date(at) },
        )
        expect(ours['authorization']).toBe(theirs.headers['authorization'])
      },
    ),
  )
})

class Sha256 {
  readonly #hash
  constructor(secret?: unknown) {
    this.#hash = secret ? createHmac('sha256', secret as Uint8Array) : createHash('sha256')
  }
  update(data: Uint8Array) {
    this.#hash.update(data)
  }
  digest() {
    return Promise.resolve(this.#hash.digest())
  }
  reset() {}
}
