import * as deliverMessage from '../../functions/deliver-message.ts'
import { AppSecret } from '../../functions/hubspot/app-secret.ts'
import { createHubSpot as createHubSpotClient } from '../../functions/hubspot/client.ts'
import { createOAuth } from '../../functions/hubspot/oauth.ts'
import { createRateLimit } from '../../functions/hubspot/rate-limit.ts'
import { hubSpotAsSource } from '../../functions/hubspot/token-source.ts'
import { createTokens, type Tokens } from '../../functions/hubspot/tokens.ts'
import * as hubspotWebhook from '../../functions/hubspot-webhook.ts'
import { createChannelAccounts } from '../../functions/messages/channel-accounts.ts'
import { createLedger } from '../../functions/messages/ledger.ts'
import { messageOf } from '../../functions/messages/record.ts'
import { createThreads } from '../../functions/messages/threads.ts'
import { createCircuitBreaker } from '../../functions/platform/circuit-breaker.ts'
import type { HttpAnswer, HttpEvent } from '../../functions/platform/http-event.ts'
import { createSecrets } from '../../functions/platform/secrets.ts'
import { type GetSecretValue, inSecretsManager } from '../../functions/platform/secrets-manager.ts'
import type { Table } from '../../functions/platform/table.ts'
import * as providerReceipt from '../../functions/provider-receipt.ts'
import { createAccounts } from '../../functions/providers/accounts.ts'
import { receiptKeys } from '../../functions/providers/receipt-keys.ts'
import { receipts } from '../../functions/providers/receipts.ts'
import { senders } from '../../functions/providers/senders.ts'
import { ProviderError } from '../../functions/providers/verdict.ts'
import * as updateStatus from '../../functions/update-status.ts'
import { maxReceiveCount } from '../../infra/relay/max-receive-count.ts'
import { createFakeSecretsManager } from '../support/aws.ts'
import { httpEvent, hubspotHeaders } from '../support/http-events.ts'
import { createMemoryTable } from '../support/memory-table.ts'
import { collectTelemetry } from '../support/telemetry.ts'
import { createClock } from './clock.ts'
import { createDraws, type Draws } from './draws.ts'
import { createFaults, type FaultKind, type Faults } from './faults.ts'
import type { Ground } from './ground.ts'
import { createHubSpot } from './hubspot.ts'
import { createLambda, createNetwork, type Process } from './processes.ts'
import {
  accountAfter,
  createProvider,
  type Issued,
  inParts,
  phoneNumber,
  receiptsOfParts,
  signedReceipt,
  withoutKey,
} from './provider.ts'
import { drawFates, type Fate } from './scenario.ts'
import { createWorkQueue } from './sqs.ts'

/** How the four functions' handlers are made of what they work with: by the real code, or by a variant of it. */
export type Handlers = {
  webhook(deps: hubspotWebhook.Deps): unknown
  deliver(deps: deliverMessage.Deps): unknown
  receipt(deps: providerReceipt.Deps): unknown
  /** `tokensOver` makes tokens that keep otherwise what they keep. */
  update(deps: updateStatus.Deps, tokensOver: (change: (table: Table) => Table) => Tokens): unknown
}

/** The relay as it is. */
export const realHandlers: Handlers = {
  webhook: hubspotWebhook.createHandler,
  deliver: deliverMessage.createHandler,
  receipt: providerReceipt.createHandler,
  update: (deps) => updateStatus.createHandler(deps),
}

export type WorldOptions = {
  seed: number
  /** Takes the place of real handlers. */
  variant?: Partial<Handlers>
  /** Only faults of these kinds, and many. */
  kinds?: FaultKind[] | undefined
  /** Of all faults and messages that the seed has, only these. */
  onlyFaults?: Set<string>
  onlyMessages?: Set<string>
  /** One message, what goes wrong, and how everything is drawn, in the place of what the seed says. */
  small?: { fate: Fate; faults: Faults; draws: Draws; kept: { ledger: object[]; portals: object[] } }
  /** Somebody beside the relay who is told at once what changes at the provider or at HubSpot, and never dies. */
  observer?: (world: World, deps: updateStatus.Deps) => (messageId: string) => unknown
}

export const start = Date.parse('2026-11-22T12:00:00Z')
const appSecret = { clientId: 'client', clientSecrets: ['a-simulated-client-secret'] }
const baseUrl = 'https://relay.test'
const minute = 60_000

