import * as z from 'zod'
import type { DeliveryJob } from '../../messages/jobs.ts'
import type { SendOutcome } from '../../messages/record.ts'
import type { HttpResponse } from '../../platform/fetch-json.ts'
import { retryAfter } from '../../platform/retry.ts'
import { withoutSlash } from '../../platform/url.ts'
import { type Fitted, type FormedFile, inForms, isWithin, whatItCannotCarry } from '../capabilities.ts'
import { reasonFor } from '../catalogue.ts'
import { type QuickReply, readContent } from '../content.ts'
import { lostAnswer } from '../lost-answer.ts'
import type { SendAdapter, SendTools } from '../provider.ts'
import { type Identifier, isProvidersOwn, needsCountryCode, phoneNumber, readRecipients } from '../recipients.ts'
import { actOn, answerOf, noteUnknown, type Verdict, verdictOf } from '../verdict.ts'
import { truth, WhatsAppAccount } from './account.ts'
import { callbackDataOf, longestCallbackData } from './callback-data.ts'
import { capabilities } from './capabilities.ts'
import { isWhatsAppId, isWhatsAppUserId } from './ids.ts'
import { keptId } from './message-id.ts'
import { catalogue, verdicts } from './reasons.ts'

/** A customer in Meta's words: by phone number, or by user id. */
type Customer = { to: string } | { recipient: string }

/** What goes to one customer in one send, in Meta's words. */
type Part = Customer & { type: string; [type: string]: unknown }

/**
 * Messages over the WhatsApp Cloud API: what may be sent within 24 hours of the customer's last message. It knows no
 * repetitions and has no look-up; a send that ended in doubt is settled by its receipts, which carry our ids.
 */
export const whatsapp: SendAdapter<WhatsAppAccount, Part> = {
  account: WhatsAppAccount,
  truth,

  plan(job, { country }) {
    const content = inForms(readContent(job), capabilities)
    const needs = `WhatsApp needs ${needsCountryCode}`
    const { recipients, refused: noRecipient } = readRecipients(
      job,
      (identifier) => customerOf(identifier, country),
      needs,
    )
    const messages = messagesOf(content)
    const sends = recipients
      .map(written)
      .flatMap((customer) => messages.map((message) => ({ ...customer, ...message })))
    const refused = [
      noRecipient,
      whatItCannotCarry(content, content.quickReplies.length > 0 ? { ...capabilities, text: caption } : capabilities),
      content.quickReplies.length > 0 && refusalOfButtons(content),
      !fits(job, sends.length) && 'The ids of this message are longer than what WhatsApp returns.',
    ].filter((reason) => typeof reason === 'string')
    return refused.length > 0 ? { refused: refused.join(' ') } : { sends }
  },

  describe: (part) => ({
    what: names[part.type] ?? part.type,
    to: 'to' in part ? String(part.to) : String(part['recipient']),
  }),

  async send({ part, ...send }, account, { fetchJson, now, noteUnknownCode }) {
    const message = { messaging_product: 'whatsapp', recipient_type: 'individual', ...part }
    const body = JSON.stringify({ ...message, biz_opaque_callback_data: callbackDataOf(send) })
    try {
      const { url, headers } = access(account)
      const request = { method: 'POST', headers: { 'content-type': 'application/json', ...headers }, body }
      return outcomeFrom(await fetchJson(url, request), account, { now: now(), note: noteUnknownCode })
    } catch (error) {
      return lostAnswer(error, 'WhatsApp could not be reached')
    }
  },
}

/** A customer's number without its plus, or user id; digits alone are a number only where WhatsApp itself gave them. */
function customerOf(identifier: Identifier, country: string | undefined) {
  const bare = identifier.value.replace(/^whatsapp:/i, '')
  if (isWhatsAppUserId(bare) || (isProvidersOwn(identifier) && isWhatsAppId(bare))) return bare
  return phoneNumber(bare, country)?.slice(1)
}

// In `to` Meta would take a user id, and send nothing.
const written = (customer: string): Customer =>
  isWhatsAppUserId(customer) ? { recipient: customer } : { to: customer }

/** The most that a caption takes, or a text with buttons below it. */
const caption = capabilities.caption!

/** The messages that a content takes: its text goes with the file or the buttons where it can. */
function messagesOf({ text, files, quickReplies }: Fitted) {
  const [file] = files
  if (file && files.length === 1 && quickReplies.length === 0 && isCaption(text, file)) return [fileMessage(file, text)]
  const media = files.map((file) => fileMessage(file))
  if (quickReplies.length > 0) return [...media, buttons(text, quickReplies)]
  return text === '' ? media : [textMessage(text), ...media]
}

const names: Record<string, string> = {
  image: 'picture',
  video: 'film',
  audio: 'sound',
  document: 'file',
  interactive: 'text',
}

const isCaption = (text: string, { as }: FormedFile) =>
  text !== '' && isWithin(text, caption) && caption.under.includes(as)

