import type { AppSecret, ReadAppSecret } from './hubspot/app-secret.ts'
import { readEvent, toAccountChange, toAnnouncement, toDelivery } from './hubspot/events.ts'
import { isFresh, verify } from './hubspot/signature.ts'
import {
  about,
  type ChannelAccountChanged,
  type DeliveryJob,
  type MessageAnnounced,
  tenantOf,
  type UnreadEvent,
  version,
} from './messages/jobs.ts'
import { deadLetter } from './platform/envelope.ts'
import {
  calledUrl,
  type HttpAnswer,
  type HttpEvent,
  header,
  httpHandler,
  largestBody,
  rawBody,
} from './platform/http-event.ts'
import { gzip, type Queue, TooLargeForQueue } from './platform/queue.ts'
import type { Telemetry } from './platform/telemetry.ts'

/** What `hubspot-webhook` works with. */
export type Deps = {
  appSecret: ReadAppSecret
  queue: Queue
  deadLetters: Queue
  /** Whether the relay delivers messages; if the team does, by its own means, they are only recorded, without their content. */
  delivers: boolean
  publicBaseUrl: string | undefined
  telemetry: Telemetry
  now(): number
}

/** The route that HubSpot posts to, as it stands in the URL that HubSpot signs. */
export const path = '/hubspot/webhook'

/**
 * Takes HubSpot's webhooks: verifies the signature over the raw body, reads the event, queues the message. HubSpot gets
 * its 2xx only once SQS has the message, since it may never send again what was acknowledged, or refused.
 */
export function createHandler(deps: Deps) {
  const { queue, deadLetters, telemetry, now } = deps

  return httpHandler(telemetry, async (event) => {
    const body = rawBody(event)
    const traceId = event.requestContext.requestId
    if (body.length > largestBody) return refuse(413, 'too large', 'larger than 1 MiB', { traceId, bytes: body.length })
    const url = calledUrl(event, path, deps.publicBaseUrl)
    const refusal = await whyNotHubSpots(event, url, body)
    if (!refusal) return accept(body, traceId)
    return refuse(401, ...refusal, { traceId, url: withoutQueryValues(url), headers: signatureHeadersOf(event) })
  })

  /** Why a request is not HubSpot's, for the metric and for the log; undefined where it is. */
  async function whyNotHubSpots(event: HttpEvent, url: string, body: Buffer): Promise<[Refusal, string] | undefined> {
    const signature = header(event, 'x-hubspot-signature-v3')
    const timestamp = header(event, 'x-hubspot-request-timestamp')
    if (!signature)
      return ['unsigned', header(event, 'x-hubspot-signature') ? 'only a signature of version 1 or 2' : 'no signature']
    if (!timestamp) return ['unsigned', 'no timestamp']
    if (!isFresh(timestamp, now())) return ['stale', 'timestamp is no time in milliseconds within five minutes of now']

    const request = { method: event.requestContext.http.method, url, body, timestamp }
    const matches = ({ clientSecrets }: AppSecret) =>
      clientSecrets.findIndex((secret) => verify(request, signature, secret))
    let match = matches(await deps.appSecret())
    // The secret may have been rotated since it was read.
    if (match < 0) match = matches(await deps.appSecret({ fresh: true }))
    if (match > 0) telemetry.count('VerifiedByPreviousSecret')
    return match < 0 ? ['mismatch', 'signature does not match'] : undefined
  }

  /** A signed body is never refused: one that cannot be read waits among the dead letters for a version that can. */
  async function accept(body: Buffer, traceId: string): Promise<HttpAnswer> {
    const read = readEvent(body)
    if (read.kind === 'message') {
      const message = toDelivery(read.event, body, { traceId, receivedAt: now() })
      const job: DeliveryJob | MessageAnnounced = { v: version, ...(deps.delivers ? message : toAnnouncement(message)) }
      await queueInWhateverForm(job, body)
      return acknowledge('Message queued', 'MessagesAccepted', about(job))
    }
    if (read.kind === 'unreadable') {
      const job: UnreadEvent = { v: version, unread: gzip(body), traceId }
      const reason = `Unreadable event: ${read.problem}`
      await deadLetters.send(deadLetter(job, { reason, attempts: 1, since: now(), at: now() }), {
        group: tenantOf(job),
      })
      return acknowledge('Unreadable event, kept among the dead letters', 'UnreadableEvents', { traceId, reason })
    }
    if (read.kind === 'account') {
      const job = { v: version, ...toAccountChange(read.event, { traceId, receivedAt: now() }) }
      await queue.send(job satisfies ChannelAccountChanged, { group: tenantOf(job) })
      return acknowledge('Channel account event', 'ChannelAccountEvents', { ...about(job), type: read.event.type })
    }
    return acknowledge('Event of an unknown type', 'UnknownEvents', { type: read.type, traceId })
  }

  /** A job holds its text twice; where that is too much for SQS, the body alone goes, and is read again by its consumer. */
  async function queueInWhateverForm(job: DeliveryJob | MessageAnnounced, body: Buffer) {
    const group = tenantOf(job)
    try {
      await queue.send(job, { group })
    } catch (error) {
      if (!(error instanceof TooLargeForQueue)) throw error
      await queue.send({ v: version, unread: gzip(body), traceId: job.traceId } satisfies UnreadEvent, { group })
    }
  }

  function acknowledge(message: string, metric: string, fields: object): HttpAnswer {
    telemetry.info(message, fields)
    telemetry.count(metric)
    return { statusCode: 204 }
  }

  function refuse(statusCode: number, reason: Refusal, why: string, fields: object): HttpAnswer {
    telemetry.warn('Webhook refused', { why, ...fields })
    telemetry.count('WebhooksRefused', 1, { reason })
    return { statusCode, body: '' }
  }
}

type Refusal = 'unsigned' | 'stale' | 'mismatch' | 'too large'

const signatureHeadersOf = ({ headers }: HttpEvent) => Object.keys(headers).filter((name) => /hubspot/i.test(name))

// The query may hold a token, or be one; its names are enough to see which URL was used.
const withoutQueryValues = (url: string) => url.replace(/([?&])([^=&]*=)?[^&]*/g, '$1$2…')
