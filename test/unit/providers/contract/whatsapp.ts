import { whatsapp as receipt } from '../../../../functions/providers/whatsapp/receipt.ts'
import { whatsapp as send } from '../../../../functions/providers/whatsapp/send.ts'
import { sign } from '../../../../functions/providers/whatsapp/signature.ts'
import { anyAccount, type Harness } from './harness.ts'

const accessToken = 'EAAJB0d1e2f3a4b5c6d7e8f9'
const appSecret = '0c1d2e3f4a5b69788796a5b4c3d2e1f0'
const verifyToken = 'a-token-for-the-handshake'

/** WhatsApp's Cloud API at Meta. */
export const harness: Harness = {
  send: anyAccount(send),
  receipt,
  account: (baseUrl) => ({
    provider: 'whatsapp',
    phoneNumberId: '106540352242922',
    accessToken,
    appSecrets: [appSecret],
    verifyToken,
    baseUrl,
  }),
  secrets: [accessToken, appSecret, verifyToken],
  nonsense: {
    'no token': { accessToken: undefined },
    'no app secret': { appSecrets: [] },
    'a phone number for its id': { phoneNumberId: '+15550100001' },
    'plain HTTP': { baseUrl: 'http://graph.facebook.com' },
  },
  longestText: 4096,
  answers: {
    taken: [
      { status: 200, body: { messaging_product: 'whatsapp', messages: [{ id: 'wamid.1' }] } },
      { status: 200, body: { messages: [{ id: 'wamid.1', message_status: 'accepted' }], contacts: [] } },
    ],
    rejected: [
      { status: 400, code: 131047, body: error(131047, 'Re-engagement message') },
      { status: 400, code: 131026, body: error(131026, 'Message undeliverable') },
      { status: 500, code: 131047, body: error(131047, 'Re-engagement message') },
      { status: 429, code: 131048, body: error(131048, 'Spam rate limit hit') },
      { status: 400, code: 139999, body: error(139999, 'Something new') },
      { status: 400, code: 400 },
    ],
    later: [
      { status: 400, body: error(130429, 'Rate limit hit'), headers: { 'retry-after': '7' } },
      { status: 400, body: error(131056, 'Pair rate limit hit') },
      { status: 500, body: error(130429, 'Rate limit hit') },
      { status: 429, body: error(139999, 'Something new') },
      { status: 500, body: error(131045, 'Incorrect certificate') },
      { status: 404 },
      { status: 401, body: error(190, 'Error validating access token') },
      { status: 429 },
    ],
    doubtful: [
      { status: 503 },
      { status: 500, body: error(131000, 'Something went wrong') },
      { status: 503, body: error(131016, 'Service unavailable') },
      { status: 503, body: error(2, 'API service') },
      { status: 500, body: { error: { ...error(139999, 'Try again').error, is_transient: true } } },
      { status: 500 },
      { status: 502 },
      { status: 504 },
      { status: 200, body: {} },
    ],
  },
  statuses: {
    sent: 'sent',
    delivered: 'delivered',
    read: 'read',
    played: 'read',
    failed: 'failed',
    deleted: 'ignored',
    warning: 'ignored',
  },
  report(sent, status) {
    const { to, biz_opaque_callback_data } = JSON.parse(sent.body)
    const item = { id: 'wamid.1', status, timestamp: '1795348800', recipient_id: to, biz_opaque_callback_data }
    const value = { messaging_product: 'whatsapp', statuses: [item] }
    return signed(JSON.stringify({ entry: [{ id: '1', changes: [{ field: 'messages', value }] }] }))
  },
  sign: signed,
  signature: { headers: ['x-hub-signature-256'], url: false, bytes: true },
}

function error(code: number, message: string) {
  return { error: { message: `(#${code}) ${message}`, type: 'OAuthException', code, fbtrace_id: 'Az8or2yhqkZfEZ' } }
}

function signed(body: string) {
  const headers = { 'content-type': 'application/json', 'x-hub-signature-256': sign(body, appSecret) }
  return { method: 'POST', url: 'https://relay.example.com/receipts/2300310/3000000001', headers, body }
}
