import type { ReadAppSecret } from './hubspot/app-secret.ts'
import { eventsIn, maxEventBytes, maxEvents } from './hubspot/event-array.ts'
import { type ParsedEvent, parseEvent, toAnnouncement } from './hubspot/events.ts'
import type { Arrival, Undeliverable } from './hubspot/outgoing-message.ts'
import { toRawEvents } from './hubspot/queued-events.ts'
import { rejectionOf, type WebhookRejection } from './hubspot/verify-webhook.ts'
import { about, tenantOf } from './messages/about.ts'
import { Digits } from './messages/ids.ts'
import { version } from './messages/job-version.ts'
import type { Announcement, ChannelAccountChanged, DeliveryJob, RawEvent } from './messages/jobs.ts'
import { allOf, allOfEach } from './platform/all-of.ts'
import { deadLetter } from './platform/envelope.ts'
import { calledUrl, type HttpAnswer, type HttpEvent, httpHandler, rawBody } from './platform/http-event.ts'
import { type Queue, TooLargeForQueue } from './platform/queue.ts'
import type { Telemetry } from './platform/telemetry.ts'

/** What `hubspot-webhook` needs. */
export type Deps = {
  appSecret: ReadAppSecret
  queue: Queue
  deadLetters: Queue
  /** Whether the relay delivers messages; if the team delivers them itself, they are only recorded, without their content. */
  delivers: boolean
  publicBaseUrl: string | undefined
  telemetry: Telemetry
  now(): number
}

/** The route that HubSpot posts to, as it is in the URL that HubSpot signs. */
export const path = '/hubspot/webhook'

/**
 * Takes HubSpot's webhooks: verifies the signature over the raw body, reads the event, queues the message. HubSpot gets
 * its 2xx only once SQS has the message, since it may never resend what was acknowledged or rejected.
 */
