import * as z from 'zod'
import { parseJson } from '../../../functions/platform/json.ts'
import { isWithin } from '../../../functions/providers/capabilities.ts'
import { mediaTypeOf } from '../../../functions/providers/media-types.ts'
import { capabilities } from '../../../functions/providers/telegram/capabilities.ts'
import type { Reply } from '../simulator.ts'
import { type ProviderError, type SimulatorOptions, startProviderSimulator } from './simulator.ts'

/** Telegram's Bot API with one bot, and the customers who write to it. There are no receipts. */
export function startTelegram(options: SimulatorOptions = {}) {
  let lastId = 1000
  return startProviderSimulator(
    {
      provider: 'telegram',
      account: (baseUrl) => ({ provider: 'telegram', botToken, baseUrl }),
      newId: () => String(++lastId),
      errors,
      usualReceipts: [],

      read({ method, url, body }) {
        const [, token, call = ''] = url.match(/^\/bot([^/]+)\/(\w+)$/) ?? []
        if (token !== botToken) return { reply: errorReply('Unauthorized') }
        if (call === 'getMe')
          return {
            reply: { status: 200, body: { ok: true, result: { id: 110201543, is_bot: true, username: 'a_bot' } } },
          }
        if (method !== 'POST' || !calls.has(call)) return { reply: errorReply('Not Found: method not found') }
        const asked = Call.safeParse(parseJson(body)).data
        if (!asked) return { reply: errorReply('Bad Request: chat_id is empty') }
        const wrong = wrongWith(call, asked)
        if (wrong) return { reply: errorReply(wrong) }
        const media = files.flatMap((field) => asked[field] ?? [])
        return { to: asked.chat_id, text: asked.text ?? asked.caption ?? '', media }
      },

      accepted: ({ to, text, providerMessageId }) => ({
        status: 200,
        body: { ok: true, result: { message_id: Number(providerMessageId), chat: { id: Number(to) }, text } },
      }),
      rejected: errorReply,
    },
    options,
  )
}

const botToken = '110201543:a-token-that-BotFather-never-gave'

const files = ['photo', 'animation', 'audio', 'voice', 'video', 'document'] as const
const calls = new Set(['sendMessage', ...files.map((file) => `send${file[0]!.toUpperCase()}${file.slice(1)}`)])

const optional = z.string().optional()
const Call = z.object({
  chat_id: z.union([z.string().regex(/^(-?\d+|@\w+)$/), z.int()]).transform(String),
  text: optional,
  caption: optional,
  photo: optional,
  animation: optional,
  audio: optional,
  voice: optional,
  video: optional,
  document: optional,
})

/** What Telegram says of a call whose text is too long, or whose file it cannot fetch as what it is to be. */
function wrongWith(call: string, { text, caption, ...asked }: z.infer<typeof Call>) {
  if (text !== undefined && !isWithin(text, capabilities.text)) return 'Bad Request: message is too long'
  if (caption !== undefined && !isWithin(caption, capabilities.caption!))
    return 'Bad Request: message caption is too long'
  if (call === 'sendMessage') return text ? undefined : 'Bad Request: message text is empty'
  const field = files.find((name) => asked[name] !== undefined)
  const type = field && mediaTypeOf(undefined, asked[field]!)
  const forms = capabilities.files.forms.filter(({ as }) => as === field)
  const isTaken = type === undefined || forms.some(({ types }) => types.includes(type))
  return field && isTaken ? undefined : 'Bad Request: wrong type of the web page content'
}

// Telegram has no codes, so its words stand in for them.
const errors: ProviderError[] = [
  ['Forbidden: bot was blocked by the user', 'The customer has blocked the bot'],
  ["Forbidden: bot can't initiate conversation with a user", 'The customer has never written to the bot'],
  ['Forbidden: user is deactivated', 'The customer has left Telegram'],
  ['Bad Request: chat not found', 'There is no such chat'],
  ['Bad Request: group chat was upgraded to a supergroup chat', 'The group has another id now'],
  ['Forbidden: bot was kicked from the group chat', 'The bot was removed from the group'],
  ['Bad Request: not enough rights to send text messages to the chat', 'The bot may not write in the group'],
  ['Bad Request: wrong file identifier/HTTP URL specified', 'The file cannot be used'],
  ['Bad Request: failed to get HTTP URL content', 'The file cannot be fetched'],
  ['Too Many Requests: retry after 1', 'Too many messages at once'],
  ['Unauthorized', "The bot's token was revoked"],
  ['Internal Server Error: sending failed', 'Telegram is in trouble'],
].map(([code = '', title = '']) => ({ code, title, at: 'send' }))

function errorReply(description: string): Reply {
  const beginning = Object.keys(statuses).find((words) => description.startsWith(words)) ?? 'Bad Request'
  const status = statuses[beginning]!
  const [, seconds] = description.match(/retry after (\d+)$/) ?? []
  const parameters = seconds === undefined ? {} : { parameters: { retry_after: Number(seconds) } }
  return { status, body: { ok: false, error_code: status, description, ...parameters } }
}

const statuses: Record<string, number> = {
  'Bad Request': 400,
  Unauthorized: 401,
  Forbidden: 403,
  'Not Found': 404,
  'Too Many Requests': 429,
  'Internal Server Error': 500,
}
