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
  return [...variants(request.url)].some((url) => equalInConstantTime(signature, signed(url, fields, authToken)))
}

/** The parameter by which the URL binds a body of JSON: its SHA-256 in hex. */
export const bodyHash = 'bodySHA256'

function signed(url: string, fields: string, authToken: string) {
  return hmac({ algorithm: 'sha1', encoding: 'base64' }, authToken, url, fields)
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

/**
 * The URLs that may have been signed where this one was called. Twilio signs a URL as it was given, and is known to call it
 * with its host in lower case, with or without its port, its query sorted by name, or encoded again. Its own library takes
 * each of these but the sorted query (twilio-php#790).
 */
function variants(url: string) {
  const spellings = [url, new URL(url).href].flatMap((spelling) => [withoutPort(spelling), withPort(spelling)])
  return new Set(
    spellings.flatMap((spelling) => [spelling, withQuery(spelling, encodedAnew), withQuery(spelling, sorted)]),
  )
}

const authority = /^([a-z]+:\/\/(?:[^/?#]*@)?)(\[[^\]]*\]|[^/?#:]*)(:\d*)?/i

const withoutPort = (url: string) => url.replace(authority, '$1$2')
const withPort = (url: string) =>
  url.replace(
    authority,
    (_, scheme: string, host: string, port = /^https/i.test(scheme) ? ':443' : ':80') => scheme + host + port,
  )

function withQuery(url: string, change: (query: string) => string) {
  const [path = '', ...query] = url.split('?')
  return query.length > 0 ? `${path}?${change(query.join('?'))}` : url
}

const encodedAnew = (query: string) => stringify(parse(query))
const sorted = (query: string) =>
  query
    .split('&')
    .map((pair) => ({ pair, name: pair.split('=', 1)[0]! }))
    .sort((a, b) => (a.name < b.name ? -1 : Number(a.name > b.name)))
    .map(({ pair }) => pair)
    .join('&')
