import { twilio as receipt } from '../../../../functions/providers/twilio/receipt.ts'
import { twilio as send } from '../../../../functions/providers/twilio/send.ts'
import { sign } from '../../../../functions/providers/twilio/signature.ts'
import { anyAccount, type Harness } from './harness.ts'

const authToken = 'f0e1d2c3b4a5968778695a4b3c2d1e0f'
const secret = 'TheSecretOfAnApiKey0123456789abc'
const sid = `SM${'1'.repeat(32)}`

/** Twilio, by SMS. */
export const harness: Harness = {
  send: anyAccount(send),
  receipt,
  account: (baseUrl) => ({
    provider: 'twilio',
    accountSid: `AC${'0'.repeat(32)}`,
    authTokens: [authToken, '0'.repeat(32)],
    apiKey: { sid: `SK${'0'.repeat(32)}`, secret },
    from: '+15550100001',
    baseUrl,
  }),
  secrets: [authToken, secret, Buffer.from(`SK${'0'.repeat(32)}:${secret}`).toString('base64')],
  nonsense: {
    'no auth token': { authTokens: [] },
    'an auth token that is none': { authTokens: ['hunter2'] },
    'an account of another kind': { accountSid: `SK${'0'.repeat(32)}` },
    'no sender': { from: undefined },
    'two senders': { messagingServiceSid: `MG${'0'.repeat(32)}` },
    'a sender with its channel': { from: 'whatsapp:+15550100001' },
    'a channel that there is not': { channel: 'fax' },
    'plain HTTP': { baseUrl: 'http://api.twilio.com' },
  },
  longestText: 1600,
  answers: {
    taken: [
      { status: 201, body: { sid, status: 'queued', error_code: null, error_message: null } },
      { status: 201, body: { sid, status: 'accepted' } },
      { status: 200 },
    ],
    rejected: [
      {
        status: 400,
        code: 21211,
        body: { code: 21211, message: "Invalid 'To' Phone Number: +1555010XXXX", status: 400 },
      },
      {
        status: 400,
        code: 21610,
        body: { code: 21610, message: 'Attempt to send to unsubscribed recipient', status: 400 },
      },
      { status: 429, code: 63038, body: { code: 63038, message: 'Daily limit exceeded', status: 429 } },
      { status: 429, code: 63038, body: { code: '63038', message: 'Daily limit exceeded', status: 429 } },
      { status: 400, code: 29999, body: { code: 29999, message: 'Something new', status: 400 } },
      {
        status: 201,
        code: 30007,
        body: { sid, status: 'failed', error_code: 30007, error_message: 'Message filtered' },
      },
      { status: 400, code: 400 },
    ],
    later: [
      {
        status: 429,
        body: { code: 20429, message: 'Too Many Requests', status: 429 },
        headers: { 'retry-after': '7' },
      },
      { status: 400, body: { code: 21611, message: 'Queue full', status: 400 } },
      { status: 401, body: { code: 20003, message: 'Authenticate', status: 401 } },
      { status: 403, body: { code: 20403, message: 'Forbidden', status: 403 } },
      { status: 400, body: { code: 21601, message: 'Not an SMS-capable number', status: 400 } },
      { status: 400, body: { code: 21264, message: "'From' number not verified", status: 400 } },
      { status: 400, body: { code: 21659, message: 'Not a Twilio number', status: 400 } },
      { status: 403, body: { code: 70051, message: 'Authorization Failed', status: 403 } },
      { status: 400, body: { code: 90010, message: 'Account is not active', status: 400 } },
      { status: 400, body: { code: 63111, message: 'Sender or WABA returned "not found"', status: 400 } },
      { status: 404 },
    ],
    doubtful: [
      { status: 500, body: { code: 20500, message: 'Internal Server Error', status: 500 } },
      { status: 502 },
      { status: 503 },
      { status: 503, body: { code: 20503, message: 'Service unavailable', status: 503 } },
      { status: 504 },
    ],
  },
  statuses: {
    accepted: 'ignored',
    scheduled: 'ignored',
    queued: 'ignored',
    sending: 'ignored',
    receiving: 'ignored',
    received: 'ignored',
    sent: 'sent',
    partially_delivered: 'sent',
    delivered: 'delivered',
    read: 'read',
    undelivered: 'failed',
    failed: 'failed',
    canceled: 'failed',
  },
  report(sent, MessageStatus) {
    const form = new URLSearchParams(sent.body)
    const { origin, pathname, search } = new URL(form.get('StatusCallback')!)
    const fields = {
      MessageSid: sid,
      MessageStatus,
      To: form.get('To')!,
      From: form.get('From')!,
      ApiVersion: '2010-04-01',
    }
    return signed(new URLSearchParams(fields).toString(), origin + pathname + search)
  },
  sign: (body) => signed(body, 'https://relay.example.com/receipts/2300310?p=243842089&c=2300310&m=m1'),
  signature: { headers: ['x-twilio-signature'], url: true, bytes: false },
}

function signed(body: string, url: string) {
  const signature = sign({ url, body: Buffer.from(body) }, authToken)
  const headers = { 'content-type': 'application/x-www-form-urlencoded', 'x-twilio-signature': signature }
  return { method: 'POST', url, headers, body }
}
