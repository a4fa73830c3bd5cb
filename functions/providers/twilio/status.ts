import type { TwilioAccount } from './account.ts'

/** What a status of Twilio's lets us know of a message, by the account's `sentOn`; undefined for a status that is not published. */
export function meaningOf(status: string, { sentOn }: Pick<TwilioAccount, 'sentOn'>) {
  if (status === 'sent' && sentOn === 'delivered') return 'accepted'
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
