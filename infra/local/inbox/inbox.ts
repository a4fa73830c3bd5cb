import { setTimeout as sleep } from 'node:timers/promises'
import { isDeepStrictEqual } from 'node:util'
import * as z from 'zod'
import { queueNames } from '../../cli/queues.ts'
import type { NewMessage } from '../hubspot/state.ts'
import { messageEvent } from '../hubspot/webhooks.ts'
import { ids, type LocalRelay } from '../local-relay.ts'
import { playedProviders, startProvider } from '../providers/all.ts'
import type { Conduct } from '../providers/simulator.ts'
import { createEvents } from '../simulator.ts'
import { createDeadLetters, maxReceives } from './dead-letters.ts'
import { createFaults, faultLabels, faultNames } from './faults.ts'
import { components } from './journey.ts'
import { toChooseFrom } from './sentences.ts'
import { type PageEvent, servePage } from './server.ts'
import { watchMessages } from './watch.ts'

/** How a relay is started that somebody watches: what takes minutes when deployed takes seconds. */
export const shortened = {
  environment: {
    UNCONFIRMED_AFTER_SECONDS: '30',
    HUBSPOT_LATE_EFFECT_SECONDS: '6',
    HUBSPOT_REJECTED_FOR_SECONDS: '10',
  },
  overrides: { visibilityTimeoutSeconds: 10, maxReceiveCount: maxReceives },
}

/** What the page can do. */
const Act = z.discriminatedUnion('do', [
  /** The agent presses Send. */
  z.strictObject({ do: z.literal('send'), channelAccountId: z.string(), text: z.string().trim().min(1).max(5000) }),
  /** The customer's side does something with a message, or lets it be known that it will not. */
  z.strictObject({
    do: z.literal('report'),
    messageId: z.string(),
    status: z.enum(['delivered', 'read', 'failed', 'silent']),
    code: z.string().optional(),
  }),
  /** A provider refuses what it is sent from now on, with one of its errors; or takes it again. */
  z.strictObject({ do: z.literal('reject'), channelAccountId: z.string(), code: z.string().nullable() }),
  z.strictObject({ do: z.literal('fault'), name: z.enum(faultNames), on: z.boolean() }),
  z.strictObject({ do: z.literal('reset') }),
  z.strictObject({ do: z.literal('kill') }),
  z.strictObject({ do: z.literal('forge') }),
  z.strictObject({ do: z.literal('redrive'), queue: z.enum(queueNames), id: z.string() }),
])
type Act = z.infer<typeof Act>

/**
 * The inbox page of a local relay: an agent on the left, a customer on the right, and between them whatever goes wrong.
 * Serves it on loopback, plays the providers behind it, and does what its buttons say.
 */
