import { Webhook } from 'standardwebhooks'
import { sign } from '../../functions/hubspot/signature.ts'
import type { HttpEvent } from '../../functions/platform/http-event.ts'

/** A request as its sender makes it. Bytes reach the function in base64, text as it is. */
export type SentRequest = {
  url: string
  method?: string
  headers?: Record<string, string>
  body?: string | Uint8Array
  pathParameters?: Record<string, string>
}

/** The event that API Gateway's HTTP API makes of a request (payload format 2.0): the path decoded, the query as it came. */
export function httpEvent({ url, method = 'POST', headers = {}, body, pathParameters }: SentRequest): HttpEvent {
  const { hostname, pathname } = new URL(url)
  const rawPath = decodeURIComponent(pathname)
  return {
    version: '2.0',
    routeKey: '$default',
    rawPath,
    rawQueryString: url.split('?').slice(1).join('?'),
    headers: { 'content-type': 'application/json', ...headers },
    requestContext: {
      accountId: '000000000000',
      apiId: 'api',
      domainName: hostname,
      domainPrefix: hostname.split('.')[0]!,
      http: { method, path: rawPath, protocol: 'HTTP/1.1', sourceIp: '192.0.2.1', userAgent: 'sender' },
      requestId: 'request-1',
      routeKey: '$default',
      stage: '$default',
      time: '22/Nov/2026:12:00:00 +0000',
      timeEpoch: Date.parse('2026-11-22T12:00:00Z'),
    },
    ...(pathParameters && { pathParameters }),
    ...(body !== undefined && { body: typeof body === 'string' ? body : Buffer.from(body).toString('base64') }),
    isBase64Encoded: body instanceof Uint8Array,
  }
}

/** The headers with which HubSpot signs a request. */
export function hubspotHeaders(
  { url, method = 'POST', body = '' }: SentRequest,
  { clientSecret, timestamp }: { clientSecret: string; timestamp: string },
) {
  return {
    'x-hubspot-signature-v3': sign({ method, url, body, timestamp }, clientSecret),
    'x-hubspot-request-timestamp': timestamp,
  }
}

/** The headers with which the team's own service signs a receipt, once with each secret. */
export function forwardHeaders(body: string, { secrets, at }: { secrets: string[]; at: Date }) {
  const id = 'msg_1'
  return {
    'webhook-id': id,
    'webhook-timestamp': String(Math.floor(at.getTime() / 1000)),
    'webhook-signature': secrets.map((secret) => new Webhook(secret).sign(id, at, body)).join(' '),
  }
}

/** A secret of Standard Webhooks: any text of 24 bytes or more. */
export const forwardSecret = (text: string) => `whsec_${Buffer.from(text).toString('base64')}`
