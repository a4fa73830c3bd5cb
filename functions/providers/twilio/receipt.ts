import * as z from 'zod'
import { failureCode } from '../../platform/failure-code.ts'
import { parseJson } from '../../platform/json.ts'
import { reasonFor } from '../catalogue.ts'
import type { Receipt, ReceiptAdapter } from '../provider.ts'
import { fromQuery, toQuery } from '../references.ts'
import { NumericCode } from '../verdict.ts'
import { TwilioAccount } from './account.ts'
import { catalogue, verdicts } from './reasons.ts'
import { bodyHash, verify } from './signature.ts'
import { meaningOf, retries } from './status.ts'

// Twilio adds fields without notice.
const id = z.string().min(1).max(512).optional().catch(undefined)
const words = z
  .string()
  .transform((text) => text.slice(0, 512))
  .optional()
  .catch(undefined)
const Fields = z.object({
  MessageStatus: id,
  SmsStatus: id,
  MessageSid: id,
  SmsSid: id,
  // Empty, or 0, where Twilio has none.
  ErrorCode: NumericCode.pipe(z.number().positive()).optional().catch(undefined),
  ErrorMessage: words,
  /** What WhatsApp or another channel says of a failure. */
  ChannelStatusMessage: words,
})

/**
 * Status callbacks, posted to the URL that the send named, with our ids in its query. Forms and JSON. Their time is ours:
 * Twilio's `RawDlrDoneDate` is to the minute, in a time zone that differs by carrier and is not told.
 */
export const twilio: ReceiptAdapter<TwilioAccount> = {
  account: TwilioAccount,

  receive({ url, urlByHost = url, header, body, now }, account): Receipt {
    const signature = header('x-twilio-signature')
    if (!signature) return { kind: 'rejected', why: 'no X-Twilio-Signature' }
    if (!URL.canParse(url)) return { kind: 'rejected', why: 'no URL' }
    const urls = new Set([url, urlByHost].flatMap((called) => [called, ...asGiven(called)]))
    const isGenuine = (token: string) => [...urls].some((url) => verify({ url, body }, signature, token))
    if (!account.authTokens.some(isGenuine)) return { kind: 'rejected', why: 'X-Twilio-Signature does not match' }

    const query = new URL(url).searchParams
    const fields = Fields.safeParse(read(body, { isJson: query.has(bodyHash) })).data
    if (!fields) return { kind: 'unreadable', problem: 'neither a form nor a JSON object' }
    const isInSegments = query.has('s')
    const status = meaningOf(fields.MessageStatus ?? fields.SmsStatus ?? '', account, isInSegments)
    const reference = fromQuery(new URL(url).search)
    // Messages of other systems, and what the send's own answer said before.
    if (!reference || !status || status === 'accepted') return { kind: 'statuses', statuses: [], ignored: 1 }

    const { channelId: _, ...ids } = reference
    const reason = status === 'failed' ? failure(fields, account) : undefined
    const providerMessageId = fields.MessageSid ?? fields.SmsSid
    const occurredAt = new Date(now).toISOString()
    const code = status === 'failed' ? failureCode(fields.ErrorCode) : undefined
    const statuses = [{ ...ids, status, reason, ...(code && { code }), providerMessageId, occurredAt }]
    return { kind: 'statuses', statuses, ignored: 0, ...(status === 'failed' && { failures: failuresOf(fields) }) }
  },
}

/**
 * The URL as a send names it, letter by letter, whatever became of its query on the way: without its fragment and with it, for
 * Twilio does not document which of these it signs.
 */
function asGiven(url: string) {
  const reference = fromQuery(new URL(url).search)
  if (!reference) return []
  const ours = toQuery(reference)
  const names = new Set(new URLSearchParams(ours).keys())
  const others = [...new URL(url).searchParams].filter(([name]) => !names.has(name))
  // A hash of the body Twilio puts behind all that was given.
  const order = ([name]: [string, string]) => (name === bodyHash ? 1 : 0)
  const rest = new URLSearchParams(others.sort((a, b) => order(a) - order(b) || (a[0] < b[0] ? -1 : 1)))
  const given = `${url.split('?')[0]}?${ours}${rest.size > 0 ? `&${rest}` : ''}`
  return [given, given + retries]
}

/** What is JSON, its hash in the URL says: whatever it is called, Twilio binds no form by one. */
function read(body: Uint8Array, { isJson }: { isJson: boolean }): unknown {
  const text = Buffer.from(body).toString()
  return isJson ? parseJson(text) : Object.fromEntries(new URLSearchParams(text))
}

type Fields = z.infer<typeof Fields>

function failure(
  { MessageStatus, ErrorCode, ErrorMessage, ChannelStatusMessage }: Fields,
  { reasons: own }: TwilioAccount,
) {
  const title = MessageStatus === 'canceled' ? 'The message was canceled before it was sent' : ErrorMessage
  return reasonFor(ErrorCode, { own, catalogue, title, detail: ChannelStatusMessage })
}

const failuresOf = ({ ErrorCode }: Fields) =>
  ErrorCode === undefined ? [] : [{ code: `${ErrorCode}`, verdict: verdicts.get(`${ErrorCode}`) }]
