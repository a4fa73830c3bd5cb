import type { Announcement, ChannelAccountChanged } from '../messages/jobs.ts'
import { parseJsonExactly } from '../platform/json.ts'
import { createFieldReader, type FieldReader, type Fields } from './event-fields.ts'
import {
  type Arrival,
  nameUnreadable,
  type ParsedMessage,
  parseOutgoingMessage,
  type Undeliverable,
} from './outgoing-message.ts'

/** What an event says. */
export type ParsedEvent =
  | ParsedMessage
  | { kind: 'account'; job: Omit<ChannelAccountChanged, 'v'> }
  /** What the command line posts to see whether it arrives. */
  | { kind: 'test' }
  /** Of a type that HubSpot did not document when this was written. */
  | { kind: 'unknown'; type: string }
  /** What cannot be read; the problem names fields, never values. */
  | { kind: 'unreadable'; problem: string }

const outgoingMessage = 'OUTGOING_CHANNEL_MESSAGE_CREATED'
const accountChanges = new Map<unknown, ChannelAccountChanged['change']>([
  ['CHANNEL_ACCOUNT_CREATED', 'created'],
  ['CHANNEL_ACCOUNT_UPDATED', 'updated'],
  ['CHANNEL_ACCOUNT_PURGED', 'purged'],
])

/** The type of the events with which `relay doctor` and `relay sign` try the webhook: acknowledged, and kept nowhere. */
export const testType = 'RELAY_TEST'

/**
 * Reads one event. `unexpected` names the fields that were not as HubSpot documents them, and were repaired or dropped.
 * Never throws, whatever the bytes are. Why so: docs/decisions/0014-events-in-another-form.md.
 */
export function parseEvent(body: Uint8Array, arrival: Arrival): ParsedEvent & { unexpected: string[] } {
  const fields = createFieldReader(arrival.receivedAt)
  return { ...read(body, fields, arrival), unexpected: [...fields.unexpected] }
}

function read(body: Uint8Array, fields: FieldReader, arrival: Arrival): ParsedEvent {
  const original = decode(body)
  const document = parseJsonExactly(original.text)
  const event = fields.object('body', document)
  if (!event && !original.isUtf8) return { kind: 'unreadable', problem: 'not UTF-8' }
  if (!event) return { kind: 'unreadable', problem: document === undefined ? 'not JSON' : 'document: not an object' }
  const { type } = event
  if (type === outgoingMessage) return parseOutgoingMessage(event, fields, arrival, original)
  const change = accountChanges.get(type)
  if (change) return readAccount(event, change, fields, arrival)
  if (type === testType) return { kind: 'test' }
  if (typeof type !== 'string') return { kind: 'unreadable', problem: 'type: cannot be read' }
  return { kind: 'unknown', type: type.slice(0, 100).toWellFormed() }
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: false })
const nearlyUtf8 = new TextDecoder('utf-8', { ignoreBOM: false })

function decode(body: Uint8Array) {
  try {
    return { text: utf8.decode(body), isUtf8: true }
  } catch {
    return { text: nearlyUtf8.decode(body), isUtf8: false }
  }
}

/** What is kept of an account's event: not its address, which may be a phone number. */
function readAccount(
  event: Fields,
  change: ChannelAccountChanged['change'],
  fields: FieldReader,
  { traceId, receivedAt }: Arrival,
): ParsedEvent {
  const portalId = fields.digits('portalId', event['portalId'])
  const channelId = fields.digits('channelId', event['channelId'])
  const channelAccountId = fields.id('channelAccountId', event['channelAccountId'])
  if (portalId === undefined || channelId === undefined || channelAccountId === undefined)
    return { kind: 'unreadable', problem: nameUnreadable({ portalId, channelId, channelAccountId }) }
  const at = fields.time('eventTimestamp', event['eventTimestamp']) ?? new Date(receivedAt).toISOString()
  // Not documented for events; the API's channel accounts have it.
  const authorized = fields.boolean('authorized', event['authorized'])
  return {
    kind: 'account',
    job: { type: 'account', portalId, channelId, channelAccountId, change, authorized, at, traceId },
  }
}

/** What the ledger keeps of a message that the team delivers by its own means. */
export function toAnnouncement(message: Undeliverable & { channelAccountId: string }): Omit<Announcement, 'v'> {
  const { portalId, channelId, channelAccountId, messageId, createdAt, eventId, traceId } = message
  return {
    type: 'announcement',
    portalId,
    channelId,
    channelAccountId,
    messageId,
    createdAt,
    eventId,
    traceId,
  }
}
