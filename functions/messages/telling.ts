import { authorityOf, type TrustedSecret } from './authority.ts'
import type { Announcement } from './jobs.ts'
import { agentReadsTheSame, raiseKnown } from './knowledge.ts'
import { type Claim, type Decision, type LedgerItem, partLabel, withGivenUp, withTimelineEntry } from './record.ts'
import { Status, type StatusType, statusTypeOf } from './status.ts'
import type { StatusUpdate } from './status-update.ts'

/** What HubSpot is to be told: its word for the status that is known, and why the message failed. */
export type StatusToTell = { status: Status; statusType: StatusType; errorMessage?: string | undefined }

/** What HubSpot was told, or `rejected` for good. `holds`: how what it holds differs from that. */
export type TellResult = { told: StatusToTell; rejected: boolean; holds?: string | undefined }

/** What claiming a status finds. */
type Finding = 'claimed' | 'nothing new' | 'not authorized' | 'not announced' | { inProgressUntil: number }

/** Records what HubSpot's announcement says of a message, whenever it comes, as far as it is not known yet. */
export function recordAnnouncement(
  item: LedgerItem,
  { createdAt, channelAccountId, traceId, eventId }: Announcement,
  trustedSecret: TrustedSecret | undefined,
): Decision<undefined> {
  const facts: Partial<LedgerItem> = {
    createdAt,
    channelAccountId,
    traceId,
    trustedSecrets: trustedSecret && [trustedSecret],
    eventIds: eventId === undefined ? undefined : [eventId],
  }
  const names = Object.keys(facts) as (keyof LedgerItem)[]
  const news = names.filter((name) => facts[name] !== undefined && item[name] === undefined)
  if (news.length === 0) return { answer: undefined }
  const filled = { ...item, ...Object.fromEntries(news.map((name) => [name, facts[name]])) }
  const next = withTimelineEntry(filled, 'announced', { occurredAt: createdAt, source: 'hubspot' })
  return { next, answer: undefined }
}

/** The mark that a job leaves until HubSpot has been told: the same for a job and its duplicates. */
export const markOf = ({ status, part, id }: Marked) =>
  `${status}${part ? `/${part.index}.${part.of}` : ''}${id === undefined ? '' : `#${id}`}`

/** Names a job among its message's, for its copies to be counted: a receipt may say the same as the conclusion on silence. */
export const jobOf = (update: StatusUpdate) => `${markOf(update)}${update.onSilence ? ' on silence' : ''}`

/** Whose mark it is: what `markOf` was given. */
export function ofMark(mark: string): Marked {
  const [, status, index, of, id] = /^(\w+)(?:\/(\d+)\.(\d+))?(?:#(.*))?$/s.exec(mark) ?? []
  return {
    status: Status.parse(status),
    ...(index && { part: { index: Number(index), of: Number(of) } }),
    ...(id !== undefined && { id }),
  }
}

type Marked = Pick<StatusUpdate, 'status' | 'part' | 'id'>

/**
 * Raises what is known. A job that changes what an agent reads leaves its mark and must tell HubSpot. So must one that
 * finds its own mark: an earlier attempt may have died before its PATCH, or its PATCH may have taken effect late. While the
 * attempt that left the mark may still be under way, its duplicates wait; the job itself names its `earlier` runs and goes on.
 * A job with an `id` tells again what is known. `shown` is what HubSpot is assumed to show before it is told anything.
 */
export function claimTelling(
  item: LedgerItem,
  update: StatusUpdate,
  claim: Claim,
  {
    now,
    earlier,
    shown,
    mayWait = false,
  }: { now: number; earlier: string[]; shown?: Status | undefined; mayWait?: boolean },
): Decision<Finding> {
  const authority = authorityOf(item, update, { mayWait })
  if (authority !== 'authorized') return { answer: authority }
  if (update.providerMessageId && item.earlierProviderMessageIds?.includes(update.providerMessageId))
    return { answer: 'nothing new' }
  const mark = markOf(update)
  const mine = item.marks.find((other) => other.mark === mark)
  const claimed = { marks: [...item.marks.filter((other) => other !== mine), { mark, ...claim }] }

  if (mine && mine.by !== claim.by && !earlier.includes(mine.by) && now < mine.until)
    return { answer: { inProgressUntil: mine.until } }
  const raised = raiseKnown(item, update)
  if (raised) {
    const next = withTimelineEntry(raised, `${update.status}${partLabel(update.part)}`, update)
    const isNews = mine || !agentReadsTheSame(next, { ...item, known: item.known ?? (item.told ? undefined : shown) })
    return isNews && next.known ? { next: { ...next, ...claimed }, answer: 'claimed' } : { next, answer: 'nothing new' }
  }
  if ((!mine && update.id === undefined) || !item.known) return { answer: 'nothing new' }
  return { next: { ...item, ...claimed }, answer: 'claimed' }
}

/** Records what HubSpot was told and removes the job's mark, unless an agent should read something else by now. */
export function recordTold(
  item: LedgerItem,
  { told, rejected, holds }: TellResult,
  { mark, at }: { mark: string; at: string },
): Decision<'recorded' | 'more is known'> {
  const { status: known, statusType, errorMessage: reason } = told
  if (!agentReadsTheSame({ known, reason }, item)) return { answer: 'more is known' }
  const recorded = {
    ...item,
    ...(rejected ? { rejected: statusType } : { told: { statusType, at, holds } }),
    marks: item.marks.filter((other) => other.mark !== mark),
  }
  const what = rejected ? `HubSpot rejected ${statusType}` : `told HubSpot ${statusType}${holds ? `: ${holds}` : ''}`
  return { next: withTimelineEntry(recorded, what, { occurredAt: at, source: 'relay' }), answer: 'recorded' }
}

/** Keeps what is known by an update, and its job's mark, when the job is given up without having told HubSpot. */
export function recordGivenUp(
  item: LedgerItem,
  update: StatusUpdate,
  by: string,
  { now, shown }: { now: number; shown: Status | undefined },
): Decision<undefined> {
  const isMarked = item.marks.some(({ mark }) => mark === markOf(update))
  const { next = item, answer } = isMarked
    ? { answer: 'claimed' as const }
    : claimTelling(item, update, { by, until: 0 }, { now, earlier: [], shown })
  // An update that does not count says nothing of this message.
  if (answer === 'not authorized') return { answer: undefined }
  return { next: withGivenUp(next, 'status', new Date(now).toISOString()), answer: undefined }
}

/** Leaves a mark to the next attempt, once its own has certainly ended. */
export function endAttempt(item: LedgerItem, mark: string, { by }: Claim): Decision<undefined> {
  const marks = item.marks.map((one) => (one.mark === mark && one.by === by ? { ...one, until: 0 } : one))
  return { next: { ...item, marks }, answer: undefined }
}

/** What HubSpot is to be told by now; undefined while nothing is known. */
export function statusToTell({ known, reason }: LedgerItem): StatusToTell | undefined {
  if (!known) return undefined
  const statusType = statusTypeOf(known)
  return { status: known, statusType, ...(statusType === 'FAILED' && { errorMessage: reason }) }
}