export async function startInbox(relay: LocalRelay, { port = 0 }: { port?: number } = {}) {
  const { hubspot, stack } = relay
  const { emit, onEvent } = createEvents<PageEvent>()
  /** What becomes of messages that are not left to the page's buttons, by their account and text. */
  const fates = new Map<string, Conduct>()
  const rejections = new Map<string, string>()
  const watch = watchMessages(relay, {
    onChange: (message) => emit({ kind: 'message', message }),
    unconfirmedAfterSeconds: Number(shortened.environment.UNCONFIRMED_AFTER_SECONDS),
  })
  const deadLetters = createDeadLetters(stack)
  const faults = createFaults(relay, () => providers.map(({ simulator }) => simulator))
  const providers = await Promise.all(
    playedProviders.map(({ provider, channelAccountId }) =>
      startProvider(relay, provider, { channelAccountId, conduct }),
    ),
  )

  function conduct({ messageId }: { messageId: string }): Conduct {
    const { channelAccountId = '', text = '' } = hubspot.message(messageId) ?? {}
    const error = rejections.get(channelAccountId)
    const answers = error === undefined ? faults.answers() : [{ error }]
    return { receipts: [], answers, ...fates.get(`${channelAccountId} ${text}`) }
  }

  const acts: { [Do in Act['do']]: (act: Extract<Act, { do: Do }>) => unknown } = {
    send({ channelAccountId, text }) {
      const to = [providerOf(channelAccountId).customer]
      void hubspot.sendMessage({ ...ids, channelAccountId, to, text, faults: faults.ofMessage() })
    },

    async report({ messageId, status, code }) {
      watch.change(messageId, () => ({ customer: status }))
      if (status === 'silent') return
      const { simulator } = providerOf(hubspot.message(messageId)?.channelAccountId)
      for (const receipt of faults.receipts({ status, ...(code !== undefined && { code }) }))
        await simulator.report(messageId, receipt)
    },

    reject({ channelAccountId, code }) {
      if (code === null) rejections.delete(channelAccountId)
      else rejections.set(channelAccountId, code)
    },

    fault: ({ name, on }) => faults.set(name, on),

    reset: () => faults.reset(),

    kill() {
      const count = stack.killEnvironments()
      for (const { id, told } of watch.messages())
        if (!told)
          watch.note(id, { at: Date.now(), component: 'deliver-message', what: 'Every Lambda is killed', tone: 'bad' })
      emit({ kind: 'notice', notice: `Killed ${count} Lambda processes. What they were doing comes back.` })
    },

    async forge() {
      const now = Date.now()
      const event = messageEvent(hubspot.behaviour, {
        ...{ id: 'forged', eventId: 'forged', ...ids, channelAccountId: providers[0]!.channelAccountId },
        ...{ conversationsThreadId: '', integrationThreadIds: [], to: ['+15550100001'], text: 'Not from an agent' },
        ...{ createdAt: now, status: 'SENT', patches: [], webhooks: [] },
      })
      const answered = await hubspot.sendEvent(event, { channelId: ids.channelId, signing: 'forged' })
      emit({
        kind: 'notice',
        notice: `A webhook with a forged signature: answered ${answered}, and nobody got a message.`,
      })
    },

    async redrive({ queue, id }) {
      const isFound = await deadLetters.redrive(queue, id)
      emit({
        kind: 'notice',
        notice: isFound
          ? 'Sent back. It is tried as soon as no earlier try can have an effect any more: in a minute at most.'
          : 'That dead letter is gone already.',
      })
    },
  }

  function providerOf(channelAccountId: string | undefined) {
    const provider = providers.find((one) => one.channelAccountId === channelAccountId)
    if (!provider) throw new Error(`No provider is played for channel account ${channelAccountId}`)
    return provider
  }

  /** All that is not about one message. */
  async function overview() {
    const depths = await stack.queueDepths()
    const depthOf = (name: string) => Object.entries(depths).find(([path]) => path.endsWith(`/${name}`))?.[1] ?? 0
    return {
      timeToTruth: watch.timeToTruth(),
      queues: { deliveries: depthOf('Deliveries'), 'status-updates': depthOf('StatusUpdates') },
      deadLetters: await deadLetters.list(),
      faults: faults.on(),
      rejections: Object.fromEntries(rejections),
    }
  }

  let latest: object = {}
  const stopping = new AbortController()
  async function lookAround() {
    while (!stopping.signal.aborted) {
      const seen = await overview().catch(() => latest)
      if (!isDeepStrictEqual(seen, latest)) emit({ kind: 'overview', overview: seen })
      latest = seen
      await sleep(200, undefined, { signal: stopping.signal }).catch(() => {})
    }
  }

  const page = await servePage({
    port,
    welcome: () => ({
      components,
      faults: faultLabels,
      providers: providers.map(({ simulator, ...played }) => ({
        ...played,
        errors: toChooseFrom(simulator.provider, simulator.errors),
      })),
      messages: watch.messages(),
      overview: latest,
    }),
    onEvent,
    act: async (body) => {
      const act = Act.parse(body)
      await (acts[act.do] as (act: Act) => unknown)(act)
    },
  })
  const looking = lookAround()

  return {
    url: page.url,
    providers,
    /** Sends a message whose fate is settled, for something to look at; `more` is what HubSpot does with it. */
    play(channelAccountId: string, text: string, fate: Conduct, more: Partial<NewMessage> = {}) {
      fates.set(`${channelAccountId} ${text}`, fate)
      return hubspot.sendMessage({
        ...ids,
        channelAccountId,
        to: [providerOf(channelAccountId).customer],
        text,
        ...more,
      })
    },
    async stop() {
      stopping.abort()
      watch.stop()
      await page.close()
      await looking
    },
  }
}

/** The inbox, as its users see it. */
export type Inbox = Awaited<ReturnType<typeof startInbox>>
