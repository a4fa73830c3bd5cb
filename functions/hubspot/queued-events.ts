import { version } from '../messages/job-version.ts'
import type { ChannelAccountChanged, Delivery, DeliveryJob, UnreadEvent } from '../messages/jobs.ts'
import { gunzip } from '../platform/queue.ts'
import { PermanentError } from '../platform/retry.ts'
import { type ReadEvent, readEvent } from './events.ts'

/** What an event says is to be done. */
export type EventToHandle =
  | { kind: 'message'; job: DeliveryJob }
  | { kind: 'account'; job: ChannelAccountChanged }
  | Extract<ReadEvent, { kind: 'undeliverable' }>

/** Reads an event that was queued as it came. Throws PermanentError where it still says nothing that could be done. */
export function readAnew(event: UnreadEvent, receivedAt: number): EventToHandle {
  const { unread, piece, traceId } = event
  if (piece) return inPieces(event, piece, receivedAt)
  const read = readEvent(gunzip(unread), { traceId, receivedAt })
  if (read.kind === 'unreadable') throw new PermanentError(`Still not to be read: ${read.problem}`)
  if (read.kind === 'unknown' || read.kind === 'trial')
    throw new PermanentError('Still of a type that this version does not know')
  switch (read.kind) {
    case 'message':
      return { kind: 'message', job: { v: version, ...read.job } }
    case 'account':
      return { kind: 'account', job: { v: version, ...read.job } }
    case 'undeliverable':
      return read
  }
}

/** A message that is too large for SQS cannot be delivered; the first of its pieces knows whose it is. */
function inPieces(event: UnreadEvent, { index, of }: { index: number; of: number }, receivedAt: number): EventToHandle {
  const problem = `larger than SQS takes, piece ${index + 1} of ${of}`
  const { portalId, channelId, channelAccountId, messageId, traceId } = event
  if (portalId === undefined || channelId === undefined || messageId === undefined) throw new PermanentError(problem)
  const { createdAt = new Date(receivedAt).toISOString() } = event
  const message = { portalId, channelId, channelAccountId, messageId, createdAt, traceId }
  return { kind: 'undeliverable', message, reason: tooLarge, problem }
}

const tooLarge =
  'The message was not sent: it is too large. Send it in several messages, and pictures as files instead of within the text.'

/** What a job is about, which may be an event as HubSpot posted it. Throws PermanentError as `readAnew` does. */
export function eventOf(job: Delivery, receivedAt: number): EventToHandle {
  switch (job.type) {
    case 'message':
      return { kind: 'message', job }
    case 'account':
      return { kind: 'account', job }
    case 'event':
      return readAnew(job, receivedAt)
  }
}

/** The same; undefined where nothing can be read. */
export function eventIfRead(job: Delivery, receivedAt: number): EventToHandle | undefined {
  try {
    return eventOf(job, receivedAt)
  } catch (error) {
    if (error instanceof PermanentError) return undefined
    throw error
  }
}
