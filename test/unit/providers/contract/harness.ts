import type { ReceiptAdapter, SendAdapter } from '../../../../functions/providers/provider.ts'

/** What the contract has to know of one provider: its adapters are run against what the provider would answer and post. */
export type Harness = {
  send: SendAdapter<unknown>
  receipt?: ReceiptAdapter<unknown>
  /** What the secret of a channel holds, complete, with the provider at this URL. */
  account(url: string): object
  /** What of that must never be told to anybody. */
  secrets: string[]
  /** What makes the account none, each with a claim: "a token that is none". */
  nonsense: Record<string, object>
  /** Two of its customers' addresses; phone numbers when absent. */
  customers?: readonly [string, string]
  /** The longest text that one send takes; absent where whoever takes it decides: it gets every message, whole, in one send. */
  longestText?: number
  /** The header with the key by which a repeated send is recognised; absent where none is. */
  keyHeader?: string
  /** Answers to a send. */
  answers: {
    taken: Answer[]
    /** Final, with the code that the agent is shown, and the key by which `reasons` overrides the sentence (the code, if absent). */
    rejected: (Answer & { code?: string | number; key?: string | number })[]
    /** Certainly not taken, and another try may fare better. */
    later: Answer[]
    /** Nobody knows. */
    doubtful: Answer[]
  }
  /** What each of the provider's published statuses says; `ignored` is none of our business, or nothing new. */
  statuses?: Record<string, 'sent' | 'delivered' | 'read' | 'failed' | 'ignored'>
  /** The request that reports a status of a send, made of nothing but what the send carried. */
  report?(sent: Request, status: string): Request
  /** A request with any body, signed. */
  sign?(body: string): Request
  signature?: {
    /** The headers that are the signature, or are signed. */
    headers: string[]
    /** Whether the URL is signed. */
    url: boolean
    /** Whether each byte is signed; else what a body means. */
    bytes: boolean
  }
}

/** The provider's answer to a request of ours. */
export type Answer = { status: number; headers?: Record<string, string>; body?: unknown }

/** A request, ours or the provider's. */
export type Request = { method: string; url: string; headers: Record<string, string>; body: string }

/** A provider's adapters know their own account; the contract hands over what their schema made of a document. */
export const anyAccount = <Account, Part>(adapter: SendAdapter<Account, Part>) =>
  adapter as unknown as SendAdapter<unknown>
