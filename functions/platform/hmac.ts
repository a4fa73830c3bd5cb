import { createHmac, createSecretKey, type KeyObject, timingSafeEqual } from 'node:crypto'

type Kind = { algorithm: 'sha1' | 'sha256'; encoding: 'base64' | 'base64url' | 'hex' }

/** HMAC of the parts, one after another. To have it encoded takes a fifth less time than to make its bytes. */
export function hmac({ algorithm, encoding }: Kind, secret: string | Uint8Array, ...parts: (string | Uint8Array)[]) {
  const hash = createHmac(algorithm, keyOf(secret))
  for (const part of parts) hash.update(part)
  return hash.digest(encoding)
}

/** Compares in a time that does not depend on where the two differ; only their length may show. */
export function equalInConstantTime(a: string, b: string) {
  const [left, right] = [Buffer.from(a), Buffer.from(b)]
  return left.length === right.length && timingSafeEqual(left, right)
}

// On Node 24 an HMAC with a raw key is 4 to 40 times slower than with a KeyObject.
const keys = new Map<string, KeyObject>()

function keyOf(secret: string | Uint8Array) {
  if (typeof secret !== 'string') return createSecretKey(secret)
  let key = keys.get(secret)
  if (!key) {
    if (keys.size >= 1000) keys.clear()
    key = createSecretKey(secret, 'utf8')
    keys.set(secret, key)
  }
  return key
}
