import type { ChannelAccountChanged, MessageAnnounced } from '../messages/jobs.ts'
import { parseJsonExactly } from '../platform/json.ts'
import { createFieldReader, type FieldReader, type Fields } from './event-fields.ts'
import {
  type Arrival,
  type ReadMessage,
  readOutgoingMessage,
  type Undeliverable,
  whichIsMissing,
} from './outgoing-message.ts'

/** What an event says. */
export type ReadEvent =
  | ReadMessage
  | { kind: 'account'; job: Omit<ChannelAccountChanged, 'v'> }
  /** What the command line posts to see whether it arrives. */
  | { kind: 'trial' }
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
export const trialType = 'RELAY_TRIAL'

/**
 * Reads one event. `unexpected` names the fields that were not as HubSpot documents them, and were repaired or dropped.
 * Never throws, whatever the bytes are. Why so: docs/decisions/0014-events-in-another-form.md.
 */
export function readEvent(body: Uint8Array, arrival: Arrival): ReadEvent & { unexpected: string[] } {
  const fields = createFieldReader(arrival.receivedAt)
  return { ...read(body, fields, arrival), unexpected: [...fields.unexpected] }
}

function read(body: Uint8Array, fields: FieldReader, arrival: Arrival): ReadEvent {
  const original = decode(body)
  const document = parseJsonExactly(original.text)
  const event = fields.object('body', document)
  if (!event && !original.isUtf8) return { kind: 'unreadable', problem: 'not UTF-8' }
  if (!event) return { kind: 'unreadable', problem: document === undefined ? 'not JSON' : 'document: not an object' }
  const { type } = event
  if (type === outgoingMessage) return readOutgoingMessage(event, fields, arrival, original)
  const change = accountChanges.get(type)
  if (change) return readAccount(event, change, fields, arrival)
  if (type === trialType) return { kind: 'trial' }
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
): ReadEvent {
  const portalId = fields.digits('portalId', event['portalId'])
  const channelId = fields.digits('channelId', event['channelId'])
  const channelAccountId = fields.id('channelAccountId', event['channelAccountId'])
  if (portalId === undefined || channelId === undefined || channelAccountId === undefined)
    return { kind: 'unreadable', problem: whichIsMissing({ portalId, channelId, channelAccountId }) }
  const at = fields.time('eventTimestamp', event['eventTimestamp']) ?? new Date(receivedAt).toISOString()
  // Not documented for events; the API's channel accounts have it.
  const authorised = fields.boolean('authorized', event['authorized'])
  return {
    kind: 'account',
    job: { type: 'account', portalId, channelId, channelAccountId, change, authorised, at, traceId },
  }
}

/** The most events that one body may hold: HubSpot's app webhooks have no more. */
export const mostEvents = 100

/**
 * The events of a body, each in its own bytes: HubSpot documents one object, and arrays for webhooks of another kind.
 * A body that is no array is one event. Never throws, and judges nothing.
 */
export function eventsIn(body: Uint8Array): Uint8Array[] {
  const events = elementsOf(body) ?? [body]
  return events.length > mostEvents ? events : events.flatMap((event) => elementsOf(event) ?? [event])
}

/** The elements of a JSON array; undefined where it is none, or has no end. */
function elementsOf(bytes: Uint8Array) {
  const start = bytes.findIndex((byte, index) => !isSpace(byte) && !(index < 3 && byte === byteOrderMark[index]))
  if (bytes[start] !== opening) return undefined
  const elements: Uint8Array[] = []
  let depth = 0
  let inText = false
  let from = start + 1
  for (let at = start; at < bytes.length; at++) {
    const byte = bytes[at]!
    if (inText) {
      if (byte === backslash) at++
      else if (byte === quote) inText = false
    } else if (byte === quote) inText = true
    else if (byte === opening || byte === openingBrace) depth++
    else if (byte === closing || byte === closingBrace) depth--
    if (depth !== 0 && !(depth === 1 && byte === comma && !inText)) continue
    const element = trimmed(bytes.subarray(from, at))
    if (depth === 1 || elements.length > 0 || element.length > 0) elements.push(element)
    from = at + 1
    if (depth === 0) return bytes.subarray(from).every(isSpace) ? elements : undefined
  }
  return undefined
}

function trimmed(bytes: Uint8Array) {
  const start = bytes.findIndex((byte) => !isSpace(byte))
  return start < 0 ? bytes.subarray(0, 0) : bytes.subarray(start, bytes.findLastIndex((byte) => !isSpace(byte)) + 1)
}

const isSpace = (byte: number) => byte === 0x20 || (byte >= 0x09 && byte <= 0x0d)
const byteOrderMark = [0xef, 0xbb, 0xbf]
const [opening, closing, openingBrace, closingBrace, comma, quote, backslash] = Buffer.from('[]{},"\\')

/** What the ledger keeps of a message that the team delivers by its own means. */
export function toAnnouncement(message: Undeliverable & { channelAccountId: string }): Omit<MessageAnnounced, 'v'> {
  const { portalId, channelId, channelAccountId, messageId, createdAt, eventId, traceId } = message
  return {
    type: 'announcement',
    portalId,
    channelId,
    channelAccountId,
    messageId,
    announced: createdAt,
    eventId,
    traceId,
  }
}
