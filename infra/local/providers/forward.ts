import { randomUUID } from 'node:crypto'
import { Webhook } from 'standardwebhooks'
import * as z from 'zod'
import { type ProviderError, type SimulatorOptions, startProviderSimulator } from './simulator.ts'

/** A team's own service behind the `forward` provider, played as every provider is: it takes messages and posts receipts. */
export function startForward(options: SimulatorOptions & { receiptsUrl: string }) {
  const { receiptsUrl, ...common } = options
  const secret = `whsec_${Buffer.from(`the local service ${randomUUID()}`).toString('base64')}`
  const webhook = new Webhook(secret)
  const foreign = new Webhook(`whsec_${Buffer.from('the secret of some other channel').toString('base64')}`)

  return startProviderSimulator(
    {
      provider: 'forward',
      account: (url) => ({ provider: 'forward', url: `${url}/messages`, format: 'job', secrets: [secret] }),
      read({ headers, body }) {
        try {
          webhook.verify(body, headers as Record<string, string>)
        } catch {
          return { reply: { status: 401 } }
        }
        const { to, text, ...reference } = Job.parse(JSON.parse(body))
        const recipient = to.map(({ deliveryIdentifier }) => deliveryIdentifier?.value).join(', ')
        return { to: recipient, text, media: [], reference, key: headers['webhook-id']?.toString() }
      },
      newId: randomUUID,
      accepted: ({ providerMessageId }) => ({ status: 202, body: { status: 'accepted', providerMessageId } }),
      refused: (code) => ({ status: 422, body: { reason: titleOf(code) } }),
      errors,
      usualReceipts: [{ status: 'delivered' }, { status: 'read' }],
      receipt({ reference, providerMessageId }, { status, code, signing }) {
        if (!reference) return undefined
        const { portalId, channelId, channelAccountId, messageId } = reference
        const id = `msg_${randomUUID()}`
        const now = new Date()
        const data = { portalId, messageId, status, reason: code && titleOf(code), providerMessageId }
        const body = JSON.stringify({ type: 'message.status', timestamp: now.toISOString(), data })
        const headers = {
          'content-type': 'application/json',
          'webhook-id': id,
          'webhook-timestamp': String(Math.floor(now.getTime() / 1000)),
          'webhook-signature': (signing === 'forged' ? foreign : webhook).sign(id, now, body),
        }
        const url = [receiptsUrl, channelId, channelAccountId].filter(Boolean).join('/')
        return { url, headers: signing === 'absent' ? {} : headers, body }
      },
      receiptRetryDelaysMs: [500, 1000, 2000, 4000, 8000],
    },
    common,
  )
}

// A team's service has no codes: these name its sentences here.
const errors: ProviderError[] = [
  { code: 'opted-out', title: 'The customer has opted out', at: 'send' },
  { code: 'unknown-number', title: 'This number is not in service', at: 'send' },
  { code: 'switched-off', title: 'The handset is switched off', at: 'receipt' },
  { code: 'blocked', title: 'The carrier filtered the message', at: 'receipt' },
]
const titleOf = (code: string) => errors.find((error) => error.code === code)?.title ?? code

const Job = z.object({
  portalId: z.string(),
  channelId: z.string(),
  channelAccountId: z.string(),
  messageId: z.string(),
  to: z.array(z.object({ deliveryIdentifier: z.object({ value: z.string() }).optional() })),
  text: z.string(),
})
