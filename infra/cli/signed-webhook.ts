import { randomUUID } from 'node:crypto'
import { testType } from '../../functions/hubspot/events.ts'
import { sign } from '../../functions/hubspot/signature.ts'
import { createFetchJson, type HttpRequest } from '../../functions/platform/fetch-json.ts'

/** A POST as HubSpot would make it. */
export type SignedWebhook = { url: string; headers: Record<string, string>; body: string }

/** Signs a body as HubSpot does, version 3, for a URL and for the next five minutes. */
export function signedWebhook(url: string, body: string, clientSecret: string): SignedWebhook {
  const timestamp = String(Date.now())
  return {
    url,
    headers: {
      'content-type': 'application/json',
      'x-hubspot-request-timestamp': timestamp,
      'x-hubspot-signature-v3': sign({ method: 'POST', url, body, timestamp }, clientSecret),
    },
    body,
  }
}

/** An event that is acknowledged, and goes nowhere. */
export const testEvent = () => JSON.stringify({ type: testType, eventId: randomUUID() })

/** Posts a webhook. Resolves with `HTTP` and the status, or with `no answer`. */
export async function post({ url, ...request }: Omit<HttpRequest, 'method'> & { url: string }) {
  return createFetchJson({ timeout: 10_000 })(url, { ...request, method: 'POST' }).then(
    ({ status }) => `HTTP ${status}`,
    () => 'no answer',
  )
}
