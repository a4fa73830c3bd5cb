import type { IncomingHttpHeaders } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import fastify from 'fastify'
import type { Reference } from '../../../functions/providers/references.ts'
import {
  type Answered,
  answeredWith,
  createEvents,
  isAccepted,
  keepRawBody,
  type Reply,
  sendReply,
} from '../simulator.ts'

/**
 * A messaging service and the customers behind it: takes the relay's sends, answers them as `conduct` says, and posts
 * receipts. What is the provider's own is its protocol; `start{Provider}` in a file of its own brings the two together.
 */
export async function startProviderSimulator(protocol: Protocol, options: SimulatorOptions = {}) {
  const { conduct = (): Conduct => ({}), messageIdOf = ({ text }) => text } = options
  const { receiptRetryDelaysMs = protocol.receiptRetryDelaysMs ?? [] } = options
  const { comesAgain = (answered) => !isAccepted(answered) } = protocol
  const deliveries: Delivery[] = []
  const sending: Promise<unknown>[] = []
  const { emit, onEvent } = createEvents<ProviderEvent>()
  const stopping = new AbortController()
  const pause = (delayMs: number) => sleep(delayMs, undefined, { signal: stopping.signal })

  /** Judges a send by the conduct for its message; what is taken reaches the customer, once for each key. */
  function receive(sent: Sent) {
    const messageId = sent.reference?.messageId ?? messageIdOf(sent) ?? sent.text
    const delivery: Delivery = {
      at: Date.now(),
      messageId,
      providerMessageId: protocol.newId(),
      outcome: 'rejected',
      ...sent,
    }
    const tries = deliveries.filter((earlier) => isSameSend(earlier, delivery)).length
    const known = deliveries.find(({ key, outcome }) => key !== undefined && key === sent.key && outcome === 'received')
    deliveries.push(delivery)

    const { answers = [], receipts = sent.fate ?? protocol.usualReceipts } = conduct(delivery)
    const { error, delayMs = 0, after, ...answer } = answers[tries] ?? answers.at(-1) ?? {}
    const usual = known && protocol.repeated ? protocol.repeated(known) : protocol.accepted(known ?? delivery)
    const reply = answer.reply ?? (error === undefined ? usual : protocol.rejected(error))
    const takes =
      answer.takes ?? (error === undefined && (answer.reply === undefined || isAccepted(answeredWith(reply))))
    if (takes) delivery.outcome = known ? 'repeated' : 'received'
    return { delivery, reply, delayMs, after, receipts: delivery.outcome === 'received' ? receipts : [] }
  }

  /** Posts a receipt of one send until it is taken, as often as `times` says. Resolves with the last answer. */
  async function sendReceipt(about: Delivery, { times = 1, afterMs = 0, ...receipt }: Receipt) {
    if (!protocol.receipt) throw new Error(`${protocol.provider} sends no receipts`)
    await pause(afterMs)
    const request = protocol.receipt(about, receipt)
    if (!request) return undefined
    let answered = await post(request, { retries: !receipt.signing })
    for (let copy = 1; copy < times; copy++) answered = await post(request, { retries: false })
    emit({ type: 'receipt', messageId: about.messageId, status: receipt.status, answered, request })
    return answered
  }

  /** Makes a request of the provider's to the relay, again after each pause until it is taken. Resolves with the last answer. */
  async function post({ url, ...request }: Post, { retries = true } = {}) {
    for (let retry = 0; ; retry++) {
      const answered = await fetch(url, { method: 'POST', ...request, signal: stopping.signal })
        .then(async (response) => response.arrayBuffer().then(() => response.status))
        .catch(() => 'unreachable' as const)
      const delayMs = receiptRetryDelaysMs[retry]
      if (!retries || !comesAgain(answered) || delayMs === undefined || stopping.signal.aborted) return answered
      await pause(delayMs)
    }
  }

  async function sendInOrder(about: Delivery, receipts: Receipt[]) {
    for (const receipt of receipts) await sendReceipt(about, receipt)
  }

  async function listen(port: number) {
    const app = fastify({ forceCloseConnections: true })
    keepRawBody(app)
    app.all('*', async ({ method, url, headers, body }, reply) => {
      const sent = protocol.read({ method, url, headers, body: String(body ?? '') }, deliveries)
      if ('reply' in sent) return sendReply(reply, sent.reply)
      const { delivery, reply: answer, delayMs, after, receipts } = receive(sent)
      delivery.request = { method, url: app.listeningOrigin + url, headers: shown(headers), body: String(body ?? '') }
      // Stopping ends the pauses by an AbortError.
      if (delayMs) await pause(delayMs).catch(() => {})
      await after
      delivery.answered = answeredWith(answer)
      emit({ type: 'delivery', delivery })
      await sendReply(reply, answer)
      if (receipts.length > 0 && protocol.receipt) sending.push(sendInOrder(delivery, receipts).catch(() => {}))
    })
    await app.listen({ port, host: '127.0.0.1' })
    return app
  }

  let app = await listen(options.port ?? 0)
  const { origin: url, port } = new URL(app.listeningOrigin)
  const messages = () => deliveries.filter(({ outcome }) => outcome === 'received')
  return {
    provider: protocol.provider,
    /** Where the provider's API is. */
    url,
    /** What the secret of a channel, or of a channel account, holds to use it. */
    account: protocol.account(url),
    /** The provider's errors to choose from. */
    errors: protocol.errors,
    /** Every send that arrived, oldest first. */
    deliveries: deliveries as readonly Delivery[],
    /** What customers got, in the order in which they got it. */
    get messages(): readonly Delivery[] {
      return messages()
    },
    /** How often a customer got a message: of one that took several sends, the send that came most often. */
    receptions(messageId: string) {
      const sends = messages().filter((delivery) => delivery.messageId === messageId)
      return Math.max(0, ...sends.map((send) => sends.filter((other) => isSameSend(send, other)).length))
    },
    /** Posts receipts of a message: of each of its sends, or of the one at `index`. Resolves with the last answers. */
    report(messageId: string, { index, ...receipt }: Receipt & { index?: number }) {
      const isMeant = (send: Delivery) => index === undefined || index === (send.reference?.part?.index ?? 0)
      const sends = messages().filter((send) => send.messageId === messageId && isMeant(send))
      return Promise.all(sends.map((send) => sendReceipt(send, receipt)))
    },
    /** Posts a receipt of a message that it got from somebody else than the relay. Resolves with the last answer. */
    reportForeign(reference: Reference, receipt: Receipt) {
      const { messageId } = reference
      const unknown = { at: Date.now(), to: '', text: '', media: [], providerMessageId: protocol.newId() }
      return sendReceipt({ ...unknown, messageId, reference, outcome: 'received' }, receipt)
    },
    post,
    /** Resolves when every receipt that is due has been posted. */
    idle: () => Promise.all(sending),
    /** Stops listening: connections are refused until `goUp`. */
    goDown: async () => {
      await app.close()
      emit({ type: 'down' })
    },
    /** Listens again, where it did before. */
    goUp: async () => {
      app = await listen(Number(port))
      emit({ type: 'up' })
    },
    onEvent,
    async stop() {
      stopping.abort()
      await app.close()
    },
  }
}

