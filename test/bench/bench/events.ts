import { randomUUID } from 'node:crypto'
import { example } from '../../support/examples.ts'
import { httpEvent, hubspotHeaders } from '../../support/http-events.ts'
import { sqsEvent } from '../../support/sqs-event.ts'
import { clientSecret } from './cloud.ts'

const url = 'https://relay.example.com/hubspot/webhook'

/** A webhook of HubSpot's, of about 1.5 kB, signed now unless told otherwise. */
export function webhook(signing: { clientSecret?: string; timestamp?: string } = {}) {
  const body = example('hubspot/outgoing-message')
  const headers = hubspotHeaders({ url, body }, { clientSecret, timestamp: String(Date.now()), ...signing })
  return httpEvent({ url, body, headers })
}

/** A batch of status updates, each of a message that nobody has heard of, of so many portals in turn. */
export function batch(size: number, portals = 1) {
  return batchOf(Array.from({ length: size }, (_, index) => statusUpdate({ portalId: String(1 + (index % portals)) })))
}

/** A batch of these updates. */
export function batchOf(updates: object[]) {
  const messages = updates.map((update) => ({ id: randomUUID(), body: JSON.stringify(update) }))
  return sqsEvent(messages.map((message) => ({ ...message, sentAt: Date.now(), receives: 1 })))
}

/** A status update as `provider-receipt` queues it. */
export function statusUpdate(fields: object = {}) {
  return {
    v: 1,
    portalId: '1',
    channelId: '2300310',
    channelAccountId: '3000000001',
    messageId: randomUUID().replaceAll('-', ''),
    status: 'delivered',
    source: 'twilio',
    providerMessageId: 'SM0123456789abcdef0123456789abcdef',
    occurredAt: new Date().toISOString(),
    messageCreatedAt: new Date().toISOString(),
    traceId: randomUUID(),
    ...fields,
  }
}
