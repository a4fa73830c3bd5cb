import * as z from 'zod'
import { TrustedSecret } from './authority.ts'
import type { MessageKey } from './jobs.ts'
import { sanitiseReason } from './sanitise-reason.ts'
import { Status, StatusType } from './status.ts'

/** How long an item lives after its last change. Receipts for older messages are acknowledged and ignored. */
export const keptForDays = 180

/** When an item that is written now expires, in seconds since 1970, for DynamoDB's TTL. `now`: milliseconds since then. */
export const expiryOf = (now: number, days = keptForDays) => Math.ceil(now / 1000) + days * 86_400

/** What came of a send. */
export const SendOutcome = z.discriminatedUnion('outcome', [
  /** The provider took it. `status` is what is known by that alone; of `accepted`, HubSpot is not told yet. */
  z.object({
    outcome: z.literal('sent'),
    status: z.enum(['accepted', 'sent', 'delivered', 'read']),
    providerMessageId: z.string().optional(),
  }),
  /** The provider rejected it for good. */
  z.object({
    outcome: z.literal('rejected'),
    reason: z.string(),
    code: z.string().optional(),
    providerMessageId: z.string().optional(),
  }),
  /** It may have been sent, or not. */
  z.object({ outcome: z.literal('in doubt') }),
])
export type SendOutcome = z.infer<typeof SendOutcome>

/** Whose attempt it is, and until when (milliseconds since 1970) it may still take effect. After that, another may take over. */
const Claim = z.object({ by: z.string(), until: z.number() })
export type Claim = z.infer<typeof Claim>

/**
 * A claim of the send. `idempotencyScope` is a digest of where the provider would recognise it as a repetition, if it would
 * anywhere; `inDoubt` is set where an earlier attempt may have made it.
 */
const SendClaim = z.object({ ...Claim.shape, idempotencyScope: z.string().optional(), inDoubt: z.boolean().optional() })
export type SendClaim = z.infer<typeof SendClaim>

/** How many sends a message takes, a digest too short to reveal what is in them, and names for an agent to read. */
const Plan = z.object({ of: z.number(), digest: z.string(), names: z.array(z.string()).optional() })
export type Plan = z.infer<typeof Plan>

/** What is known of a message, or of one of its sends. */
const Knowledge = z.object({
  /** The highest status known. */
  known: Status.optional(),
  reason: z.string().optional(),
  /** The provider's code for it. */
  code: z.string().optional(),
  providerMessageId: z.string().optional(),
})
export type Knowledge = z.infer<typeof Knowledge>

/** All that is kept of a message: no text, no addresses. */
export const LedgerItem = z.object({
  pk: z.string(),
  version: z.number(),
  ...Knowledge.shape,
  /** Where a message takes several sends: what is known of each. What is known of the message follows from it. */
  parts: z.array(Knowledge).optional(),
  /** When the agent pressed Send, in ISO 8601. */
  createdAt: z.string().optional(),
  /** The trace in which HubSpot announced it, and which its log lines name, receipts included. */
  traceId: z.string().optional(),
  /** HubSpot's ids of the events that announced it: of the first, and of those after which it was sent again. */
  eventIds: z.array(z.string()).optional(),
  /** The provider's ids of sends that failed before it was sent again: receipts for them no longer count. */
  earlierProviderMessageIds: z.array(z.string()).optional(),
  /** The channel account that the message goes out through. */
  channelAccountId: z.string().optional(),
  /** Whose receipts count for it, as of its announcement or its sends. */
  trustedSecrets: z.array(TrustedSecret).optional(),
  /** HubSpot's word that it was told, and, where its answer says otherwise, how what it holds differs. */
  told: z.object({ statusType: StatusType, at: z.string(), holds: z.string().optional() }).optional(),
  /** HubSpot's word that it rejected for good, after it had been told another. */
  rejected: StatusType.optional(),
  /** The marks of jobs that raised what is known: each tells HubSpot before it is done. */
  marks: z.array(z.object({ mark: z.string(), ...Claim.shape })).default([]),
  /** The send: its claim, and then its outcome. */
  send: z.object({ ...SendClaim.shape, result: SendOutcome.optional() }).optional(),
  /** The sends that the message takes, as planned by the run that first claimed one. */
  plan: Plan.optional(),
  /** Where there are several sends: how many, and the outcomes of those that were made, in order. */
  sends: z.object({ of: z.number(), outcomes: z.array(SendOutcome) }).optional(),
  /** For jobs that have waited repeatedly: the copy of each that was received last. */
  received: z.record(z.string(), z.object({ count: z.number(), token: z.string() })).optional(),
  /** What a job of the message is waiting for, and until when, as of its last attempt. */
  waiting: z
    .object({
      what: z.enum(['delivery', 'status']),
      reason: z.string(),
      until: z.string(),
      /** Whether the provider does not accept the account, whatever the message is. */
      isAccountError: z.boolean().optional(),
    })
    .optional(),
  /** What was last given up, and when, in ISO 8601: it is among the dead letters, unless it was done after all. */
  givenUp: z.object({ what: z.enum(['delivery', 'status']), at: z.string() }).optional(),
  timeline: z.array(z.object({ at: z.string(), what: z.string(), source: z.string() })).default([]),
  /** Seconds since 1970, for DynamoDB's TTL. */
  expiresAt: z.number(),
})
export type LedgerItem = z.infer<typeof LedgerItem>

/** What a rule decides on an item: what to write in its place, if anything, and its answer. */
export type Decision<Answer> = { next?: LedgerItem; answer: Answer }

/** The key of a message's item. */
export const ledgerKey = ({ portalId, channelId, messageId }: MessageKey) => `${portalId}#${channelId}#${messageId}`

/** The message whose item has this key. */
export function messageOf(pk: string): MessageKey {
  const [portalId = '', channelId = '', ...messageId] = pk.split('#')
  return { portalId, channelId, messageId: messageId.join('#') }
}

/** Which of a message's sends is meant: counted from 0, and of how many. */
export type Part = { index: number; of: number }

/** Names a send in the timeline where there are several. */
export const partLabel = (part: Part | undefined) => (part && part.of > 1 ? ` ${part.index + 1} of ${part.of}` : '')

// Long enough for any message's ordinary life, short enough that an item stays within one write unit.
const timelineLength = 12

/** The item with one more entry in its timeline. */
export function withTimelineEntry(
  item: LedgerItem,
  what: string,
  { occurredAt, source }: { occurredAt: string; source: string },
): LedgerItem {
  return {
    ...item,
    waiting: undefined,
    timeline: [...item.timeline, { at: occurredAt, what, source }].slice(-timelineLength),
  }
}

/** The item of a message whose delivery or status is given up. */
export const withGivenUp = (item: LedgerItem, what: 'delivery' | 'status', at: string): LedgerItem => ({
  ...item,
  givenUp: { what, at },
})

/** The item with a note of what a job of its message is waiting for; the next timeline entry removes it. */
export function withWaitingNote(item: LedgerItem, waiting: NonNullable<LedgerItem['waiting']>): LedgerItem {
  return { ...item, waiting: { ...waiting, reason: sanitiseReason(waiting.reason) } }
}
