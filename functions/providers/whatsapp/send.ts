import type { DeliveryJob } from '../../messages/jobs.ts'
import { withoutSlash } from '../../platform/url.ts'
import { inForms, whatItCannotCarry } from '../capabilities.ts'
import { readContent } from '../content.ts'
import { lostAnswer } from '../lost-answer.ts'
import type { SendAdapter } from '../provider.ts'
import { type Identifier, isProvidersOwn, needsCountryCode, phoneNumber, readRecipients } from '../recipients.ts'
import { isWhatsAppId, isWhatsAppUserId } from '../whatsapp-ids.ts'
import { truth, WhatsAppAccount } from './account.ts'
import { outcomeFrom } from './answer.ts'
import { callbackDataOf, maxCallbackDataLength } from './callback-data.ts'
import { capabilities } from './capabilities.ts'
import { caption, messagesOf, names, refusalOfButtons } from './messages.ts'

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
    const { recipients, problem: noRecipient } = readRecipients(
      job,
      (identifier) => customerOf(identifier, country),
      needs,
    )
    const messages = messagesOf(content)
    const sends = recipients
      .map(written)
      .flatMap((customer) => messages.map((message) => ({ ...customer, ...message })))
    const problems = [
      noRecipient,
      whatItCannotCarry(content, content.quickReplies.length > 0 ? { ...capabilities, text: caption } : capabilities),
      content.quickReplies.length > 0 && refusalOfButtons(content),
      !fits(job, sends.length) && 'The ids of this message are longer than what WhatsApp returns.',
    ].filter((reason) => typeof reason === 'string')
    return problems.length > 0 ? { problem: problems.join(' ') } : { sends }
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

function fits(job: DeliveryJob, of: number) {
  return callbackDataOf({ job, index: Math.max(0, of - 1), of }).length <= maxCallbackDataLength
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
