import * as z from 'zod'
import type { DeliveryJob } from '../messages/jobs.ts'
import { problems } from '../platform/problems.ts'

// HubSpot documents strings for ids and times, and contradicts itself on two fields; both readings are taken
// (docs/hubspot.md). Fields that are not named here may come and go.
const Digits = z.string().regex(/^\d{1,20}$/)
const Time = z.iso.datetime({ offset: true })
const DeliveryIdentifier = z.union([
  z.string().transform((value) => ({ value })),
  z.object({ type: z.string().optional(), value: z.string() }),
])
const Party = z.object({
  actorId: z.string().nullish().transform(absentIfNull),
  name: z.string().nullish().transform(absentIfNull),
  deliveryIdentifier: DeliveryIdentifier.nullish().transform(absentIfNull),
})
const optionalText = z.string().nullish().transform(absentIfNull)

const OutgoingMessage = z.object({
  type: z.literal('OUTGOING_CHANNEL_MESSAGE_CREATED'),
  portalId: Digits,
  channelId: Digits,
  eventTimestamp: Time.optional(),
  eventId: z.string().optional(),
  channelIntegrationThreadIds: z.array(z.string()).default([]),
  message: z.object({
    id: z.string().min(1).max(512),
    channelAccountId: z.string().min(1).max(512),
    conversationsThreadId: z.string().optional(),
    createdAt: Time.optional(),
    senders: z.array(Party).default([]),
    recipients: z.array(Party).default([]),
    text: z.string().default(''),
    richText: optionalText,
    attachments: z
      .array(z.unknown())
      .nullish()
      .transform((list) => list ?? []),
    inReplyToId: optionalText,
    status: z.union([z.string(), z.object({ statusType: z.string() })]).optional(),
  }),
})

const AccountEvent = z.object({
  type: z.enum(['CHANNEL_ACCOUNT_CREATED', 'CHANNEL_ACCOUNT_UPDATED', 'CHANNEL_ACCOUNT_PURGED']),
  portalId: Digits,
  channelId: Digits,
  channelAccountId: z.string().min(1).max(512),
  channelAccountDeliveryIdentifier: DeliveryIdentifier.nullish(),
})

const Event = z.discriminatedUnion('type', [OutgoingMessage, AccountEvent])
const AnyEvent = z.object({ type: z.string() })

/** An agent's message, as HubSpot announces it. */
export type OutgoingMessage = z.infer<typeof OutgoingMessage>
/** A channel account that was created, updated or purged. */
export type AccountEvent = z.infer<typeof AccountEvent>

/** What a webhook's body says. */
export type ReadEvent =
  | { kind: 'message'; event: OutgoingMessage }
  | { kind: 'account'; event: AccountEvent }
  /** Of a type that HubSpot did not document when this was written. */
  | { kind: 'unknown'; type: string }
  /** What cannot be read; the problem names fields, never values. */
  | { kind: 'unreadable'; problem: string }

/** Reads a webhook's body. Never throws, whatever the bytes are. */
export function readEvent(body: Uint8Array): ReadEvent {
  let document: unknown
  try {
    document = JSON.parse(new TextDecoder('utf-8', { fatal: true, ignoreBOM: false }).decode(body))
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

const documentedTypes: Set<string> = new Set([OutgoingMessage.shape.type.value, ...AccountEvent.shape.type.options])

function absentIfNull<Value>(value: Value | null | undefined) {
  return value ?? undefined
}