/** A simulated provider, as its users see it: the same for each. */
export type ProviderSimulator = Awaited<ReturnType<typeof startProviderSimulator>>

/** What may be chosen of every simulated provider. */
export type SimulatorOptions = {
  /** The port to listen on; a free one when absent. */
  port?: number
  /** What becomes of a send; taken, with the provider's usual receipts, when absent. */
  conduct?: (delivery: Delivery) => Conduct
  /** HubSpot's id of the message that a send belongs to, where the provider's requests do not carry it: by its text, say. */
  messageIdOf?: (sent: Sent) => string | undefined
  /** Pauses before a receipt that the relay did not take is posted again. */
  receiptRetryDelaysMs?: number[]
}

/** What is the provider's own: how its requests are read and answered, and what its receipts look like. */
export type Protocol = {
  provider: string
  /** What the secret of a channel holds for this provider at this URL. */
  account(url: string): Record<string, unknown>
  /** The send that a request asks for, or the answer to any other: a look-up, a wrong token, an unknown path. */
  read(request: ApiRequest, deliveries: readonly Delivery[]): Sent | { reply: Reply }
  /** A new id of the provider's for a message. */
  newId(): string
  accepted(delivery: Delivery): Reply
  /** The answer to a send under a key that was taken before; as the first one when absent. */
  repeated?(known: Delivery): Reply
  /** The answer that rejects a send with one of `errors`. */
  rejected(code: string): Reply
  errors: readonly ProviderError[]
  /** The receipts that follow unless the conduct says otherwise. */
  usualReceipts: Receipt[]
  /** The signed request that reports a status of a send; undefined where nobody asked for it. Absent: the provider has none. */
  receipt?(delivery: Delivery, receipt: Omit<Receipt, 'times' | 'afterMs'>): Post | undefined
  receiptRetryDelaysMs?: number[]
  /** Whether a receipt is posted again after this answer; after any but 2xx when absent. */
  comesAgain?(answered: number | 'unreachable'): boolean
}

