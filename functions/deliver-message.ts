import { createHash } from 'node:crypto'
import { readAnew } from './hubspot/events.ts'
import { about, Delivery, type DeliveryJob, type StatusUpdate, tenantOf, version } from './messages/jobs.ts'
import { claimSend, completeSend, type Ledger, ledgerKey, releaseSend, SendOutcome, wordOf } from './messages/ledger.ts'
import { type ConsumerDeps, claimsOf, consume, notBefore, type Run } from './platform/consume.ts'
import { once } from './platform/idempotent.ts'
import type { Queue } from './platform/queue.ts'
import { TryLater } from './platform/retry.ts'
import type { Accounts, Provider } from './providers/accounts.ts'
import type { SendFace, SendTools } from './providers/provider.ts'

/** What `deliver-message` works with. */
export type Deps = ConsumerDeps & {
  accounts: Accounts<SendFace<unknown>>
  tools: SendTools
  ledger: Ledger
  statusUpdates: Queue
  /** How long a message may go without a word of its provider before it counts as failed, in seconds. */
  unconfirmedAfterSeconds: number
}

/**
 * Hands a message to its provider, once, and queues what is known of it by that. Only the provider's call is inside the
 * idempotency; the status update is queued outside, on every receive. Why: docs/decisions/0002-sending-once.md.
 */
export function createHandler(deps: Deps) {
  const { accounts, ledger, statusUpdates, telemetry, now } = deps

  async function handle(job: Delivery, run: Run) {
    const message = 'unread' in job ? { v: version, ...readAnew(job, run.since) } : job
    const found = await accounts.find(message)
    if (!found)
      throw new TryLater(`No secret for channel account ${message.channelAccountId} or channel ${message.channelId}`)
    const outcome = await sendOnce(message, found, run)
    await announce(message, found.provider, outcome)
  }

  function sendOnce(job: DeliveryJob, { face, account }: { face: SendFace<unknown>; account: unknown }, run: Run) {
    const place = face.repeatableAt?.(account, { job, now: now() })
    const at = place && createHash('sha256').update(place).digest('base64url').slice(0, 12)
    const claim = { by: run.id, until: now() + run.context.getRemainingTimeInMillis(), at }
    let unclear = false
    const record = async (outcome: SendOutcome) => {
      const { answer } = await ledger.change(job, (item) => completeSend(item, outcome, new Date(now()).toISOString()))
      delete run.carry['outcome']
      return answer.done
    }
    const keeping = {
      async begin() {
        // An earlier run sent the message, and could not record what came of it.
        const known = SendOutcome.safeParse(run.carry['outcome']).data
        if (known) return { done: await record(known) }
        const earlier = claimsOf(run)
        // Until the claim stands, this run certainly sends nothing: if the write fails, the next one may take it over.
        run.carry['claims'] = [...earlier, claim.by]
        const { answer } = await ledger.change(job, (item) => claimSend(item, claim, { now: now(), earlier }))
        run.carry['claims'] = []
        return answer
      },
      async complete(outcome: SendOutcome) {
        run.carry['outcome'] = outcome
        await record(outcome)
      },
      async release() {
        await ledger.change(job, (item) => releaseSend(item, claim, { unclear }))
      },
    }
    return once<SendOutcome>(`send#${ledgerKey(job)}`, keeping, run.context, async () => {
      try {
        const plan = face.plan(job, account)
        if ('refused' in plan) return { outcome: 'rejected', reason: plan.refused }
        return await face.send(
          { job, part: plan.sends[0], index: 0, of: 1, receiptsUrl: undefined },
          account,
          deps.tools,
        )
      } catch (error) {
        unclear = error instanceof TryLater && error.unclear
        throw error
      }
    })
  }

  /** Queues what the send lets us know; where that is nothing yet, a verdict for the case that no receipt comes. */
  async function announce(job: DeliveryJob, provider: Provider, outcome: SendOutcome) {
    const word = wordOf(outcome)
    if (word) await statusUpdates.send(statusUpdate(job, { source: provider, ...word }), { group: job.portalId })
    else {
      const verdict = statusUpdate(job, { source: 'relay', status: 'unconfirmed', reason: unconfirmed })
      const { unconfirmedAfterSeconds: delaySeconds } = deps
      await statusUpdates.send(notBefore(verdict, now() + delaySeconds * 1000), { group: job.portalId, delaySeconds })
    }
    telemetry.info('Handed to the provider', {
      ...about(job),
      provider,
      outcome: outcome.outcome,
      status: word?.status,
    })
    telemetry.count(metrics[outcome.outcome])
  }

  function statusUpdate(
    job: DeliveryJob,
    word: Pick<StatusUpdate, 'source' | 'status' | 'reason' | 'providerMessageId'>,
  ): StatusUpdate {
    const { portalId, channelId, channelAccountId, messageId, traceId, createdAt: messageCreatedAt } = job
    const ids = { portalId, channelId, channelAccountId, messageId, traceId }
    return { v: version, ...ids, ...word, occurredAt: new Date(now()).toISOString(), messageCreatedAt }
  }

  async function beforeGivingUp(job: Delivery, reason: string) {
    if ('unread' in job) return
    const verdict = {
      source: 'relay',
      status: 'unconfirmed',
      reason: `The message could not be delivered. ${reason}`,
    } as const
    await statusUpdates.send(statusUpdate(job, verdict), { group: job.portalId })
  }

  return consume<Delivery>({ ...deps, version, schema: Delivery, handle, beforeGivingUp, tenantOf, about })
}

const metrics = { sent: 'DeliveriesSent', rejected: 'DeliveriesRejected', unknown: 'DeliveriesUnknown' }
const unconfirmed = 'The messaging service did not confirm this message. It may or may not have arrived.'
