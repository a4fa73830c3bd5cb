import * as z from 'zod'
import type { SendOutcome } from '../../messages/record.ts'
import type { HttpResponse } from '../../platform/fetch-json.ts'
import { parseRetryAfter } from '../../platform/retry.ts'
import { reasonFor } from '../catalogue.ts'
import type { SendTools } from '../provider.ts'
import { actOn, answerOf, NumericCode, noteUnknown, rejected, verdictOf } from '../verdict.ts'
import type { TwilioAccount } from './account.ts'
import { catalogue, detailed, verdicts } from './reasons.ts'
import { meaningOf } from './status.ts'

const Message = z.object({
  sid: z.string().max(64).optional().catch(undefined),
  status: z.string().catch(''),
  num_segments: z.coerce.number().catch(1),
  error_code: NumericCode.nullish().catch(undefined),
  error_message: z.string().nullish().catch(undefined),
})
// A message without a text has none: it is not the one that is looked for.
const text = z.string().catch('')
export const Listing = z.object({
  messages: z.array(z.object({ ...Message.shape, body: text, direction: text, date_created: text })),
})
const Problem = z.object({
  code: NumericCode.optional().catch(undefined),
  message: z.string().optional().catch(undefined),
})

export function outcomeFrom(
  { status, headers, json }: HttpResponse,
  account: TwilioAccount,
  { now, receipts, note }: { now: number; receipts: boolean; note: SendTools['noteUnknownCode'] },
): SendOutcome {
  if (status >= 200 && status < 300) return outcomeOfMessage(Message.safeParse(json).data ?? {}, account, { receipts })
  const { code, message } = Problem.safeParse(json).data ?? {}
  noteUnknown(code, { verdicts, catalogue, note })
  return actOn(verdictOf(verdicts, { code, status }), {
    service: 'Twilio',
    answer: answerOf(code, status),
    code,
    reason: () => {
      const title = message ?? `Twilio refused the message: HTTP ${status}`
      const said = detailed.has(code ?? 0) ? { detail: message } : { title }
      return reasonFor(code, { own: account.reasons, catalogue, ...said })
    },
    retryAfter: parseRetryAfter(headers['retry-after'], now),
  })
}

/** What came of a message by Twilio's own record of it. Where no receipts follow, taken has to count as sent. */
export function outcomeOfMessage(
  {
    sid: providerMessageId,
    status = '',
    num_segments = 1,
    error_code,
    error_message,
  }: Partial<z.infer<typeof Message>>,
  account: TwilioAccount,
  { receipts }: { receipts: boolean },
): SendOutcome {
  const meaning = meaningOf(status, account, num_segments > 1) ?? 'accepted'
  if (meaning === 'failed') {
    const title = error_message ?? undefined
    const reason = reasonFor(error_code ?? undefined, { own: account.reasons, catalogue, title })
    return { ...rejected(reason, error_code ?? undefined), providerMessageId }
  }
  const isSent = meaning === 'accepted' && (account.sentOn === 'accepted' || !receipts)
  return { outcome: 'sent', status: isSent ? 'sent' : meaning, providerMessageId }
}
