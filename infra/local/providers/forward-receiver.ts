import { randomUUID } from 'node:crypto'
import type { IncomingHttpHeaders } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import fastify from 'fastify'
import { Webhook } from 'standardwebhooks'
import * as z from 'zod'
import { verify } from '../../../functions/hubspot/signature.ts'
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
 * The service that a team runs behind the `forward` provider, and the customers behind it: takes the relay's deliveries
 * in either format, answers them as `conduct` says, and posts receipts. The service knows a delivery by its id, so that a
 * repeated one reaches no customer again; the same message under another id would, and `receptions` would show it.
 */
export async function startForwardReceiver(options: {
  /** The port to listen on; a free one when absent. */
  port?: number
  /** Standard Webhooks secrets (`whsec_…`): the first signs receipts, each of them verifies deliveries. */
  secrets: string[]
  /** HubSpot client secrets, for deliveries in the `hubspot` format. */
  clientSecrets?: string[]
  /** The relay's receipts URL, without channel: `{relay}/receipts`. Without it no receipts are posted. */
  receiptsUrl?: string
  /** Whether receipts go to the URL of the message's channel account, and not to its channel's. Default: yes. */
  receiptsPerAccount?: boolean
  /** What becomes of a message; taken, delivered and read when absent. */
  conduct?: (delivery: Delivery) => Conduct
  /** Pauses before a receipt that the relay did not take is posted again. */
  receiptRetryDelaysMs?: number[]
}) {
  const { secrets, clientSecrets = [], receiptsUrl, conduct = () => usualConduct } = options
  const { receiptsPerAccount = true, receiptRetryDelaysMs = [500, 1000, 2000, 4000, 8000] } = options
  const deliveries: Delivery[] = []
  const sending: Promise<void>[] = []
  const { emit, onEvent } = createEvents<ForwardReceiverEvent>()
  const stopping = new AbortController()
  const pause = (delayMs: number) => sleep(delayMs, undefined, { signal: stopping.signal })

  /** Judges a delivery by the conduct for its message; what is taken reaches the customer, once. */
  function receive(headers: IncomingHttpHeaders, body: string) {
    const delivery = readDelivery(headers, body)
    const tries = deliveries.filter(({ messageId }) => messageId === delivery.messageId).length
    deliveries.push(delivery)
    if (!isGenuine(headers, body)) {
      delivery.outcome = 'forged'
      return { delivery, answer: { reply: { status: 401 } }, receipts: [] }
    }

    const { answers = [], receipts = [] } = conduct(delivery)
    const answer = answers[tries] ?? answers.at(-1) ?? accept
    if (answer.takes ?? isAccepted(answeredWith(answer.reply))) {
      const isKnown = deliveries.some(
        (known) => known.deliveryId === delivery.deliveryId && known.outcome === 'received',
      )
      delivery.outcome = isKnown ? 'repeated' : 'received'
    }
    return { delivery, answer, receipts: delivery.outcome === 'received' ? receipts : [] }
  }

  function isGenuine(headers: IncomingHttpHeaders, body: string) {
    const signature = headers['x-hubspot-signature-v3']
    if (typeof signature === 'string') {
      const timestamp = String(headers['x-hubspot-request-timestamp'])
      const request = { method: 'POST', url: receiver.url, body, timestamp }
      return clientSecrets.some((secret) => verify(request, signature, secret))
    }
    return secrets.some((secret) => verifies(new Webhook(secret), headers, body))
  }

  /** Posts a receipt to the relay until it is taken, as often as `times` says. Resolves with the last answer. */
  async function sendReceipt(about: MessageReference, { times = 1, afterMs = 0, ...receipt }: Receipt) {
    await pause(afterMs)
    const post = preparePost(about, receipt)
    let answered = await post()
    for (const delayMs of receipt.signing ? [] : receiptRetryDelaysMs) {
      if (isAccepted(answered)) break
      await pause(delayMs)
      answered = await post()
    }
    for (let copy = 1; copy < times; copy++) answered = await post()
    return answered
  }

  /** A receipt with its id and body; each post signs it anew. */
  function preparePost(about: MessageReference, { status, reason, signing }: Receipt) {
    const { portalId, channelId, channelAccountId, messageId } = about
    const id = `msg_${randomUUID()}`
    const data = { portalId, messageId, status, reason }
    const body = JSON.stringify({ type: 'message.status', timestamp: new Date().toISOString(), data })
    const url = [receiptsUrl, channelId, receiptsPerAccount && channelAccountId].filter(Boolean).join('/')

    return async () => {
      const headers = { 'content-type': 'application/json', ...signatureHeaders(secrets[0]!, id, body, signing) }
      const answered = await fetch(url, { method: 'POST', headers, body, signal: stopping.signal })
        .then(async (response) => response.arrayBuffer().then(() => response.status))
        .catch(() => 'unreachable' as const)
      emit({ type: 'receipt', messageId, status, answered })
      return answered
    }
  }

  async function listen(port: number) {
    const app = fastify({ forceCloseConnections: true })
    keepRawBody(app)
    app.post('/messages', async (request, reply) => {
      const { delivery, answer, receipts } = receive(request.headers, String(request.body ?? ''))
      // Stopping ends the pauses by an AbortError.
      if (answer.delayMs) await pause(answer.delayMs).catch(() => {})
      delivery.answered = answeredWith(answer.reply)
      emit({ type: 'delivery', delivery })
      await sendReply(reply, answer.reply)
      if (receiptsUrl) sending.push(sendInOrder(delivery, receipts).catch(() => {}))
    })
    await app.listen({ port, host: '127.0.0.1' })
    return app
  }

  async function sendInOrder(about: MessageReference, receipts: Receipt[]) {
    for (const receipt of receipts) await sendReceipt(about, receipt)
  }

  let app = await listen(options.port ?? 0)
  const { origin, port } = new URL(app.listeningOrigin)
  const receiver = {
    /** Where the relay's `forward` provider sends messages. */
    url: `${origin}/messages`,
    /** Everything that arrived, oldest first. */
    deliveries: deliveries as readonly Delivery[],
    /** How often the customer got a message. */
    receptions: (messageId: string) =>
      deliveries.filter((delivery) => delivery.messageId === messageId && delivery.outcome === 'received').length,
    sendReceipt,
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
  return receiver
}

/** The receiver, as its users see it. */
export type ForwardReceiver = Awaited<ReturnType<typeof startForwardReceiver>>

/** The message that a delivery or a receipt is about. */
export type MessageReference = { portalId: string; channelId: string; channelAccountId?: string; messageId: string }

/** One delivery by the relay. */
export type Delivery = MessageReference & {
  at: number
  format: 'job' | 'hubspot'
  /** The id under which the service knows a delivery again. */
  deliveryId: string
  /** `repeated` was taken before and did not reach the customer again; `refused` was not taken. */
  outcome: 'received' | 'repeated' | 'refused' | 'forged'
  /** Absent while the call is under way. */
  answered?: Answered
  /** What the relay sent, parsed. */
  body: unknown
}

/** How the service treats one message. */
export type Conduct = {
  /** The answer to each try, the last one to every further try. */
  answers?: Answer[]
  /** The receipts that follow when the message was taken, in this order. */
  receipts?: Receipt[]
}

/** An answer to a delivery; `takes` is whether the customer gets the message, by default if the status is 2xx. */
export type Answer = { reply: Reply; takes?: boolean; delayMs?: number }

/** A receipt to post: `times` copies, after a pause, signed rightly or wrongly. */
export type Receipt = {
  status: 'sent' | 'delivered' | 'read' | 'failed'
  reason?: string
  times?: number
  afterMs?: number
  signing?: 'forged' | 'stale' | 'absent'
}

/** What happened, for whoever watches. */
export type ForwardReceiverEvent =
  | { type: 'down' | 'up' }
  | { type: 'delivery'; delivery: Delivery }
  | { type: 'receipt'; messageId: string; status: Receipt['status']; answered: number | 'unreachable' }

const accept: Answer = { reply: { status: 202, body: { status: 'sent' } } }
const usualConduct: Conduct = { answers: [accept], receipts: [{ status: 'delivered' }, { status: 'read' }] }

/** What the relay sent, as far as the service reads it; either format, told apart by HubSpot's `message`. */
function readDelivery(headers: IncomingHttpHeaders, text: string): Delivery {
  const body = Body.parse(JSON.parse(text))
  const { portalId, channelId, message } = body
  const messageId = message?.id ?? body.messageId ?? ''
  return {
    at: Date.now(),
    format: message ? 'hubspot' : 'job',
    portalId,
    channelId,
    channelAccountId: message?.channelAccountId ?? body.channelAccountId ?? '',
    messageId,
    deliveryId: String(headers['webhook-id'] ?? messageId),
    outcome: 'refused',
    body,
  }
}

const Body = z.looseObject({
  portalId: z.string(),
  channelId: z.string(),
  channelAccountId: z.string().optional(),
  messageId: z.string().optional(),
  message: z.looseObject({ id: z.string(), channelAccountId: z.string() }).optional(),
})

function verifies(webhook: Webhook, headers: IncomingHttpHeaders, body: string) {
  try {
    webhook.verify(body, headers as Record<string, string>, { jsonParse: false })
    return true
  } catch {
    return false
  }
}

function signatureHeaders(secret: string, id: string, body: string, signing: Receipt['signing']) {
  if (signing === 'absent') return {}
  const timestamp = new Date(Date.now() - (signing === 'stale' ? 3_600_000 : 0))
  const webhook = new Webhook(signing === 'forged' ? foreignSecret : secret)
  return {
    'webhook-id': id,
    'webhook-timestamp': String(Math.floor(timestamp.getTime() / 1000)),
    'webhook-signature': webhook.sign(id, timestamp, body),
  }
}

const foreignSecret = `whsec_${Buffer.from('the secret of some other channel').toString('base64')}`
