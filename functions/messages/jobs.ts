import * as z from 'zod'
import { VerifiedBy } from './authority.ts'
import { Digits, Id, Party } from './ids.ts'
import { Status } from './status.ts'
import { repairable, repaired } from './update-repair.ts'

/**
 * The version of the bodies on the queues. Raise it when older code could not read them, or would lose by it: such bodies
 * stay queued for newer code. Those of the version before are read, too. What else a release has to heed: docs/upgrades.md.
 */
export const version = 1

/** What a body's `v` may be. What was read is as this version writes it: a field that changes has to be read both ways. */
const Version = z
  .int()
  .min(Math.max(1, version - 1))
  .max(version)
  .transform(() => version)

/** A message on its way to its provider. */
export const DeliveryJob = z.object({
  v: Version,
  type: z.literal('message'),
  portalId: Digits,
  channelId: Digits,
  channelAccountId: Id,
  messageId: Id,
  conversationsThreadId: z.string().optional(),
  integrationThreadIds: z.array(z.string()),
  inReplyToId: z.string().optional(),
  from: Party.optional(),
  to: z.array(Party),
  /** How many recipients could not be read: the message fails for them. */
  unreadableRecipients: z.int().min(1).optional(),
  text: z.string(),
  richText: z.string().optional(),
  attachments: z.array(z.unknown()),
  /** When the agent pressed Send, in ISO 8601. */
  createdAt: z.iso.datetime({ offset: true }),
  eventId: z.string().optional(),
  traceId: z.string(),
  /** HubSpot's body, byte by byte, for `forward` in HubSpot's own format. */
  original: z.string(),
})
export type DeliveryJob = z.infer<typeof DeliveryJob>

/** A message that the team delivers by its own means: recorded in the ledger, so that one look-up explains it. No content. */
export const MessageAnnounced = z.object({
  v: Version,
  type: z.literal('announcement'),
  portalId: Digits,
  channelId: Digits,
  channelAccountId: Id,
  messageId: Id,
  /** When the agent pressed Send, in ISO 8601. */
  announced: z.iso.datetime({ offset: true }),
  eventId: z.string().optional(),
  traceId: z.string(),
})
export type MessageAnnounced = z.infer<typeof MessageAnnounced>

/** A signed event of HubSpot's as it came: too large for a job, or not to be understood, and kept until a version comes that does. */
export const UnreadEvent = z.object({
  v: Version,
  type: z.literal('event'),
  /** HubSpot's body, gzipped, in base64. */
  unread: z.string(),
  /** Where that is more than SQS takes, which piece of it this is, counted from 0. */
  piece: z.object({ index: z.int().min(0), of: z.int().min(2) }).optional(),
  /** The message that it is about, where that could be read. */
  portalId: Digits.optional(),
  channelId: Digits.optional(),
  channelAccountId: Id.optional(),
  messageId: Id.optional(),
  createdAt: z.iso.datetime({ offset: true }).optional(),
  traceId: z.string(),
})
export type UnreadEvent = z.infer<typeof UnreadEvent>

/** A channel account that was created, updated or purged at HubSpot. */
export const ChannelAccountChanged = z.object({
  v: Version,
  type: z.literal('account'),
  portalId: Digits,
  channelId: Digits,
  channelAccountId: Id,
  change: z.enum(['created', 'updated', 'purged']),
  authorised: z.boolean().optional(),
  /** When, in ISO 8601. */
  at: z.iso.datetime({ offset: true }),
  traceId: z.string(),
})
export type ChannelAccountChanged = z.infer<typeof ChannelAccountChanged>

/** The most sends that one message may take. */
export const mostSends = 100

const Part = z
  .object({ index: z.int().min(0), of: z.int().min(2).max(mostSends) })
  .refine(({ index, of }) => index < of, 'there is no such part')

/** Without these nobody knows what is said of which message: they are never guessed. */
const Needed = {
  v: Version,
  /** Whoever sends statuses may leave it out. */
  type: z.literal('status').default('status'),
  portalId: Digits,
  channelId: Digits,
  /** Whose word it is. One that cannot be read is not as good as none. */
  channelAccountId: Id.optional(),
  messageId: Id,
  status: Status,
  /** Which of a message's sends it is about, counted from 0, and of how many; absent where there is one, or all are meant. */
  part: Part.optional(),
  /** Whose signature a receipt bears; absent where the sender is known to AWS. */
  verifiedBy: VerifiedBy.optional(),
}
/** A status as whoever sends one should write it. */
export const DocumentedStatus = z.object({
  ...Needed,
  /** Why it failed, for the agent to read. */
  reason: z.string().max(2000).optional(),
  /** Who says so: `forward`, `twilio`, … or `relay`. */
  source: z.string().min(1).max(64),
  /** Set where the same status is told again on purpose; otherwise equal statuses count as one. */
  id: z.string().max(128).optional(),
  /** Set where the relay says so because the provider took the message and no receipt came. */
  onSilence: z.literal(true).optional(),
  providerMessageId: z.string().max(512).optional(),
  /** When it happened, in ISO 8601. */
  occurredAt: z.iso.datetime({ offset: true }),
  messageCreatedAt: z.iso.datetime({ offset: true }).optional(),
  traceId: z.string().max(128).optional(),
})
const InAnotherForm = z.looseObject(Needed).transform((update) => {
  const unexpected = repairable.filter((name) => !DocumentedStatus.shape[name].safeParse(update[name]).success)
  return { ...DocumentedStatus.parse({ ...update, ...repaired(update, unexpected) }), unexpected }
})

/**
 * A word about a message: what its provider says, or the relay's own verdict. Whoever sends it may write in another form
 * what is not needed, and no status is lost by that; `unexpected` says which fields those are.
 */
export const StatusUpdate = z.union([DocumentedStatus, InAnotherForm])
export type StatusUpdate = z.infer<typeof DocumentedStatus> & { unexpected?: (typeof repairable)[number][] }

/**
 * What a provider posted beside receipts, on its way to the account's own endpoint for it. The endpoint is not in here: it is
 * looked up at each attempt, so that one that was put right serves what waits.
 */
export const HandOnJob = z.object({
  v: Version,
  type: z.literal('hand-on'),
  channelId: Digits,
  channelAccountId: Id.optional(),
  /** By lower-case name. */
  headers: z.record(z.string(), z.string()),
  /** The provider's body, byte by byte: gzipped, in base64. */
  body: z.string(),
  traceId: z.string(),
})
export type HandOnJob = z.infer<typeof HandOnJob>

/** What `update-status` does. */
export const StatusJob = z.union([StatusUpdate, MessageAnnounced, ChannelAccountChanged, UnreadEvent])
export type StatusJob = z.infer<typeof StatusJob>

/** What `deliver-message` does. */
export const Delivery = z.union([DeliveryJob, ChannelAccountChanged, UnreadEvent])
export type Delivery = z.infer<typeof Delivery>

/** The message that a job is about. */
export type MessageKey = Pick<StatusUpdate, 'portalId' | 'channelId' | 'messageId'>

const About = z
  .object({
    portalId: z.string(),
    channelId: z.string(),
    channelAccountId: z.string(),
    messageId: z.string(),
    eventId: z.string(),
    status: z.string(),
    traceId: z.string(),
  })
  .partial()

/** What a log line says of a job: its ids, nothing of its content. Never throws, whatever it is given. */
export function about(body: unknown) {
  return About.safeParse(body).data ?? {}
}

/** Whose job it is: the portal, for SQS's fair queues. */
export function tenantOf(body: unknown) {
  return about(body).portalId ?? 'unknown'
}
