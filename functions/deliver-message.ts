import * as z from 'zod'
import { eventIfReadable, eventOf, messageIfReadable } from './hubspot/queued-events.ts'
import { about, tenantOf } from './messages/about.ts'
import type { Resend } from './messages/announced-again.ts'
import { type ChannelAccounts, circuitOf } from './messages/channel-accounts.ts'
import { noteGivenUp, queueConclusions, queueOldPlan, queueOutcomes, queueUnrecorded } from './messages/delivery-end.ts'
import { version } from './messages/job-version.ts'
import { type DeliveryJob, DeliveryQueueJob } from './messages/jobs.ts'
import type { Ledger } from './messages/ledger.ts'
import { LookUpProgress, lookUp } from './messages/look-up.ts'
import { createOutcomeQueue, type OutcomeDeps, OutcomeProgress, type OutcomeQueue } from './messages/outcome-queue.ts'
import { namesOf } from './messages/part-names.ts'
import { type LedgerItem, type SendOutcome, withWaitingNote } from './messages/record.ts'
import { changeAsDelivery, SendProgress, sendOnce } from './messages/send-once.ts'
import { notItsTurn, type Threads, TurnProgress, waitForTurn } from './messages/threads.ts'
import type { CircuitBreaker } from './platform/circuit-breaker.ts'
import { consume } from './platform/consume.ts'
import type { ConsumerDeps, Run as RunOf } from './platform/consumer.ts'
import { redact } from './platform/redact.ts'
import { Deferred, PermanentError, RetryableError } from './platform/retry.ts'
import type { Accounts } from './providers/accounts.ts'
import { describeAll, digestOf, idempotencyScopeOf, type Planned, planSends, type Route } from './providers/plan.ts'
import type { SendAdapter, SendTools } from './providers/provider.ts'
import { trustedSecretOf } from './providers/receipt-keys.ts'
import { reporterOf } from './providers/unknown-codes.ts'
import { AccountError, whyNotSent } from './providers/verdict.ts'

/** What `deliver-message` needs. */
export type Deps = ConsumerDeps &
  OutcomeDeps & {
    accounts: Accounts<SendAdapter<unknown>>
    tools: SendTools
    ledger: Ledger
    /** Undefined where messages of a thread need not wait for each other. */
    threads: Threads | undefined
    channelAccounts: ChannelAccounts
    /** Keeps an account whose provider does not answer from holding up the others. */
    circuits: CircuitBreaker
    /** `https://` and the host that providers call with receipts; undefined where the relay takes none. */
    publicBaseUrl: string | undefined
    /** What is done with a message that was told FAILED and is announced again under another event id. */
    resend: Resend
  }

/**
 * Hands a message to its provider in as many sends as it takes, each made once, and queues what is known by then. Only the
 * call to the provider is inside the idempotency; status updates are queued outside. Why: docs/decisions/0002-sending-once.md.
 */
export function createHandler(given: Deps) {
  const deps = { ...given, outcomes: createOutcomeQueue(given) }
  /** Notes something in the item of the message that a job is to deliver, if it is one. */
  async function note(job: DeliveryQueueJob, run: Run, change: (item: LedgerItem) => LedgerItem) {
    const message = messageIfReadable(job, run.since)
    if (message) await changeAsDelivery(deps, message, run, change)
  }
  return consume<DeliveryQueueJob, Progress>({
    ...deps,
    version,
    schema: DeliveryQueueJob,
    progress: Progress,
    handle: (job, run) => handle(deps, job, run),
    async onPossibleEnd(job, run, error) {
      const event = eventIfReadable(job, run.since)
      if (event?.kind === 'undeliverable') await deps.outcomes.queueUndeliverable(event.message, event.reason)
      if (event?.kind === 'message') await queueConclusions(deps, event.job, run, error && whyNotSent(error))
      if (event && event.kind !== 'account') await noteGivenUp(deps, 'job' in event ? event.job : event.message)
    },
    async queueUnrecorded(job, run, options) {
      const message = messageIfReadable(job, run.since)
      if (message) await queueUnrecorded(deps, message, run, options)
    },
    claimCopy: (job, run) => note(job, run, (item) => item),
    async noteWait(job, run, wait) {
      const waiting = { what: 'delivery' as const, ...wait, isAccountError: run.progress.isAccountError }
      await note(job, run, (item) => withWaitingNote(item, waiting))
    },
    tenantOf,
    about,
  })
}

/** What a run leaves to the next one of its job. */
const Progress = z.looseObject({
  ...TurnProgress.shape,
  ...SendProgress.shape,
  ...OutcomeProgress.shape,
  ...LookUpProgress.shape,
})
type Progress = z.infer<typeof Progress>
type Run = RunOf<Progress>
type AllDeps = Deps & { outcomes: OutcomeQueue }
/** How a message goes out, and the id of its secret. */
type Found = Route & { id: string }

