import * as z from 'zod'
import { toAnnouncement } from './hubspot/events.ts'
import { parseRawEvent } from './hubspot/queued-events.ts'
import { type TellDeps, tellHubSpot } from './hubspot/tell.ts'
import { makeReady, UpdateProgress } from './hubspot/update-message.ts'
import { UpdateHistory } from './hubspot/update-outcome.ts'
import { about, tenantOf } from './messages/about.ts'
import { announcedAgain } from './messages/announced-again.ts'
import type { ChannelAccounts } from './messages/channel-accounts.ts'
import { asCopy, superseded } from './messages/copies.ts'
import { version } from './messages/job-version.ts'
import { type Announcement, type RawEvent, StatusJob } from './messages/jobs.ts'
import type { Ledger } from './messages/ledger.ts'
import { keptForDays, type LedgerItem, withWaitingNote } from './messages/record.ts'
import { createReport } from './messages/report.ts'
import type { StatusUpdate } from './messages/status-update.ts'
import { type TellOnceDeps, TellOnceProgress, tellOnce } from './messages/tell-once.ts'
import { jobOf, recordAnnouncement, recordGivenUp, statusToTell, type TellResult } from './messages/telling.ts'
import { consume } from './platform/consume.ts'
import type { ConsumerDeps, Run as RunOf } from './platform/consumer.ts'
import { Deferred, PermanentError } from './platform/retry.ts'
import type { Accounts } from './providers/accounts.ts'
import { type ReceiptKeys, trustedSecretOf } from './providers/receipt-keys.ts'

/** What `update-status` needs. */
export type Deps = ConsumerDeps &
  TellDeps & {
    ledger: Ledger
    /** Says whose receipts count for a message that the team delivers by its own means; undefined where no receipts come. */
    accounts: Accounts<ReceiptKeys<unknown> | undefined> | undefined
    channelAccounts: ChannelAccounts
    /** `corrections`: HubSpot shows SENT by itself, so it is told SENT only after it was told something else. */
    tellSent: 'always' | 'corrections'
  }

/**
 * Tells HubSpot the status of a message, once and in the right order, whatever order the updates come in. The rule and its
 * proof: docs/decisions/0001-telling-hubspot.md.
 */
export function createHandler(given: Deps) {
  const deps: AllDeps = {
    ...given,
    report: createReport(given),
    // Where the relay delivers, a message is claimed before it is sent: its receipts never come first.
    awaitsAnnouncements: given.accounts !== undefined,
    shown: given.tellSent === 'corrections' ? 'sent' : undefined,
  }
  return consume<StatusJob, Progress>({
    ...deps,
    version,
    schema: StatusJob,
    progress: Progress,
    handle: (job, run) => handle(deps, job, run),
    onPossibleEnd: (job, run) => keepUntold(deps, job, run),
    claimCopy: (job, run) => noteAsCopy(deps, job, run, (item) => item),
    noteWait: (job, run, wait) =>
      noteAsCopy(deps, job, run, (item) => withWaitingNote(item, { what: 'status', ...wait })),
    tenantOf,
    about,
  })
}

/** What a run leaves to the next one of its job. */
const Progress = z.looseObject({
  ...TellOnceProgress.shape,
  ...UpdateProgress.shape,
  /** What HubSpot answered so far. */
  history: UpdateHistory.optional().catch(undefined),
  /** Whether the job's unexpected fields were counted. */
  isCounted: z.boolean().optional().catch(undefined),
})
type Progress = z.infer<typeof Progress>
type Run = RunOf<Progress>

function handle(deps: AllDeps, job: StatusJob, run: Run) {
  switch (job.type) {
    case 'status':
      return tellStatus(deps, job, run)
    case 'announcement':
      return recordMessage(deps, job)
    case 'account':
      return deps.channelAccounts.record(job)
    case 'event':
      return handleEvent(deps, job, run)
  }
}

/** Claims what is to be told, tells it, and records it; and again, if more is known by then. */
async function tellStatus(deps: AllDeps, update: StatusUpdate, run: Run) {
  const { report, telemetry, now } = deps
  if (!run.progress.isCounted) report.unexpected(update)
  run.progress.isCounted = true
  if (await isForgotten(deps, update))
    return report.logAndCount("Ignored, the message is older than the ledger's retention", 'UpdatesIgnored', { update })
  for (;;) {
    const attempt = await tellOnce(deps, update, run, {
      makeReady: () => makeReady(deps, update.portalId, run.progress),
      tell: (item) => tell(deps, update, item, run),
    })
    switch (attempt.finding) {
      case 'recorded':
        return
      case 'more is known':
        telemetry.count('ToldAgain')
        continue
      case 'nothing new':
        report.silence(update, attempt)
        return report.nothingNew(update, attempt.decidedOn)
      case 'not authorized':
        report.silence(update, attempt)
        return report.logAndCount('Ignored, its sender is not authorized for this message', 'UpdatesUnauthorized', {
          update,
          item: attempt.decidedOn,
        })
      case 'not announced':
        throw new Deferred('HubSpot has not announced the message yet', now() + timeBetweenLooks)
      case 'superseded':
        throw superseded()
      default:
        throw new Error('Told without a claim')
    }
  }
}

