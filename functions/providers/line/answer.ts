import * as z from 'zod'
import type { SendOutcome } from '../../messages/record.ts'
import type { HttpResponse } from '../../platform/fetch-json.ts'
import { parseRetryAfter, retryableClientErrors } from '../../platform/retry.ts'
import { type Catalogue, reasonForWords } from '../catalogue.ts'
import { AccountError, ProviderError, rejected } from '../verdict.ts'
import { catalogue } from './reasons.ts'

const Sent = z.object({ sentMessages: z.tuple([z.object({ id: z.string() })]).rest(z.unknown()) })
const optionalText = z.string().optional().catch(undefined)
const ErrorResponse = z.object({
  message: z.string(),
  details: z.array(z.object({ property: optionalText, message: optionalText }).catch({})).catch([]),
})

export function outcomeFrom(
  { status, headers, json }: HttpResponse,
  { own, now }: { own: Catalogue; now: number },
): SendOutcome {
  // The same key was taken before: that attempt reached the customer.
  const wasTaken = status === 409 && headers['x-line-accepted-request-id'] !== undefined
  if (status === 200 || wasTaken)
    return { outcome: 'sent', status: 'sent', providerMessageId: Sent.safeParse(json).data?.sentMessages[0].id }

  const error = ErrorResponse.safeParse(json).data
  const isOfMonth = status === 429 && error?.message.startsWith('You have reached your monthly limit')
  const isAgain = [401, 403, 404, 409].includes(status) || (retryableClientErrors.has(status) && !isOfMonth)
  if (error && status >= 400 && status < 500 && !isAgain) {
    const field = error.details[0]?.property?.replace(/^messages\[\d+\]\./, '')
    const words = field === undefined ? error.message : `The property, '${field}'`
    const detail = [...new Set(error.details.flatMap(({ message }) => message ?? []))].join('. ')
    return rejected(reasonForWords(words, { own, catalogue, code: status, detail }), status)
  }
  // No message is to blame for a wrong token, a plan that has no pushes, or an address that is none of LINE's.
  if (status === 401 || (error && [403, 404].includes(status)))
    throw new AccountError('LINE does not accept the channel access token of this account', {
      detail: `HTTP ${status}`,
    })
  throw new ProviderError(`LINE answered HTTP ${status}`, {
    retryAfter: parseRetryAfter(headers['retry-after'], now),
    inDoubt: status !== 429 && status !== 503,
  })
}