async function handle(deps: AllDeps, job: DeliveryQueueJob, run: Run) {
  const { channelAccounts, telemetry } = deps
  const event = eventOf(job, run.since)
  if (event.kind === 'account') return channelAccounts.record(event.job)
  if (event.kind === 'undeliverable') throw new PermanentError(`The message cannot be delivered: ${event.problem}`)
  const message = event.job
  try {
    await deliver(deps, message, run)
  } catch (error) {
    run.progress.isAccountError = error instanceof AccountError || undefined
    if (error instanceof AccountError) {
      telemetry.warn('The provider does not accept the account', { ...about(message), reason: redact(error.message) })
      telemetry.count('AccountErrors')
      await queueOutcomes(deps, message, run).catch(() => {})
    }
    const isToBeTried = error instanceof RetryableError && !(error instanceof Deferred)
    if (!isToBeTried || !(await channelAccounts.isPurged(message))) throw error
    await queueConclusions(deps, message, run, 'Not sent: The channel account was disconnected in HubSpot.')
    telemetry.warn('Given up, its channel account was disconnected', {
      ...about(message),
      reason: redact(error.message),
    })
    telemetry.count('DeliveriesDisconnected')
  }
}

/** Waits for the message's turn, plans its sends, makes them one by one, and looks up those in doubt later. */
async function deliver(deps: AllDeps, job: DeliveryJob, run: Run) {
  await queueUnrecorded(deps, job, run, { record: true })
  const isFirst = run.progress.queued === undefined && job.conversationsThreadId !== undefined
  if (deps.threads && isFirst) await waitForTurn(deps.threads, job, run.progress, deps.now())
  const found = await deps.accounts.find(job)
  if (!found) throw new AccountError('No messaging account is set up for this channel', { detail: 'no secret' })
  const sends = planSends(job, found, deps)
  run.progress.provider = found.provider
  const made = await sendOneByOne(deps, job, { sends, found }, run)
  if ('planChanged' in made) return queueOldPlan(deps, job, made.planChanged, run)
  if ('outcomes' in made) await lookUpSendsInDoubt(deps, job, { sends, found, outcomes: made.outcomes }, run)
}

/** The outcome of each send, made now or earlier; or why the message is not sent. */
async function sendOneByOne(
  deps: AllDeps,
  job: DeliveryJob,
  { sends, found }: { sends: Planned[]; found: Found },
  run: Run,
) {
  const described = describeAll(found, sends)
  const plan = { of: sends.length, digest: digestOf(found, sends), names: described && namesOf(described) }
  const claim = {
    by: run.id,
    until: endOf(run, deps.now()),
    idempotencyScope: idempotencyScopeOf(found, { job, now: deps.now() }),
  }
  const attempt = { job, claim, plan, trustedSecret: trustedSecretOf(found) }
  const outcomes: SendOutcome[] = []
  for (const [index, send] of sends.entries()) {
    const part = { index, of: sends.length }
    const made = await sendOnce(deps, { ...attempt, part }, run, () => handToProvider(deps, send, found, run))
    if (!('outcome' in made)) return made
    outcomes.push(made.outcome)
    await deps.outcomes.queueOnce(job, part, made.outcome, run.progress)
  }
  return { outcomes }
}

/** Hands one send to the provider. */
async function handToProvider(
  { threads, tools, circuits, telemetry, now }: AllDeps,
  send: Planned,
  { adapter, account, provider }: Found,
  run: Run,
): Promise<SendOutcome> {
  if ('problem' in send) return { outcome: 'rejected', reason: send.problem }
  const until = endOf(run, now())
  if (until - now() < timeForOneSend) throw new Deferred('No time is left for another send', now())
  // An earlier one may have arrived since, in the same batch for instance.
  const isFirst = send.index === 0 && send.job.conversationsThreadId !== undefined
  if (isFirst && (await threads?.isWaiting(send.job))) throw notItsTurn(run.progress, now())
  const call = () => adapter.send(send, account, { ...tools, noteUnknownCode: reporterOf(telemetry, provider) })
  return circuits.call(circuitOf(send.job), call, { until, isAnswer: ({ outcome }) => outcome !== 'in doubt' })
}

/** Asks the provider later what became of sends in doubt, where it can be asked. */
async function lookUpSendsInDoubt(
  deps: AllDeps,
  job: DeliveryJob,
  { sends, found, outcomes }: { sends: Planned[]; found: Found; outcomes: SendOutcome[] },
  run: Run,
) {
  const { adapter, account, provider } = found
  if (!adapter.lookUp) return
  const inDoubt = sends.filter((_, index) => outcomes[index]!.outcome === 'in doubt').filter((send) => 'job' in send)
  const ask = async (send: (typeof inDoubt)[number]) => {
    if (run.context.getRemainingTimeInMillis() < timeForOneSend) return undefined
    const about = { until: endOf(run, deps.now()), isAnswer: (said?: SendOutcome) => said !== undefined }
    return deps.circuits.call(circuitOf(job), async () => adapter.lookUp!(send, account, deps.tools), about)
  }
  await lookUp(deps, job, { inDoubt, provider, ask }, run)
}

/** When the run has surely ended, in milliseconds since 1970. */
const endOf = (run: Run, now: number) => now + run.context.getRemainingTimeInMillis()

// Milliseconds: a provider's timeout, and time to write afterwards.
const timeForOneSend = 25_000