/** Tells HubSpot its word for what is known now, which may be more than this update says. */
async function tell(deps: AllDeps, update: StatusUpdate, item: LedgerItem, run: Run): Promise<TellResult> {
  const { report } = deps
  // Nothing is claimed while nothing is known.
  const toTell = statusToTell(item)!
  const { statusType, errorMessage: reason } = toTell
  const { createdAt: iso = update.messageCreatedAt } = item
  const createdAt = iso === undefined ? undefined : Date.parse(iso)
  const known = { toldBefore: item.told?.statusType, createdAt: createdAt ?? run.since }
  const answer = await tellHubSpot(deps, { message: update, statusType, reason, ...known }, run.progress, {
    onReworded: (problem) =>
      report.logAndCount('HubSpot may have rejected the reason', 'ReasonsRejected', { update, item }, { problem }),
  })
  if (answer.rejected)
    report.logAndCount(
      'HubSpot rejected the correction',
      'CorrectionsRejected',
      { update, item },
      { statusType, problem: answer.problem },
    )
  else report.told({ update, item }, toTell, { createdAt, holds: answer.holds })
  return { told: toTell, ...answer }
}

/** The ids of a message that the team delivers are enough; one that could not be delivered here may have gone out there. */
function handleEvent(deps: Deps, job: RawEvent, run: Run) {
  const event = parseRawEvent(job, run.since)
  if (event.kind === 'account') return deps.channelAccounts.record(event.job)
  const { channelAccountId, ...message } = event.kind === 'message' ? event.job : event.message
  if (channelAccountId === undefined) throw new PermanentError('The channel account of the message cannot be read')
  return recordMessage(deps, { v: version, ...toAnnouncement({ ...message, channelAccountId }) })
}

/** Without delivery, messages come here from the webhook, to be looked up later. */
async function recordMessage({ accounts, ledger, telemetry }: Deps, message: Announcement) {
  const found = await accounts?.find(message)
  const decide = (item: LedgerItem) => recordAnnouncement(item, message, found && trustedSecretOf(found))
  const { item } = await ledger.change(message, decide)
  telemetry.info('Message recorded', about(message))
  if (!announcedAgain(item, message)) return
  telemetry.warn('HubSpot announced a message again after it was told that it FAILED: whoever delivers it decides', {
    ...about(message),
    firstEventId: item.eventIds?.[0],
  })
  telemetry.count('AnnouncedAgain')
}

/** A status that HubSpot cannot be told is at least kept in the ledger, as given up, with its job's mark, where reconcile finds it. */
async function keepUntold(deps: AllDeps, job: StatusJob, run: Run) {
  if (job.type !== 'status' || (await isForgotten(deps, job))) return
  const { ledger, now, shown } = deps
  await ledger.change(job, (item) => recordGivenUp(item, job, run.id, { now: now(), shown }))
}

/** Notes something in the item of a status's message. Throws Superseded where a later copy of the job was received. */
async function noteAsCopy(deps: Deps, job: StatusJob, run: Run, note: (item: LedgerItem) => LedgerItem) {
  if (job.type !== 'status' || (await isForgotten(deps, job))) return
  const { ledger } = deps
  const decide = asCopy({ job: jobOf(job), run }, (item) => ({ next: note(item), answer: undefined }))
  const { answer } = await ledger.change(job, decide)
  if (answer === 'superseded') throw superseded()
}

type AllDeps = Deps & TellOnceDeps

/** Whether a message is older than what the ledger keeps. One that is in there is not, whatever time others give it. */
async function isForgotten({ ledger, now }: Deps, update: StatusUpdate) {
  const { messageCreatedAt } = update
  const isOld = messageCreatedAt !== undefined && now() - Date.parse(messageCreatedAt) > keptForDays * 86_400_000
  return isOld && (await ledger.read(update)).version === 0
}

// In milliseconds.
const timeBetweenLooks = 5000
