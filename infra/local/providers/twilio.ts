import { randomBytes, randomUUID } from 'node:crypto'
import { isWithin } from '../../../functions/providers/capabilities.ts'
import { fromQuery } from '../../../functions/providers/references.ts'
import { capabilities } from '../../../functions/providers/twilio/capabilities.ts'
import { sign } from '../../../functions/providers/twilio/signature.ts'
import { isWhatsAppUserId } from '../../../functions/providers/whatsapp-ids.ts'
import type { Reply } from '../simulator.ts'
import {
  type ApiRequest,
  type Delivery,
  type Protocol,
  type ProviderError,
  type Receipt,
  type SimulatorOptions,
  startProviderSimulator,
} from './simulator.ts'

/** Twilio's Messages API, with the customers behind it: receipts are signed and posted to the URL that a send names. */
export function startTwilio({ channel = 'sms', ...options }: TwilioOptions = {}) {
  const prefix = channel === 'sms' ? '' : `${channel}:`
  const from = '+15550100001'
  const takes = capabilities[channel]
  const accountSid = `AC${randomBytes(16).toString('hex')}`
  const authToken = randomBytes(16).toString('hex')
  /** The last status of each message, by its sid. */
  const statuses = new Map<string, string>()

  const protocol: Protocol = {
    provider: 'twilio',
    account: (baseUrl) => ({ provider: 'twilio', accountSid, authTokens: [authToken], channel, from, baseUrl }),

    read(request, deliveries) {
      const { pathname, searchParams } = new URL(request.url, 'http://twilio')
      if (!isGenuine(request)) return { reply: problem('20003') }
      if (pathname === `/2010-04-01/Accounts/${accountSid}.json`)
        return { reply: { status: 200, body: { sid: accountSid, status: 'active', type: 'Full' } } }
      if (pathname !== `/2010-04-01/Accounts/${accountSid}/Messages.json`) return { reply: problem('20404') }
      if (request.method === 'GET') return { reply: { status: 200, body: listing(deliveries, searchParams) } }
      const form = new URLSearchParams(request.body)
      const [to, text, media] = [form.get('To') ?? '', form.get('Body') ?? '', form.getAll('MediaUrl')]
      const wrong = wrongWith({ to, text, media })
      if (wrong) return { reply: problem(wrong) }
      const receiptsUrl = form.get('StatusCallback')?.split('#')[0]
      const reference = receiptsUrl === undefined ? undefined : fromQuery(new URL(receiptsUrl).search)
      return { to: to.slice(prefix.length), text, media, receiptsUrl, reference }
    },

    newId: () => `SM${randomBytes(16).toString('hex')}`,
    accepted: (delivery) => ({ status: 201, body: resource(delivery) }),
    rejected: problem,
    errors,
    usualReceipts: [{ status: 'sent' }, { status: 'delivered' }, ...(channel === 'sms' ? [] : [readReceipt])],

    receipt(delivery, { status, code, signing }) {
      const { receiptsUrl: url } = delivery
      if (url === undefined) return undefined
      const MessageStatus = status === 'failed' && code?.startsWith('30') ? 'undelivered' : status
      statuses.set(delivery.providerMessageId, MessageStatus)
      const body = new URLSearchParams(fieldsOf(delivery, MessageStatus, code)).toString()
      const token = signing === 'forged' ? 'f'.repeat(32) : authToken
      const headers: Record<string, string> = {
        'content-type': 'application/x-www-form-urlencoded; charset=UTF-8',
        'i-twilio-idempotency-token': randomUUID(),
      }
      if (signing !== 'absent') headers['x-twilio-signature'] = sign({ url, body: Buffer.from(body) }, token)
      return { url: asCalled(url), headers, body }
    },
    // As the connection overrides of our callback URL ask for: www.twilio.com/docs/usage/webhooks/webhooks-connection-overrides
    receiptRetryDelaysMs: [500, 500, 1000, 2000, 4000],
    comesAgain: (answered) => answered === 'unreachable' || answered >= 400,
  }

  function isGenuine({ headers }: ApiRequest) {
    return headers.authorization === `Basic ${Buffer.from(`${accountSid}:${authToken}`).toString('base64')}`
  }

  function wrongWith({ to, text, media }: Pick<Delivery, 'to' | 'text' | 'media'>) {
    const bare = to.slice(prefix.length)
    const isUserId = channel === 'whatsapp' && isWhatsAppUserId(bare)
    if (!to.startsWith(prefix) || (!isUserId && !/^\+\d{7,15}$/.test(bare))) return '21211'
    if (text === '' && media.length === 0) return '21619'
    if (!isWithin(text, takes.text)) return '21617'
    if (!media.every((url) => URL.canParse(url))) return '21620'
    return media.length > takes.files.atOnce ? '21623' : undefined
  }

  function fieldsOf({ providerMessageId: sid, to }: Delivery, status: string, ErrorCode?: string) {
    const fields = { MessageSid: sid, SmsSid: sid, MessageStatus: status, SmsStatus: status, AccountSid: accountSid }
    const parties = { From: prefix + from, To: prefix + to, ApiVersion: '2010-04-01' }
    const isFinal = channel === 'sms' && ['delivered', 'undelivered'].includes(status)
    return {
      ...fields,
      ...parties,
      ...(ErrorCode !== undefined && { ErrorCode }),
      ...(isFinal && { RawDlrDoneDate: new Date().toISOString().replace(/\D/g, '').slice(2, 12) }),
      ...(channel !== 'sms' && { ChannelPrefix: channel, ChannelToAddress: to }),
    }
  }

  /** A message as the API shows it. */
  function resource({ providerMessageId: sid, to, text, media, at }: Delivery) {
    return {
      sid,
      account_sid: accountSid,
      status: statuses.get(sid) ?? 'queued',
      to: prefix + to,
      from: prefix + from,
      body: text,
      num_media: String(media.length),
      direction: 'outbound-api',
      date_created: new Date(at).toUTCString().replace('GMT', '+0000'),
      error_code: null,
      error_message: null,
    }
  }

  function listing(deliveries: readonly Delivery[], query: URLSearchParams) {
    const taken = deliveries.filter(({ outcome }) => outcome === 'received').map(resource)
    const isMeant = ({ to, from }: ReturnType<typeof resource>) =>
      to === (query.get('To') ?? to) && from === (query.get('From') ?? from)
    return { messages: taken.filter(isMeant).reverse(), page: 0, page_size: Number(query.get('PageSize') ?? 50) }
  }

  return startProviderSimulator(protocol, options)
}

