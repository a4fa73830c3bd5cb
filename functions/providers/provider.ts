import type * as z from 'zod'
import type { DeliveryJob, StatusUpdate } from '../messages/jobs.ts'
import type { SendOutcome } from '../messages/ledger.ts'
import type { FetchJson } from '../platform/fetch-json.ts'

/**
 * How messages go out through one provider. `send` resolves to what came of it, and throws TryLater only where the
 * provider certainly did not take the message.
 */
export type SendFace<Account> = {
  /** What the secret of a channel, or of a channel account, holds for this provider. */
  account: z.ZodType<Account>
  /**
   * Where each try of a message carries the same key and is recognised by it, so that the message may be sent there again
   * in doubt, but nowhere else. Without this, a message whose send ended in doubt is not sent again.
   */
  repeatableAt?(account: Account): string
  send(job: DeliveryJob, account: Account, tools: SendTools): Promise<SendOutcome>
}

/** What a send may use. Its timeout ends well before the function's. */
export type SendTools = {
  fetchJson: FetchJson
  now(): number
  /** X-HubSpot-Signature-v3 of a request, by the app's current client secret. */
  signForHubSpot(request: { method: string; url: string; body: string; timestamp: string }): Promise<string>
}

/** How one provider reports what became of messages. */
export type ReceiptFace<Account> = {
  account: z.ZodType<Account>
  /** Verifies and translates a request. Never throws, whatever the request is. */
  receive(request: ReceiptRequest, account: Account): Receipt
}

/** A provider's request: its headers by lower-case name, its body raw. */
export type ReceiptRequest = {
  method: string
  url: string
  header(name: string): string | undefined
  body: Uint8Array
  now: number
}

/** What a provider's request says. */
export type Receipt =
  /** `ignored` counts what is none of our business. */
  | { kind: 'statuses'; statuses: ReceivedStatus[]; ignored: number }
  /** Not signed by the provider. The reason is for the log. */
  | { kind: 'refused'; why: string }
  /** Signed, but not understood: the answer says so to whoever writes the sender. */
  | { kind: 'unreadable'; problem: string }

/** A status as a receipt tells it; the URL tells the channel. */
type ReceivedStatus = Pick<
  StatusUpdate,
  'portalId' | 'messageId' | 'status' | 'reason' | 'providerMessageId' | 'occurredAt'
>
