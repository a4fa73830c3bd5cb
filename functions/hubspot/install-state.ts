import { equalInConstantTime, hmac } from '../platform/hmac.ts'

/** How long somebody may take to give their consent at HubSpot, in milliseconds. */
export const installTime = 10 * 60_000

/** What a `state` that came back says. */
export type ReadState =
  | { kind: 'ours'; nonce: string; expiresAt: number }
  /** Signed by us, but too long ago. */
  | { kind: 'expired' }
  | { kind: 'forged' }

/**
 * The `state` that goes to HubSpot's authorize page and comes back with the code: a nonce, until when it is good
 * (milliseconds since 1970), and our signature of both.
 */
export function signState({ nonce, expiresAt }: { nonce: string; expiresAt: number }, clientSecret: string) {
  return `${nonce}.${expiresAt}.${signature(nonce, String(expiresAt), clientSecret)}`
}

/** Reads a `state`, signed with any of the client secrets. Never throws, whatever it is. */
export function readState(state: string, clientSecrets: string[], now: number): ReadState {
  const [, nonce, expiresAt, signed] = /^([\w-]{20,100})\.(\d{1,15})\.([\w-]{43})$/.exec(state) ?? []
  if (!nonce || !expiresAt || !signed) return { kind: 'forged' }
  const isOurs = clientSecrets.some(
    (secret) => secret !== '' && equalInConstantTime(signed, signature(nonce, expiresAt, secret)),
  )
  if (!isOurs) return { kind: 'forged' }
  return now < Number(expiresAt) ? { kind: 'ours', nonce, expiresAt: Number(expiresAt) } : { kind: 'expired' }
}

// HubSpot signs webhooks with the same secret: what is signed here can be none of those.
const purpose = 'hubspot-status-relay: state of an installation\n'

const signature = (nonce: string, expiresAt: string, clientSecret: string) =>
  hmac({ algorithm: 'sha256', encoding: 'base64url' }, clientSecret, purpose, `${nonce}.${expiresAt}`)
