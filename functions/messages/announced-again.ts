import { type LedgerItem, withTimelineEntry } from './record.ts'
import { outcomesOf } from './sending.ts'

/** What is done where HubSpot announces a message again that it was told is FAILED. */
export type Resend = 'ignore' | 'send'

/** What becomes of such a message, and its item by that: `withheld` is what may have arrived, at least in part. */
export type Again = { firstEventId: string; becomes: 'ignored' | 'withheld' | 'sent'; item: LedgerItem }

// More than the attempts that anybody makes; what falls out would count as another one.
const maxIds = 10

/** The item with the event that first announced its message. */
export function withFirstEvent(item: LedgerItem, eventId: string | undefined): LedgerItem {
  return item.eventIds || eventId === undefined ? item : { ...item, eventIds: [eventId] }
}

/**
 * Whether HubSpot announces by another event what it was told is FAILED, and what is done about it: an agent's second attempt,
 * if HubSpot keeps the message's id for that, which it does not document. `sendAgainAt`: when, in ISO 8601, if it is to be sent
 * again at all. Why: docs/decisions/0035-announced-again.md.
 */
export function announcedAgain(
  item: LedgerItem,
  { eventId }: { eventId?: string | undefined },
  sendAgainAt?: string,
): Again | undefined {
  const { eventIds = [], told } = item
  const [firstEventId] = eventIds
  if (told?.statusType !== 'FAILED' || firstEventId === undefined || eventId === undefined) return undefined
  if (eventIds.includes(eventId)) return undefined
  if (sendAgainAt === undefined) return { firstEventId, becomes: 'ignored', item }
  const renewed = toSendAgain(item, eventIds, eventId)
  const note = { occurredAt: sendAgainAt, source: 'hubspot' }
  return renewed
    ? { firstEventId, becomes: 'sent', item: withTimelineEntry(renewed, 'announced again', note) }
    : { firstEventId, becomes: 'withheld', item }
}

/** The statuses of the earlier sends have been told: what is said again is no earlier copy of them. */
const deliveriesIn = ({ received = {} }: LedgerItem) =>
  Object.fromEntries(Object.entries(received).filter(([job]) => job.startsWith('delivery')))

/** The item as if nothing had been sent; undefined where something of the message arrived, or may have. */
function toSendAgain(item: LedgerItem, eventIds: string[], eventId: string): LedgerItem | undefined {
  const { send, plan, earlierProviderMessageIds = [] } = item
  const outcomes = outcomesOf(item)
  const isInDoubt = send !== undefined && !send.result && outcomes.length < (plan?.of ?? 1)
  const knownOf = (index: number) => (item.parts?.[index] ?? item).known
  const allFailed = outcomes.every(({ outcome }, index) => outcome === 'rejected' || knownOf(index) === 'failed')
  if (isInDoubt || !allFailed) return undefined
  const ids = [item, ...(item.parts ?? []), ...outcomes].flatMap((one) =>
    'providerMessageId' in one && one.providerMessageId !== undefined ? [one.providerMessageId] : [],
  )
  return {
    ...item,
    ...{ known: undefined, reason: undefined, providerMessageId: undefined, parts: undefined },
    ...{ send: undefined, sends: undefined, plan: undefined, received: deliveriesIn(item) },
    eventIds: [...eventIds.slice(0, 1), ...eventIds.slice(1).slice(2 - maxIds), eventId],
    earlierProviderMessageIds: [...new Set([...earlierProviderMessageIds, ...ids])].slice(-maxIds),
  }
}
