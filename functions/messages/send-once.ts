import * as z from 'zod'
import type { Run } from '../platform/consumer.ts'
import { once } from '../platform/idempotent.ts'
import { RetryableError } from '../platform/retry.ts'
import { type Again, announcedAgain, type Resend, withFirstEvent } from './announced-again.ts'
import type { TrustedSecret } from './authority.ts'
import { asCopy, superseded } from './copies.ts'
import type { DeliveryJob } from './jobs.ts'
import type { Ledger } from './ledger.ts'
import { LedgerPersistence } from './ledger-persistence.ts'
import type { OutcomeQueue } from './outcome-queue.ts'
import {
  type Decision,
  type LedgerItem,
  ledgerKey,
  type Part,
  type Plan,
  type SendClaim,
  SendOutcome,
} from './record.ts'
import { claimSend, completeSend, leaveToOther, releaseSend, sanitised, settleOutcome } from './sending.ts'

/** What a run knows of its sends, and leaves to the next one. */
export const SendProgress = z.object({
  /** Names of runs that certainly did not make the send they claimed: the next run makes it at once. The last few are enough. */
  certainlyNotSent: z.array(z.string()).optional().catch(undefined),
  /** The outcome of a send that could not be written to the ledger. */
  unrecorded: z
    .object({ part: z.object({ index: z.number(), of: z.number() }), outcome: SendOutcome })
    .optional()
    .catch(undefined),
})
export type SendProgress = z.infer<typeof SendProgress>

type Deps = { ledger: Ledger; now(): number }
type SendDeps = Deps & {
  /** What is done with a message that was told FAILED and is announced again under another event id. */
  resend: Resend
  outcomes: Pick<OutcomeQueue, 'queueAgain'>
}
type SendRun = Run<SendProgress>

/** A send to make: which of the message's sends it is, and what it is claimed with. */
export type SendToMake = { job: DeliveryJob; part: Part; claim: SendClaim; plan: Plan; trustedSecret: TrustedSecret }

/** The outcome of a send; or why it is not made: others were made by another plan, or the message is not sent again. */
type Made = { outcome: SendOutcome } | { planChanged: LedgerItem } | { notSentAgain: true }
type Finding = { done: SendOutcome } | { changed: Plan } | { notSentAgain: Again } | 'superseded'
type Claimed = Decision<'claimed' | { inProgressUntil: number } | Finding>

/** Makes one send, unless it was made before. Earlier outcomes stand, whatever becomes of this one. */
export async function sendOnce(
  { ledger, now, resend, outcomes }: SendDeps,
  { job, part, claim, plan, trustedSecret }: SendToMake,
  run: SendRun,
  make: () => Promise<SendOutcome>,
): Promise<Made> {
  const earlier = certainlyNotSent(run)
  const time = () => new Date(now()).toISOString()
  // Until the claim is written, this run certainly sends nothing: if the write fails, the next run may take over.
  noteNothingSent(run)
  const againOf = (item: LedgerItem) => announcedAgain(item, job, resend === 'send' ? time() : undefined)
  const seen = await ledger.read(job)
  const attempt = new LedgerPersistence<SendOutcome, Finding>(
    { ledger, key: job, seen },
    {
      claim: asDelivery({ run, now }, job, (item): Claimed => {
        const again = againOf(item)
        if (again && again.becomes !== 'sent') return { answer: { notSentAgain: again } }
        return claimSend(again?.item ?? item, claim, {
          plan,
          index: part.index,
          job,
          trustedSecret,
          now: now(),
          earlier,
        })
      }),
      complete: (item, outcome) => completeSend(item, outcome, { part, at: time() }),
      release: (item, error) => releaseSend(item, claim, { inDoubt: isInDoubt(error) }),
    },
  )
  const key = `send#${ledgerKey(job)}#${part.index}`
  const outcome = await once(key, { persistenceStore: attempt, context: run.context }, async () => {
    run.progress.certainlyNotSent = undefined
    const again = againOf(attempt.decidedOn)
    if (again) await outcomes.queueAgain(job, again)
    return makeTracked(part, run, make)
  })
  const { finding } = attempt
  if (finding === 'superseded') throw superseded()
  if (finding && 'changed' in finding) return { planChanged: attempt.item }
  if (finding && 'notSentAgain' in finding) {
    await outcomes.queueAgain(job, finding.notSentAgain)
    return { notSentAgain: true }
  }
  run.progress.unrecorded = undefined
  return { outcome }
}

/** Makes a claimed send, and keeps track in the run's progress of what is known of it. */
async function makeTracked(part: Part, run: SendRun, make: () => Promise<SendOutcome>) {
  try {
    const outcome = sanitised(await make())
    run.progress.unrecorded = { part, outcome }
    // The claim covers the next send as well, which is not made yet.
    noteNothingSent(run)
    return outcome
  } catch (error) {
    if (error instanceof RetryableError && !error.inDoubt) noteNothingSent(run)
    throw error
  }
}

const isInDoubt = (error: unknown) => error instanceof RetryableError && error.inDoubt

/** Records the outcome of a send that an earlier run could not record. */
export async function recordUnrecorded(
  { ledger, now }: Deps,
  job: DeliveryJob,
  { part, outcome }: NonNullable<SendProgress['unrecorded']>,
) {
  const at = new Date(now()).toISOString()
  await ledger.change(job, (item) => settleOutcome(item, outcome, { part, at }))
}

/**
 * Decides on a message's item for a copy of its delivery. If a later copy was received, this one leaves it what it alone
 * knows: the outcome of a send, and what it claimed but certainly did not send.
 */
function asDelivery<Answer>(
  { run, now }: { run: SendRun; now(): number },
  { eventId }: Pick<DeliveryJob, 'eventId'>,
  decide: (item: LedgerItem) => Decision<Answer>,
) {
  const decideOnIt = (item: LedgerItem) => decide(withFirstEvent(item, eventId))
  const leave = (item: LedgerItem) =>
    leaveToOther(item, {
      runs: certainlyNotSent(run),
      unrecorded: run.progress.unrecorded,
      at: new Date(now()).toISOString(),
    })
  return (item: LedgerItem) => asCopy({ job: jobOf(item, eventId), run }, decideOnIt, leave)(item)
}

/** Each event has its own job; copies are counted per job. */
const jobOf = ({ eventIds: [first] = [] }: LedgerItem, eventId: string | undefined) =>
  eventId === undefined || first === undefined || eventId === first ? 'delivery' : `delivery#${eventId}`

/** Changes a message's item as a copy of its delivery. Throws Superseded where a later copy was received. */
export async function changeAsDelivery(
  { ledger, now }: Pick<Deps, 'ledger' | 'now'>,
  job: DeliveryJob,
  run: SendRun,
  note: (item: LedgerItem) => LedgerItem,
) {
  const { answer } = await ledger.change(
    job,
    asDelivery({ run, now }, job, (item) => ({ next: note(item), answer: undefined })),
  )
  if (answer === 'superseded') throw superseded()
}

/** Runs of a job that certainly did not make the send they claimed. */
export const certainlyNotSent = ({ progress }: SendRun) => (progress.certainlyNotSent ?? []).slice(-3)

function noteNothingSent(run: SendRun) {
  run.progress.certainlyNotSent = [...certainlyNotSent(run).filter((id) => id !== run.id), run.id]
}
