import { forward as receipt } from '../../../../functions/providers/forward/receipt.ts'
import { forward as send } from '../../../../functions/providers/forward/send.ts'
import { forwardHeaders, forwardSecret } from '../../../support/http-events.ts'
import type { Harness } from './harness.ts'

const secrets = [forwardSecret('the current secret, 24 bytes'), forwardSecret('the previous secret, 24 bytes')]

/** The team's own endpoint. */
export const harness: Harness = {
  send,
  receipt,
  account: (url) => ({ provider: 'forward', url: `${url}/messages`, secrets }),
  secrets,
  nonsense: {
    'no secrets': { secrets: [] },
    'an endpoint in plain HTTP': { url: 'http://service.example.com/' },
    'a format of its own': { format: 'xml' },
  },
  keyHeader: 'webhook-id',
  answers: {
    taken: [{ status: 202, body: { status: 'accepted', providerMessageId: 'p1' } }, { status: 204 }],
    rejected: [{ status: 422, body: { reason: 'No such customer' } }, { status: 400 }],
    later: [{ status: 429 }, { status: 503 }],
    doubtful: [{ status: 500 }, { status: 502 }, { status: 302 }],
  },
  statuses: { sent: 'sent', delivered: 'delivered', read: 'read', failed: 'failed' },
  report(sent, status) {
    const { portalId, messageId } = JSON.parse(sent.body)
    const timestamp = '2026-11-22T12:00:05.000Z'
    return signed(JSON.stringify({ type: 'message.status', timestamp, data: { portalId, messageId, status } }))
  },
  sign: signed,
  signature: { headers: ['webhook-id', 'webhook-timestamp', 'webhook-signature'], url: false, bytes: true },
}

function signed(body: string) {
  const headers = forwardHeaders(body, { secrets: [secrets[0]!], at: new Date() })
  return { method: 'POST', url: 'https://relay.example.com/receipts/2300310', headers, body }
}
