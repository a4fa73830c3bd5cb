import { setTimeout as sleep } from 'node:timers/promises'
import { putCredentials } from '../../../infra/local/credentials.ts'
import { ids, startLocalRelay, whsecFor } from '../../../infra/local/local-relay.ts'
import { startLimit } from '../../../infra/local/pace.ts'
import { type Manner, startProviders } from './provider.ts'

/** A customer beside the others: how many messages come at once, or one as often as from anybody; and what its provider does. */
export type Neighbour = { atOnce?: number; provider: Manner }

/** How much the other customers write. */
export type Load = { customers: number; everySeconds: number; seconds: number }

/** What came of it. Times are in milliseconds, from HubSpot's webhook until HubSpot is told. */
export type Result = {
  latencies: number[]
  neighbour: { sent: number; told: number; calls: number }
  /** What lay in the queue of deliveries, at most. */
  backlog: number
}

/** Customers on the local stack, each with a portal and a channel account of its own, and the neighbour with its provider. */
export async function startCustomers(count: number, { provider }: { provider: Manner }) {
  await using starting = new AsyncDisposableStack()
  const relay = starting.adopt(await startLocalRelay(), (started) => started.stop())
  const providers = starting.adopt(await startProviders(), (started) => started.close())
  const sentAt = new Map<string, number>()
  const toldAt = new Map<string, number>()
  relay.onEvent((event) => {
    if (event.type !== 'call' || event.call.method !== 'PATCH' || event.call.answered !== 200) return
    toldAt.set(event.call.messageId ?? '', Date.now())
  })

  async function connect(customer: string, provider: Manner) {
    const channelAccountId = accountOf(customer)
    await relay.installApp(customer)
    const account = {
      provider: 'forward',
      url: providers.urlOf(provider),
      format: 'job',
      secrets: [whsecFor(customer)],
    }
    await putCredentials(relay.stack, channelAccountId, account)
  }

  /** An agent presses Send; resolves with the message's id when HubSpot's webhook has been answered. */
  async function send(customer: string) {
    const at = Date.now()
    const message = { portalId: customer, channelId: ids.channelId, channelAccountId: accountOf(customer), text }
    const { id } = await relay.hubspot.sendMessage(message)
    sentAt.set(id, at)
    return id
  }

  const customers = Array.from({ length: count }, (_, n) => String(5001 + n))
  for (const customer of customers) await connect(customer, 'takes')
  await connect(neighbourId, provider)
  const everything = starting.move()
  return {
    relay,
    providers,
    customers,
    send,
    isTold: (id: string) => toldAt.has(id),
    latencyOf: (id: string) => toldAt.get(id)! - sentAt.get(id)!,
    [Symbol.asyncDispose]: () => everything.disposeAsync(),
  }
}

/** The customers of a scene. */
export type Customers = Awaited<ReturnType<typeof startCustomers>>

const text = 'Your parcel arrives tomorrow.'
const accountOf = (customer: string) => `60${customer}`

/** How many messages a second the local stack tells on this machine, while it has nothing else to do. */
export async function measureSpeed({ customers, send, isTold }: Customers) {
  const tellAll = async () => {
    const sent = await Promise.all(customers.map(send))
    await until(() => sent.every(isTold))
    return sent.length
  }
  await tellAll()
  const since = Date.now()
  const told = await tellAll()
  return (told / (Date.now() - since)) * 1000
}

/**
 * The customers write at their pace, one after the other. A neighbour who sends many at once has done so before, since its
 * webhooks would take this machine's processors, which deployed they do not. Another begins when each has written once.
 */
export async function play(
  customers: Customers,
  load: Load,
  { neighbour, signal, progress }: { neighbour?: Neighbour; signal: AbortSignal; progress(line: string): void },
): Promise<Result> {
  const { relay, providers, send, isTold, latencyOf } = customers
  const sent: Promise<string>[] = []
  const neighbours: string[] = []
  let backlog = 0
  if (neighbour?.atOnce !== undefined) await flood(neighbour.atOnce)
  const since = Date.now()
  const isOver = () => signal.aborted || Date.now() - since > load.seconds * 1000
  const pause = (milliseconds: number) => sleep(milliseconds, undefined, { signal }).catch(() => {})

  async function write() {
    for (let n = 0; !isOver(); n++) {
      sent.push(send(customers.customers[n % load.customers]!))
      const next = since + ((n + 1) / load.customers) * load.everySeconds * 1000
      await pause(Math.max(0, next - Date.now()))
    }
  }
  async function flood(messages: number) {
    const sendOn = async () => {
      while (neighbours.length < messages && !signal.aborted) {
        const place = neighbours.push('')
        neighbours[place - 1] = await send(neighbourId)
        if (place % 500 === 0) progress(`${place} of ${messages} are queued`)
      }
    }
    // As many webhooks at once as HubSpot posts for an app.
    await Promise.all(Array.from({ length: 10 }, sendOn))
  }
  async function disturb() {
    while (!isOver()) {
      await pause(load.everySeconds * 1000)
      neighbours.push(await send(neighbourId))
    }
  }
  async function watch() {
    for (let n = 1; !isOver(); n++) {
      await pause(1000)
      const { 'Relay/Deliveries': deliveries = 0 } = await relay.stack.queueDepths()
      backlog = Math.max(backlog, deliveries)
      if (n % 10 === 0)
        progress(`${n} s: ${sent.length} messages, ${neighbours.length} of the neighbour, ${deliveries} queued`)
    }
  }

  await Promise.all([write(), watch(), neighbour && neighbour.atOnce === undefined && disturb()])
  const quiet = await Promise.all(sent)
  await until(() => signal.aborted || quiet.every(isTold))
  return {
    latencies: quiet.filter(isTold).map(latencyOf),
    neighbour: {
      sent: neighbours.length,
      told: neighbours.filter(isTold).length,
      calls: neighbour && neighbour.provider !== 'takes' ? providers.calls[neighbour.provider] : 0,
    },
    backlog,
  }
}

const neighbourId = '5000'

async function until(holds: () => boolean) {
  const limit = startLimit(180_000)
  while (!holds()) {
    if (limit.isOver()) throw new Error('Some messages were not told within three minutes.')
    await sleep(20)
  }
}
