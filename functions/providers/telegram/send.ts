import { withoutSlash } from '../../platform/url.ts'
import { type Fitted, type FormedFile, inForms, isWithin, whatItCannotCarry } from '../capabilities.ts'
import { type QuickReply, readContent } from '../content.ts'
import { lostAnswer } from '../lost-answer.ts'
import type { SendAdapter } from '../provider.ts'
import { type Identifier, readRecipients } from '../recipients.ts'
import { TelegramAccount, truth } from './account.ts'
import { ErrorResponse, outcomeFrom } from './answer.ts'
import { capabilities } from './capabilities.ts'

/** A call of the Bot API. */
type Call = { method: string; body: Record<string, unknown> }

/**
 * Messages by a Telegram bot. What it answers is all that is ever known, and it knows no repetitions: a send that ended in
 * doubt stays so.
 * Rule: core.telegram.org/bots/api.
 */
export const telegram: SendAdapter<TelegramAccount, Call> = {
  account: TelegramAccount,
  truth,

  plan(job) {
    const content = inForms(readContent(job), capabilities)
    const sent = linksInText(content)
    const needs = 'Telegram needs the id of a chat: the customer has to write to the bot first.'
    const { recipients, problem: noRecipient } = readRecipients(job, chatOf, needs)
    const problems = [noRecipient, whatItCannotCarry({ ...content, text: sent.text }, capabilities)].filter(
      (one) => one !== undefined,
    )
    if (problems.length > 0) return { problem: problems.join(' ') }
    return { sends: recipients.flatMap((chat) => calls(chat, sent)) }
  },

  describe: ({ method, body }) => ({ what: names[method] ?? 'part', to: String(body['chat_id']) }),

  async send({ part: { method, body } }, { botToken, reasons, baseUrl }, { fetchJson }) {
    // The URL holds the token: it must not get into an error.
    const url = `${withoutSlash(baseUrl)}/bot${botToken}/${method}`
    const headers = { 'content-type': 'application/json' }
    try {
      const call = (to: typeof body) => fetchJson(url, { method: 'POST', headers, body: JSON.stringify(to) })
      const answer = await call(body)
      // A group that has become a supergroup has another id, and nothing was sent to this one.
      const chat_id = ErrorResponse.safeParse(answer.json).data?.parameters?.migrate_to_chat_id
      return outcomeFrom(chat_id === undefined ? answer : await call({ ...body, chat_id }), { own: reasons })
    } catch (error) {
      return lostAnswer(error, 'Telegram could not be reached')
    }
  },
}

/** A chat's id, or a public channel's name. The digits of a phone number would be the chat of somebody else. */
function chatOf({ type = '', value }: Identifier) {
  if (['HS_PHONE_NUMBER', 'HS_SHORT_CODE', 'HS_EMAIL_ADDRESS'].includes(type)) return undefined
  return /^(-?[1-9]\d{0,15}|@[A-Za-z]\w{3,31})$/.test(value) ? value : undefined
}

/** A message has one kind of buttons: next to answers to choose from, links go into the text. */
function linksInText(content: Fitted): Fitted {
  const { text, quickReplies } = content
  const [answers, links] = [ofType(quickReplies, 'text'), ofType(quickReplies, 'url')]
  if (answers.length === 0 || links.length === 0) return content
  const lines = links.map(({ label, value }) => `${label}: ${value}`)
  return { ...content, text: [text, ...lines].join('\n').trim(), quickReplies: answers }
}

/** The calls for one chat: a short text is the caption of a single file, any other goes first. Buttons are below the last. */
function calls(chat: string, { text, files, quickReplies }: Fitted): Call[] {
  const isCaption = files.length === 1 && isWithin(text, capabilities.caption!)
  const caption = isCaption && text !== '' ? { caption: text } : {}
  const all = [
    ...(isCaption || text === '' ? [] : [{ method: 'sendMessage', body: { chat_id: chat, text } }]),
    ...files.map((file) => {
      return { method: methodFor(file), body: { chat_id: chat, [file.as]: file.url, ...caption } }
    }),
  ]
  return all.map((call, index) =>
    index === all.length - 1 ? { ...call, body: { ...call.body, ...buttons(quickReplies) } } : call,
  )
}

/** The method that sends a file, named after the field for its address. */
const methodFor = ({ as }: FormedFile) => `send${as[0]!.toUpperCase()}${as.slice(1)}`

const names: Record<string, string> = {
  sendMessage: 'text',
  sendPhoto: 'picture',
  sendAnimation: 'animation',
  sendAudio: 'sound',
  sendVoice: 'voice message',
  sendVideo: 'film',
  sendDocument: 'file',
}

function buttons(quickReplies: QuickReply[]) {
  const [answers, links] = [ofType(quickReplies, 'text'), ofType(quickReplies, 'url')]
  if (answers.length > 0) {
    const keyboard = answers.map(({ label: text }) => [{ text }])
    return { reply_markup: { keyboard, one_time_keyboard: true, resize_keyboard: true } }
  }
  if (links.length > 0)
    return { reply_markup: { inline_keyboard: links.map(({ label: text, value: url }) => [{ text, url }]) } }
  return {}
}

const ofType = (quickReplies: QuickReply[], type: QuickReply['type']) =>
  quickReplies.filter((reply) => reply.type === type)
