import { createHash, randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { sign } from '../../../functions/hubspot/signature.ts'
import { limitSignal } from '../pace.ts'
import { isAccepted } from '../simulator.ts'
import type { Behaviour } from './behaviour.ts'
import type { Message, Signing, State, WebhookAnswer } from './state.ts'

/**
 * Posts an event to its channel's webhook URL and resolves with the answer. Whatever is not 2xx is posted again after
 * growing pauses, in the background: HubSpot documents that for app webhooks and is silent about custom channels.
 */
export async function deliver(
  hubspot: State,
  options: { channelId: string; event: () => unknown; message?: Message; signing?: Signing | undefined },
) {
  const { channelId, event, message, signing = 'valid' } = options

  async function attempt() {
    const sent = event()
    const answered = await post(hubspot, channelId, sent, signing)
    message?.webhooks.push({ at: hubspot.now(), answered })
    hubspot.emit({ type: 'webhook', ...(message && { message }), event: sent, answered })
    return answered
  }

  async function attemptAgain() {
    for (const delayMs of hubspot.behaviour.redeliveryDelaysMs) {
      await sleep(delayMs, undefined, { signal: hubspot.stopping })
      if (isAccepted(await attempt())) return
    }
  }

  const answered = await attempt()
  const comesAgain = hubspot.behaviour.redelivers && signing === 'valid' && !isAccepted(answered)
  // Stopping ends the pauses by an AbortError.
  if (comesAgain) attemptAgain().catch(() => {})
  return answered
}

/** The OUTGOING_CHANNEL_MESSAGE_CREATED event as the custom channels guide documents it: ids and times are strings. */
export function messageEvent(behaviour: Behaviour, message: Message) {
  const createdAt = new Date(message.createdAt).toISOString()
  const identifier = identifierIn(behaviour)
  const event = {
    type: 'OUTGOING_CHANNEL_MESSAGE_CREATED',
    portalId: message.portalId,
    channelId: message.channelId,
    eventTimestamp: createdAt,
    eventId: behaviour.keepsEventId ? message.eventId : randomUUID(),
    channelIntegrationThreadIds: message.integrationThreadIds,
    message: {
      id: message.id,
      type: 'MESSAGE',
      channelId: message.channelId,
      channelAccountId: message.channelAccountId,
      conversationsThreadId: message.conversationsThreadId,
      createdAt,
      createdBy: agent,
      senders: [{ actorId: agent, name: 'Agent', deliveryIdentifier: identifier(message.channelAccountId) }],
      recipients: message.to.map((value, index) => ({
        actorId: `V-${index + 1}`,
        deliveryIdentifier: identifier(value),
      })),
      text: message.text,
      ...(message.richText !== undefined && { richText: message.richText }),
      attachments: message.attachments ?? [],
      direction: 'OUTGOING',
      ...(message.inReplyToId !== undefined && { inReplyToId: message.inReplyToId }),
      truncationStatus: 'NOT_TRUNCATED',
      status: behaviour.messageStatus === 'string' ? 'SENT' : { statusType: 'SENT' },
    },
  }
  return behaviour.eventForm === 'documented' ? event : inAnotherForm(event, message.createdAt)
}

/** The same event, as another JSON library might have written it. */
function inAnotherForm<Event extends { message: object }>(event: Event, createdAt: number) {
  const asNumber = (value: unknown) => (/^\d{1,15}$/.test(String(value)) ? Number(value) : value)
  const withNumbers = (fields: object) =>
    Object.fromEntries(Object.entries(fields).map(([name, value]) => [name, asNumber(value)]))
  const { channelIntegrationThreadIds: [thread] = [], ...rest } = event as Event & {
    channelIntegrationThreadIds?: string[]
  }
  const { text, ...message } = event.message as { text?: string }
  return [
    {
      ...withNumbers(rest),
      eventTimestamp: createdAt,
      channelIntegrationThreadIds: thread,
      message: { ...withNumbers(message), text, createdAt: String(createdAt) },
    },
  ]
}

/** A CHANNEL_ACCOUNT_… event; the guide lists no `eventId` for these. */
export function accountEvent(
  behaviour: Behaviour,
  now: number,
  account: {
    type: 'CHANNEL_ACCOUNT_CREATED' | 'CHANNEL_ACCOUNT_UPDATED' | 'CHANNEL_ACCOUNT_PURGED'
    portalId: string
    channelId: string
    channelAccountId: string
  },
) {
  return {
    ...account,
    eventTimestamp: new Date(now).toISOString(),
    channelAccountDeliveryIdentifier: identifierIn(behaviour)('+15550100000'),
  }
}

/** A delivery identifier as the API shows it. */
export function deliveryIdentifier(value: string) {
  return { type: value.startsWith('+') ? 'HS_PHONE_NUMBER' : 'CHANNEL_SPECIFIC_OPAQUE_ID', value }
}

/** The actor who writes every message. */
export const agent = 'A-1000001'

function identifierIn(behaviour: Behaviour) {
  return (value: string) => (behaviour.deliveryIdentifier === 'string' ? value : deliveryIdentifier(value))
}

async function post(hubspot: State, channelId: string, event: unknown, signing: Signing): Promise<WebhookAnswer> {
  const url = hubspot.channels.get(channelId)?.webhookUrl
  if (url === undefined) throw new Error(`No webhook URL is registered for channel ${channelId}`)
  const body = typeof event === 'string' ? event : JSON.stringify(event)
  try {
    const response = await fetch(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...signatureHeaders(hubspot, url, body, signing) },
      body,
      signal: AbortSignal.any([hubspot.stopping, limitSignal(hubspot.behaviour.webhookTimeoutMs)]),
    })
    await response.arrayBuffer()
    return response.status
  } catch (error) {
    return error instanceof Error && error.name === 'TimeoutError' ? 'timeout' : 'unreachable'
  }
}

/** Signed again for each attempt: a retry with the first timestamp would be refused after five minutes. */
function signatureHeaders(hubspot: State, url: string, body: string, signing: Signing): Record<string, string> {
  if (signing === 'absent') return {}
  const clientSecret = signing === 'forged' ? 'not the secret' : hubspot.clientSecrets[0]!
  const timestamp = String(hubspot.now() - (signing === 'stale' ? 3_600_000 : 0))
  const v1 = {
    'x-hubspot-signature': createHash('sha256')
      .update(clientSecret + body)
      .digest('hex'),
    'x-hubspot-signature-version': 'v1',
  }
  if (signing === 'v1 only') return v1
  return {
    ...(hubspot.behaviour.olderSignature && v1),
    'x-hubspot-request-timestamp': timestamp,
    'x-hubspot-signature-v3': sign({ method: 'POST', url, body, timestamp }, clientSecret),
  }
}
