import { version } from '../messages/job-version.ts'
import type { ChannelAccountChanged, DeliveryJob, DeliveryQueueJob, RawEvent } from '../messages/jobs.ts'
import { gunzip, gzip } from '../platform/queue.ts'
import { PermanentError } from '../platform/retry.ts'
import { type ParsedEvent, parseEvent } from './events.ts'

/** What an event says is to be done. */
export type EventToHandle =
  | { kind: 'message'; job: DeliveryJob }
  | { kind: 'account'; job: ChannelAccountChanged }
  | Extract<ParsedEvent, { kind: 'undeliverable' }>

/**
 * An event as HubSpot posted it, byte by byte, in as many pieces as SQS needs: it takes 1 MiB, and little of what HubSpot may
 * post is larger than that once gzipped. Joined, the pieces are the whole again.
 */
export function toRawEvents(body: Uint8Array, traceId: string): RawEvent[] {
  const packed = gzip(body)
  const of = Math.ceil(packed.length / maxPieceLength)
  if (of <= 1) return [{ v: version, type: 'event', rawBody: packed, traceId }]
  return Array.from({ length: of }, (_, index) => {
    const rawBody = packed.slice(index * maxPieceLength, (index + 1) * maxPieceLength)
    return { v: version, type: 'event', rawBody, piece: { index, of }, traceId }
  })
}

// In characters of base64; the rest of 1 MiB is for what surrounds it.
const maxPieceLength = 1_000_000

/** Parses a raw event. Throws PermanentError where this version still cannot tell what to do with it. */
export function parseRawEvent(event: RawEvent, receivedAt: number): EventToHandle {
  const { rawBody, piece, traceId } = event
  if (piece) return inPieces(event, piece, receivedAt)
  const parsed = parseEvent(unpacked(rawBody), { traceId, receivedAt })
  if (parsed.kind === 'unreadable') throw new PermanentError(`Still unreadable: ${parsed.problem}`)
  if (parsed.kind === 'unknown' || parsed.kind === 'test')
    throw new PermanentError('Still of a type that this version does not know')
  switch (parsed.kind) {
    case 'message':
      return { kind: 'message', job: { v: version, ...parsed.job } }
    case 'account':
      return { kind: 'account', job: { v: version, ...parsed.job } }
    case 'undeliverable':
      return parsed
  }
}

function unpacked(rawBody: string) {
  try {
    return gunzip(rawBody)
  } catch (cause) {
    throw new PermanentError('The event cannot be unpacked', { cause })
  }
}

/** A message that is too large for SQS cannot be delivered; the first of its pieces knows whose it is. */
function inPieces(event: RawEvent, { index, of }: { index: number; of: number }, receivedAt: number): EventToHandle {
  const problem = `larger than SQS takes, piece ${index + 1} of ${of}`
  const { portalId, channelId, channelAccountId, messageId, traceId } = event
  if (portalId === undefined || channelId === undefined || messageId === undefined) throw new PermanentError(problem)
  const { createdAt = new Date(receivedAt).toISOString() } = event
  const message = { portalId, channelId, channelAccountId, messageId, createdAt, traceId }
  return { kind: 'undeliverable', message, reason: tooLarge, problem }
}

const tooLarge =
  'The message was not sent: it is too large. Send it in several messages, and pictures as files instead of within the text.'

/** The event that a job carries, raw or parsed. Throws PermanentError as `parseRawEvent` does. */
export function eventOf(job: DeliveryQueueJob, receivedAt: number): EventToHandle {
  switch (job.type) {
    case 'message':
      return { kind: 'message', job }
    case 'account':
      return { kind: 'account', job }
    case 'event':
      return parseRawEvent(job, receivedAt)
  }
}

/** The same; undefined where it cannot be read. */
export function eventIfReadable(job: DeliveryQueueJob, receivedAt: number): EventToHandle | undefined {
  try {
    return eventOf(job, receivedAt)
  } catch (error) {
    if (error instanceof PermanentError) return undefined
    throw error
  }
}

/** The message that a job is to deliver; undefined where it is none that can be read. */
export function messageIfReadable(job: DeliveryQueueJob, receivedAt: number) {
  const event = eventIfReadable(job, receivedAt)
  return event?.kind === 'message' ? event.job : undefined
}