/** What a process is noted to do, beside its calls, where it claims a send. */
export const claiming = 'claim'

/** What must not be in any log line or ledger item. */
export const confidential = [
  'what the agent wrote',
  phoneNumber,
  appSecret.clientSecrets[0]!,
  accountAfter(0).secrets[0].slice(0, 40),
  'access-token-',
  'refresh-token-',
]

/** The relay's real code in a world of its own, under a seed: everything happens as it is drawn from that. */
export function createWorld({ seed, variant = {}, kinds, onlyFaults, onlyMessages, observer, small }: WorldOptions) {
  const clock = createClock(start)
  const draws = small?.draws ?? createDraws(seed)
  const until = start + draws.magnitude('trouble', 5 * minute, 180 * minute)
  const faults = small?.faults ?? createFaults(clock, draws, { until, kinds, only: onlyFaults })
  const trace: { at: number; who: string; what: string | (() => string) }[] = []
  const note: Ground['note'] = (who, what) => void trace.push({ at: clock.now() - start, who, what })
  const ground = { clock, draws, faults, note }
  const network = createNetwork(ground)

  const unconfirmedAfterSeconds = draws.pick('deadline', [120, 600, 3600])
  const giveUpAfterSeconds = draws.pick('patience', [600, 86_400])
  const deliverWithinSeconds = draws.pick('patience with deliveries', [900, 86_400])
  const silenceMeans = draws.pick('on silence', ['sent', 'failed'] as const)
  // Under a low limit updates wait, and several are told at once: fewer PATCHes than in the usual order.
  const limit = faults.calm ? 110 : draws.pick('limit', [3, 11, 110])
  const tellSent = draws.pick('tell SENT', ['always', 'always', 'corrections'] as const)
  const delivers = draws.chance('delivers', 0.8)
  const hasKey = draws.chance('provider has a key', 0.4)
  const fates = small
    ? [small.fate]
    : drawFates(draws, { calm: faults.calm, delivers, deadline: unconfirmedAfterSeconds * 1000 }).filter(
        ({ id }) => !onlyMessages || onlyMessages.has(id),
      )

  const deliveries = createWorkQueue(ground, network, {
    name: 'deliveries',
    visibilityTimeout: 360_000,
    batchingWindow: 0,
  })
  const statusUpdates = createWorkQueue(ground, network, {
    name: 'status updates',
    visibilityTimeout: 361_000,
    batchingWindow: 1000,
  })
  const ledgerTable = createMemoryTable()
  const portals = createMemoryTable()
  portals.items.set('portal#1', { pk: 'portal#1', refreshToken: 'refresh-token-0' })
  for (const item of small?.kept.ledger ?? []) ledgerTable.items.set((item as { pk: string }).pk, { ...item })
  for (const item of small?.kept.portals ?? []) portals.items.set((item as { pk: string }).pk, { ...item })
  const hubspot = createHubSpot(ground, network, {
    limit,
    showsSent: tellSent === 'corrections',
    changed: observe,
    refusedOthers,
  })
  const provider = createProvider(ground, network, { fates, post: postReceipt, knows: observe })
  const { telemetry, lines, everything: allTelemetry } = collectTelemetry()

  const handlers = { ...realHandlers, ...variant }
  const webhook = createLambda<HttpEvent, HttpAnswer>(ground, {
    name: 'hubspot-webhook',
    timeout: 10_000,
    create: (process) =>
      withoutDeadline(
        handlers.webhook({
          appSecret: (options) => secrets(process).require('app', AppSecret, options),
          queue: (delivers ? deliveries : statusUpdates).queue(process),
          deadLetters: (delivers ? deliveries : statusUpdates).deadLetterQueue(process),
          delivers,
          publicBaseUrl: baseUrl,
          telemetry,
          now: clockOf(process),
        }),
      ),
  })
  const receipt = createLambda<HttpEvent, HttpAnswer>(ground, {
    name: 'provider-receipt',
    timeout: 10_000,
    create: (process) =>
      withoutDeadline(
        handlers.receipt({
          accounts: createAccounts({
            credentials: secrets(process),
            adapters: { ...receipts, forward: receiptsOfParts(receipts.forward!) },
          }),
          statusUpdates: statusUpdates.queue(process),
          handOns: { send: async () => {} },
          publicBaseUrl: baseUrl,
          telemetry,
          now: clockOf(process),
        }),
      ),
  })
  deliveries.consumeWith(
    createLambda(ground, {
      name: 'deliver-message',
      timeout: minute,
      create: (process) =>
        asPromise(
          handlers.deliver({
            ...consumer(process),
            accounts: createAccounts({
              credentials: secrets(process),
              adapters: { ...senders, forward: inParts(hasKey ? senders.forward : withoutKey, planAnew) },
            }),
            tools: { fetchJson: provider.http(process), now: clockOf(process), signForHubSpot: async () => '' },
            circuits: circuitsOf(process),
            queue: deliveries.queue(process),
            deadLetters: deliveries.deadLetterQueue(process),
            statusUpdates: statusUpdates.queue(process),
            publicBaseUrl: baseUrl,
            resend: 'ignore',
            unconfirmedAfterSeconds,
            silenceMeans,
            giveUpAfterSeconds: deliverWithinSeconds,
          }),
        ),
    }),
  )
  statusUpdates.consumeWith(
    createLambda(ground, {
      name: 'update-status',
      timeout: minute,
      create: (process) =>
        asPromise(handlers.update(updater(process), (change) => tokensOf(process, change(portalsOf(process))))),
    }),
  )

  function updater(process: Process): updateStatus.Deps {
    const base = consumer(process)
    const timing = { now: base.now, random: base.random, sleep: network.sleep(process) }
    const table = portalsOf(process)
    return {
      ...base,
      ...timing,
      accounts: delivers ? undefined : createAccounts({ credentials: secrets(process), adapters: receiptKeys }),
      hubspot: createHubSpotClient({ ...apiOf(process), ...timing }),
      tokens: tokensOf(process, table),
      rateLimit: createRateLimit({ ...timing, table, limit, share: 0.9 }),
      queue: statusUpdates.queue(process),
      deadLetters: statusUpdates.deadLetterQueue(process),
      tellSent,
      lateEffectSeconds: 120,
    }
  }

  function tokensOf(process: Process, table: Table) {
    const appSecret = () => secrets(process).require('app', AppSecret)
    const source = hubSpotAsSource({ oauth: createOAuth(apiOf(process)), appSecret })
    return createTokens({ now: clockOf(process), random: randomOf(process), table, source })
  }

  function apiOf(process: Process) {
    return { fetchJson: hubspot.http(process), baseUrl: 'https://hubspot.test', version: 'v3' } as const
  }

  function consumer(process: Process) {
    const random = randomOf(process)
    const table = remote(process, 'ledger', ledgerTable)
    const now = clockOf(process)
    const ledger = createLedger(table, now)
    const channelAccounts = createChannelAccounts(table, now)
    const threads = createThreads(table, now)
    const maxReceives = maxReceiveCount
    return { ledger, threads, channelAccounts, telemetry, giveUpAfterSeconds, maxReceives, now, random }
  }

  function circuitsOf(process: Process) {
    return createCircuitBreaker({
      table: remote(process, 'ledger', ledgerTable),
      postponed: (notBefore) => new ProviderError('The provider does not answer', { notBefore }),
      telemetry,
      now: clockOf(process),
      random: randomOf(process),
      after(milliseconds, act) {
        let isOn = true
        clock.after(milliseconds, () => isOn && process.alive && act())
        return () => {
          isOn = false
        }
      },
    })
  }

  const clockOf = (process: Process) => () => clock.now() + process.clockAhead
  const randomOf = (process: Process) => () => draws.next(`random of ${process.name}`)
  const portalsOf = (process: Process) => remote(process, 'portals', portals)

  function remote(process: Process, name: string, table: Table): Table {
    return {
      get: (pk) => network.aws(process, `get from ${name}`, () => table.get(pk), messageOf(pk).messageId),
      putIfNextVersion(item) {
        const { messageId } = messageOf(item.pk)
        const claim = claimIn(item)
        if (claim && claim !== claimIn(ledgerTable.items.get(item.pk)))
          process.calls.push({ run: process.runs, place: claiming, about: messageId })
        const put = async () => {
          const written = await table.putIfNextVersion(item)
          if (item.pk.startsWith('thread#')) return written && noteBegun(process, item)
          if (name === 'ledger') note(process.name, () => `${written ? 'writes' : 'may not write'} ${inShort(item)}`)
          return written
        }
        return network.aws(process, `put into ${name}`, put, messageId)
      },
      addFrom: (pk, floor, add) => network.aws(process, `add in ${name}`, () => table.addFrom(pk, floor, add)),
    }
  }

  /** When each message of a thread was first begun, as the relay itself has it. */
  const begun = new Map<string, number>()
  function noteBegun(process: Process, item: object) {
    for (const { messageId, since } of (item as { begun: { messageId: string; since: number }[] }).begun) {
      if (!begun.has(messageId)) note(process.name, `begins ${messageId} in its thread`)
      begun.set(messageId, begun.get(messageId) ?? since)
    }
    return true
  }

  function secrets(process: Process) {
    const manager = createFakeSecretsManager({ app: appSecret })
    const getSecretValue: GetSecretValue = (input) =>
      network.call(process, 'read of a secret', () => {
        if (!process.neverDies && faults.strikes('a secret cannot be read', process.name)) throw new Error('Simulated')
        manager.values.set('2', JSON.stringify(accountAfter(changes)))
        return manager.getSecretValue(input)
      })
    return createSecrets(inSecretsManager(getSecretValue), clockOf(process))
  }

  /** HubSpot's webhook for a message, until it is acknowledged. */
  function announce(messageId: string, body: string) {
    const url = `${baseUrl}/hubspot/webhook`
    const timestamp = String(clock.now())
    const headers = hubspotHeaders({ url, body }, { clientSecret: appSecret.clientSecrets[0]!, timestamp })
    webhook(inTrace(httpEvent({ url, body, headers }), traceOf(messageId)), (answer, process) => {
      note(process.name, `announcement of ${messageId}: ${answer?.statusCode ?? 'no answer'}`)
      const acknowledged = answer?.statusCode === 204
      if (acknowledged && faults.strikes('a webhook comes again days later', messageId))
        clock.after(draws.between('days later', 1, 2) * 86_400_000, () => announce(messageId, body))
      if (acknowledged && !faults.strikes('a sender repeats itself', `announcement of ${messageId}`)) return
      clock.after(draws.magnitude('announced again', 1000, 60_000), () => announce(messageId, body))
    })
  }

  /** How often the team changed the secret of its channel, here and at the provider. */
  let changes = 0

  /** How often the team changed what its provider takes for a message. */
  let arrangement = 0
  function planAnew() {
    if (!faults.strikes('the account is changed', 'channel')) return arrangement
    note('team', 'changes what its provider takes for a message')
    return ++arrangement
  }

  /** HubSpot refused other messages of the channel in the same way. */
  function refusedOthers() {
    const messages = Array.from({ length: 20 }, (_, index) => `other ${index}`)
    const expiresAt = Math.ceil(clock.now() / 1000) + 86_400
    portals.items.set('rejections#1#2', { pk: 'rejections#1#2', version: 1, alike: '400', messages, expiresAt })
  }

  /** The provider's receipt, until it is acknowledged. */
  function postReceipt(issued: Issued, done: () => void) {
    const { messageId, status } = issued
    if (faults.strikes('a secret is changed', 'channel')) changes++
    const [secret] = accountAfter(changes).secrets
    const { body, headers } = signedReceipt(issued, secret, new Date(clock.now()).toISOString())
    const event = httpEvent({ url: `${baseUrl}/receipts/2`, body, headers, pathParameters: { channelId: '2' } })
    receipt(inTrace(event, `receipt of ${messageId}`), (answer, process) => {
      note(process.name, `receipt of ${messageId}, ${status}: ${answer?.statusCode ?? 'no answer'}`)
      if (answer?.statusCode === 204) return done()
      clock.after(draws.magnitude('receipt again', 1000, 60_000), () => postReceipt(issued, done))
    })
  }

  function deliverByOwnMeans({ id: messageId, parts }: Fate) {
    for (const [index, { receipts }] of parts.entries())
      for (const { status, after } of receipts)
        clock.after(after, () => provider.issue({ messageId, status, part: { index, of: parts.length } }))
  }

  for (const fate of fates) {
    clock.at(start + fate.at, () => {
      hubspot.create(fate.id, until)
      if (fate.kind === 'own means') deliverByOwnMeans(fate)
      if (fate.kind !== 'own means' || !delivers)
        announce(fate.id, fate.kind === 'unreadable' ? unreadableEventOf(fate.id) : eventOf(fate, clock.now()))
    })
  }

  const world = {
    faults,
    fates,
    hasKey,
    tellSent,
    unconfirmedAfterSeconds,
    /** When HubSpot has a message first, and calls it SENT. */
    startOf: ({ at }: Fate) => start + at,
    silenceMeans,
    arrangement: () => arrangement,
    /** By how much clocks may differ, in milliseconds. */
    clocksApart: () => (faults.happened.some(({ kind }) => kind === 'a clock is wrong') ? minute : 0),
    /** Whether a job of a message was among the dead letters. */
    gaveUp: (messageId: string) => deliveries.buried.has(messageId) || statusUpdates.buried.has(messageId),
    /** Everybody's steps, in their order. */
    trace: () => trace.map(({ what, ...step }) => ({ ...step, what: typeof what === 'string' ? what : what() })),
    deliveries,
    statusUpdates,
    ledgerTable,
    begun,
    hubspot,
    provider,
    lines,
    allTelemetry,
    virtualHours: () => (clock.now() - start) / 3_600_000,
    /** Lets everything happen until nothing is left to be done; false where that takes more than three days. */
    rest: () => clock.pass(clock.now() + 3 * 24 * 60 * minute),
    /** The operator redrives what lies among the dead letters, once the trouble is over. */
    redrive() {
      clock.at(until + 1, () => {
        note('operator', 'redrives everything')
        deliveries.redriveAll()
        statusUpdates.redriveAll()
      })
    },
  }
  const bystander: Process = {
    name: 'observer',
    alive: true,
    runs: 0,
    clockAhead: 0,
    calls: [],
    neverDies: true,
    die() {},
  }
  const look = observer?.(world, updater(bystander))
  function observe(messageId: string) {
    look?.(messageId)
  }
  return world
}

