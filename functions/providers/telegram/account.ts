import * as z from 'zod'
import { pasted } from '../../platform/pasted.ts'
import { Reasons } from '../catalogue.ts'
import { Endpoint } from '../endpoint.ts'
import { sentOn, type Truth } from '../provider.ts'

/** A bot learns what Telegram answers, and nothing after that. */
export const truth: Truth = {
  sent: false,
  delivered: false,
  read: false,
  failed: false,
  sentMeans: 'Telegram has put the message into the chat. Whether anybody saw it, Telegram does not say.',
}

/** The secret of a channel whose messages a Telegram bot sends. */
export const TelegramAccount = z.object({
  provider: z.literal('telegram'),
  /** As BotFather gives it. It becomes part of the URL, so nothing else may. */
  botToken: pasted().regex(/^\d{1,20}:[\w-]{1,128}$/),
  sentOn: sentOn(truth, 'accepted'),
  /** By the beginning of Telegram's own words, which it has in place of codes. */
  reasons: Reasons,
  /** Another place where a Bot API server runs. */
  baseUrl: Endpoint.default('https://api.telegram.org'),
})
export type TelegramAccount = z.infer<typeof TelegramAccount>