/** What may be chosen of the simulated Twilio. */
export type TwilioOptions = SimulatorOptions & {
  /** How it reaches customers. */
  channel?: 'sms' | 'whatsapp' | 'rcs'
}

const readReceipt: Receipt = { status: 'read' }

/** The URL as Twilio calls what was given: its query sorted by name. What it signs is the URL as given. */
function asCalled(given: string) {
  const url = new URL(given)
  url.searchParams.sort()
  return url.href
}

/** Twilio's answer to what it does not take. */
function problem(code: string): Reply {
  const message = errors.find((error) => error.code === code)?.title ?? 'Bad request'
  const status = httpStatuses[code] ?? 400
  return {
    status,
    body: { code: Number(code), message, more_info: `https://www.twilio.com/docs/errors/${code}`, status },
  }
}

const httpStatuses: Record<string, number> = { 20003: 401, 20404: 404, 20429: 429, 20500: 500, 20503: 503, 21611: 429 }

const errors: ProviderError[] = [
  { at: 'send', code: '21610', title: 'Attempt to send to unsubscribed recipient' },
  { at: 'send', code: '21211', title: "Invalid 'To' Phone Number" },
  {
    at: 'send',
    code: '21408',
    title: "Permission to send an SMS or MMS has not been enabled for the region indicated by the 'To' number",
  },
  { at: 'send', code: '21614', title: "'To' number is not a valid mobile number" },
  { at: 'send', code: '21617', title: 'The concatenated message body exceeds the 1600 character limit' },
  { at: 'send', code: '21619', title: 'A Message Body, Media URL or Content SID is required' },
  { at: 'send', code: '21620', title: 'Invalid media URL(s)' },
  { at: 'send', code: '21623', title: 'Number of media files exceeds allowed limit' },
  { at: 'send', code: '20003', title: 'Authenticate' },
  { at: 'send', code: '20404', title: 'The requested resource was not found' },
  { at: 'send', code: '20429', title: 'Too Many Requests' },
  { at: 'send', code: '20500', title: 'Internal Server Error' },
  { at: 'send', code: '20503', title: 'Service unavailable' },
  { at: 'send', code: '21611', title: "This 'From' number has exceeded the maximum number of queued messages" },
  { at: 'receipt', code: '30003', title: 'Unreachable destination handset' },
  { at: 'receipt', code: '30004', title: 'Message blocked' },
  { at: 'receipt', code: '30005', title: 'Unknown destination handset' },
  { at: 'receipt', code: '30006', title: 'Landline or unreachable carrier' },
  { at: 'receipt', code: '30007', title: 'Message filtered' },
  { at: 'receipt', code: '30008', title: 'Unknown error' },
  { at: 'receipt', code: '30034', title: 'US A2P 10DLC - Message from an Unregistered Number' },
  { at: 'receipt', code: '63016', title: 'Failed to send freeform message because you are outside the allowed window' },
  { at: 'receipt', code: '63024', title: 'Invalid message recipient' },
]
