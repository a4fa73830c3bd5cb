import { withoutSlash } from '../../platform/url.ts'
import {
  type Capabilities,
  type Fitted,
  type FormedFile,
  inForms,
  isWithin,
  whatItCannotCarry,
} from '../capabilities.ts'
import { readContent } from '../content.ts'
import { lostAnswer } from '../lost-answer.ts'
import type { Send, SendAdapter } from '../provider.ts'
import { type Identifier, isProvidersOwn, needsCountryCode, phoneNumber, readRecipients } from '../recipients.ts'
import { referenceOf, toQuery } from '../references.ts'
import { isWhatsAppId, isWhatsAppUserId } from '../whatsapp-ids.ts'
import { TwilioAccount, truth } from './account.ts'
import { Listing, outcomeFrom, outcomeOfMessage } from './answer.ts'
import { capabilities } from './capabilities.ts'
import { isOneSegment } from './segments.ts'
import { inSegments, retries } from './status.ts'

/** One message of Twilio's: to one recipient, with what fits into it. */
export type TwilioPart = { to: string; text: string; media: string[] }

/**
 * Messages through Twilio's Messages API, which knows no idempotency key: a send that ended in doubt is not made again. Its
 * receipts settle it, since they carry our ids, or a look into the account's list of messages.
 */
export const twilio: SendAdapter<TwilioAccount, TwilioPart> = {
  account: TwilioAccount,
  truth,

  plan(job, account) {
    const takes = capabilities[account.channel]
    const content = inForms(readContent(job), takes)
    const needs = `This channel needs ${needsCountryCode}`
    const { recipients, problem: noRecipient } = readRecipients(
      job,
      (identifier) => addressOf(identifier, account),
      needs,
    )
    const problems = [noRecipient, whatItCannotCarry(content, takes)].filter((reason) => reason !== undefined)
    if (problems.length > 0) return { problem: problems.join(' ') }
    const parts = partsOf(content, takes)
    return { sends: recipients.flatMap((to) => parts.map((part) => ({ to, ...part }))) }
  },

  describe: ({ to, text, media }) => ({
    what: media.length === 0 ? 'text' : text === '' ? 'file' : 'text with its file',
    to,
  }),

  async send(send, account, { fetchJson, now, noteUnknownCode }) {
    const headers = { ...authorization(account), 'content-type': 'application/x-www-form-urlencoded' }
    try {
      const response = await fetchJson(messagesUrl(account), { method: 'POST', headers, body: formOf(send, account) })
      return outcomeFrom(response, account, {
        now: now(),
        receipts: send.receiptsUrl !== undefined,
        note: noteUnknownCode,
      })
    } catch (error) {
      return lostAnswer(error, 'Twilio cannot be reached')
    }
  },

  /**
   * Looks for a message with this recipient, sender and text that was created after the agent pressed Send: one that is
   * the only one counts. Files alone have nothing to know them by. If the agent sent the same words again meanwhile, and
   * this message was lost, the later one is taken for it.
   */
  async lookUp({ part, job }, account, { fetchJson }) {
    if (part.text === '') return undefined
    // The newest first. Not by `DateSent`, which a message that waits at Twilio does not have.
    const query = new URLSearchParams({ To: part.to, PageSize: '100' })
    if (account.from !== undefined) query.set('From', addressed(account.from, account.channel))
    const request = { method: 'GET', headers: authorization(account) }
    const answer = await fetchJson(`${messagesUrl(account)}?${query}`, request).catch(() => undefined)
    const { messages = [] } = Listing.safeParse(answer?.json).data ?? {}
    // Twilio's times are to the second.
    const since = Math.floor(Date.parse(job.createdAt) / 1000) * 1000
    const [found, another] = messages.filter(
      ({ body, direction, date_created }) =>
        body === part.text && direction !== 'inbound' && Date.parse(date_created) >= since,
    )
    return found && !another ? outcomeOfMessage(found, account, { receipts: true }) : undefined
  },
}

/** The messages that a content takes: its text goes with the first files where it can, else before them. */
function partsOf({ text, files }: Fitted, { caption, files: takes }: Capabilities): Omit<TwilioPart, 'to'>[] {
  const media = inSends(files, takes).map((some) => some.map(({ url }) => url))
  const isCaption = files[0] && caption && isWithin(text, caption) && caption.under.includes(files[0].as)
  const separate = text !== '' && !isCaption
  const parts = media.map((urls, index) => ({ text: separate || index > 0 ? '' : text, media: urls }))
  return separate ? [{ text, media: [] }, ...parts] : parts
}

/** Files by the sends that carry them. One whose size HubSpot does not give counts as nothing. */
function inSends(files: FormedFile[], { atOnce, together = Number.POSITIVE_INFINITY }: Capabilities['files']) {
  const sends: FormedFile[][] = []
  let bytes = 0
  for (const file of files) {
    const size = file.bytes ?? 0
    const last = sends.at(-1)
    const fits = last && last.length < atOnce && bytes + size <= together * 1e6
    if (fits) last.push(file)
    else sends.push([file])
    bytes = fits ? bytes + size : size
  }
  return sends
}

/** A recipient as Twilio takes it: a number in E.164, or an id of WhatsApp's, behind the name of the channel. */
function addressOf(identifier: Identifier, { channel, country }: TwilioAccount) {
  const bare = identifier.value.replace(new RegExp(`^${channel}:`, 'i'), '')
  const number = phoneNumber(bare, country)
  if (number !== undefined) return addressed(number, channel)
  if (channel !== 'whatsapp') return undefined
  if (isWhatsAppUserId(bare)) return addressed(bare, channel)
  // Twilio's `WaId`, which is the number without its plus.
  return isProvidersOwn(identifier) && isWhatsAppId(bare) ? addressed(`+${bare}`, channel) : undefined
}

/** A sender or recipient, behind the name of its channel. A team writes its numbers with spaces, brackets and dashes. */
function addressed(address: string, channel: TwilioAccount['channel']) {
  const prefix = channel === 'sms' ? '' : `${channel}:`
  return prefix + (/^[+\d\s().-]+$/.test(address) ? address.replace(/[\s().-]/g, '') : address)
}

function messagesUrl({ baseUrl, accountSid }: TwilioAccount) {
  return `${withoutSlash(baseUrl)}/2010-04-01/Accounts/${accountSid}/Messages.json`
}

function authorization({ accountSid, authTokens, apiKey }: TwilioAccount) {
  const credentials = apiKey ? `${apiKey.sid}:${apiKey.secret}` : `${accountSid}:${authTokens[0]}`
  return { authorization: `Basic ${Buffer.from(credentials).toString('base64')}` }
}

function formOf(send: Send<TwilioPart>, { from, messagingServiceSid, channel }: TwilioAccount) {
  const { part, receiptsUrl } = send
  const isLong = channel === 'sms' && part.media.length === 0 && !isOneSegment(part.text)
  const segments = isLong ? inSegments : ''
  const form = new URLSearchParams({ To: part.to })
  if (from !== undefined) form.set('From', addressed(from, channel))
  if (messagingServiceSid !== undefined) form.set('MessagingServiceSid', messagingServiceSid)
  if (part.text !== '') form.set('Body', part.text)
  for (const url of part.media) form.append('MediaUrl', url)
  // Twilio signs a host in the letters in which it was given, and calls it in small ones.
  if (receiptsUrl !== undefined)
    form.set('StatusCallback', `${new URL(receiptsUrl).href}?${toQuery(referenceOf(send))}${segments}${retries}`)
  return form.toString()
}
