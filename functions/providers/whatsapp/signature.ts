import { equalInConstantTime, hmac } from '../../platform/hmac.ts'

/**
 * X-Hub-Signature-256 of a body, by the app secret. Rule: developers.facebook.com, "Webhooks: Getting started". Meta signs
 * the bytes that it sends, in which characters beyond ASCII are escaped.
 */
export function sign(body: string | Uint8Array, appSecret: string) {
  return `sha256=${hmac({ algorithm: 'sha256', encoding: 'hex' }, appSecret, body)}`
}

/** Whether a signature is the one that a secret gives. 360dialog's comes without the name of its algorithm. */
export function verify(body: string | Uint8Array, signature: string, secret: string) {
  const prefixed = signature.startsWith('sha256=') ? signature : `sha256=${signature}`
  return secret !== '' && equalInConstantTime(prefixed, sign(body, secret))
}
