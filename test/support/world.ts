import type { Context, SQSBatchResponse, SQSEvent } from 'aws-lambda'
import * as deliverMessage from '../../functions/deliver-message.ts'
import { createHubSpot } from '../../functions/hubspot/client.ts'
import { createOAuth } from '../../functions/hubspot/oauth.ts'
import { createRateLimit } from '../../functions/hubspot/rate-limit.ts'
import { hubSpotAsSource } from '../../functions/hubspot/token-source.ts'
import { createTokens } from '../../functions/hubspot/tokens.ts'
import { createChannelAccounts } from '../../functions/messages/channel-accounts.ts'
import type { DeliveryJob } from '../../functions/messages/jobs.ts'
import { createLedger } from '../../functions/messages/ledger.ts'
import type { SendOutcome } from '../../functions/messages/record.ts'
import type { StatusUpdate } from '../../functions/messages/status-update.ts'
import { createThreads } from '../../functions/messages/threads.ts'
import { createCircuitBreaker } from '../../functions/platform/circuit-breaker.ts'
import type { FetchJson, HttpResponse } from '../../functions/platform/fetch-json.ts'
import { decodeBody, encodeBody, type Queue } from '../../functions/platform/queue.ts'
import { createSecrets } from '../../functions/platform/secrets.ts'
import { type GetSecretValue, inSecretsManager } from '../../functions/platform/secrets-manager.ts'
import { type Accounts, createAccounts, type Provider } from '../../functions/providers/accounts.ts'
import type { SendAdapter, SendTools } from '../../functions/providers/provider.ts'
import { receiptKeys } from '../../functions/providers/receipt-keys.ts'
import { senders } from '../../functions/providers/senders.ts'
import { ProviderError } from '../../functions/providers/verdict.ts'
import * as updateStatus from '../../functions/update-status.ts'
import { createMemoryTable } from './memory-table.ts'
import { sqsEvent } from './sqs-event.ts'

const visibilityTimeout = 360_000
const maxReceives = 5

