import type { TwilioAccount } from './account.ts'

/** What stands at the end of a callback's query where the text goes in several segments. */
export const inSegments = '&s=2'

/** What a status of Twilio's lets us know of a message, by the account's `sentOn`; undefined for a status that is not published. */
export function meaningOf(status: string, { sentOn }: Pick<TwilioAccount, 'sentOn'>, isInSegments = false) {
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
