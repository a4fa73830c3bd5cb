import { text } from 'node:stream/consumers'
import * as z from 'zod'
import { sign } from '../../functions/hubspot/signature.ts'
import { parseJson } from '../../functions/platform/json.ts'
import { serve } from './loopback.ts'
import type { Delivery, ProviderEvent } from './providers/simulator.ts'

/**
 * Stands between the relay and a service that is being written on this machine, and tells of each call. What it hands on
 * is as the relay sent it, with the service's own answer; a signature that covers the URL is made again for the service's.
 */
export async function startLiveService({
  url,
  clientSecret,
  emit,
}: {
  url: string
  clientSecret: string
  emit(event: ProviderEvent): void
}) {
  const server = await serve(async (request, response) => {
    const body = await text(request)
    const headers = Object.fromEntries(
      Object.entries(request.headers).filter(([name]) => !['host', 'connection', 'content-length'].includes(name)),
    ) as Record<string, string>
    const timestamp = headers['x-hubspot-request-timestamp']
    if (timestamp) headers['x-hubspot-signature-v3'] = sign({ method: 'POST', url, body, timestamp }, clientSecret)

    const answer = await fetch(url, { method: 'POST', headers, body, redirect: 'manual' }).catch(() => undefined)
    emit({ type: 'delivery', delivery: deliveryOf(body, answer?.status) })
    // As a service that is down: the connection ends without an answer.
    if (!answer) return void response.destroy()
    for (const name of ['content-type', 'retry-after']) {
      const value = answer.headers.get(name)
      if (value !== null) response.setHeader(name, value)
    }
    response.writeHead(answer.status)
    response.end(await answer.text())
  })
  return { url: `${server.url}/`, stop: server.close }
}

function deliveryOf(body: string, status: number | undefined): Delivery {
  const { portalId, channelId, channelAccountId, messageId, text, message } = Body.parse(parseJson(body) ?? {})
  const reference = { portalId, channelId, channelAccountId, messageId, ...message }
  return {
    at: Date.now(),
    messageId: reference.messageId,
    providerMessageId: '',
    to: '',
    text,
    media: [],
    reference,
    outcome: status !== undefined && status < 300 ? 'received' : 'rejected',
    answered: status ?? 'reset',
  }
}

const word = z.string().catch('')
const Body = z.object({
  portalId: word,
  channelId: word,
  channelAccountId: word,
  messageId: word,
  text: word,
  message: z
    .object({ id: word, channelAccountId: word })
    .transform(({ id: messageId, channelAccountId }) => ({ messageId, channelAccountId }))
    .optional(),
})
