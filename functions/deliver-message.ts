import { createHash } from 'node:crypto'
import * as z from 'zod'
import { readAnew } from './hubspot/events.ts'
import type { Undeliverable } from './hubspot/outgoing-message.ts'
import { type Again, announcedAgain, type Resend, withFirstEvent } from './messages/announced-again.ts'
import type { Speaker } from './messages/authority.ts'
import type { ChannelAccounts } from './messages/channel-accounts.ts'
import { received } from './messages/copies.ts'
import { about, Delivery, type DeliveryJob, mostSends, type StatusUpdate, tenantOf, version } from './messages/jobs.ts'
import {
  type Ledger,
  type LedgerItem,
  ledgerKey,
  type Part,
  type Plan,
  putOff,
  type SendClaim,
  SendOutcome,
} from './messages/ledger.ts'
import { namesOf } from './messages/part-names.ts'
import { cleanReason } from './messages/reasons.ts'
import {
  claimSend,
  completeSend,
  outcomesOf,
  recordLookup,
  releaseSend,
  statusFromOutcome,
  withoutClaimOf,
} from './messages/sends.ts'
import type { Threads } from './messages/threads.ts'
import { type ConsumerDeps, claimsOf, consume, type Run } from './platform/consume.ts'
import { notBefore } from './platform/envelope.ts'
import { once } from './platform/idempotent.ts'
import type { Queue } from './platform/queue.ts'
import { Deferred, PermanentError, RetryableError, Superseded } from './platform/retry.ts'
import { withoutSlash } from './platform/url.ts'
import type { Accounts, Provider } from './providers/accounts.ts'
import type { Send, SendAdapter, SendTools } from './providers/provider.ts'
import { speakerOf } from './providers/receipt-keys.ts'
import { receiptsPath } from './providers/receipts-path.ts'
import { withoutAddress } from './providers/recipients.ts'
import { SetUpFault } from './providers/verdict.ts'

/** What `deliver-message` works with. */
export type Deps = ConsumerDeps & {
  accounts: Accounts<SendAdapter<unknown>>
  tools: SendTools
  ledger: Ledger
  /** Undefined where messages of a thread need not wait for each other. */
  threads: Threads | undefined
  channelAccounts: ChannelAccounts
  statusUpdates: Queue
  /** `https://` and the host that providers call with receipts; undefined where the relay takes none. */
  publicBaseUrl: string | undefined
  /** How long a message may go without a word of its provider before a verdict stands in for it, in seconds. */
  unconfirmedAfterSeconds: number
  /** What that verdict is on a message that its provider took. Of one whose answer was lost, it is always that it is not confirmed. */
  onSilence: 'sent' | 'failed'
  /** What is done with a message that was told FAILED, and comes again under another event id. */
  resend: Resend
}

/**
 * Hands a message to its provider, by as many sends as it takes, each made once, and queues what is known by that. Only the
 * provider's call is inside the idempotency; the status updates are queued outside. Why: docs/decisions/0002-sending-once.md.
 */