/** The consumers' real code in a world of its own: a clock that only moves when told, queues, tables, a HubSpot, a provider. */
export function createWorld(
  options: {
    isIdempotent?: boolean
    /** What the sends of a message are. */
    named?: { what: string; to: string }[]
    looksUp?: boolean
    giveUpAfterSeconds?: number
    silenceMeans?: 'sent' | 'failed'
    unconfirmedAfterSeconds?: number
    threadOrder?: 'off'
    resend?: 'ignore' | 'send'
    tellSent?: 'always' | 'corrections'
    /** Real providers with the credentials that are here, and this way to them, in place of the provider below. */
    providers?: { getSecretValue: GetSecretValue; fetchJson: FetchJson }
    delivers?: boolean
  } = {},
) {
  let time = Date.parse('2026-11-22T12:00:00Z')
  const now = () => time
  const random = () => 0.5
  const giveUpAfterSeconds = options.giveUpAfterSeconds ?? 86_400

  const deliveriesDeadLetters = createMemoryQueue(now)
  const deliveries = createMemoryQueue(now, { maxReceives, deadLetters: deliveriesDeadLetters })
  const statusUpdatesDeadLetters = createMemoryQueue(now)
  const statusUpdates = createMemoryQueue(now, { maxReceives, deadLetters: statusUpdatesDeadLetters })

  const ledgerTable = createMemoryTable()
  const portalsTable = createMemoryTable()
  portalsTable.items.set('portal#1', { pk: 'portal#1', refreshToken: 'refresh-1' })

  const lines: object[] = []
  const counts: Record<string, number> = {}
  const say = (level: string) => (message: string, fields?: object) => void lines.push({ level, message, ...fields })
  const telemetry = {
    info: say('info'),
    warn: say('warn'),
    error: say('error'),
    count: (metric: string, value = 1) => {
      counts[metric] = (counts[metric] ?? 0) + value
    },
    measure() {},
    flush() {},
  }

  /** HubSpot, as far as the relay sees it. Each PATCH asks `answer`; what it lets through is held. */
  const hubspot = {
    patches: [] as { messageId: string; statusType: string; errorMessage?: string; token: string; at: number }[],
    held: new Map<string, { statusType: string; errorMessage?: string }>(),
    refreshes: 0,
    answer: async (_patch: Patch): Promise<Answer> => ok,
    refresh: async (): Promise<Answer> => ({
      status: 200,
      json: {
        access_token: `access-${hubspot.refreshes}`,
        refresh_token: `refresh-${hubspot.refreshes}`,
        expires_in: 1800,
      },
    }),
  }
  const hubspotHttp: FetchJson = async (url, { method, body, headers }) => {
    if (method === 'POST') {
      hubspot.refreshes++
      return response(await hubspot.refresh())
    }
    const messageId = decodeURIComponent(url.split('/').at(-1)!)
    const token = headers?.['authorization']?.replace('Bearer ', '') ?? ''
    const status = JSON.parse(String(body))
    hubspot.patches.push({ messageId, ...status, token, at: time })
    const answer = await hubspot.answer({ messageId, ...status, token })
    if (answer.status >= 200 && answer.status < 300) hubspot.held.set(messageId, status)
    return response(answer.json === undefined && answer.status === 200 ? { ...answer, json: { status } } : answer)
  }

  /** The provider: what it answers, and what it was sent. */
  const provider = {
    sends: [] as DeliveryJob[],
    /** How many sends a message takes; where its receipts are to go. */
    parts: 1,
    /** What each of them is, for whoever compares. */
    content: 'text',
    plan: (_job: DeliveryJob): { sends: unknown[] } | { problem: string } => ({
      sends: options.named ?? Array<string>(provider.parts).fill(provider.content),
    }),
    receiptsUrl: undefined as string | undefined,
    endpoint: 'https://here.test',
    send: async (_job: DeliveryJob, _index: number, _tools: SendTools): Promise<SendOutcome> => ({
      outcome: 'sent',
      status: 'sent',
    }),
    /** What it says when it is asked what became of a send in doubt. */
    lookUps: [] as number[],
    lookUp: async (_index: number): Promise<SendOutcome | undefined> => undefined,
  }
  const adapter: SendAdapter<unknown> = {
    account: undefined as never,
    truth: { sent: true, delivered: true, read: true, failed: true, sentMeans: 'Sent.' },
    plan: (job) => provider.plan(job),
    ...(options.named && { describe: (part) => part as { what: string; to: string } }),
    ...(options.isIdempotent && {
      idempotencyScope: (_account, { job, now }) => `${provider.endpoint} ${job.messageId} ${now > 0}`,
    }),
    async send({ job, index, receiptsUrl }, _account, tools) {
      provider.sends.push(job)
      provider.receiptsUrl = receiptsUrl
      return provider.send(job, index, tools)
    },
    ...(options.looksUp && {
      async lookUp({ index }) {
        provider.lookUps.push(time)
        return provider.lookUp(index)
      },
    }),
  }

  const ledger = createLedger(ledgerTable, now)
  const channelAccounts = createChannelAccounts(ledgerTable, now)
  const clock = { now, random }
  const tools = { fetchJson: hubspotHttp, now, signForHubSpot: async () => '' }
  const secret = { clientId: 'client', clientSecrets: ['secret'] as [string] }
  const accounts = { found: true, error: undefined as Error | undefined }
  const account = { secrets: ['the key of the channel'] }

  function real<Adapters extends Parameters<typeof createAccounts>[0]['adapters']>(adapters: Adapters) {
    if (!options.providers) return undefined
    const secrets = createSecrets(inSecretsManager(options.providers.getSecretValue), now)
    return createAccounts({ credentials: secrets, adapters }) as Accounts<Adapters[Provider]>
  }

  let timers: { at: number; act: () => void }[] = []
  function after(milliseconds: number, act: () => void) {
    const timer = { at: time + milliseconds, act }
    timers.push(timer)
    return () => {
      timers = timers.filter((other) => other !== timer)
    }
  }

  /** Handlers as a fresh execution environment has them: nothing remembered. */
  function handlers() {
    const api = { fetchJson: hubspotHttp, baseUrl: 'https://hubspot.test', version: 'v3' as const, ...clock }
    return {
      deliver: deliverMessage.createHandler({
        ...clock,
        accounts: real(senders) ?? {
          find: async () => {
            if (accounts.error) throw accounts.error
            return accounts.found ? { id: '2', provider: 'forward' as const, adapter, account } : undefined
          },
        },
        tools: { ...tools, ...(options.providers && { fetchJson: options.providers.fetchJson }) },
        ledger,
        threads: options.threadOrder === 'off' ? undefined : createThreads(ledgerTable, now),
        channelAccounts,
        circuits: createCircuitBreaker({
          ...clock,
          table: ledgerTable,
          postponed: (notBefore) => new ProviderError('The provider does not answer', { notBefore }),
          telemetry,
          after,
        }),
        statusUpdates,
        queue: deliveries,
        deadLetters: deliveriesDeadLetters,
        publicBaseUrl: 'https://relay.test',
        unconfirmedAfterSeconds: options.unconfirmedAfterSeconds ?? 3600,
        silenceMeans: options.silenceMeans ?? 'sent',
        resend: options.resend ?? 'ignore',
        giveUpAfterSeconds: options.giveUpAfterSeconds ?? 900,
        maxReceives,
        telemetry,
      }),
      update: updateStatus.createHandler({
        ...clock,
        ledger,
        accounts: options.delivers === false ? real(receiptKeys) : undefined,
        channelAccounts,
        hubspot: createHubSpot(api),
        tokens: createTokens({
          ...clock,
          table: portalsTable,
          source: hubSpotAsSource({ oauth: createOAuth(api), appSecret: async () => secret }),
        }),
        rateLimit: createRateLimit({ ...clock, table: portalsTable, limit: 110, share: 0.9, sleep: async () => {} }),
        queue: statusUpdates,
        deadLetters: statusUpdatesDeadLetters,
        telemetry,
        sleep: async (milliseconds) => {
          time += milliseconds
        },
        tellSent: options.tellSent ?? 'always',
        lateEffectSeconds: 120,
        giveUpAfterSeconds,
        maxReceives,
      }),
    }
  }
  let live = handlers()
  let remaining: number | undefined

  return {
    now,
    deliveries,
    deliveriesDeadLetters,
    statusUpdates,
    statusUpdatesDeadLetters,
    ledgerTable,
    portalsTable,
    hubspot,
    provider,
    accounts,
    telemetry,
    lines,
    counts,
    pass: (seconds: number) => {
      time += seconds * 1000
      const due = timers.filter(({ at }) => at <= time)
      timers = timers.filter((timer) => !due.includes(timer))
      for (const { act } of due) act()
    },
    handlers,
    /** A new execution environment, as after a crash. */
    restart: () => {
      live = handlers()
    },
    /** How many milliseconds a delivery has from its start. */
    haveTime: (milliseconds: number) => {
      remaining = milliseconds
    },
    /** Works off what is due now, a batch at a time. */
    async step(limit = 10) {
      await workOff(deliveries, live.deliver, limit, remaining)
      await workOff(statusUpdates, live.update, limit)
    },
    /** Lets time pass until the queues are empty, for a week at most. */
    async rest() {
      const end = time + 7 * 86_400_000
      let stepsAtOnce = 0
      while (deliveries.messages.length + statusUpdates.messages.length > 0 && time < end) {
        const before = time
        await this.step()
        const next = Math.min(...[...deliveries.messages, ...statusUpdates.messages].map(({ visibleAt }) => visibleAt))
        if (Number.isFinite(next)) time = Math.max(time, next)
        stepsAtOnce = time > before ? 0 : stepsAtOnce + 1
        if (stepsAtOnce > 200) throw new Error('A job is done again and again, and no time passes')
      }
    },
  }
}

