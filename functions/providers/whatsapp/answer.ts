import * as z from 'zod'
import type { SendOutcome } from '../../messages/record.ts'
import type { HttpResponse } from '../../platform/fetch-json.ts'
import { parseRetryAfter } from '../../platform/retry.ts'
import { reasonFor } from '../catalogue.ts'
import type { SendTools } from '../provider.ts'
import { actOn, answerOf, NumericCode, noteUnknown, type Verdict, verdictOf } from '../verdict.ts'
import type { WhatsAppAccount } from './account.ts'
import { keptId } from './message-id.ts'
import { catalogue, detailIn, verdicts } from './reasons.ts'

const Accepted = z.object({ messages: z.tuple([z.object({ id: z.string().min(1).max(512) })]).rest(z.unknown()) })
const optionalText = z.string().optional().catch(undefined)
const GraphError = z.object({
  error: z.object({
    code: NumericCode.optional().catch(undefined),
    error_subcode: NumericCode.optional().catch(undefined),
    message: optionalText,
    is_transient: z.boolean().optional().catch(undefined),
    error_data: z.unknown().optional(),
    error_user_msg: optionalText,
  }),
})
type GraphError = z.infer<typeof GraphError>['error']

/** An error of 360dialog's own. */
const Dialog360Error = z
  .object({ meta: z.object({ developer_message: z.string() }) })
  .or(z.object({ meta: z.object({ developerMessage: z.string() }) }))
  .transform(({ meta }) => ('developer_message' in meta ? meta.developer_message : meta.developerMessage))

export function outcomeFrom(
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
    code: error?.code,
    reason: () => {
      const title = (error?.message ?? ownMessage)?.replace(/^\(#\d+\) */, '').slice(0, 300)
      const detail = detailIn(error?.error_data) ?? error?.error_user_msg
      // Which parameter is not valid, the message alone may say.
      const said = error?.code === 100 && detail === undefined ? { detail: title } : { title, detail }
      return reasonFor(error?.code ?? status, { own: account.reasons, catalogue, ...said })
    },
    retryAfter: parseRetryAfter(headers['retry-after'], now),
  })
}

function verdictOfGraph(error: GraphError, status: number): Verdict {
  // So Meta answers every message, whatever it holds.
  const isOfAccount = error.code === 100 && (error.error_subcode === 33 || isAboutTheAccount.test(error.message ?? ''))
  if (isOfAccount) return 'account'
  // Of a failure of its own Meta says that it will pass, and not that it did not take the message.
  const isTransient = error.is_transient === true && status >= 400 && status < 500
  return isTransient && !verdicts.has(`${error.code}`) ? 'later' : verdictOf(verdicts, { code: error.code, status })
}

// The id of the number is wrong, or the token may not use it; where the id is that of something else, of the business account
// for instance, Meta knows no messages of it; or the app asks for a proof with each call, which is not sent.
const isAboutTheAccount = /unsupported (get |post )?request|nonexisting field|missing permission|appsecret_proof/i

/** 360dialog has words for what Meta has codes for. */
function verdictOfDialog360(words: string | undefined, status: number): Verdict {
  if (words === undefined || status >= 500) return verdictOf(verdicts, { code: undefined, status })
  if (/exceeded the .*limit/i.test(words)) return 'later'
  if (/api_key|has been disabled|lack of payment|endpoint is blocked/i.test(words)) return 'account'
  return verdictOf(verdicts, { code: undefined, status })
}