export function createHandler(deps: Deps) {
  const { accounts, ledger, threads, channelAccounts, statusUpdates, telemetry, now } = deps

  async function handle(job: Delivery, run: Run) {
    const event = read(job, run)
    if (event.kind === 'account') return channelAccounts.record({ v: version, ...event.job })
    if (event.kind === 'undeliverable') throw new PermanentError(`The message cannot be delivered: ${event.problem}`)
    const message = { v: version, ...event.job }
    try {
      await deliver(message, run)
    } catch (error) {
      if (error instanceof SetUpFault) {
        telemetry.warn('The provider does not accept the account', { ...about(message), reason: error.message })
        telemetry.count('SetUpFaults')
      }
      const isToBeTried = error instanceof RetryableError && !(error instanceof Deferred)
      if (!isToBeTried || !(await channelAccounts.isPurged(message))) throw error
      await beforeEnding(message, run, 'The channel account was disconnected in HubSpot.')
      telemetry.warn('Given up, its channel account was disconnected', { ...about(message), reason: error.message })
      telemetry.count('DeliveriesDisconnected')
    }
  }

  async function deliver(message: DeliveryJob, run: Run) {
    await waitForTurn(message, run)
    const found = await accounts.find(message)
    if (!found)
      throw new SetUpFault(`No secret for channel account ${message.channelAccountId} or channel ${message.channelId}`)
    const sends = plan(message, found)
    try {
      const outcomes = await makeOneByOne(message, sends, found, run)
      await lookUp(message, sends, outcomes, found, run)
    } catch (error) {
      if (error instanceof NotSentAgain) return
      if (!(error instanceof PlanChanged)) throw error
      const { item } = error
      for (const [index, outcome] of outcomesOf(item).entries())
        await announceOnce(message, { index, of: item.plan!.of }, outcome, run)
      telemetry.warn('What is left of the message is not sent: its account was changed meanwhile', about(message))
    }
  }

  /** Before its first send, a message lets those go first that the agent sent earlier in the same thread. */
  async function waitForTurn(job: DeliveryJob, run: Run) {
    if (!threads || job.conversationsThreadId === undefined || run.carry['announced'] !== undefined) return
    const isWaiting = run.carry['begun'] ? await threads.isWaiting(job) : await threads.begin(job)
    run.carry['begun'] = true
    if (isWaiting) throw notItsTurn(run)
  }

  function notItsTurn(run: Run) {
    const turns = z.number().catch(0).parse(run.carry['turns'])
    run.carry['turns'] = turns + 1
    return new Deferred('An earlier message of the thread goes first', now() + Math.min(15, 2 ** turns) * 1000)
  }

  /** The sends that a message takes. One that the provider cannot carry takes none: its outcome is known. */
  function plan(job: DeliveryJob, { adapter, account }: Found): Planned[] {
    const planned = adapter.plan(job, account)
    const refused = 'refused' in planned ? planned.refused : undefined
    const parts = 'sends' in planned ? planned.sends : []
    if (refused !== undefined || parts.length === 0 || parts.length + unreachableBy(adapter, job) > mostSends)
      return [{ refused: refused ?? 'The message cannot be sent: it has nobody to go to, or too many.' }]
    const { publicBaseUrl } = deps
    const receiptsUrl = publicBaseUrl && withoutSlash(publicBaseUrl) + receiptsPath(job)
    // The message fails for each recipient whom it cannot reach.
    const unreachable = Array.from({ length: unreachableBy(adapter, job) }, () => ({ refused: nobody }))
    const of = parts.length + unreachable.length
    return [...parts.map((part, index) => ({ job, part, index, of, receiptsUrl })), ...unreachable]
  }

  async function makeOneByOne(job: DeliveryJob, sends: Planned[], found: Found, run: Run) {
    const place = found.adapter.repeatableAt?.(found.account, { job, now: now() })
    const at = place && createHash('sha256').update(place).digest('base64url').slice(0, 12)
    const claim = { by: run.id, until: now() + run.context.getRemainingTimeInMillis(), at }
    run.carry['provider'] = found.provider
    await recordCarried(job, run)
    const plan = { of: sends.length, digest: digestOf(found.provider, sends), names: namesIn(sends, found.adapter) }
    const speaker = speakerOf(found)
    const outcomes: SendOutcome[] = []
    for (const [index, send] of sends.entries()) {
      const part = { index, of: sends.length }
      const outcome = await sendOnce(job, part, { claim, plan, speaker }, run, () => make(send, found, run))
      outcomes.push(outcome)
      await announceOnce(job, part, outcome, run)
    }
    return outcomes
  }

  /** The sends of a message are announced in their order, each by the first run that can. */
  async function announceOnce(job: DeliveryJob, part: Part, outcome: SendOutcome, run: Run) {
    if (part.index < announcedIn(run)) return
    await announce(job, part, providerIn(run), outcome)
    run.carry['announced'] = part.index + 1
  }

  /** Changes the ledger unless a later copy of this job was received, and records with it that this one was. */
  async function changeAsCopy<Answer>(
    job: DeliveryJob,
    run: Run,
    decide: (item: LedgerItem) => { next?: LedgerItem; answer: Answer },
  ) {
    const { answer, item } = await ledger.change<Answer | 'superseded'>(job, (item) => {
      run.heardOf = item.received?.['delivery']
      const mine = received(item, 'delivery', run.copy)
      return mine ? decide(withFirstEvent(mine, job.eventId)) : withoutClaimOf(claimsOf(run), item)
    })
    if (answer === 'superseded') throw new Superseded('A later copy of the job was received')
    return { answer, item }
  }

  async function receive(job: Delivery, run: Run) {
    const message = messageIn(job, run)
    if (!message) return
    await changeAsCopy(message, run, (item) => ({ next: item, answer: undefined }))
  }

  /** An earlier run made a send, and could not record what came of it. */
  async function recordCarried(job: DeliveryJob, run: Run) {
    const carried = carriedBy(run)
    if (!carried) return
    const { part, outcome } = carried
    const at = new Date(now()).toISOString()
    await ledger.change(job, (item) => recordLookup(item, outcome, { part, at }))
    delete run.carry['outcome']
  }

  /** Makes one send, unless it was made. What was made before stands, whatever becomes of this one. */
  function sendOnce(
    job: DeliveryJob,
    part: Part,
    { claim, plan, speaker }: { claim: SendClaim; plan: Plan; speaker: Speaker },
    run: Run,
    work: () => Promise<SendOutcome>,
  ) {
    let seen: LedgerItem | undefined
    let unclear = false
    const keeping = {
      async begin() {
        const earlier = claimsOf(run)
        // Until the claim stands, this run certainly sends nothing: if the write fails, the next one may take it over.
        sendsNothing(run)
        const { index } = part
        let again: Again | undefined
        const { answer, item } = await changeAsCopy<Claimed>(job, run, (item) => {
          again = announcedAgain(item, job, { resend: deps.resend, at: new Date(now()).toISOString() })
          if (again && again.becomes !== 'sent') return { answer: 'not sent again' }
          return claimSend(again?.item ?? item, claim, { plan, index, job, speaker, now: now(), earlier })
        })
        if (again) await reportAgain(job, again)
        if (answer === 'not sent again') throw new NotSentAgain()
        if (typeof answer === 'object' && 'changed' in answer) throw new PlanChanged(item)
        if (answer === 'claimed') run.carry['claims'] = []
        seen = item
        return answer
      },
      async complete(outcome: SendOutcome) {
        run.carry['outcome'] = { part, outcome } satisfies Carried
        // The claim is on the next send as well, which is not made yet.
        sendsNothing(run)
        const at = new Date(now()).toISOString()
        await ledger.change(job, (item) => completeSend(item, outcome, { part, at }), seen)
        delete run.carry['outcome']
      },
      async release() {
        await ledger.change(job, (item) => releaseSend(item, claim, { unclear }))
      },
    }
    return once<SendOutcome>(`send#${ledgerKey(job)}#${part.index}`, keeping, run.context, async () => {
      try {
        return await work()
      } catch (error) {
        unclear = error instanceof RetryableError && error.unclear
        if (error instanceof RetryableError && !unclear) sendsNothing(run)
        throw error
      }
    })
  }

  async function make(send: Planned, { adapter, account, provider }: Found, run: Run): Promise<SendOutcome> {
    if ('refused' in send) return { outcome: 'rejected', reason: send.refused }
    if (run.context.getRemainingTimeInMillis() < timeForOneSend)
      throw new Deferred('No time is left for another send', now())
    // An earlier one may have come since, in the same batch for instance.
    const isFirst = send.index === 0 && send.job.conversationsThreadId !== undefined
    if (isFirst && (await threads?.isWaiting(send.job))) throw notItsTurn(run)
    return masked(await adapter.send(send, account, { ...deps.tools, noteUnknownCode: noteUnknownCode(provider) }))
  }

  /** Where it is not sent again, HubSpot is told so anew: it may show SENT by itself for the second try. */
  async function reportAgain(job: DeliveryJob, { firstEventId, becomes, item: { known, reason } }: Again) {
    if (becomes !== 'sent' && known) {
      const update = statusUpdate(job, { source: 'relay', status: known, reason })
      await statusUpdates.send({ ...update, id: job.eventId }, { group: job.portalId })
    }
    telemetry.warn(`HubSpot announced a message again that it was told is FAILED. ${againSentences[becomes]}`, {
      ...about(job),
      firstEventId,
    })
    telemetry.count('AnnouncedAgain')
  }

  const noteUnknownCode = (provider: Provider) => (code: string) => {
    telemetry.warn('A code that is in no table', { provider, code: code.slice(0, 64) })
    telemetry.count('UnknownCodes', 1, { code: `${provider} ${code.slice(0, 64)}` })
  }

  /** Asks the provider what became of sends that ended in doubt, some time later. Never leads to another send. */
  async function lookUp(job: DeliveryJob, sends: Planned[], outcomes: SendOutcome[], found: Found, run: Run) {
    const { adapter, account, provider } = found
    const looked = z.number().optional().catch(undefined).parse(run.carry['looked'])
    let inDoubt = sends.filter((_, index) => outcomes[index]?.outcome === 'unknown').filter((send) => 'job' in send)
    if (!adapter.lookUp || inDoubt.length === 0) return
    for (const send of looked === undefined ? [] : inDoubt) {
      if (run.context.getRemainingTimeInMillis() < timeForOneSend) break
      const said = await adapter.lookUp(send, account, deps.tools)
      const outcome = said && masked(said)
      if (!outcome || outcome.outcome === 'unknown') continue
      const { index, of } = send
      const about = { part: { index, of }, at: new Date(now()).toISOString() }
      const { answer } = await ledger.change(job, (item) => recordLookup(item, outcome, about))
      await announce(job, about.part, provider, answer.done)
      telemetry.count('LookUpsFound')
      inDoubt = inDoubt.filter((other) => other !== send)
    }
    const next = looked === undefined ? 0 : looked + 1
    const wait = lookUpAfterSeconds[next]
    if (wait === undefined || inDoubt.length === 0) return
    run.carry['looked'] = next
    throw new Deferred('The provider is asked later what became of the message', now() + wait * 1000)
  }

  /** Queues what a send lets us know; where that is nothing yet, a verdict for the case that no receipt comes. */
  async function announce(job: DeliveryJob, part: Part, provider: string, outcome: SendOutcome) {
    const word = statusFromOutcome(outcome)
    if (word) {
      const update = statusUpdate(job, { source: provider, ...word }, part)
      await statusUpdates.send(update, { group: job.portalId })
    } else {
      const isSilent = outcome.outcome === 'sent'
      const status = isSilent && deps.onSilence === 'sent' ? 'sent' : 'unconfirmed'
      const reason = status === 'unconfirmed' ? unconfirmed : undefined
      const verdict = statusUpdate(job, { source: 'relay', status, reason, ...(isSilent && { onSilence: true }) }, part)
      const { unconfirmedAfterSeconds: delaySeconds } = deps
      await statusUpdates.send(notBefore(verdict, now() + delaySeconds * 1000), { group: job.portalId, delaySeconds })
    }
    telemetry.info('Handed to the provider', {
      ...about(job),
      ...(part.of > 1 && { part }),
      provider,
      outcome: outcome.outcome,
      status: word?.status,
      ...('providerMessageId' in outcome && { providerMessageId: outcome.providerMessageId }),
    })
    telemetry.count(metrics[outcome.outcome], 1, { channelId: job.channelId })
  }

  function statusUpdate(
    job: Omit<Undeliverable, 'eventId'>,
    word: Pick<StatusUpdate, 'source' | 'status' | 'reason' | 'providerMessageId' | 'onSilence'>,
    part?: Part,
  ): StatusUpdate {
    const { portalId, channelId, channelAccountId, messageId, traceId, createdAt: messageCreatedAt } = job
    const ids = { portalId, channelId, channelAccountId, messageId, traceId, ...(part && part.of > 1 && { part }) }
    return { v: version, ...ids, ...word, occurredAt: new Date(now()).toISOString(), messageCreatedAt }
  }

  async function noteWait(job: Delivery, run: Run, wait: { reason: string; until: string }) {
    const message = messageIn(job, run)
    if (message) await changeAsCopy(message, run, (item) => putOff(item, { what: 'delivery', ...wait }))
  }

  /** What an earlier run, or this one, could not record: no ledger entry says it. */
  async function tellCarried(job: Delivery, run: Run, { record = false } = {}) {
    const message = messageIn(job, run)
    const carried = carriedBy(run)
    if (!message || !carried) return
    await announceOnce(message, carried.part, carried.outcome, run)
    if (record) await recordCarried(message, run)
  }

  /** Announces what came of the sends that were made, and a verdict on those of which nothing is known. */
  async function beforeEnding(job: Delivery, run: Run, reason?: string) {
    const event = eventIn(job, run)
    if (event?.kind === 'undeliverable') return tellUndeliverable(event)
    const message = messageIn(job, run)
    if (!message) return
    const item = await ledger.read(message)
    const carried = carriedBy(run)
    const known = outcomesOf(item)
    if (carried) known[carried.part.index] ??= carried.outcome
    const of = carried?.part.of ?? item.plan?.of ?? 1
    for (const [index, outcome] of known.entries()) await announceOnce(message, { index, of }, outcome, run)
    const next = known.length
    const mayBeSent = item.send && !item.send.result && !claimsOf(run).includes(item.send.by)
    for (let index = next; index < of; index++) {
      const why = index === next && mayBeSent ? unconfirmed : reason && `Not sent: ${reason}`
      await giveVerdict(message, { index, of }, run, why)
    }
  }

  /** The agent's message stays SENT in HubSpot otherwise. Any later word replaces this one, of a redrive for instance. */
  async function tellUndeliverable({ message, reason }: Extract<Event, { kind: 'undeliverable' }>) {
    const verdict = statusUpdate(message, { source: 'relay', status: 'unconfirmed', reason })
    await statusUpdates.send(verdict, { group: message.portalId })
    telemetry.info('Told that the message cannot be delivered', about(message))
  }

  /** Without a reason, the job is tried once more: the verdict counts when that has surely come to an end. */
  async function giveVerdict(job: DeliveryJob, part: Part, run: Run, reason: string | undefined) {
    const verdict = statusUpdate(job, { source: 'relay', status: 'unconfirmed', reason: reason ?? unconfirmed }, part)
    const delay = reason === undefined ? run.context.getRemainingTimeInMillis() : 0
    const waiting = delay > 0 ? notBefore(verdict, now() + delay) : verdict
    await statusUpdates.send(waiting, { group: job.portalId, delaySeconds: delay / 1000 })
  }

  const schema = Delivery
  return consume<Delivery>({
    ...deps,
    version,
    schema,
    handle,
    beforeEnding,
    tellCarried,
    receive,
    noteWait,
    tenantOf,
    about,
  })
}

