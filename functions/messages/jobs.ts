import * as z from 'zod'
import { Digits, Id, Party } from './ids.ts'
import { Version } from './job-version.ts'
import { StatusUpdate } from './status-update.ts'

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
export const Announcement = z.object({
  v: Version,
  type: z.literal('announcement'),
  portalId: Digits,
  channelId: Digits,
  channelAccountId: Id,
  messageId: Id,
  /** When the agent pressed Send, in ISO 8601. */
  createdAt: z.iso.datetime({ offset: true }),
  eventId: z.string().optional(),
  traceId: z.string(),
})
export type Announcement = z.infer<typeof Announcement>

/** A signed event as HubSpot posted it: too large for a job, or one that this version cannot read, kept for a version that can. */
export const RawEvent = z.object({
  v: Version,
  type: z.literal('event'),
  /** HubSpot's body, gzipped, in base64. */
  rawBody: z.string(),
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
export type RawEvent = z.infer<typeof RawEvent>

/** A channel account that was created, updated or purged at HubSpot. */
export const ChannelAccountChanged = z.object({
  v: Version,
  type: z.literal('account'),
  portalId: Digits,
  channelId: Digits,
  channelAccountId: Id,
  change: z.enum(['created', 'updated', 'purged']),
  authorized: z.boolean().optional(),
  /** When, in ISO 8601. */
  at: z.iso.datetime({ offset: true }),
  traceId: z.string(),
})
export type ChannelAccountChanged = z.infer<typeof ChannelAccountChanged>

/**
 * What a provider posted other than receipts, on its way to the account's own endpoint for it. The endpoint is not in here: it is
 * looked up at each attempt, so that waiting jobs go to a corrected one.
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
export const StatusJob = z.union([StatusUpdate, Announcement, ChannelAccountChanged, RawEvent])
export type StatusJob = z.infer<typeof StatusJob>

/** What `deliver-message` does. */
export const DeliveryQueueJob = z.union([DeliveryJob, ChannelAccountChanged, RawEvent])
export type DeliveryQueueJob = z.infer<typeof DeliveryQueueJob>

/** The message that a job is about. */
export type MessageKey = Pick<StatusUpdate, 'portalId' | 'channelId' | 'messageId'>
