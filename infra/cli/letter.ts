import type { Message } from '@aws-sdk/client-sqs'
import { about } from '../../functions/messages/about.ts'
import { sanitiseReason } from '../../functions/messages/sanitise-reason.ts'
import { type Copy, deadLetter, openEnvelope } from '../../functions/platform/envelope.ts'
import { gunzip } from '../../functions/platform/queue.ts'
import type { QueueName } from './queues.ts'

/** A dead letter, whoever put it there. Times are in milliseconds since 1970. */
export type Letter = {
  /** Its id in SQS, among the dead letters. */
  id: string
  queue: QueueName
  reason: string
  attempts: number
  /** When the job was first sent. */
  since: number
  /** Whether it is a message that was not delivered in time: the agent was told so, and may have sent it again by hand. */
  givenUp: boolean
  /** The ids of what it is about, as far as they can be read. */
  about: ReturnType<typeof about>
  /** The job as its consumer knows it, and its progress, with which a redrive goes on. */
  job: unknown
  progress: object
  copy?: Copy | undefined
}

/**
 * Reads a message among the dead letters: wrapped with its reason where the relay put it there, and bare where SQS did,
 * after it had been received `maxReceives` times.
 */
export function readLetter(
  message: Message,
  { queue, maxReceives }: { queue: QueueName; maxReceives: number },
): Letter {
  const { body: job, waiting, deadLetter, progress, copy } = openEnvelope(message.Body ?? '')
  const { SentTimestamp, DeadLetterQueueSourceArn } = message.Attributes ?? {}
  const common = { id: message.MessageId ?? '', queue, about: about(job), job, progress, copy }
  const givenUp = queue === 'deliveries' && (deadLetter?.reason.startsWith('Given up') ?? false)
  // SQS names the source where it moved the message itself: then the reason is of an earlier time.
  if (deadLetter && !DeadLetterQueueSourceArn)
    return { ...common, ...deadLetter, since: Date.parse(deadLetter.since), givenUp }
  const before = deadLetter ? `, redriven after: ${deadLetter.reason}` : ''
  return {
    ...common,
    reason: `Received ${maxReceives} times without success${before}`,
    attempts: (waiting?.attempt ?? 0) + maxReceives,
    since: waiting?.since ?? Number(SentTimestamp),
    givenUp,
  }
}

/** What is sent back to the letter's queue: the job with its history and with its progress. Its consumer tries it again. */
export function toRedrive({ job, reason, attempts, since, progress, copy }: Letter, now: number) {
  return deadLetter(job, { reason, attempts, since, at: now, progress, copy })
}

/** Which letters are meant; what is absent does not matter. */
export type Filters = {
  portal?: string
  message?: string
  /** A part of the reason, in any case. */
  reason?: string
  /** In milliseconds. */
  olderThan?: number
  newerThan?: number
}

/** Whether a letter is meant. Its age counts from when the job was first sent. */
export function isMeant({ about, reason, since }: Letter, filters: Filters, now: number) {
  const age = now - since
  return (
    (filters.portal === undefined || about.portalId === filters.portal) &&
    (filters.message === undefined || about.messageId === filters.message) &&
    (filters.reason === undefined || reason.toLowerCase().includes(filters.reason.toLowerCase())) &&
    (filters.olderThan === undefined || age > filters.olderThan) &&
    (filters.newerThan === undefined || age < filters.newerThan)
  )
}

/** A letter's job for the operator's eyes. Without its text everything is hidden but what is known to be harmless. */
export function shown(job: unknown, { withText }: { withText?: boolean }): unknown {
  if (typeof job !== 'object' || job === null) return withText ? job : hidden
  return Object.fromEntries(
    Object.entries(job).map(([key, value]) => [key, withText ? inFull(key, value) : veiled(key, value)]),
  )
}

/** A piece of a body that was too large for SQS stays as it is: only all of them together can be unpacked. */
function inFull(key: string, value: unknown) {
  try {
    return key === 'rawBody' && typeof value === 'string' ? gunzip(value).toString() : value
  } catch {
    return value
  }
}

function veiled(key: string, value: unknown) {
  if (key === 'reason' && typeof value === 'string') return sanitiseReason(value)
  return harmless.has(key) ? value : hidden
}

const hidden = '(hidden)'
const harmless = new Set([
  'v',
  'piece',
  'portalId',
  'channelId',
  'channelAccountId',
  'messageId',
  'eventId',
  'traceId',
  'status',
  'source',
  'id',
  'providerMessageId',
  'createdAt',
  'occurredAt',
  'messageCreatedAt',
])
