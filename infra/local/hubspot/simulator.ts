import { randomBytes, randomUUID } from 'node:crypto'
import fastify from 'fastify'
import { type Answered, createEvents } from '../simulator.ts'
import { accountsApi } from './accounts.ts'
import { publicApi } from './api.ts'
import { type Behaviour, type Fault, usualBehaviour } from './behaviour.ts'
import { consentPage } from './consent.ts'
import { controlApi } from './control.ts'
import { accountEvent, deliver, messageEvent, type Signing, type WebhookAnswer } from './webhooks.ts'

/**
 * A HubSpot on loopback, for the local stack and its tests: it posts signed webhooks when an agent presses Send, answers
 * the status and token endpoints, and can be told to misbehave. `Behaviour` has the switches for what is undocumented.
 */
export async function startHubSpot(options: {
  /** The port to listen on; a free one when absent. */
  port?: number
  clientId: string
  /** The current client secret first; it signs. Every one of them may refresh tokens. */
  clientSecrets: string[]
  /** The key with which channels are administered. Default: any. */
  developerApiKey?: string
  behaviour?: Partial<Behaviour>
  now?: () => number
}) {
  const stopping = new AbortController()
  const { emit, onEvent } = createEvents<HubSpotEvent>()
  const state: State = {
    clientId: options.clientId,
    clientSecrets: [...options.clientSecrets],
    developerApiKey: options.developerApiKey,
    behaviour: { ...usualBehaviour, ...options.behaviour },
    faults: [],
    portals: new Map(),
    accessTokens: new Map(),
    codes: new Map(),
    stagingTokens: new Map(),
    channels: new Map(),
    messages: new Map(),
    calls: [],
    lateEffects: [],
    now: options.now ?? Date.now,
    stopping: stopping.signal,
    emit,
  }

  /** An administrator installs the app, or consents anew to other scopes. Returns the portal with its refresh token. */
  function installApp(portalId: string, { scopes = everyScope }: { scopes?: string[] } = {}) {
    const known = state.portals.get(portalId) ?? { portalId, refreshToken: '', scopes, refreshes: 0, recentCalls: [] }
    const portal = Object.assign(known, { scopes, refreshToken: known.refreshToken || randomToken() })
    state.portals.set(portalId, portal)
    return portal
  }

  /** An administrator removes the app: the refresh token ends, access tokens live on for their half hour. */
  function uninstallApp(portalId: string) {
    const portal = state.portals.get(portalId)
    if (portal) portal.refreshToken = ''
  }

  /** Ends the life of a portal's access tokens, as time would. */
  function expireAccessTokens(portalId: string) {
    for (const granted of state.accessTokens.values()) if (granted.portalId === portalId) granted.expiresAt = 0
  }

  /** An agent presses Send. Resolves when each webhook had its first answer; HubSpot tries again in the background. */
  async function sendMessage({ times = 1, faults = [], signing, to = ['+15550100001'], ...message }: NewMessage) {
    if (!state.channels.get(message.channelId)?.webhookUrl)
      throw new Error(`No webhook URL is registered for channel ${message.channelId}`)
    const sent: Message = {
      id: randomBytes(16).toString('hex'),
      eventId: randomUUID(),
      conversationsThreadId: String(9_000_000_000 + state.messages.size),
      integrationThreadIds: [randomBytes(16).toString('hex')],
      createdAt: state.now(),
      to,
      ...message,
      status: 'SENT',
      patches: [],
      webhooks: [],
    }
    state.messages.set(sent.id, sent)
    state.faults.push(...faults.map((fault) => ({ ...fault, messageId: sent.id })))
    state.emit({ type: 'message', message: sent })
    await Promise.all(Array.from({ length: times }, () => deliverMessage(sent.id, signing)))
    return sent
  }

  /** Posts a message's webhook once more, as after a lost acknowledgement. Resolves with the answer. */
  async function deliverMessage(messageId: string, signing?: Signing) {
    const message = state.messages.get(messageId)
    if (!message) throw new Error(`HubSpot holds no message ${messageId}`)
    return deliver(state, {
      channelId: message.channelId,
      event: () => messageEvent(state.behaviour, message),
      message,
      signing,
    })
  }

  /** A channel account is created, updated or purged. Resolves with the webhook's first answer. */
  async function sendAccountEvent(account: Parameters<typeof accountEvent>[2]) {
    const event = accountEvent(state.behaviour, state.now(), account)
    return deliver(state, { channelId: account.channelId, event: () => event })
  }

  /** Posts any body to a channel's webhook URL, signed rightly or wrongly. Resolves with the first answer. */
  async function sendEvent(event: unknown, { channelId, signing }: { channelId: string; signing?: Signing }) {
    return deliver(state, { channelId, event: () => event, signing })
  }

  const hubspot = {
    get url() {
      return url
    },
    /** Switches, to be set at any time. */
    behaviour: state.behaviour,
    /** Misbehaviour towards the next calls, in order. */
    faults: state.faults,
    /** Every call of the public API, oldest first. */
    calls: state.calls as readonly Call[],
    messages: state.messages as ReadonlyMap<string, Message>,
    /** What HubSpot holds of a message, with every PATCH of it. */
    message: (id: string) => state.messages.get(id),
    portal: (portalId: string) => state.portals.get(portalId),
    /** Where a channel's webhooks go. */
    webhookUrl: (channelId: string) => state.channels.get(channelId)?.webhookUrl,
    /** What an app's channels are, with the capabilities that they were registered with. */
    channels: state.channels as ReadonlyMap<string, Channel>,
    /** Makes a channel, or sets where its webhooks go. */
    registerChannel: (id: string, webhookUrl: string) =>
      void state.channels.set(id, {
        name: `Channel ${id}`,
        capabilities: {},
        createdAt: state.now(),
        ...state.channels.get(id),
        id,
        webhookUrl,
      }),
    /** An administrator begins to connect an account on HubSpot's page. Returns the token that the redirect URL is given. */
    stageAccount(inboxId: string) {
      const accountToken = randomToken()
      state.stagingTokens.set(accountToken, inboxId)
      return accountToken
    },
    /** Puts a new client secret before the current one. */
    rotateClientSecret: (secret: string) => void state.clientSecrets.unshift(secret),
    installApp,
    uninstallApp,
    expireAccessTokens,
    sendMessage,
    deliverMessage,
    sendAccountEvent,
    sendEvent,
    onEvent,
    /** Stops listening: connections are refused until `goUp`. */
    goDown: () => app.close(),
    /** Listens again, where it did before. */
    goUp: async () => {
      app = await listen(Number(new URL(url).port))
    },
    /** Resolves when every call that takes effect late has done so. */
    idle: () => Promise.all(state.lateEffects),
    async stop() {
      stopping.abort()
      await app.close()
    },
  }

  const accounts = accountsApi(state)
  async function listen(port: number) {
    const app = fastify({ forceCloseConnections: true })
    await app.register(publicApi(state))
    await app.register(accounts)
    await app.register(consentPage(state))
    await app.register(controlApi(hubspot), { prefix: '/_control' })
    await app.listen({ port, host: '127.0.0.1' })
    return app
  }

  let app = await listen(options.port ?? 0)
  const url = app.listeningOrigin
  return hubspot
}

/** The simulator, as its users see it. */
export type HubSpot = Awaited<ReturnType<typeof startHubSpot>>

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

/** HubSpot's words for a message's status. */
export type Word = 'FAILED' | 'READ' | 'SENT'

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
  status: Word
  /** The status that a PATCH told last; absent until one did, so that doing nothing never passes for success. */
  told?: Word
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

const everyScope = [
  'oauth',
  'conversations.read',
  'conversations.custom_channels.read',
  'conversations.custom_channels.write',
]