export type World = ReturnType<typeof createWorld>

/** The trace of a message's webhooks. */
export const traceOf = (messageId: string) => `announcement of ${messageId}`

/** The request under an id of its own, which names its trace. */
function inTrace(event: HttpEvent, requestId: string): HttpEvent {
  return { ...event, requestContext: { ...event.requestContext, requestId } }
}

/** HubSpot's event of a message; the provider knows it by the same id. */
function eventOf({ id, thread, parts }: Fate, now: number) {
  const createdAt = new Date(now).toISOString()
  const recipient = { actorId: 'V-1', deliveryIdentifier: { type: 'HS_PHONE_NUMBER', value: phoneNumber } }
  return JSON.stringify({
    type: 'OUTGOING_CHANNEL_MESSAGE_CREATED',
    portalId: '1',
    channelId: '2',
    eventId: `event-${id}`,
    channelIntegrationThreadIds: ['t'],
    message: {
      id,
      channelAccountId: '3',
      conversationsThreadId: thread,
      createdAt,
      recipients: parts.map(() => recipient),
      text: 'what the agent wrote',
    },
  })
}

const unreadableEventOf = (id: string) =>
  JSON.stringify({ type: 'OUTGOING_CHANNEL_MESSAGE_CREATED', unreadable: id, text: 'what the agent wrote' })

const claimIn = (item: object | undefined) => (item as { send?: { by: string } } | undefined)?.send?.by

const inShort = (item: object) => {
  const { pk, version, known, told, marks, send } = item as Record<string, never> & {
    told?: { statusType: string }
    marks?: { mark: string }[]
    send?: { result?: { outcome: string } }
  }
  const open = marks?.map(({ mark }) => mark).join(' ')
  return `${pk} v${version}: known ${known ?? '-'}, told ${told?.statusType ?? '-'}, marks [${open}], send ${send ? (send.result?.outcome ?? 'claimed') : '-'}`
}

// Middy's handlers are typed to be called with a callback, too.
function asPromise<Event, Answer>(handler: unknown) {
  return handler as (event: Event, context: object) => Promise<Answer>
}

/** Middy keeps a real timer for a context that has a deadline; here the world's clock ends invocations. */
function withoutDeadline(handler: unknown) {
  const handle = asPromise<HttpEvent, HttpAnswer>(handler)
  return (event: HttpEvent) => handle(event, {})
}
