import * as z from 'zod'
import { notBefore } from '../platform/envelope.ts'
import type { Queue } from '../platform/queue.ts'
import type { Telemetry } from '../platform/telemetry.ts'
import { about } from './about.ts'
import type { Again } from './announced-again.ts'
import { version } from './job-version.ts'
import type { DeliveryJob } from './jobs.ts'
import { decidingPart } from './knowledge.ts'
import type { Part, SendOutcome } from './record.ts'
import { statusFromOutcome } from './sending.ts'
import type { StatusUpdate } from './status-update.ts'

/** What queueing outcomes needs. */
export type OutcomeDeps = {
  statusUpdates: Queue
  telemetry: Telemetry
  now(): number
  /** How long the provider may stay silent about a message before the relay's conclusion counts, in seconds. */
  unconfirmedAfterSeconds: number
  /** That conclusion, for a message that the provider took. One whose answer was lost is always `unconfirmed`. */
  silenceMeans: 'sent' | 'failed'
}

/** How far a run has queued the outcomes of a message's sends, for the next run to go on from. */
export const OutcomeProgress = z.object({
  /** How many sends have had their outcome queued, and which provider they went through. */
  queued: z.number().optional().catch(undefined),
  provider: z.string().optional().catch(undefined),
  /** Whether the last attempt failed because the provider does not accept the account. */
  isAccountError: z.boolean().optional().catch(undefined),
})
export type OutcomeProgress = z.infer<typeof OutcomeProgress>

type Message = Pick<DeliveryJob, 'portalId' | 'channelId' | 'messageId' | 'createdAt' | 'traceId'> & {
  channelAccountId?: string | undefined
}

/** Queues the outcomes of sends, for HubSpot to be told. */
export type OutcomeQueue = ReturnType<typeof createOutcomeQueue>

export function createOutcomeQueue(deps: OutcomeDeps) {
  const { statusUpdates, telemetry, now, unconfirmedAfterSeconds } = deps

  /** Queues the status that a send results in; where there is none yet, a conclusion in case no receipt comes. */
  async function queue(job: DeliveryJob, part: Part, provider: string, outcome: SendOutcome) {
    const result = statusFromOutcome(outcome)
    if (result) await send(statusUpdate(job, { source: provider, ...result }, part))
    else await send(statusUpdate(job, onceSilent(outcome, deps), part), unconfirmedAfterSeconds)
    telemetry.info('Send outcome queued', {
      ...about(job),
      ...(part.of > 1 && { part }),
      provider,
      outcome: outcome.outcome,
      status: result?.status,
      ...('providerMessageId' in outcome && { providerMessageId: outcome.providerMessageId }),
    })
    telemetry.count(metrics[outcome.outcome], 1, { channelId: job.channelId })
  }

  /** Queues an update. One that counts later happens when it does. */
  async function send(update: Omit<StatusUpdate, 'occurredAt'>, delaySeconds = 0) {
    const at = now() + delaySeconds * 1000
    const job = { ...update, occurredAt: new Date(at).toISOString() }
    await statusUpdates.send(delaySeconds > 0 ? notBefore(job, at) : job, { group: update.portalId, delaySeconds })
  }

  function statusUpdate(
    { portalId, channelId, channelAccountId, messageId, traceId, createdAt: messageCreatedAt }: Message,
    word: Pick<StatusUpdate, 'source' | 'status' | 'reason' | 'code' | 'providerMessageId' | 'onSilence'>,
    part?: Part,
  ): Omit<StatusUpdate, 'occurredAt'> {
    const ids = { portalId, channelId, channelAccountId, messageId, traceId, ...(part && part.of > 1 && { part }) }
    return { v: version, type: 'status', ...ids, ...word, messageCreatedAt }
  }

  return {
    queue,

    /** The outcomes of a message's sends are queued in their order, each by the first run that can. */
    async queueOnce(job: DeliveryJob, part: Part, outcome: SendOutcome, progress: OutcomeProgress) {
      if (part.index < (progress.queued ?? 0)) return
      await queue(job, part, progress.provider ?? 'relay', outcome)
      progress.queued = part.index + 1
    },

    /** Queues a conclusion on a send of which nothing is known; it counts once the time in which that may change has passed. */
    async queueUnconfirmed(job: DeliveryJob, part: Part, reason: string | undefined, countsAfterMilliseconds: number) {
      const conclusion = { source: 'relay', status: 'unconfirmed', reason: reason ?? unconfirmedReason } as const
      await send(statusUpdate(job, conclusion, part), countsAfterMilliseconds / 1000)
    },

    /**
     * HubSpot announced a message again after it was told that it FAILED. If it is not sent again, HubSpot is told so once
     * more, since it may show SENT by itself for the second attempt.
     */
    async queueAgain(job: DeliveryJob, { firstEventId, becomes, item }: Again) {
      const { known, reason } = item
      if (becomes !== 'sent' && known) {
        // Of several sends, said of the whole it would count for each.
        const update = statusUpdate(job, { source: 'relay', status: known, reason }, decidingPart(item))
        await send({ ...update, id: job.eventId })
      }
      const sentence = `HubSpot announced a message again after it was told that it FAILED. ${againSentences[becomes]}`
      telemetry.warn(sentence, { ...about(job), firstEventId })
      telemetry.count('AnnouncedAgain')
    },

    /** Otherwise the message would stay SENT in HubSpot. Any later status replaces this one, after a redrive for instance. */
    async queueUndeliverable(message: Message, reason: string) {
      await send(statusUpdate(message, { source: 'relay', status: 'unconfirmed', reason }))
      telemetry.info('Queued: message cannot be delivered', about(message))
    },
  }
}

/** The conclusion that counts where no receipt comes. */
function onceSilent({ outcome }: SendOutcome, { silenceMeans }: OutcomeDeps) {
  const isTaken = outcome === 'sent'
  const conclusion =
    isTaken && silenceMeans === 'sent'
      ? { status: 'sent' as const }
      : { status: 'unconfirmed' as const, reason: unconfirmedReason }
  return { source: 'relay', ...conclusion, ...(isTaken && { onSilence: true as const }) }
}

/** What an agent reads of a send whose outcome is never reported. */
export const unconfirmedReason = 'The messaging service did not confirm this message. It may or may not have arrived.'

const againSentences = {
  ignored: 'It is not sent again, since the setting resend is "ignore".',
  withheld: 'It is not sent again, since it may have arrived, at least in part.',
  sent: 'It is sent again.',
}

const metrics = { sent: 'DeliveriesSent', rejected: 'DeliveriesRejected', 'in doubt': 'DeliveriesInDoubt' }
