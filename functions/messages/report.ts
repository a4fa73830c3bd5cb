import { loggedName } from '../platform/field-name.ts'
import type { Telemetry } from '../platform/telemetry.ts'
import { about } from './about.ts'
import type { LedgerItem } from './record.ts'
import { isAbove } from './status.ts'
import type { StatusUpdate } from './status-update.ts'
import type { StatusToTell } from './telling.ts'

/** A status update, and its message's item as far as that is known. */
type Subject = { update: StatusUpdate; item?: LedgerItem }

/** Logs and counts what became of status updates. */
export type Report = ReturnType<typeof createReport>

export function createReport({ telemetry, now }: { telemetry: Telemetry; now(): number }) {
  /** A receipt, like a repeated webhook, has a trace of its own: both that and the message's are logged. */
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
      { statusType, errorMessage: reason }: StatusToTell,
      { createdAt, holds }: { createdAt: number | undefined; holds: string | undefined },
    ) {
      const timeToTruth = createdAt === undefined ? undefined : now() - createdAt
      // The relay's own conclusion is queued long before it counts.
      const isOwnConclusion = update.status === 'unconfirmed' || update.onSilence
      const tellingDelay = isOwnConclusion ? undefined : now() - Date.parse(update.occurredAt)
      if (holds) telemetry.count('HeldOtherwise')
      const fields = { statusType, reason, timeToTruth, tellingDelay, holds }
      logAndCount('Told HubSpot', `Told${statusType}`, { update, item }, fields)
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

    /** A receipt was due and did not come: the account may be set up wrongly. Counted if nothing was known before. */
    silence(update: StatusUpdate, { decidedOn, item }: { decidedOn: LedgerItem; item: LedgerItem }) {
      if (!update.onSilence || knownOf(update, decidedOn) !== undefined) return
      const account = item.trustedSecrets?.at(-1)?.secret ?? update.channelAccountId ?? update.channelId
      telemetry.count('ReceiptsMissing', 1, { account })
    },

    /** Shows a team that sends statuses itself which fields it writes in another form, and which nobody reads. */
    unexpected({ unexpected = [], unknown = [], ...update }: StatusUpdate) {
      if (unexpected.length > 0)
        telemetry.warn('Undocumented field formats: repaired or dropped', { ...about(update), unexpected })
      for (const field of unexpected) telemetry.count('UnexpectedUpdateFields', 1, { field })
      if (unknown.length === 0) return
      const fields = unknown.slice(0, 5).map(loggedName)
      telemetry.warn('A status has fields that are not known', { ...about(update), fields })
      telemetry.count('UnexpectedUpdateFields', unknown.length, { field: 'unknown' })
    },
  }
}

const knownOf = ({ part }: StatusUpdate, { known, parts }: LedgerItem) => (part ? parts?.[part.index]?.known : known)
