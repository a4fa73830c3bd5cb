import { randomBytes } from 'node:crypto'
import * as z from 'zod'
import type { Answered } from '../simulator.ts'
import type { Behaviour, Fault } from './behaviour.ts'

/** What the simulator holds, shared by its pieces. */
export type State = {
  clientId: string
  clientSecrets: string[]
  developerApiKey: string | undefined
  behaviour: Behaviour
  faults: Fault[]
  portals: Map<string, Portal>
  accessTokens: Map<string, { portalId: string; expiresAt: number }>
  /** What was consented to, by the code that stands for it until it is exchanged. */
  codes: Map<string, { portalId: string; redirectUri: string; scopes: string[] }>
  /** Inboxes of accounts whose connection began on HubSpot's page, by the token that ends it. */
  stagingTokens: Map<string, string>
  channels: Map<string, Channel>
  messages: Map<string, Message>
  calls: Call[]
  lateEffects: Promise<void>[]
  now: () => number
  stopping: AbortSignal
  emit: (event: HubSpotEvent) => void
}

/** How a webhook is signed: the wrong ways must be rejected. */
export const Signing = z.enum(['valid', 'forged', 'stale', 'absent', 'v1 only'])
export type Signing = z.infer<typeof Signing>

/** What came back for a webhook. */
export type WebhookAnswer = number | 'timeout' | 'unreachable'

/** HubSpot's words for a message's status. */
export type StatusType = 'FAILED' | 'READ' | 'SENT'

/** A HubSpot account that installed the app. */
export type Portal = {
  portalId: string
  /** Empty once the app is removed. */
  refreshToken: string
  scopes: string[]
  refreshes: number
  /** Times of the calls in the rolling window. */
  recentCalls: number[]
}

/** A custom channel of the app's. */
export type Channel = {
  id: string
  name: string
  capabilities: object
  webhookUrl?: string | undefined
  channelDescription?: string | undefined
  channelLogoUrl?: string | undefined
  channelAccountConnectionRedirectUrl?: string | undefined
  createdAt: number
}

/** A message that an agent sent. */
export type Message = {
  id: string
  eventId: string
  portalId: string
  channelId: string
  channelAccountId: string
  conversationsThreadId: string
  integrationThreadIds: string[]
  inReplyToId?: string
  to: string[]
  text: string
  richText?: string
  attachments?: unknown[]
  createdAt: number
  /** What the inbox shows: HubSpot calls a message SENT before anybody told it anything. */
  status: StatusType
  /** The status that a PATCH told last; absent until one did, so that doing nothing never passes for success. */
  told?: StatusType
  errorMessage?: string | undefined
  /** Every PATCH of this message, whatever its answer. */
  patches: Call[]
  webhooks: { at: number; answered: WebhookAnswer }[]
}

/**
 * What an agent writes; `times` is how often the webhook is posted (0: it got lost), `signing` other than 'valid' makes
 * somebody else the sender, and `faults` meet this message's calls.
 */
export type NewMessage = Pick<Message, 'portalId' | 'channelId' | 'channelAccountId' | 'text'> &
  Partial<Pick<Message, 'to' | 'richText' | 'attachments' | 'inReplyToId' | 'integrationThreadIds'>> & {
    times?: number
    signing?: Signing
    faults?: Omit<Fault, 'messageId'>[]
  }

/** One call of the public API. */
export type Call = {
  at: number
  method: string
  path: string
  portalId?: string
  messageId?: string
  statusType?: string
  errorMessage?: string
  /** Absent while the call is under way. */
  answered?: Answered
  /** When the call changed the message; absent if it did not. */
  effectAt?: number
}

/** What happened, for whoever watches. */
export type HubSpotEvent =
  | { type: 'message'; message: Message }
  | { type: 'webhook'; message?: Message; event: unknown; answered: WebhookAnswer }
  | { type: 'call'; call: Call }
  | { type: 'late effect'; call: Call }

/** An unguessable token, the way HubSpot's look. */
export function randomToken() {
  return `na1-${randomBytes(24).toString('base64url')}`
}
