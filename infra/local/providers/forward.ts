import { randomUUID } from 'node:crypto'
import type { IncomingHttpHeaders } from 'node:http'
import { Webhook } from 'standardwebhooks'
import * as z from 'zod'
import { verify } from '../../../functions/hubspot/signature.ts'
import type { Reference } from '../../../functions/providers/references.ts'
import { type ApiRequest, type ProviderError, type SimulatorOptions, startProviderSimulator } from './simulator.ts'

/**
 * A team's own service behind the `forward` provider: takes the relay's deliveries in either format, and HubSpot's own
 * webhooks, and posts receipts. It knows a delivery by its id, so that a repeated one reaches no customer again.
 */
export async function startForward(
  options: SimulatorOptions & {
    /** The relay's receipts URL, without channel. Without it no receipts are posted. */
    receiptsUrl?: string
    /** Whether receipts go to the URL of the message's channel account, and not to its channel's. Default: yes. */
    receiptsPerAccount?: boolean
    /** Standard Webhooks secrets: the first signs receipts, each of them verifies deliveries. Default: one of its own. */
    secrets?: string[]
    /** HubSpot client secrets, for deliveries in the `hubspot` format. */
    clientSecrets?: string[]
    format?: 'job' | 'hubspot'
    /** What it answers of a message that it takes. Default: accepted, so that a receipt says what becomes of it. */
    takenAs?: 'accepted' | 'sent'
  },
) {
  const { receiptsUrl, receiptsPerAccount = true, clientSecrets = [], format = 'job', takenAs = 'accepted' } = options
  const { secrets = [secretOf(`the local service ${randomUUID()}`)], ...common } = options

  function isGenuine({ url, headers, body }: ApiRequest) {
    const signature = headers['x-hubspot-signature-v3']
    if (typeof signature !== 'string') return secrets.some((secret) => verifies(new Webhook(secret), headers, body))
    const timestamp = String(headers['x-hubspot-request-timestamp'])
    const request = { method: 'POST', url: `http://${headers.host}${url}`, body, timestamp }
    return clientSecrets.some((secret) => verify(request, signature, secret))
  }

  const simulator = await startProviderSimulator(
    {
      provider: 'forward',
      account: (url) => ({ provider: 'forward', url: `${url}/messages`, format, secrets }),
      read(request) {
        if (!isGenuine(request)) return { reply: { status: 401 } }
        const { message, ...job } = Body.parse(JSON.parse(request.body))
        const { portalId, channelId, channelAccountId, messageId = '', to, text } = { ...job, ...message }
        const reference = { portalId, channelId, channelAccountId, messageId }
        const recipient = to.map((identifier) => identifier.deliveryIdentifier?.value).join(', ')
        const key = request.headers['webhook-id']?.toString() ?? messageId
        return { to: recipient, text, media: [], reference, key }
      },
      newId: randomUUID,
      accepted: ({ providerMessageId }) => ({ status: 202, body: { status: takenAs, providerMessageId } }),
      rejected: (code) => ({ status: 422, body: { reason: titleOf(code) } }),
      errors,
      usualReceipts: [{ status: 'delivered' }, { status: 'read' }],
      receipt({ reference, providerMessageId }, { status, code, signing }) {
        if (!reference || !receiptsUrl) return undefined
        const { portalId, channelId, channelAccountId, messageId }: Reference = reference
        const id = `msg_${randomUUID()}`
        const now = new Date()
        const data = { portalId, messageId, status, reason: code && titleOf(code), providerMessageId }
        const body = JSON.stringify({ type: 'message.status', timestamp: now.toISOString(), data })
        const secret = signing === 'forged' ? secretOf('the secret of some other channel') : secrets[0]!
        const headers = {
          'content-type': 'application/json',
          'webhook-id': id,
          'webhook-timestamp': String(Math.floor(now.getTime() / 1000)),
          'webhook-signature': new Webhook(secret).sign(id, now, body),
        }
        const url = [receiptsUrl, channelId, receiptsPerAccount && channelAccountId].filter(Boolean).join('/')
        return { url, headers: signing === 'absent' ? {} : headers, body }
      },
      receiptRetryDelaysMs: [500, 1000, 2000, 4000, 8000],
    },
    common,
  )
  /** Where it takes messages. */
  const messagesUrl = `${simulator.url}/messages`
  return Object.assign(simulator, { messagesUrl })
}

/** The service, as its users see it. */
export type ForwardService = Awaited<ReturnType<typeof startForward>>

/** A Standard Webhooks secret made of a phrase. */
export const secretOf = (phrase: string) => `whsec_${Buffer.from(phrase).toString('base64')}`

// A team's service has no codes: these name its sentences here, and any other stands for itself.
const errors: ProviderError[] = [
  { code: 'opted-out', title: 'The customer has opted out', at: 'send' },
  { code: 'unknown-number', title: 'This number is not in service', at: 'send' },
  { code: 'switched-off', title: 'The handset is switched off', at: 'receipt' },
  { code: 'blocked', title: 'The carrier filtered the message', at: 'receipt' },
]
const titleOf = (code: string) => errors.find((error) => error.code === code)?.title ?? code

const recipients = z.array(
  z.object({
    deliveryIdentifier: z
      .union([z.string().transform((value) => ({ value })), z.object({ value: z.string() })])
      .optional(),
  }),
)

/** A job of the relay's, or HubSpot's event, told apart by its `message`. */
const Body = z.object({
  portalId: z.string(),
  channelId: z.string(),
  channelAccountId: z.string().optional(),
  messageId: z.string().optional(),
  to: recipients.default([]),
  text: z.string().default(''),
  message: z
    .object({ id: z.string(), channelAccountId: z.string(), recipients: recipients.default([]), text: z.string() })
    .transform(({ id: messageId, recipients: to, ...rest }) => ({ messageId, to, ...rest }))
    .optional(),
})

function verifies(webhook: Webhook, headers: IncomingHttpHeaders, body: string) {
  try {
    webhook.verify(body, headers as Record<string, string>, { jsonParse: false })
    return true
  } catch {
    return false
  }
}
