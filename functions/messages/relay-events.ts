import * as z from 'zod'
import { messageOf } from './record.ts'
import { isFailure, Status, StatusType } from './status.ts'

/** What every event has: ids and times, never a text or an address. */
const Common = {
  v: z.literal(1),
  /** The same each time an event is repeated: delivery is at least once. */
  id: z.string(),
  /** The relay's name: its stack's, as a rule. */
  relay: z.string(),
  /** When it happened, in ISO 8601. */
  at: z.iso.datetime(),
  portalId: z.string(),
}
const OfAccount = { ...Common, channelId: z.string(), channelAccountId: z.string().optional() }
const OfMessage = {
  ...OfAccount,
  messageId: z.string(),
  /** When the agent pressed Send, in ISO 8601. */
  createdAt: z.string().optional(),
}

/** What is published about messages, accounts and portals: the detail of each type of event. */
export const details = {
  /** HubSpot was told a status, which agents see from now on. */
  'message.told': z.object({ ...OfMessage, statusType: StatusType }),
  /** A message failed, or was not confirmed. HubSpot is told next. */
  'message.failed': z.object({
    ...OfMessage,
    status: z.enum(['failed', 'unconfirmed']),
    /** Who says so: a provider, or `relay` itself. */
    source: z.string().optional(),
    /** The provider's code for it, where it gave one. */
    code: z.string().optional(),
  }),
  /** The relay no longer retries by itself: a message's delivery, or its status, is among the dead letters. */
  'message.given-up': z.object({ ...OfMessage, what: z.enum(['delivery', 'status']) }),
  /** The last messages of an account all failed, or its provider does not accept it. Published once, until it recovers. */
  'account.failing': z.object({
    ...OfAccount,
    /** The code of the last failure, where there was one. */
    code: z.string().optional(),
  }),
  /** Messages of an account that was failing reach customers again. */
  'account.recovered': z.object(OfAccount),
  /** HubSpot no longer refreshes the tokens of a portal: the app was uninstalled there. */
  'portal.revoked': z.object(Common),
} as const

type Details = { [Type in keyof typeof details]: z.infer<(typeof details)[Type]> }

/** An event: its type and its detail. */
export type RelayEvent = { [Type in keyof Details]: { type: Type; detail: Details[Type] } }[keyof Details]

/** An item of the ledger's table that was created or changed. */
export type ItemChange = {
  /** Unique to this change, and the same each time the stream repeats it. */
  id: string
  pk: string
  before: unknown
  after: unknown
  /** When it was written, in ISO 8601. */
  at: string
}

const Outcome = z.object({ status: z.string().optional() })

/** What is read from a message's item, whichever version wrote it. */
const MessageItem = z.object({
  known: Status.optional().catch(undefined),
  code: z.string().optional().catch(undefined),
  channelAccountId: z.string().optional().catch(undefined),
  createdAt: z.string().optional().catch(undefined),
  told: z.object({ statusType: StatusType, at: z.string() }).optional().catch(undefined),
  givenUp: z
    .object({ what: z.enum(['delivery', 'status']), at: z.string() })
    .optional()
    .catch(undefined),
  waiting: z.object({ isAccountError: z.boolean().optional() }).optional().catch(undefined),
  send: z.object({ result: Outcome.optional() }).optional().catch(undefined),
  sends: z
    .object({ outcomes: z.array(Outcome) })
    .optional()
    .catch(undefined),
  timeline: z
    .array(z.object({ at: z.string(), what: z.string(), source: z.string() }))
    .default([])
    .catch([]),
})
type MessageItem = z.infer<typeof MessageItem>

/** A message before and after a change. */
export type MessageChange = {
  ids: { portalId: string; channelId: string; channelAccountId?: string; messageId: string }
  before: MessageItem
  after: MessageItem
}

/** The message that a change is about; undefined for other items, and for one that was copied here, as by a restore. */
export function messageChangeOf({ pk, before, after }: ItemChange): MessageChange | undefined {
  const item = MessageItem.safeParse(after).data
  if (!item || !/^\d+#\d+#./s.test(pk) || (before === undefined && item.told)) return undefined
  const { channelAccountId } = item
  const ids = { ...messageOf(pk), ...(channelAccountId && { channelAccountId }) }
  return { ids, before: MessageItem.parse(MessageItem.safeParse(before).data ?? {}), after: item }
}

/** The events that a change of a message is published as: one for each thing that happened in it. */
export function eventsOfMessage(
  change: ItemChange,
  { ids, before, after }: MessageChange,
  relay: string,
): RelayEvent[] {
  const { createdAt, told, known, code, givenUp } = after
  const about = (type: string, at: string) => ({
    ...common(change, type, { relay, at }),
    ...ids,
    ...(createdAt && { createdAt }),
  })
  const events: RelayEvent[] = []
  if (isFailure(known) && known !== before.known) {
    const { at = change.at, source } = after.timeline.findLast(({ what }) => what.startsWith(known)) ?? {}
    const why = { ...(source && { source }), ...(code && { code }) }
    events.push({ type: 'message.failed', detail: { ...about('failed', at), status: known, ...why } })
  }
  if (told && (told.at !== before.told?.at || told.statusType !== before.told.statusType))
    events.push({ type: 'message.told', detail: { ...about('told', told.at), statusType: told.statusType } })
  if (givenUp && givenUp.at !== before.givenUp?.at)
    events.push({ type: 'message.given-up', detail: { ...about('given-up', givenUp.at), what: givenUp.what } })
  return events
}

/** The common part of an event, from the change that it is about. */
export function common(change: ItemChange, type: string, { relay, at }: { relay: string; at: string }) {
  const time = Number.isNaN(Date.parse(at)) ? change.at : at
  return { v: 1 as const, id: `${change.id}-${type}`, relay, at: new Date(time).toISOString() }
}