type Event = ReturnType<typeof readAnew>

/** What a job is about, which may be an event as HubSpot posted it. */
function read(job: Delivery, run: Run): Event {
  if ('unread' in job) return readAnew(job, run.since)
  return 'change' in job ? { kind: 'account', job } : { kind: 'message', job }
}

/** The same; undefined where nothing can be read. */
function eventIn(job: Delivery, run: Run): Event | undefined {
  try {
    return read(job, run)
  } catch (error) {
    if (error instanceof PermanentError) return undefined
    throw error
  }
}

/** The message that a job is to deliver; undefined where there is none. */
function messageIn(job: Delivery, run: Run): DeliveryJob | undefined {
  const event = eventIn(job, run)
  return event?.kind === 'message' ? { v: version, ...event.job } : undefined
}

/** How many of a message's recipients cannot be reached: those that could not be read, and those without an address. */
function unreachableBy({ needsAddresses = true }: SendAdapter<unknown>, job: DeliveryJob) {
  return (job.unreadableRecipients ?? 0) + (needsAddresses ? withoutAddress(job) : 0)
}

/** What came of a send, where it could not be recorded: it travels with the job. */
const Carried = z.object({ part: z.object({ index: z.number(), of: z.number() }), outcome: SendOutcome })
type Carried = z.infer<typeof Carried>