/** A request of the relay's; `url` is its path and query. */
export type ApiRequest = { method: string; url: string; headers: IncomingHttpHeaders; body: string }

/** A request of the provider's. */
export type Post = { url: string; method?: string; headers?: Record<string, string>; body?: string }

/** What a request asks to be sent. */
export type Sent = {
  to: string
  text: string
  /** URLs. */
  media: string[]
  /** Our ids, where the request carries them. */
  reference?: Reference | undefined
  /** The key by which the provider knows a repetition. */
  key?: string | undefined
  /** The receipts that follow where the provider finds out later that it cannot deliver it. */
  fate?: Receipt[] | undefined
  /** Where its receipts are to go, where the request says so. */
  receiptsUrl?: string | undefined
}

/** One send by the relay. */
export type Delivery = Sent & {
  at: number
  messageId: string
  providerMessageId: string
  /** `repeated` was taken before and did not reach the customer again; `rejected` was not taken. */
  outcome: 'received' | 'repeated' | 'rejected'
  /** Absent while the call is under way. */
  answered?: Answered
  /** The relay's request, as it came. */
  request?: Post
}

/** One of a provider's published errors: of the answer to a send, or of a receipt. */
export type ProviderError = { code: string; title: string; at: 'send' | 'receipt' }

/** How the provider treats one send. */
export type Conduct = {
  /** The answer to each try, the last one to every further try. */
  answers?: Answer[]
  /** The receipts that follow when it was taken, in this order. */
  receipts?: Receipt[]
}

/**
 * An answer to a send: the provider's usual one, one of its errors by code, or any reply. `takes` is whether the customer
 * gets the message, by default unless it is an error; it is given after a pause, or after something.
 */
export type Answer = { error?: string; reply?: Reply; takes?: boolean; delayMs?: number; after?: Promise<unknown> }

/** A receipt to post: `times` copies, after a pause, signed rightly or wrongly. `code` is one of the provider's errors. */
export type Receipt = {
  status: 'sent' | 'delivered' | 'read' | 'failed'
  code?: string
  times?: number
  afterMs?: number
  signing?: 'forged' | 'absent'
}

/** What happened, for whoever watches. */
export type ProviderEvent =
  | { type: 'down' | 'up' }
  | { type: 'delivery'; delivery: Delivery }
  | {
      type: 'receipt'
      messageId: string
      status: Receipt['status']
      answered: number | 'unreachable'
      /** The provider's request. */
      request?: Post
    }

/** The headers that matter to somebody who makes the request again. */
function shown(headers: IncomingHttpHeaders) {
  const own = Object.entries(headers).filter(
    ([name]) => !['host', 'connection', 'content-length', 'accept'].includes(name),
  )
  return Object.fromEntries(own.map(([name, value]) => [name, String(value)]))
}

function isSameSend(a: Delivery, b: Delivery) {
  const [one, other] = [a, b].map(({ messageId, reference, to, text, media }) =>
    JSON.stringify([messageId, reference?.part?.index ?? [to, text, media]]),
  )
  return one === other
}
