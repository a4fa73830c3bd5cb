import * as z from 'zod'

/** A secret whose receipts count for a message: its name, and fingerprints of the keys that verify them. */
export const TrustedSecret = z.object({ secret: z.string(), keys: z.array(z.string()) })
export type TrustedSecret = z.infer<typeof TrustedSecret>

/** What verified a receipt: the name of a secret, and the fingerprint of the key in it. */
export const VerifiedBy = z.object({ secret: z.string().max(512), key: z.string().max(64) })
export type VerifiedBy = z.infer<typeof VerifiedBy>

/** The trusted secrets of a message with one more; one that is there already gains its keys. */
export function withTrustedSecret(trustedSecrets: TrustedSecret[], { secret, keys }: TrustedSecret): TrustedSecret[] {
  const known = trustedSecrets.find((other) => other.secret === secret)
  const others = trustedSecrets.filter((other) => other !== known)
  return [...others, { secret, keys: [...new Set([...(known?.keys ?? []), ...keys])] }]
}

/** What the ledger knows of whose updates count for a message, and what an update says of its sender. */
type Trusted = { trustedSecrets?: TrustedSecret[] | undefined; channelAccountId?: string | undefined }
type Sender = { channelId: string; channelAccountId?: string | undefined; verifiedBy?: VerifiedBy | undefined }

/**
 * Whether an update counts for a message. One that nobody verified came over the queue, whose senders AWS knows: it counts
 * unless it names another channel account. A receipt counts if the message trusts the secret that verified it, which is not
 * known before the announcement. Of a message that is never announced, any secret of the channel is trusted; where its account
 * is known, no other account's. Why: docs/decisions/0011-who-may-speak.md.
 */
export function authorityOf(known: Trusted, { verifiedBy, ...update }: Sender, { mayWait }: { mayWait: boolean }) {
  const { trustedSecrets, channelAccountId } = known
  if (!verifiedBy) {
    const isOthers =
      channelAccountId !== undefined && (update.channelAccountId ?? channelAccountId) !== channelAccountId
    return isOthers ? 'not authorized' : 'authorized'
  }
  const { secret, key } = verifiedBy
  if (trustedSecrets)
    return trustedSecrets.some((one) => one.secret === secret || one.keys.includes(key))
      ? 'authorized'
      : 'not authorized'
  if (mayWait) return 'not announced'
  return channelAccountId === undefined || [channelAccountId, update.channelId].includes(secret)
    ? 'authorized'
    : 'not authorized'
}