function fileMessage({ as: type, url: link, name }: FormedFile, caption?: string) {
  const filename = type === 'document' ? name : undefined
  return { type, [type]: { link, caption, filename } }
}

function textMessage(body: string) {
  return { type: 'text', text: { body, preview_url: /https?:\/\//.test(body) } }
}

function buttons(text: string, quickReplies: QuickReply[]) {
  const reply = ({ label: title, value: id }: QuickReply) => ({ type: 'reply', reply: { id, title } })
  return {
    type: 'interactive',
    interactive: { type: 'button', body: { text }, action: { buttons: quickReplies.map(reply) } },
  }
}

/** Why WhatsApp would not take these quick replies as buttons. */
function refusalOfButtons({ text, quickReplies }: Fitted) {
  const differ = (['label', 'value'] as const).every(
    (key) => new Set(quickReplies.map((reply) => reply[key])).size === quickReplies.length,
  )
  if (!differ) return 'WhatsApp takes quick replies that differ.'
  return text === '' && 'WhatsApp takes quick replies only below a text.'
}

function fits(job: DeliveryJob, of: number) {
  return callbackDataOf({ job, index: Math.max(0, of - 1), of }).length <= longestCallbackData
}

/** 360dialog knows the phone number by the key. */
function access(account: WhatsAppAccount): { url: string; headers: Record<string, string> } {
  const base = withoutSlash(account.baseUrl)
  if ('apiKey' in account) return { url: `${base}/messages`, headers: { 'd360-api-key': account.apiKey } }
  const { graphVersion, phoneNumberId, accessToken } = account
  return {
    url: `${base}/${graphVersion}/${phoneNumberId}/messages`,
    headers: { authorization: `Bearer ${accessToken}` },
  }
}

const Accepted = z.object({ messages: z.tuple([z.object({ id: z.string().min(1).max(512) })]).rest(z.unknown()) })
const optionalText = z.string().optional().catch(undefined)
const GraphError = z.object({
  error: z.object({
    code: z.number(),
    error_subcode: z.number().optional().catch(undefined),
    message: optionalText,
    is_transient: z.boolean().optional().catch(undefined),
    error_data: z.object({ details: optionalText }).optional().catch(undefined),
  }),
})
type GraphError = z.infer<typeof GraphError>['error']

/** An error of 360dialog's own. */
const Dialog360Error = z
  .object({ meta: z.object({ developer_message: z.string() }) })
  .or(z.object({ meta: z.object({ developerMessage: z.string() }) }))
  .transform(({ meta }) => ('developer_message' in meta ? meta.developer_message : meta.developerMessage))

function outcomeFrom(
  { status, headers, json }: HttpResponse,
  account: WhatsAppAccount,
  { now, note }: { now: number; note: SendTools['noteUnknownCode'] },
): SendOutcome {
  const [message] = Accepted.safeParse(json).data?.messages ?? []
  const taken = account.sentOn === 'accepted' ? 'sent' : 'accepted'
  if (status < 300 && message) return { outcome: 'sent', status: taken, providerMessageId: keptId(message.id) }

  const error = GraphError.safeParse(json).data?.error
  const ownMessage = Dialog360Error.safeParse(json).data
  noteUnknown(error?.code, { verdicts, catalogue, note })
  return actOn(error ? verdictOfGraph(error, status) : verdictOfDialog360(ownMessage, status), {
    service: 'WhatsApp',
    answer: answerOf(error?.code, status),
    reason: () => {
      const title = (error?.message ?? ownMessage)?.replace(/^\(#\d+\) */, '').slice(0, 300)
      const detail = error?.error_data?.details
      return reasonFor(error?.code ?? status, { own: account.reasons, catalogue, title, detail })
    },
    named: retryAfter(headers['retry-after'], now),
  })
}

function verdictOfGraph(error: GraphError, status: number): Verdict {
  // The id of the number is wrong, or the token may not use it: so Meta answers every message.
  const isOfNumber =
    error.code === 100 && (error.error_subcode === 33 || /unsupported (get|post) request/i.test(error.message ?? ''))
  if (isOfNumber) return 'set-up'
  // Of a failure of its own Meta says that it will pass, and not that it did not take the message.
  const isTransient = error.is_transient === true && status >= 400 && status < 500
  return isTransient && !verdicts.has(`${error.code}`) ? 'later' : verdictOf(verdicts, { code: error.code, status })
}

/** 360dialog has words for what Meta has codes for. */
function verdictOfDialog360(words: string | undefined, status: number): Verdict {
  if (words === undefined || status >= 500) return verdictOf(verdicts, { code: undefined, status })
  if (/exceeded the .*limit/i.test(words)) return 'later'
  if (/api_key|has been disabled|lack of payment|endpoint is blocked/i.test(words)) return 'set-up'
  return verdictOf(verdicts, { code: words, status })
}
