import { createHash } from 'node:crypto'
import { parse, stringify } from 'node:querystring'
import { equalInConstantTime, hmac } from '../../platform/hmac.ts'

/** What Twilio signs: the URL as it was given, and the fields of a form. A body of JSON is bound by a hash in the URL. */
export type SignedRequest = { url: string; body: Uint8Array }

/**
 * X-Twilio-Signature of a request, in base64: the URL, and each field's name and value, sorted, a repeated value once.
 * Rule: www.twilio.com/docs/usage/webhooks/webhooks-security.
 */
export function sign({ url, body }: SignedRequest, authToken: string) {
  return signed(url, fieldsOf({ url, body }), authToken)
}

/** Whether a signature is the one that the auth token gives, and the body the one that was signed. */
export function verify(request: SignedRequest, signature: string, authToken: string) {
  const hash = new URL(request.url).searchParams.get(bodyHash)
  if (hash !== null && !equalInConstantTime(hash, createHash('sha256').update(request.body).digest('hex'))) return false
  const fields = fieldsOf(request)
  return variants(request.url).some((url) => equalInConstantTime(signature, signed(url, fields, authToken)))
}

/** The parameter by which the URL binds a body of JSON: its SHA-256 in hex. */
const bodyHash = 'bodySHA256'

function signed(url: string, fields: string, authToken: string) {
  return hmac('sha1', authToken, url, fields).toString('base64')
}

function fieldsOf({ url, body }: SignedRequest) {
  if (new URL(url).searchParams.has(bodyHash)) return ''
  const fields = new URLSearchParams(Buffer.from(body).toString())
  const names = [...new Set(fields.keys())].sort()
  return names
    .map((name) =>
      [...new Set(fields.getAll(name))]
        .sort()
        .map((value) => name + value)
        .join(''),
    )
    .join('')
}

/** Twilio is known to sign the URL with and without its port, and with its query encoded anew: its own library takes each. */
function variants(url: string) {
  const { protocol, hostname, port, pathname, search } = new URL(url)
  const hosts = [hostname, `${hostname}:${port || (protocol === 'https:' ? 443 : 80)}`]
  const queries = search ? [search, `?${stringify(parse(search.slice(1)))}`] : ['']
  return hosts.flatMap((host) => queries.map((query) => `${protocol}//${host}${pathname}${query}`))
}
