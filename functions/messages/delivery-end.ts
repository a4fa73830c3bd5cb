import type { Run } from '../platform/consumer.ts'
import type { Telemetry } from '../platform/telemetry.ts'
import { about } from './about.ts'
import type { DeliveryJob, MessageKey } from './jobs.ts'
import type { Ledger } from './ledger.ts'
import type { LookUpProgress } from './look-up.ts'
import { type OutcomeProgress, type OutcomeQueue, unconfirmedReason } from './outcome-queue.ts'
import { type LedgerItem, type SendOutcome, withGivenUp } from './record.ts'
import { certainlyNotSent, recordUnrecorded, type SendProgress } from './send-once.ts'
import { isLeftOut, outcomesOf } from './sending.ts'

type Deps = { ledger: Ledger; outcomes: OutcomeQueue; now(): number }
type DeliveryRun = Run<SendProgress & OutcomeProgress>

/**
 * Queues what came of the sends of a message that may end here, and of those without an outcome, `why` they are not made.
 * Without `why`, the job is attempted once more: the conclusion counts once that attempt has certainly ended.
 */
export async function queueConclusions(deps: Deps, job: DeliveryJob, run: DeliveryRun, why?: string) {
  const { outcomes } = deps
  const { item, of, next } = await queueOutcomes(deps, job, run)
  for (let index = next; index < of; index++) {
    const reason = index === next && isInDoubt(item, run) ? unconfirmedReason : why
    const countsAfter = reason === undefined ? run.context.getRemainingTimeInMillis() : 0
    await outcomes.queueUnconfirmed(job, { index, of }, reason, countsAfter)
  }
}

/** Queues the outcomes of a message's sends so far, in order. Answers which send is next, and of how many. */
export async function queueOutcomes({ ledger, outcomes }: Deps, job: DeliveryJob, run: DeliveryRun) {
  const item = await ledger.read(job)
  const { unrecorded } = run.progress
  const made = [...outcomesOf(item)]
  const isNews = unrecorded && (made[unrecorded.part.index]?.outcome ?? 'in doubt') === 'in doubt'
  if (isNews) made[unrecorded.part.index] = unrecorded.outcome
  const of = unrecorded?.part.of ?? item.plan?.of ?? 1
  await queueInOrder(outcomes, job, { made, of }, run)
  return { item, of, next: made.length }
}

/** Notes that a message's delivery is given up. The note is for others only, so its failure does not keep the job from ending. */
export async function noteGivenUp({ ledger, now }: Pick<Deps, 'ledger' | 'now'>, message: MessageKey) {
  const at = new Date(now()).toISOString()
  const note = (item: LedgerItem) => ({ next: withGivenUp(item, 'delivery', at), answer: undefined })
  await ledger.change(message, note).catch(() => {})
}

const isInDoubt = ({ send }: LedgerItem, run: DeliveryRun) =>
  send !== undefined && !send.result && !certainlyNotSent(run).includes(send.by)

/** Queues the outcomes of the sends that were made by another plan; the rest are not made. */
export async function queueOldPlan(
  { outcomes, telemetry }: Pick<Deps, 'outcomes'> & { telemetry: Telemetry },
  job: DeliveryJob,
  item: LedgerItem,
  run: Run<SendProgress & OutcomeProgress & LookUpProgress>,
) {
  const made = outcomesOf(item)
  const { of } = item.plan!
  await queueInOrder(outcomes, job, { made, of }, run)
  if (made.some(isLeftOut))
    telemetry.warn('What is left of the message is not sent: its account was changed in the meantime', about(job))
  // Only the sends of the new plan could be asked for, and those are others.
  else if (run.progress.lookUps !== undefined)
    telemetry.warn('The provider is not asked what became of it: its account was changed in the meantime', about(job))
}

async function queueInOrder(
  outcomes: OutcomeQueue,
  job: DeliveryJob,
  { made, of }: { made: SendOutcome[]; of: number },
  { progress }: DeliveryRun,
) {
  for (const [index, outcome] of made.entries()) await outcomes.queueOnce(job, { index, of }, outcome, progress)
}

/** Queues an outcome that this run or an earlier one could not record in the ledger. `record`: and records it. */
export async function queueUnrecorded(
  deps: Deps,
  job: DeliveryJob,
  run: DeliveryRun,
  { record = false }: { record?: boolean } = {},
) {
  const { unrecorded } = run.progress
  if (!unrecorded) return
  await deps.outcomes.queueOnce(job, unrecorded.part, unrecorded.outcome, run.progress)
  if (!record) return
  await recordUnrecorded(deps, job, unrecorded)
  run.progress.unrecorded = undefined
}
