import fastify from 'fastify'
import { createEvents } from '../simulator.ts'
import { accountsApi } from './accounts.ts'
import { createActions } from './actions.ts'
import { publicApi } from './api.ts'
import { type Behaviour, usualBehaviour } from './behaviour.ts'
import { consentPage } from './consent.ts'
import { controlApi } from './control.ts'
import type { Call, Channel, HubSpotEvent, Message, State } from './state.ts'

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

  const actions = createActions(state)

  const hubspot = {
    ...actions,
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
    await app.register(controlApi(state, actions), { prefix: '/_control' })
    await app.listen({ port, host: '127.0.0.1' })
    return app
  }

  let app = await listen(options.port ?? 0)
  const url = app.listeningOrigin
  return hubspot
}

/** The simulator, as its users see it. */
export type HubSpot = Awaited<ReturnType<typeof startHubSpot>>
