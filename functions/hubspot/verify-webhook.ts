import { type HttpEvent, header } from '../platform/http-event.ts'
import { withRotatedSecret } from '../platform/rotated-secret.ts'
import type { Telemetry } from '../platform/telemetry.ts'
import type { AppSecret, ReadAppSecret } from './app-secret.ts'
import { isFresh, verify } from './signature.ts'

/** Why a request is not HubSpot's: for the metric, and for the log. */
export type WebhookRejection = { reason: 'unsigned' | 'old version' | 'stale' | 'mismatch'; why: string }

/** Why a request is rejected; undefined where HubSpot signed this URL and this body within the last minutes. */
export async function rejectionOf(
  event: HttpEvent,
  { url, body }: { url: string; body: Buffer },
  { appSecret, telemetry, now }: { appSecret: ReadAppSecret; telemetry: Pick<Telemetry, 'count'>; now(): number },
): Promise<WebhookRejection | undefined> {
  const signature = header(event, 'x-hubspot-signature-v3')
  const timestamp = header(event, 'x-hubspot-request-timestamp')
  if (!signature) {
    return header(event, 'x-hubspot-signature') === undefined
      ? { reason: 'unsigned', why: 'no signature' }
      : { reason: 'old version', why: 'only a signature of version 1 or 2' }
  }
  if (!timestamp) return { reason: 'unsigned', why: 'no timestamp' }
  if (!isFresh(timestamp, now()))
    return { reason: 'stale', why: 'timestamp is no time in milliseconds within five minutes of now' }

  const request = { method: event.requestContext.http.method, url, body, timestamp }
  const matches = ({ clientSecrets }: AppSecret) =>
    clientSecrets.findIndex((secret) => verify(request, signature, secret))
  const match = await withRotatedSecret(appSecret, matches, { isWrong: (index) => index < 0 })
  if (match > 0) telemetry.count('VerifiedByPreviousSecret')
  return match < 0 ? { reason: 'mismatch', why: 'signature does not match' } : undefined
}