export type World = ReturnType<typeof createWorld>

type Patch = { messageId: string; statusType: string; errorMessage?: string; token: string }
type Answer = { status: number; json?: unknown; text?: string; headers?: Record<string, string> }
const ok: Answer = { status: 200 }
const response = ({ status, json, headers = {}, text = '' }: Answer): HttpResponse => ({ status, headers, json, text })

type Handler = (event: SQSEvent, context: Context) => Promise<SQSBatchResponse | undefined>
type MemoryQueue = ReturnType<typeof createMemoryQueue>
type Message = { id: string; body: string; sentAt: number; visibleAt: number; receives: number }

let lastId = 0

/** Hands a batch of what is due to a queue's consumer. */
export async function workOff(queue: MemoryQueue, handler: unknown, limit = 10, remaining = 60_000) {
  const messages = queue.receive(limit)
  if (messages.length === 0) return
  // Middy's handlers are typed to be called with a callback, too.
  const result = await (handler as Handler)(sqsEvent(messages), contextWith(remaining))
  const failed = new Set(result?.batchItemFailures.map(({ itemIdentifier }) => itemIdentifier))
  for (const message of messages) if (!failed.has(message.id)) queue.remove(message)
}

/** A standard queue in memory: delays, receive counts, a visibility timeout of six minutes; what was received too often is a dead letter. */
export function createMemoryQueue(
  now: () => number,
  redrive?: { maxReceives: number; deadLetters: { messages: Message[] } },
) {
  const messages: Message[] = []
  const queue: Queue = {
    async send(job, { delaySeconds = 0 }) {
      messages.push({
        id: `message-${++lastId}`,
        body: encodeBody(job),
        sentAt: now(),
        visibleAt: now() + Math.min(900, Math.max(0, Math.ceil(delaySeconds))) * 1000,
        receives: 0,
      })
    },
  }
  return {
    ...queue,
    messages,
    receive(limit: number) {
      const isDue = ({ visibleAt }: Message) => visibleAt <= now()
      for (const message of messages.filter((one) => isDue(one) && redrive && one.receives >= redrive.maxReceives)) {
        messages.splice(messages.indexOf(message), 1)
        redrive?.deadLetters.messages.push({ ...message, receives: 0 })
      }
      const due = messages.filter(isDue).slice(0, limit)
      for (const message of due)
        Object.assign(message, { visibleAt: now() + visibilityTimeout, receives: message.receives + 1 })
      return due
    },
    remove(message: Message) {
      messages.splice(messages.indexOf(message), 1)
    },
    /** The jobs that lie here, decoded. */
    jobs: () => messages.map(({ body }) => decodeBody(body) as Record<string, unknown>),
  }
}

const contextWith = (remaining: number) =>
  ({ awsRequestId: 'request', functionName: 'function', getRemainingTimeInMillis: () => remaining }) as Context

/** A status update of portal 1, channel 2. */
export function update(status: StatusUpdate['status'], fields: Partial<StatusUpdate> = {}): StatusUpdate {
  return {
    v: 1,
    type: 'status',
    portalId: '1',
    channelId: '2',
    messageId: 'm',
    status,
    source: 'forward',
    occurredAt: '2026-11-22T12:00:00Z',
    ...fields,
  }
}

/** A delivery of portal 1, channel 2. */
export function delivery(fields: Partial<DeliveryJob> = {}): DeliveryJob {
  return {
    v: 1,
    type: 'message',
    portalId: '1',
    channelId: '2',
    channelAccountId: '3',
    messageId: 'm',
    integrationThreadIds: ['t'],
    to: [{ deliveryIdentifier: { value: '+15550100' } }],
    text: 'Hello',
    attachments: [],
    createdAt: '2026-11-22T12:00:00Z',
    traceId: 'trace',
    original: '{}',
    ...fields,
  }
}
