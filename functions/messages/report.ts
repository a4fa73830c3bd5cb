import type { Telemetry } from '../platform/telemetry.ts'
import { about } from './about.ts'
import type { LedgerItem } from './record.ts'
import { isAbove } from './status.ts'
import type { StatusUpdate } from './status-update.ts'
import type { StatusToTell } from './telling.ts'

/** A status update, and its message's item as far as that is known. */
type Subject = { update: StatusUpdate; item?: LedgerItem }

/** Says what became of status updates, in the log and in metrics. */
export type Report = ReturnType<typeof createReport>

export function createReport({ telemetry, now }: { telemetry: Telemetry; now(): number }) {
  /** A receipt comes in a trace of its own, as a webhook's repetition does: it is named beside that in which the message began. */
  function logAndCount(message: string, metric: string, { update, item }: Subject, fields: object = {}) {
    const traceId = item?.traceId ?? update.traceId
    const updateTraceId = update.traceId === traceId ? undefined : update.traceId
    telemetry.info(message, { ...about(update), traceId, updateTraceId, source: update.source, ...fields })
    telemetry.count(metric)
  }

  return {
    logAndCount,

    told(
      { update, item }: Required<Subject>,
      { word: statusType, errorMessage: reason }: StatusToTell,
      { createdAt, holds }: { createdAt: number | undefined; holds: string | undefined },
    ) {
      const timeToTruth = createdAt === undefined ? undefined : now() - createdAt
      // The relay's own verdict is queued long before it counts.
      const isVerdict = update.status === 'unconfirmed' || update.onSilence
      const tellingDelay = isVerdict ? undefined : now() - Date.parse(update.occurredAt)
      if (holds) telemetry.count('HeldOtherwise')
      const fields = { statusType, reason, timeToTruth, tellingDelay, holds }
      logAndCount('HubSpot told', `Told${statusType}`, { update, item }, fields)
      if (timeToTruth !== undefined) telemetry.measure(`TimeToTruth${statusType}`, timeToTruth, 'Milliseconds')
      if (tellingDelay !== undefined) telemetry.measure('TellingDelay', tellingDelay, 'Milliseconds')
    },

    /** An update that changes nothing for an agent, by what was known before. */
    nothingNew(update: StatusUpdate, before: LedgerItem) {
      const known = knownOf(update, before)
      const isHigher = isAbove(update.status, known)
      const other = update.status === known ? 'UpdatesDuplicate' : 'UpdatesSuperseded'
      logAndCount('Nothing new', isHigher ? 'UpdatesCoalesced' : other, { update, item: before })
    },

    /** A receipt was to come, and did not: its account may be set up wrongly. Counted when nothing was known before. */
    silence(update: StatusUpdate, { decidedOn, item }: { decidedOn: LedgerItem; item: LedgerItem }) {
      if (!update.onSilence || knownOf(update, decidedOn) !== undefined) return
      const account = item.trustedSecrets?.at(-1)?.secret ?? update.channelAccountId ?? update.channelId
      telemetry.count('ReceiptsMissing', 1, { account })
    },

    /** A team that sends statuses itself may see by this what it writes in another form. */
    unexpected({ unexpected = [], ...update }: StatusUpdate) {
      if (unexpected.length === 0) return
      telemetry.warn('Not as documented, repaired or dropped', { ...about(update), unexpected })
      for (const field of unexpected) telemetry.count('UnexpectedUpdateFields', 1, { field })
    },
  }
}

const knownOf = ({ part }: StatusUpdate, { known, parts }: LedgerItem) => (part ? parts?.[part.index]?.known : known)
