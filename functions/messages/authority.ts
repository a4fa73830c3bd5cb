import * as z from 'zod'

/** Who may speak for a message: the name of the secret that it goes out by, and fingerprints of the keys that verify its receipts. */
export const Speaker = z.object({ secret: z.string(), keys: z.array(z.string()) })
export type Speaker = z.infer<typeof Speaker>

/** What verified a receipt: the name of a secret, and the fingerprint of the key in it. */
export const VerifiedBy = z.object({ secret: z.string().max(512), key: z.string().max(64) })
export type VerifiedBy = z.infer<typeof VerifiedBy>

/** The speakers of a message with one more; one that was there already counts once. */
export function withSpeaker(speakers: Speaker[], { secret, keys }: Speaker): Speaker[] {
  const known = speakers.find((other) => other.secret === secret)
  const others = speakers.filter((other) => other !== known)
  return [...others, { secret, keys: [...new Set([...(known?.keys ?? []), ...keys])] }]
}

/** What the ledger knows of who may speak for a message, and what an update says of who speaks. */
type Known = { speakers?: Speaker[] | undefined; channelAccountId?: string | undefined }
type Spoken = { channelId: string; channelAccountId?: string | undefined; verifiedBy?: VerifiedBy | undefined }

/**
 * Whether an update counts for a message. What nobody verified came over the queue, whose senders AWS knows: that counts
 * unless it names another channel account. A receipt counts where what verified it may speak for the message. Before its
 * announcement that cannot be told; of a message that is never announced, any secret of the channel's may speak, but of one
 * whose account is known, not another account's. Why: docs/decisions/0011-who-may-speak.md.
 */
export function authorityOf(known: Known, { verifiedBy, ...update }: Spoken, { mayWait }: { mayWait: boolean }) {
  const { speakers, channelAccountId } = known
  if (!verifiedBy) {
    const isOthers =
      channelAccountId !== undefined && (update.channelAccountId ?? channelAccountId) !== channelAccountId
    return isOthers ? 'not theirs' : 'theirs'
  }
  const { secret, key } = verifiedBy
  if (speakers) return speakers.some((one) => one.secret === secret || one.keys.includes(key)) ? 'theirs' : 'not theirs'
  if (mayWait) return 'not announced'
  return channelAccountId === undefined || [channelAccountId, update.channelId].includes(secret)
    ? 'theirs'
    : 'not theirs'
}
