import { createHash } from 'node:crypto'

/**
 * A WhatsApp message's id as it is kept: a digest, since the id itself holds the customer's phone number, in base64.
 * What does not begin as such an id stays as it is.
 */
export function keptId(id: string) {
  if (!id.startsWith('wamid.')) return id
  return `wamid#${createHash('sha256').update(id).digest('base64url').slice(0, 22)}`
}
