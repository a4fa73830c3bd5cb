import type { TwilioAccount } from './account.ts'

/** What stands at the end of a callback's query where the text goes in several segments. */
export const inSegments = '&s=2'

/**
 * What stands behind a callback's query: by itself Twilio posts a receipt again only if it could not connect. It does not
 * send this. Rule: www.twilio.com/docs/usage/webhooks/webhooks-connection-overrides.
 */
export const retries = '#rc=5&rp=4xx,5xx,ct,rt'

/** What a status of Twilio's lets us know of a message, by the account's `sentOn`; undefined for a status that is not published. */
export function meaningOf(given: string, { sentOn }: Pick<TwilioAccount, 'sentOn'>, isInSegments = false) {
  const status = given.toLowerCase()
  if (status === 'sent' && sentOn === 'delivered') return 'accepted'
  // Each segment has a receipt of its own, and the message has the status of the last that came: what failed before, or
  // fails after it, stands (docs/decisions/0021-long-texts-and-receipts.md).
  if (status === 'delivered' && isInSegments) return 'sent'
  return meanings.get(status)
}

const meanings = new Map<string, 'accepted' | 'sent' | 'delivered' | 'read' | 'failed'>([
  ['accepted', 'accepted'],
  ['scheduled', 'accepted'],
  ['queued', 'accepted'],
  ['sending', 'accepted'],
  ['sent', 'sent'],
  // Some of it arrived; whether all of it did, nobody says.
  ['partially_delivered', 'sent'],
  ['delivered', 'delivered'],
  ['read', 'read'],
  ['undelivered', 'failed'],
  ['failed', 'failed'],
  ['canceled', 'failed'],
])
