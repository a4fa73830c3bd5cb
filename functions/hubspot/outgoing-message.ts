import type { Party } from '../messages/ids.ts'
import type { DeliveryJob } from '../messages/jobs.ts'
import { isDeep } from '../platform/depth.ts'
import { type EventField, type FieldReader, type Fields, isMissing } from './event-fields.ts'

/** What is known of an event by its arrival. */
export type Arrival = { traceId: string; receivedAt: number }

/** An agent's message, as an event announces it. */
export type ParsedMessage =
  | { kind: 'message'; job: Omit<DeliveryJob, 'v'> }
  /** One that cannot be delivered, whatever one does: why, for the agent, and what was wrong with which fields, for the log. */
  | { kind: 'undeliverable'; message: Undeliverable; reason: string; problem: string }
  | { kind: 'unreadable'; problem: string }

/** What is known of a message that cannot be delivered. */
export type Undeliverable = Pick<DeliveryJob, 'portalId' | 'channelId' | 'messageId' | 'createdAt' | 'traceId'> & {
  channelAccountId?: string | undefined
  eventId?: string | undefined
}

/**
 * Reads an OUTGOING_CHANNEL_MESSAGE_CREATED. Portal, channel, account, message, recipients and content are needed, and
 * never guessed; nothing else stops a message. `original` is the event as it came, and whether its bytes were UTF-8.
 */
export function parseOutgoingMessage(
  event: Fields,
  fields: FieldReader,
  { traceId, receivedAt }: Arrival,
  original: { text: string; isUtf8: boolean },
): ParsedMessage {
  const message = fields.object('message', event['message']) ?? {}
  const portalId = fields.digits('portalId', event['portalId'])
  // HubSpot's guide has it in both places.
  const channelId = fields.digits('channelId', event['channelId']) ?? fields.digits('channelId', message['channelId'])
  const messageId = fields.id('message.id', message['id'])
  if (portalId === undefined || channelId === undefined || messageId === undefined)
    return { kind: 'unreadable', problem: nameUnreadable({ portalId, channelId, 'message.id': messageId }) }

  const eventTimestamp = fields.time('eventTimestamp', event['eventTimestamp'])
  const createdAt = fields.time('message.createdAt', message['createdAt']) ?? eventTimestamp
  const eventId = fields.id('eventId', event['eventId'])
  // One that cannot be read never counts as absent: the message would go out by the channel's own secret, as somebody else.
  const channelAccountId = fields.id('message.channelAccountId', message['channelAccountId'])
  const ids = {
    portalId,
    channelId,
    messageId,
    createdAt: createdAt ?? new Date(receivedAt).toISOString(),
    eventId,
    traceId,
  }
  const { content, unreadable } = readContent(message, fields)
  if (!original.isUtf8) unreadable.unshift('body')
  if (channelAccountId === undefined) unreadable.unshift('message.channelAccountId')
  if (channelAccountId === undefined || unreadable.length > 0) {
    const problem = unreadable.map((field) => `${field}: cannot be read`).join('; ')
    return { kind: 'undeliverable', message: { ...ids, channelAccountId }, reason: reasonFor(unreadable), problem }
  }
  const job = {
    type: 'message' as const,
    ...ids,
    channelAccountId,
    conversationsThreadId: fields.id('message.conversationsThreadId', message['conversationsThreadId']),
    integrationThreadIds: fields.ids('channelIntegrationThreadIds', event['channelIntegrationThreadIds']),
    inReplyToId: fields.id('message.inReplyToId', message['inReplyToId']),
    from: readSender(message['senders'], fields),
    ...content,
    original: original.text,
  }
  return { kind: 'message', job }
}

/** Names the ids that cannot be read. */
export const nameUnreadable = (ids: Record<string, string | undefined>) =>
  Object.entries(ids)
    .filter(([, id]) => id === undefined)
    .map(([field]) => `${field}: cannot be read`)
    .join('; ')

function readSender(senders: unknown, fields: FieldReader): Party | undefined {
  const [first] = fields.list('message.senders', senders) ?? []
  const { isUnreadable: _, ...sender } = fields.party('message.senders', first) ?? {}
  return isMissing(first) ? undefined : sender
}

/** What a message consists of, and the fields of it that cannot be read: nothing is sent without them. */
function readContent(message: Fields, fields: FieldReader) {
  const unreadable: UnreadableField[] = []
  const needed = <T>(
    field: UnreadableField,
    name: string,
    read: (field: EventField, value: unknown) => T | undefined,
  ) => {
    const value = message[name]
    const content = read(field, value)
    if (content === undefined && !isMissing(value)) unreadable.push(field)
    return content
  }
  const recipients = needed('message.recipients', 'recipients', fields.list) ?? []
  const parties = recipients.map((recipient) => fields.party('message.recipients', recipient))
  const to = parties.filter((party) => party !== undefined && !party.isUnreadable) as Party[]
  const unreadableRecipients = parties.length - to.length
  if (parties.length > 0 && to.length === 0) unreadable.push('message.recipients')
  const content = {
    to,
    ...(to.length > 0 && unreadableRecipients > 0 && { unreadableRecipients }),
    text: needed('message.text', 'text', fields.text) ?? '',
    richText: needed('message.richText', 'richText', fields.text),
    attachments: needed('message.attachments', 'attachments', fields.list) ?? [],
  }
  if (isDeep(content.attachments)) unreadable.push('message.attachments')
  return { content, unreadable }
}

type UnreadableField = keyof typeof sentences

const sentences = {
  'message.channelAccountId': 'the account that it goes out by',
  body: 'its characters',
  'message.recipients': 'its recipients',
  'message.text': 'its text',
  'message.richText': 'its formatted text',
  'message.attachments': 'its attachments',
}

/** Why a message was not sent, and what the agent may do. */
function reasonFor(unreadable: UnreadableField[]) {
  const what = unreadable.map((field) => sentences[field]).join(', ')
  const advice =
    unreadable.join() === 'message.attachments'
      ? 'Send it without them, or tell your administrator.'
      : unreadable.join() === 'message.richText'
        ? 'Send it without formatting, or tell your administrator.'
        : 'Send it again, and if that fails too, tell your administrator.'
  return `The message was not sent: HubSpot sent ${what} in a form that could not be read. ${advice}`
}
