import * as z from 'zod'
import { FailureCode } from '../platform/failure-code.ts'
import { VerifiedBy } from './authority.ts'
import { Digits, Id } from './ids.ts'
import { Version } from './job-version.ts'
import { Status } from './status.ts'
import { inUsualForm, isLikelyTime, repairable, repaired } from './update-repair.ts'

/** The most sends that one message may take. */
export const maxSends = 100

const Part = z
  .object({ index: z.int().min(0), of: z.int().min(2).max(maxSends) })
  .refine(({ index, of }) => index < of, 'index must be below of')

// A program's zero date, which stands for "none", is not a time.
const Time = z.iso.datetime({ offset: true }).refine(isLikelyTime, 'implausible time')

/** Without these, what is said of which message is unknown: they are never guessed. */
const Needed = {
  v: Version,
  /** Whoever sends statuses may leave it out. */
  type: z.literal('status').default('status'),
  portalId: Digits,
  channelId: Digits,
  /** Whose account the message goes through. One that cannot be read does not count as absent. */
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
  /** The provider's code for it. */
  code: FailureCode.optional(),
  /** Who says so: `forward`, `twilio`, … or `relay`. */
  source: z.string().min(1).max(64),
  /** Set where the same status is told again on purpose; otherwise equal statuses count as one. */
  id: z.string().max(128).optional(),
  /** Set where the relay says so because the provider took the message and no receipt came. */
  onSilence: z.literal(true).optional(),
  providerMessageId: z.string().max(512).optional(),
  /** When it happened, in ISO 8601. */
  occurredAt: Time,
  messageCreatedAt: Time.optional(),
  traceId: z.string().max(128).optional(),
})
const InAnotherForm = z.preprocess(inUsualForm, z.looseObject(Needed)).transform((update) => {
  const unexpected = repairable.filter((name) => !DocumentedStatus.shape[name].safeParse(update[name]).success)
  const unknown = Object.keys(update).filter((name) => !Object.hasOwn(DocumentedStatus.shape, name))
  return {
    ...DocumentedStatus.parse({ ...update, ...repaired(update, unexpected) }),
    unexpected,
    ...(unknown.length > 0 && { unknown }),
  }
})

/**
 * A status of a message: what its provider reports, or the relay's own conclusion. Whoever sends it may write in another form
 * what is not needed, and no status is lost by that; `unexpected` says which fields those are, and `unknown` which ones nobody
 * reads, misspelt ones for instance.
 */
export const StatusUpdate = z.union([z.strictObject(DocumentedStatus.shape), InAnotherForm])
export type StatusUpdate = z.infer<typeof DocumentedStatus> & {
  unexpected?: (typeof repairable)[number][]
  unknown?: string[]
}