const carriedBy = ({ carry }: Run) => Carried.safeParse(carry['outcome']).data
const announcedIn = ({ carry }: Run) => z.number().catch(0).parse(carry['announced'])
const providerIn = ({ carry }: Run) => z.string().catch('relay').parse(carry['provider'])

/** Thrown where an account would take other sends by now than those of which some were made. */
class PlanChanged extends Error {
  override name = 'PlanChanged'
  /** What came of all of them. */
  readonly item: LedgerItem

  constructor(item: LedgerItem) {
    super('The message would take other sends by now')
    this.item = item
  }
}

/** Thrown where a message that was told FAILED came again, and stays as it is. */
class NotSentAgain extends Error {
  override name = 'NotSentAgain'
}
type Claimed = ReturnType<typeof claimSend>['answer'] | 'not sent again'

const againSentences = {
  ignored: 'It is not sent again, since the setting resend is "ignore".',
  kept: 'It is not sent again, since it may have arrived, at least in part.',
  sent: 'It is sent again.',
}

/** Tells plans apart. Kept in the ledger, so too short for anybody to find out by trying what was in them. */
function digestOf(provider: Provider, sends: Planned[]) {
  const parts = sends.map((send) => ('refused' in send ? send : send.part))
  return createHash('sha256')
    .update(JSON.stringify([provider, parts]))
    .digest('base64url')
    .slice(0, 4)
}

