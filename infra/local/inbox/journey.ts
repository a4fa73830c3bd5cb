import * as z from 'zod'
import { sign } from '../../../functions/hubspot/signature.ts'
import type { LogEntry } from '../aws/stack.ts'
import { clientSecret, type LocalRelayEvent } from '../local-relay.ts'
import { isAccepted } from '../simulator.ts'

/** Where a step of a message's journey happens, in the order of a usual one. */
export const components = [
  'agent',
  'hubspot-webhook',
  'deliveries',
  'deliver-message',
  'provider',
  'provider-receipt',
  'status-updates',
  'update-status',
  'hubspot',
] as const

/** One step of a message's journey. */
export type Step = {
  /** Milliseconds since 1970. */
  at: number
  component: (typeof components)[number]
  what: string
  tone?: 'good' | 'bad' | 'waiting'
  /** The HTTP request that this step is, to be made again. */
  request?: HttpRequest
  /** What travelled, or was written, for those who want to see it. */
  raw?: unknown
}

/** An HTTP request, whole. */
type HttpRequest = { method: string; url: string; headers: Record<string, string>; body: string }

/** Where the two sides of the relay are. */
export type Addresses = { webhookUrl: string; hubspotUrl: string }

/** The message that something is about, and the step that it is. */
export type Happening = { messageId: string; step: Step }

/** What an event around the relay means for a message; undefined where it concerns none. */
export function ofEvent(event: LocalRelayEvent, at: number, addresses: Addresses): Happening | undefined {
  switch (event.type) {
    case 'message':
      return about(event.message.id, { at, component: 'agent', what: 'The agent presses Send' })
    case 'webhook':
      return about(event.message?.id, {
        at,
        component: 'hubspot-webhook',
        what: `HubSpot’s webhook → ${event.answered}`,
        tone: toneOf(event.answered),
        request: webhookRequest(addresses.webhookUrl, JSON.stringify(event.event), at),
        raw: event.event,
      })
    case 'call': {
      const { method, path, messageId, statusType, errorMessage, answered = '' } = event.call
      return about(messageId, {
        at,
        component: 'hubspot',
        what: `${method} ${statusType ?? ''} → ${answered}`,
        tone: toneOf(answered),
        request: {
          ...{ method, url: addresses.hubspotUrl + path },
          headers: { authorization: 'Bearer $ACCESS_TOKEN', 'content-type': 'application/json' },
          body: JSON.stringify({ statusType, errorMessage }),
        },
        raw: { [`${method} ${path}`]: { statusType, errorMessage }, answered },
      })
    }
    case 'late effect':
      return about(event.call.messageId, {
        at,
        component: 'hubspot',
        what: `${event.call.statusType} takes effect only now`,
        tone: 'waiting',
      })
    case 'delivery': {
      const { messageId, outcome, answered = '', request } = event.delivery
      const what = `${outcomes[outcome]} → ${answered}`
      const tone = toneOf(answered)
      return about(messageId, { at, component: 'provider', what, tone, ...whole(request), raw: event.delivery })
    }
    case 'receipt': {
      const { messageId, status, answered, request } = event
      const what = `Receipt “${status}” → ${answered}`
      const tone = toneOf(answered)
      return about(messageId, { at, component: 'provider-receipt', what, tone, ...whole(request), raw: event })
    }
    default:
      return undefined
  }
}

/** The webhook as it can be posted again: a signature is good for five minutes. */
function webhookRequest(url: string, body: string, at: number): HttpRequest {
  const timestamp = String(at)
  const headers = {
    'content-type': 'application/json',
    'x-hubspot-signature-v3': sign({ method: 'POST', url, body, timestamp }, clientSecret),
    'x-hubspot-request-timestamp': timestamp,
  }
  return { method: 'POST', url, headers, body }
}

function whole(request: (Partial<HttpRequest> & { url: string }) | undefined): { request?: HttpRequest } {
  return request ? { request: { method: 'POST', headers: {}, body: '', ...request } } : {}
}

/** What a function's log line means for a message; undefined where it concerns none. */
export function ofLine({ functionName, line }: LogEntry): Happening | undefined {
  const entry = readLine(line)
  const component = components.find((name) => name === functionName)
  if (!entry || !component) return undefined
  const { message, timestamp, status, outcome, reason, statusType } = entry
  const step = { at: timestamp, raw: entry }
  switch (message) {
    case 'Message queued':
      return about(entry.messageId, { ...step, component: 'deliveries', what: 'Queued for delivery' })
    case 'Receipt queued':
      return about(entry.messageId, { ...step, component: 'status-updates', what: `Status queued: ${status}` })
    case 'Send outcome queued': {
      const known = outcome === 'sent' ? (status ?? 'accepted, no word yet') : outcome
      return about(entry.messageId, { ...step, component, what: `Outcome: ${known}`, ...(outcome !== 'sent' && bad) })
    }
    case 'Told HubSpot':
      return about(entry.messageId, {
        ...step,
        component,
        what: `Settled: HubSpot was told ${statusType}`,
        tone: 'good',
      })
    case 'Nothing new':
      return about(entry.messageId, { ...step, component, what: `“${status}” is nothing new` })
    case 'Waiting':
      return about(entry.messageId, { ...step, component, what: `Waits: ${reason}`, tone: 'waiting' })
    case 'Dead-lettered':
      return about(entry.messageId, { ...step, component, what: `Dead letter: ${reason}`, ...bad })
    default:
      return about(entry.messageId, { ...step, component, what: message, ...(entry.level !== 'INFO' && bad) })
  }
}

/** What a function's line says, if it is one of its log lines and not a count or a crash. */
export function readLine(line: string) {
  return line.startsWith('{"level"') ? LogLine.safeParse(JSON.parse(line)).data : undefined
}

const LogLine = z.looseObject({
  level: z.string(),
  message: z.string(),
  timestamp: z.string().transform(Date.parse),
  messageId: z.string().optional(),
  status: z.string().optional(),
  outcome: z.string().optional(),
  reason: z.string().optional(),
  statusType: z.string().optional(),
})

const outcomes = {
  received: 'Reaches the customer',
  repeated: 'Known already, reaches nobody again',
  rejected: 'Rejected',
}
const bad = { tone: 'bad' } as const
const toneOf = (answered: number | string) => (isAccepted(answered) ? 'good' : 'bad')

function about(messageId: string | undefined, step: Step): Happening | undefined {
  return messageId === undefined ? undefined : { messageId, step }
}