export function createHandler(deps: Deps) {
  const { queue, deadLetters, telemetry, now } = deps

  return httpHandler(telemetry, async (event) => {
    const body = rawBody(event)
    const traceId = event.requestContext.requestId
    const url = calledUrl(event, path, deps.publicBaseUrl)
    const rejection = await rejectionOf(event, { url, body }, deps)
    if (!rejection) return acceptEvents(body, traceId)
    return rejectRequest(rejection, { traceId, url: withoutQueryValues(url), headers: signatureHeadersOf(event) })
  })

  /** What HubSpot signed is never rejected: an event that cannot be read waits among the dead letters for a version that can. */
  async function acceptEvents(body: Buffer, traceId: string): Promise<HttpAnswer> {
    const events = eventsIn(body)
    const arrival = { traceId, receivedAt: now() }
    if (events.length === 0 || events.length > maxEvents)
      await keepUnreadable(body, `an array of ${events.length} events`, traceId)
    // Each is safe before the answer, whatever becomes of the others.
    else await allOfEach(events, (event) => acceptEvent(Buffer.from(event), arrival))
    return { statusCode: 204 }
  }

  async function acceptEvent(body: Buffer, arrival: Arrival) {
    const event = parseEvent(body, arrival)
    const { traceId } = arrival
    const unexpected = event.unexpected.length > 0 ? { unexpected: event.unexpected } : {}
    for (const field of event.unexpected) telemetry.count('UnexpectedFields', 1, { field })
    switch (event.kind) {
      case 'message':
        await (deps.delivers ? queueMessage(event.job, body) : queueJob(toAnnouncement(event.job)))
        // The only line that names the thread, so that an operator can find its messages. In another form it may be anything.
        return logAndCount('Message queued', 'MessagesAccepted', {
          ...about(event.job),
          threadId: Digits.safeParse(event.job.conversationsThreadId).data,
          ...unexpected,
        })
      case 'undeliverable':
        return acceptUndeliverable(event, body, unexpected)
      case 'account':
        await queueJob(event.job)
        return logAndCount('Channel account event', 'ChannelAccountEvents', {
          ...about(event.job),
          change: event.job.change,
          ...unexpected,
        })
      case 'test':
        return telemetry.info('A test of the webhook', { traceId })
      case 'unknown': {
        const type = /^[\w.:-]{1,60}$/.test(event.type) ? event.type : 'other'
        telemetry.count('UnknownEvents', 1, { type })
        return keepUnreadable(body, `an unknown type, ${type}`, traceId)
      }
      case 'unreadable':
        return keepUnreadable(body, event.problem, traceId)
    }
  }

  /** The consumer tells the agent, and keeps the event. Where the team delivers, the message may have gone out. */
  async function acceptUndeliverable(
    { message, problem }: Extract<ParsedEvent, { kind: 'undeliverable' }>,
    body: Buffer,
    fields: object,
  ) {
    const { channelAccountId } = message
    if (deps.delivers) await queueRaw(message, body)
    else if (channelAccountId === undefined) return keepUnreadable(body, problem, message.traceId)
    else await queueJob(toAnnouncement({ ...message, channelAccountId }))
    telemetry.warn('Message that cannot be delivered', { ...about(message), problem, ...fields })
    telemetry.count(deps.delivers ? 'MessagesUndeliverable' : 'MessagesAccepted')
  }

  /** A job holds its text twice; where that is too much for SQS, the raw body alone is queued, and parsed by the consumer. */
  async function queueMessage(job: Omit<DeliveryJob, 'v'>, body: Buffer) {
    if (body.length > maxEventBytes) return queueRaw(job, body)
    try {
      await queueJob(job)
    } catch (error) {
      if (!(error instanceof TooLargeForQueue)) throw error
      await queueRaw(job, body)
    }
  }

  function queueJob(job: NewJob) {
    return queue.send({ v: version, ...job }, { group: tenantOf(job) })
  }

  /** A body too large for one SQS message is kept among the dead letters in pieces; the first piece tells the agent. */
  async function queueRaw(message: Undeliverable, body: Buffer) {
    const { portalId, channelId, channelAccountId, messageId, createdAt, traceId } = message
    const ids = { portalId, channelId, channelAccountId, messageId, createdAt }
    const [first, ...others] = toRawEvents(body, traceId)
    await allOf(others.map((piece) => keepPiece(piece, 'larger than SQS takes')))
    await queue.send({ ...first!, ...ids }, { group: portalId })
  }

  /** Among the dead letters, byte by byte. */
  async function keepUnreadable(body: Buffer, problem: string, traceId: string) {
    const reason = `Unreadable event: ${problem}`
    await allOf(toRawEvents(body, traceId).map((piece) => keepPiece(piece, reason)))
    logAndCount('Unreadable event, kept among the dead letters', 'UnreadableEvents', { traceId, reason })
  }

  function keepPiece(job: RawEvent, reason: string) {
    const letter = deadLetter(job, { reason, attempts: 1, since: now(), at: now() })
    return deadLetters.send(letter, { group: tenantOf(job) })
  }

  function logAndCount(message: string, metric: string, fields: object) {
    telemetry.info(message, fields)
    telemetry.count(metric)
  }

  function rejectRequest({ reason, why }: WebhookRejection, fields: object): HttpAnswer {
    telemetry.warn('Webhook rejected', { why, ...fields })
    telemetry.count('WebhooksRejected', 1, { reason })
    return { statusCode: 401, body: '' }
  }
}

type NewJob = Omit<DeliveryJob, 'v'> | Omit<Announcement, 'v'> | Omit<ChannelAccountChanged, 'v'>

const signatureHeadersOf = ({ headers }: HttpEvent) => Object.keys(headers).filter((name) => /hubspot/i.test(name))

// The query may hold a token, or be one; its names are enough to see which URL was used.
const withoutQueryValues = (url: string) => url.replace(/([?&])([^=&]*=)?[^&]*/g, '$1$2…')
