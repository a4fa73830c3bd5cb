import { equalInConstantTime, hmac } from '../platform/hmac.ts'

/** What HubSpot signs: the method, the full URL as HubSpot called it, the raw body and the timestamp header. */
export type SignedRequest = { method: string; url: string; body: string | Uint8Array; timestamp: string }

// How far a timestamp may lie from our clock, in milliseconds: HubSpot documents five minutes for the past, we allow as
// much ahead.
const maxClockDifference = 5 * 60 * 1000

/**
 * X-HubSpot-Signature-v3 of a request, in base64.
 * Rule: developers.hubspot.com, "Validating requests", version 3.
 */
export function sign({ method, url, body, timestamp }: SignedRequest, clientSecret: string) {
  return hmac({ algorithm: 'sha256', encoding: 'base64' }, clientSecret, method + decodeUri(url), body, timestamp)
}

/** Whether a signature is the one that the client secret gives. An empty secret or signature never is. */
export function verify(request: SignedRequest, signature: string, clientSecret: string) {
  return clientSecret !== '' && equalInConstantTime(signature, sign(request, clientSecret))
}

/** Whether an X-HubSpot-Request-Timestamp (milliseconds since 1970) lies within five minutes of now, to either side. */
export function isFresh(timestamp: string, now: number) {
  return /^\d{1,16}$/.test(timestamp) && Math.abs(now - Number(timestamp)) <= maxClockDifference
}

const decoded: Record<string, string> = {
  '%3A': ':',
  '%2F': '/',
  '%3F': '?',
  '%40': '@',
  '%21': '!',
  '%24': '$',
  '%27': "'",
  '%28': '(',
  '%29': ')',
  '%2A': '*',
  '%2C': ',',
  '%3B': ';',
}

/** HubSpot's table of twelve: everything else (`%20`, `%2B`, `%3D`, …) stays encoded. Hex digits count in either case (RFC 3986). */
function decodeUri(url: string) {
  return url.replace(/%[0-9a-f]{2}/gi, (code) => decoded[code.toUpperCase()] ?? code)
}
