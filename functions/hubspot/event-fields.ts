import { Digits, Id, type Party } from '../messages/ids.ts'
import { isExactNumber, parseJsonExactly, wholeNumber } from '../platform/json.ts'
import { readRecentTime, readTime } from '../platform/times.ts'

/** A document's fields, of which nothing is known yet. */
export type Fields = Record<string, unknown>

/** The fields of HubSpot's events that are read. */
export const eventFields = [
  'body',
  'portalId',
  'channelId',
  'channelAccountId',
  'eventTimestamp',
  'eventId',
  'channelIntegrationThreadIds',
  'authorized',
  'message',
  'message.id',
  'message.channelAccountId',
  'message.conversationsThreadId',
  'message.createdAt',
  'message.inReplyToId',
  'message.senders',
  'message.recipients',
  'message.text',
  'message.richText',
  'message.attachments',
] as const
export type EventField = (typeof eventFields)[number]

/** Who sends or receives a message. */
type ParsedParty = Party & {
  /** Set where there is an address that cannot be read. */
  isUnreadable?: boolean
}

/** Reads the fields of an event. */
export type FieldReader = ReturnType<typeof createFieldReader>

/**
 * Reads fields that may come in another form than HubSpot documents: what can be repaired is, and the rest dropped.
 * `unexpected` collects which they were. What is missing or null is as documented.
 */
export function createFieldReader(receivedAt: number) {
  const unexpected = new Set<EventField>()

  /** What is documented as it is; else what can be made of it. */
  function read<T>(field: EventField, value: unknown, documented: Reading<T>, repaired: Reading<T> = nothing) {
    if (isMissing(value)) return undefined
    const asDocumented = documented(value)
    if (asDocumented !== undefined) return asDocumented
    unexpected.add(field)
    return repaired(value)
  }

  const id = (field: EventField, value: unknown) => read(field, value, textId, wholeNumber)
  const list = (field: EventField, value: unknown) => read(field, value, asList, (value) => [value]) ?? []

  function party(field: EventField, value: unknown): ParsedParty | undefined {
    const fields = read(field, value, asFields)
    const identifier = fields?.['deliveryIdentifier']
    return (
      fields && {
        actorId: id(field, fields['actorId']),
        name: read(field, fields['name'], text),
        deliveryIdentifier: read(field, identifier, readIdentifier),
        ...(!isMissing(identifier) && !readIdentifier(identifier) && { isUnreadable: true }),
      }
    )
  }

  return {
    unexpected,
    id,
    party,

    /** A number in HubSpot's documents, in digits. */
    digits: (field: EventField, value: unknown) =>
      read(field, value, asDigits, (value) => asDigits(wholeNumber(value))),

    /** A time in ISO 8601. One that is yet to come is no time at which something happened. */
    time(field: EventField, value: unknown) {
      const time = read(field, value, isoTime, (value) => {
        const time = readRecentTime(value, receivedAt)
        return time === undefined ? undefined : new Date(time).toISOString()
      })
      if (time === undefined || !(Date.parse(time) - receivedAt > clocksMayDiffer)) return time
      unexpected.add(field)
      return undefined
    },

    /** A list of ids; one that stands alone is a list, too. */
    ids: (field: EventField, value: unknown) => list(field, value).flatMap((one) => id(field, one) ?? []),

    boolean: (field: EventField, value: unknown) =>
      read(field, value, (value) => (typeof value === 'boolean' ? value : undefined)),

    /** An object, or the JSON of one: HubSpot's guide calls `message` a string in one place. */
    object: (field: EventField, value: unknown) =>
      read(field, value, asFields, (value) =>
        typeof value === 'string' ? asFields(parseJsonExactly(value)) : undefined,
      ),

    /** A text that can be written in UTF-8: an emoji that was cut in two loses its half. */
    text: (field: EventField, value: unknown) =>
      read(field, value, text, (value) => (typeof value === 'string' ? value.toWellFormed() : undefined)),

    list: (field: EventField, value: unknown) => read(field, value, asList),
  }
}

// In milliseconds.
const clocksMayDiffer = 300_000

/** What a value is, undefined where it is something else. */
type Reading<T> = (value: unknown) => T | undefined
const nothing = () => undefined

/** Whether a field is left out: what may be missing may be null. */
export const isMissing = (value: unknown) => value === undefined || value === null

const asFields: Reading<Fields> = (value) =>
  typeof value === 'object' && !isMissing(value) && !Array.isArray(value) && !isExactNumber(value)
    ? (value as Fields)
    : undefined
const asList: Reading<unknown[]> = (value) => (Array.isArray(value) ? value : undefined)
const text: Reading<string> = (value) => (typeof value === 'string' && value.isWellFormed() ? value : undefined)
const asDigits: Reading<string> = (value) => Digits.safeParse(value).data

const textId: Reading<string> = (value) => (typeof value === 'string' ? Id.safeParse(value).data : undefined)

const isoDateTime =
  /^\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])T(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d(?:\.\d{1,9})?(?:Z|[+-]\d\d:\d\d)$/

function isoTime(value: unknown) {
  if (typeof value !== 'string' || !isoDateTime.test(value)) return undefined
  return isPlainTime(value) || readTime(value, 0) !== undefined ? value : undefined
}

/** A day that every month has, in UTC, in this century: what `readTime` would find, too, in ten times as long. */
const isPlainTime = (iso: string) => iso.endsWith('Z') && iso.slice(8, 10) <= '28' && iso.startsWith('20')

/** HubSpot documents a text in one table, and an object in another. An opaque id may be a number, a telephone number may not. */
const readIdentifier: Reading<NonNullable<Party['deliveryIdentifier']>> = (identifier) => {
  const { type, value } = typeof identifier === 'string' ? { value: identifier } : (asFields(identifier) ?? {})
  const known = text(value) ?? (type === 'CHANNEL_SPECIFIC_OPAQUE_ID' ? wholeNumber(value) : undefined)
  return known === undefined ? undefined : { ...(typeof type === 'string' && { type }), value: known }
}
