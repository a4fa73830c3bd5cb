import * as z from 'zod'
import type { SendOutcome } from '../../messages/record.ts'
import type { HttpResponse } from '../../platform/fetch-json.ts'
import { type Catalogue, reasonForWords } from '../catalogue.ts'
import { AccountError, NumericCode, ProviderError, rejected } from '../verdict.ts'
import { aboutTheBot, catalogue } from './reasons.ts'

const Taken = z.object({ ok: z.literal(true), result: z.object({ message_id: z.number() }) })
export const ErrorResponse = z.object({
  ok: z.literal(false),
  error_code: NumericCode,
  description: z.string().catch(''),
  parameters: z
    .object({
      retry_after: z.number().optional().catch(undefined),
      migrate_to_chat_id: z.int().optional().catch(undefined),
    })
    .optional()
    .catch(undefined),
})

/** Telegram's own words for "too many", which its Bot API has as 429, with the seconds to wait. */
const tooMuch = /^(?:too many requests: retry after |(?:flood|slowmode)_(?:\w*_)?wait_)(\d{1,6})/i

export function outcomeFrom({ status, json }: HttpResponse, { own }: { own: Catalogue }): SendOutcome {
  const taken = Taken.safeParse(json).data
  if (taken) return { outcome: 'sent', status: 'sent', providerMessageId: String(taken.result.message_id) }

  const error = ErrorResponse.safeParse(json).data
  const code = error?.error_code ?? status
  const words = error?.description.replace(/^(\[Error\]: )?(Bad Request|Forbidden): /, '') ?? ''
  const inWords = tooMuch.exec(words)?.[1]
  if (code === 429 || inWords) {
    const seconds = error?.parameters?.retry_after ?? inWords
    const retryAfter = seconds === undefined ? undefined : { seconds: Number(seconds) }
    throw new ProviderError('Telegram takes no more messages just now', { retryAfter })
  }
  // A token that is none makes an unknown path. The next one may come within the day, and no message is to blame.
  if (error && (aboutTheBot.codes.includes(code) || aboutTheBot.words.test(words)))
    throw new AccountError('Telegram does not accept this bot as it is set up', {
      detail: `${aboutTheBot.words.exec(words)?.[0] ?? ''}, HTTP ${code}`,
    })
  const isRefusal = code >= 300 && code < 500 && code !== 408
  if (error && isRefusal) return rejected(reasonForWords(words, { own, catalogue, code }), code)
  // Not Telegram's words: something before it has answered, which passed nothing on.
  if (isRefusal) throw new ProviderError('Telegram could not be reached', { detail: `HTTP ${code}` })
  return { outcome: 'in doubt' }
}
