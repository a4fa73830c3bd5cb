import { randomBytes, randomUUID } from 'node:crypto'
import { type Message, type NewMessage, randomToken, type Signing, type State } from './state.ts'
import { accountEvent, deliver, messageEvent } from './webhooks.ts'

/** What administrators, agents and time do to the simulated HubSpot. */
export type Actions = ReturnType<typeof createActions>

/** What can be done to the HubSpot that holds this state. */
export function createActions(state: State) {
  /** An administrator installs the app, or consents again to other scopes. Returns the portal with its refresh token. */
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

  /** An agent sends a message that failed once more; HubSpot shows it as SENT. Resolves with what it is then. */
  async function sendAgain(messageId: string) {
    const message = state.messages.get(messageId)
    if (!message) throw new Error(`HubSpot holds no message ${messageId}`)
    if (state.behaviour.sendsAgain === 'a new message') {
      const { portalId, channelId, channelAccountId, text, to } = message
      return sendMessage({ portalId, channelId, channelAccountId, text, to })
    }
    Object.assign(message, { eventId: randomUUID(), status: 'SENT', errorMessage: undefined })
    await deliverMessage(messageId)
    return message
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

  return {
    installApp,
    uninstallApp,
    expireAccessTokens,
    sendMessage,
    deliverMessage,
    sendAgain,
    sendAccountEvent,
    sendEvent,
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
  }
}

const everyScope = [
  'oauth',
  'conversations.read',
  'conversations.custom_channels.read',
  'conversations.custom_channels.write',
]