/** What an agent may call several sends; undefined where that cannot be said of each. */
function namesIn(sends: Planned[], { describe }: SendAdapter<unknown>) {
  const described = sends.flatMap((send) => ('refused' in send || !describe ? [] : [describe(send.part)]))
  return sends.length > 1 && described.length === sends.length ? namesOf(described) : undefined
}

type Found = { id: string; provider: Provider; adapter: SendAdapter<unknown>; account: unknown }
type Planned = Send<unknown> | { refused: string }

/** What a provider says of a refusal may quote numbers and addresses. */
const masked = (outcome: SendOutcome): SendOutcome =>
  outcome.outcome === 'rejected' ? { ...outcome, reason: cleanReason(outcome.reason) } : outcome

/** Notes that this run has certainly made no send that it claims: the next may go on with it at once. */
function sendsNothing(run: Run) {
  run.carry['claims'] = [...claimsOf(run).filter((id) => id !== run.id), run.id]
}

// Milliseconds: a provider's timeout, and what is to be written afterwards.
const timeForOneSend = 25_000
const lookUpAfterSeconds = [30, 120, 600]

const metrics = { sent: 'DeliveriesSent', rejected: 'DeliveriesRejected', unknown: 'DeliveriesUnknown' }
const nobody = 'A recipient has no address that can be read.'
const unconfirmed = 'The messaging service did not confirm this message. It may or may not have arrived.'
