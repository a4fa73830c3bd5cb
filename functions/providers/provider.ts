import * as z from 'zod'
import type { DeliveryJob } from '../messages/jobs.ts'
import type { Described } from '../messages/part-names.ts'
import type { SendOutcome } from '../messages/record.ts'
import type { StatusUpdate } from '../messages/status-update.ts'
import type { FetchJson } from '../platform/fetch-json.ts'
import type { Verdict } from './verdict.ts'

/** What can ever be known of a message through a provider, apart from whether it took it. The README's table says it in words. */
export type Truth = {
  /** Whether receipts say that a message left the provider, reached the customer, was read, or failed after all. */
  sent: boolean
  delivered: boolean
  read: boolean
  failed: boolean
  /** What an agent may conclude from SENT, at this provider's usual `sentOn`. */
  sentMeans: string
}

/**
 * How messages go out through one provider. A message may take several sends, for several recipients or parts: `plan`
 * says which, and each of them is made once.
 */
export type SendAdapter<Account, Part = unknown> = {
  /** What the secret of a channel, or of a channel account, holds for this provider. */
  account: z.ZodType<Account>
  truth: Truth
  /** False where a recipient without an address may be reached all the same. */
  needsAddresses?: boolean
  /**
   * Within what the provider recognises a send by its idempotency key, which is the same at each attempt: an endpoint, say, or
   * a credential. A send in doubt is repeated in the same scope, and nowhere else; undefined, or without this, never. The age of
   * the message is a bound for providers that remember a key for a limited time: no attempt at it was made earlier.
   */
  idempotencyScope?(account: Account, about: { job: DeliveryJob; now: number }): string | undefined
  /** The sends that a message takes, in their order, the same at each attempt; or why the provider cannot carry it, for the agent to read. */
  plan(job: DeliveryJob, account: Account): { sends: Part[] } | { problem: string }
  /** What one of several sends is, for the agent to read, and whom it goes to, to tell recipients apart. */
  describe?(part: Part): Described
  /** Makes one of them. Throws ProviderError only where the provider certainly did not take it, or where it has an idempotency scope. */
  send(send: Send<Part>, account: Account, tools: SendTools): Promise<SendOutcome>
  /**
   * Asks the provider what became of a send that ended in doubt; undefined where it does not know either, or gives no
   * answer. It is asked a few times, within minutes of the send.
   */
  lookUp?(send: Send<Part>, account: Account, tools: SendTools): Promise<SendOutcome | undefined>
}

/** One send of a message. */
export type Send<Part> = {
  job: DeliveryJob
  part: Part
  /** Which of the message's sends it is, counted from 0, and of how many. */
  index: number
  of: number
  /** Where its receipts are to be posted: the URL of the message's channel account. Undefined where the relay takes none. */
  receiptsUrl: string | undefined
}

/** What a send may use. Its timeout ends well before the function's. */
export type SendTools = {
  fetchJson: FetchJson
  now(): number
  /** Told of a provider's code that no table knows. */
  noteUnknownCode?(code: string): void
  /** X-HubSpot-Signature-v3 of a request, by the app's current client secret. */
  signForHubSpot(request: { method: string; url: string; body: string; timestamp: string }): Promise<string>
}

/** How one provider reports what became of messages. */
export type ReceiptAdapter<Account> = {
  account: z.ZodType<Account>
  /** Verifies and translates a request. Never throws, whatever the request is. */
  receive(request: ReceiptRequest, account: Account): Receipt
  /** Where requests are handed on that say `handOn`: a URL of the account, if it names one. */
  handOnTo?(account: Account): string | undefined
  /** Parts a request that is too large to be handed on as it came, signed as the provider signs; undefined where it has no parts. */
  split?(request: HandedOn, account: Account): HandedOn[] | undefined
}

/** A request on its way to the next in line. */
export type HandedOn = { headers: Record<string, string>; body: Uint8Array }

/** A provider's request: its headers by lower-case name, its body raw. */
export type ReceiptRequest = {
  method: string
  /** As its sender called it, with the query string: our public base URL, and what follows. */
  url: string
  /** The same by the host that was called, where that is another: the relay had another public base URL before, say. */
  urlByHost?: string
  header(name: string): string | undefined
  body: Uint8Array
  now: number
}

/** What a provider's request says. */
export type Receipt =
  /** `ignored` counts what is none of our business, such as messages of other systems; `unknownFields` are misspelt, maybe. */
  | {
      kind: 'statuses'
      statuses: ReceivedStatus[]
      ignored: number
      unknownFields?: string[]
      handOn?: HandOn
      failures?: Failure[]
      /** The provider's ids of messages that failed and carry no ids of ours: the log has them, to be compared with what was sent. */
      unmatched?: string[]
    }
  /** A question whether this URL is ours, with the answer to it. */
  | { kind: 'handshake'; answer: string }
  /** Not signed by the provider. The reason is for the log. */
  | { kind: 'rejected'; why: string }
  /** Signed, but not understood: the answer says so to whoever writes the sender. */
  | { kind: 'unreadable'; problem: string }

/** The code by which a message failed after it was taken, and what it means; undefined where no table knows it. */
type Failure = { code: string; verdict: Verdict | undefined }

/**
 * Customers' messages, say, that a provider posts to the same URL: the request is handed on, raw and with the headers named
 * here, to `handOnTo` of its account. `entries` counts them.
 */
export type HandOn = { entries: number; headers: string[] }

/** A status as a receipt tells it. The request's URL tells the channel, and the account where it names one. */
export type ReceivedStatus = Pick<
  StatusUpdate,
  | 'portalId'
  | 'channelAccountId'
  | 'messageId'
  | 'status'
  | 'reason'
  | 'code'
  | 'providerMessageId'
  | 'occurredAt'
  | 'part'
>

/** The moments at which a message may count as sent: taken by the provider, or by a receipt of the one or the other kind. */
const SentOn = z.enum(['accepted', 'sent', 'delivered'])
type SentOn = z.infer<typeof SentOn>

/** The setting `sentOn` of an account: what a provider cannot know cannot be chosen. */
export function sentOn(truth: Truth, usual: SentOn) {
  const possible = SentOn.options.filter((moment) => moment === 'accepted' || truth[moment])
  const sentence = `this provider does not report that, only ${possible.join(', ')} can be chosen`
  return SentOn.refine((moment) => possible.includes(moment), sentence).default(usual)
}
