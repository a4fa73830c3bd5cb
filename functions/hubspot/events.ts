import * as z from 'zod'
import type { ChannelAccountChanged, DeliveryJob, MessageAnnounced, UnreadEvent } from '../messages/jobs.ts'
import { problems } from '../platform/problems.ts'
import { gunzip } from '../platform/queue.ts'
import { GiveUp } from '../platform/retry.ts'

// HubSpot documents strings for ids and times, and contradicts itself on delivery identifiers; both readings are taken
// (docs/hubspot.md). What may be missing may be null. Fields that are not named here may come and go.
const optional = <Schema extends z.ZodType>(schema: Schema) => schema.nullish().transform((value) => value ?? undefined)
const list = <Schema extends z.ZodType>(element: Schema) => optional(z.array(element)).transform((found) => found ?? [])
const Digits = z.string().regex(/^\d{1,20}$/)
const Id = z.string().min(1).max(512)
const Time = z.iso.datetime({ offset: true })
const DeliveryIdentifier = z.union([
  z.string().transform((value) => ({ value })),
  z.object({ type: optional(z.string()), value: z.string() }),
])
const Party = z.object({
  actorId: optional(z.string()),
  name: optional(z.string()),
  deliveryIdentifier: optional(DeliveryIdentifier),
})

const OutgoingMessage = z.object({
  type: z.literal('OUTGOING_CHANNEL_MESSAGE_CREATED'),
  portalId: Digits,
  channelId: Digits,
  eventTimestamp: optional(Time),
  eventId: optional(z.string()),
  channelIntegrationThreadIds: list(z.string()),
  message: z.object({
    id: Id,
    channelAccountId: Id,
    conversationsThreadId: optional(z.string()),
    createdAt: optional(Time),
    senders: list(Party),
    recipients: list(Party),
    text: optional(z.string()).transform((text) => text ?? ''),
    richText: optional(z.string()),
    attachments: list(z.unknown()),
    inReplyToId: optional(z.string()),
  }),
})

const AccountEvent = z.object({
  type: z.enum(['CHANNEL_ACCOUNT_CREATED', 'CHANNEL_ACCOUNT_UPDATED', 'CHANNEL_ACCOUNT_PURGED']),
  portalId: Digits,
  channelId: Digits,
  channelAccountId: Id,
  eventTimestamp: optional(Time),
  channelAccountDeliveryIdentifier: optional(DeliveryIdentifier),
  // Not documented for events; the API's channel accounts have it.
  authorized: optional(z.boolean()).catch(undefined),
})

const Event = z.discriminatedUnion('type', [OutgoingMessage, AccountEvent])
const AnyEvent = z.object({ type: z.string() })

/** An agent's message, as HubSpot announces it. */
export type OutgoingMessage = z.infer<typeof OutgoingMessage>
/** A channel account that was created, updated or purged. */
type AccountEvent = z.infer<typeof AccountEvent>

/** What a webhook's body says. */
export type ReadEvent =
  | { kind: 'message'; event: OutgoingMessage }
  | { kind: 'account'; event: AccountEvent }
  /** Of a type that HubSpot did not document when this was written. */
  | { kind: 'unknown'; type: string }
  /** What cannot be read; the problem names fields, never values. */
  | { kind: 'unreadable'; problem: string }

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: false })

/** Reads a webhook's body. Never throws, whatever the bytes are. */
export function readEvent(body: Uint8Array): ReadEvent {
  let document: unknown
  try {
    document = JSON.parse(utf8.decode(body))
  } catch (error) {
    // A SyntaxError quotes the text.
    return { kind: 'unreadable', problem: error instanceof TypeError ? 'not UTF-8' : 'not JSON' }
  }
  const result = Event.safeParse(document)
  if (result.success) {
    const event = result.data
    return event.type === 'OUTGOING_CHANNEL_MESSAGE_CREATED' ? { kind: 'message', event } : { kind: 'account', event }
  }
  const any = AnyEvent.safeParse(document)
  if (any.success && !documentedTypes.has(any.data.type)) return { kind: 'unknown', type: any.data.type.slice(0, 100) }
  return { kind: 'unreadable', problem: problems(result.error) }
}

/** Has zod compile the schemas of a message, which it puts off until one is read: 9 ms of a whole CPU. */
export function compileSchemas() {
  const party = { deliveryIdentifier: { value: '' } }
  const message = { senders: [party], recipients: [party] }
  Event.safeParse({ type: OutgoingMessage.shape.type.value, message })
}

/** The message of an event as a job for its provider. `original` is the body that the event was read from. */
export function toDelivery(
  event: OutgoingMessage,
  original: Uint8Array,
  { traceId, receivedAt }: { traceId: string; receivedAt: number },
): Omit<DeliveryJob, 'v'> {
  const { message } = event
  return {
    portalId: event.portalId,
    channelId: event.channelId,
    channelAccountId: message.channelAccountId,
    messageId: message.id,
    conversationsThreadId: message.conversationsThreadId,
    integrationThreadIds: event.channelIntegrationThreadIds,
    inReplyToId: message.inReplyToId,
    from: message.senders[0],
    to: message.recipients,
    text: message.text,
    richText: message.richText,
    attachments: message.attachments,
    createdAt: message.createdAt ?? event.eventTimestamp ?? new Date(receivedAt).toISOString(),
    eventId: event.eventId,
    traceId,
    original: Buffer.from(original).toString(),
  }
}

/** What is kept of an account's event: not its address, which may be a phone number. */
export function toAccountChange(
  event: AccountEvent,
  { traceId, receivedAt }: { traceId: string; receivedAt: number },
): Omit<ChannelAccountChanged, 'v'> {
  const { portalId, channelId, channelAccountId, authorized: authorised } = event
  const at = event.eventTimestamp ?? new Date(receivedAt).toISOString()
  return { portalId, channelId, channelAccountId, change: changes[event.type], authorised, at, traceId }
}

const changes = {
  CHANNEL_ACCOUNT_CREATED: 'created',
  CHANNEL_ACCOUNT_UPDATED: 'updated',
  CHANNEL_ACCOUNT_PURGED: 'purged',
} as const

/** What the ledger keeps of a message that the team delivers by its own means. */
export function toAnnouncement({ createdAt, ...job }: Omit<DeliveryJob, 'v'>): Omit<MessageAnnounced, 'v'> {
  const { portalId, channelId, channelAccountId, messageId, eventId, traceId } = job
  return { portalId, channelId, channelAccountId, messageId, announced: createdAt, eventId, traceId }
}

/** The job of an event that was queued as it came. Throws GiveUp where it still cannot be read, or makes no job. */
export function readAnew(
  { unread, traceId }: UnreadEvent,
  receivedAt: number,
): Omit<DeliveryJob, 'v'> | Omit<ChannelAccountChanged, 'v'> {
  const body = gunzip(unread)
  const read = readEvent(body)
  if (read.kind === 'message') return toDelivery(read.event, body, { traceId, receivedAt })
  if (read.kind === 'account') return toAccountChange(read.event, { traceId, receivedAt })
  throw new GiveUp(`Still no message: ${read.kind === 'unreadable' ? read.problem : `an event of kind ${read.kind}`}`)
}

const documentedTypes: Set<string> = new Set([OutgoingMessage.shape.type.value, ...AccountEvent.shape.type.options])
