import { version } from '../../functions/messages/job-version.ts'
import { decidingPart } from '../../functions/messages/knowledge.ts'
import { type LedgerItem, messageOf } from '../../functions/messages/record.ts'
import { outcomesOf, statusFromOutcome } from '../../functions/messages/sending.ts'
import type { StatusUpdate } from '../../functions/messages/status-update.ts'
import { ofMark, statusToTell } from '../../functions/messages/telling.ts'

/** How long a job that has to tell HubSpot may be in progress, in milliseconds, before its mark counts as left behind. */
const leftBehindAfter = 3_600_000

/** Whether HubSpot holds what is known of a message; where it does not and nobody is working on it, what to queue. */
export type Drift =
  | { kind: 'nothing known' }
  | { kind: 'told' }
  /** A job has left its mark and may still be in progress. */
  | { kind: 'under way' }
  | { kind: 'untold'; updates: StatusUpdate[] }

/**
 * Compares what is known of a message with what HubSpot was told. A mark that was left behind is taken over in the name
 * of its job, so that it is removed once HubSpot is told; where there is none, `id` makes the update one of its own.
 */
export function driftOf(item: LedgerItem, { now, id }: { now: number; id: string }): Drift {
  const update = (said: Pick<StatusUpdate, 'status' | 'part' | 'reason' | 'id'>): StatusUpdate => ({
    v: version,
    type: 'status',
    ...messageOf(item.pk),
    ...said,
    source: 'relay',
    occurredAt: new Date(now).toISOString(),
  })

  // The delivery may have died, for good, between its send and its word of it.
  const unsaid = outcomesOf(item).flatMap((outcome, index, { length }) => {
    const settled = statusFromOutcome(outcome)
    const of = item.sends?.of ?? length
    if (!settled || (item.parts?.[index] ?? item).known) return []
    return [update({ ...settled, ...(of > 1 && { part: { index, of } }) })]
  })
  const toTell = statusToTell(item)
  if (unsaid.length > 0)
    return now - item.send!.until > leftBehindAfter ? { kind: 'untold', updates: unsaid } : { kind: 'under way' }
  if (!toTell) return { kind: 'nothing known' }

  const leftBehind = item.marks.filter(({ until }) => now - until > leftBehindAfter)
  if (leftBehind.length > 0) return { kind: 'untold', updates: leftBehind.map(({ mark }) => update(ofMark(mark))) }
  if (item.marks.length > 0) return { kind: 'under way' }
  // What nobody told anything about is SENT in HubSpot from the start.
  const held = item.told?.statusType ?? 'SENT'
  if (held === toTell.statusType || item.rejected === toTell.statusType) return { kind: 'told' }
  return { kind: 'untold', updates: [updateToTellAgain(item, { now, id })] }
}

/** What to queue so that HubSpot is told again what is known of a message. */
export function updateToTellAgain(item: LedgerItem, { now, id }: { now: number; id: string }): StatusUpdate {
  const { status } = statusToTell(item)!
  // Of several sends, one of which this is known already: all of them are not meant.
  const part = decidingPart(item)
  return {
    v: version,
    type: 'status',
    ...messageOf(item.pk),
    status,
    ...(part && { part }),
    source: 'relay',
    id,
    occurredAt: new Date(now).toISOString(),
  }
}
