import { sentencesOf } from './part-names.ts'
import type { Knowledge, LedgerItem, Part } from './record.ts'
import { maxReasonLength, sanitiseReason } from './sanitise-reason.ts'
import { isAbove, isFailure, readsTheSame, statusOrder } from './status.ts'
import type { StatusUpdate } from './status-update.ts'

/** The item with what an update lets us know; undefined where that was known. Each of several sends rises by itself. */
export function raiseKnown(item: LedgerItem, update: StatusUpdate): LedgerItem | undefined {
  const { part } = update
  // Of an earlier plan, by which nothing was sent: it says nothing of the sends that were made since, if any were.
  if (update.status === 'unconfirmed' && part && item.plan && part.of !== item.plan.of)
    return item.parts || item.known ? undefined : { ...item, ...knownBy(update, item) }
  if (!item.parts && !part)
    return isAbove(update.status, item.known) ? { ...item, ...knownBy(update, item) } : undefined
  const { known, reason, code } = item
  const all =
    item.parts ?? Array.from({ length: item.plan?.of ?? part!.of }, (): Knowledge => ({ known, reason, code }))
  // An update about a send that nobody planned still counts.
  const unplanned = Math.max(0, (part?.of ?? 0) - all.length)
  const before = [...all, ...Array.from({ length: unplanned }, (): Knowledge => ({}))]
  const parts = before.map((of, index) =>
    (!part || part.index === index) && isAbove(update.status, of.known) ? { ...of, ...knownBy(update, of) } : of,
  )
  // What was known of the whole reads differently once the number of parts is known, whether or not any of them rises.
  const isNews = !item.parts || unplanned > 0 || parts.some((of, index) => of !== before[index])
  return isNews ? { ...item, parts, ...knownOfAll(parts, item.plan?.names) } : undefined
}

/** What an update lets us know. */
function knownBy({ status, reason, code, providerMessageId }: StatusUpdate, before: Knowledge): Knowledge {
  const known = { known: status, providerMessageId: providerMessageId ?? before.providerMessageId }
  if (!isFailure(status)) return { ...known, reason: undefined, code: undefined }
  return { ...known, reason: sanitiseReason(reason ?? '') || 'The message could not be delivered', code }
}

/**
 * What is known of a message by its sends: failed, as soon as one has; else, once something is known of each, the lowest. Until
 * then nothing new, so what was known before stands. Why that converges: docs/decisions/0001-telling-hubspot.md.
 */
function knownOfAll(parts: Knowledge[], names?: string[]): Pick<Knowledge, 'known' | 'reason' | 'code'> {
  const lowest =
    parts.every(({ known }) => known) && statusOrder.find((status) => parts.some(({ known }) => known === status))
  const known = parts.some(({ known }) => known === 'failed') ? 'failed' : lowest
  if (!known) return {}
  if (!isFailure(known)) return { known, reason: undefined, code: undefined }
  const these = parts.filter((part) => part.known === known)
  const code = these.find((part) => part.code)?.code
  if (names?.length === parts.length) {
    const fates = parts.map(({ known }) => known && (isFailure(known) ? known : 'arrived'))
    return { known, code, reason: reasonOf(sentencesOf(names, fates), these[0]!.reason) }
  }
  const what = known === 'failed' ? 'failed' : 'not confirmed'
  return {
    known,
    code,
    reason: sanitiseReason(`${these.length} of ${parts.length} sends ${what}: ${these[0]!.reason}`),
  }
}

/** Why a message of several sends failed; what to do stays, however long the provider's own reason is. */
function reasonOf({ whatArrived, advice }: ReturnType<typeof sentencesOf>, reason = '') {
  const text = `${whatArrived} ${reason}`
  if (advice === undefined) return sanitiseReason(text)
  const why = sanitiseReason(text, maxReasonLength - advice.length - 2)
  return `${why}${/[.!?…]$/.test(why) ? '' : '.'} ${advice}`
}

/** Which of several sends what is known of the message follows from; undefined where it is known of the whole. */
export function decidingPart({ known, parts }: LedgerItem): Part | undefined {
  const index = parts?.findIndex((part) => part.known === known) ?? -1
  return parts && index >= 0 ? { index, of: parts.length } : undefined
}

/** Whether an agent reads the same in HubSpot, down to the reason. */
export function agentReadsTheSame(now: Knowledge, before: Knowledge) {
  if (!now.known) return before.known === undefined
  return readsTheSame(now.known, before.known) && (!isFailure(now.known) || now.reason === before.reason)
}
