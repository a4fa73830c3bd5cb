/**
 * The path that receipts are posted to: of a channel account, or of a channel. Sends name it to their provider, and signatures
 * are verified over it.
 */
export function receiptsPath({
  channelId,
  channelAccountId,
}: {
  channelId: string
  channelAccountId?: string | undefined
}) {
  const channel = `/receipts/${channelId}`
  return channelAccountId === undefined ? channel : `${channel}/${encodeURIComponent(channelAccountId)}`
}

/** The channel whose receipts a URL is for; undefined for any other URL. */
export function channelIn(url: string) {
  return URL.parse(url)?.pathname.match(/\/receipts\/(\d+)/)?.[1]
}
