import { Webhook } from 'standardwebhooks'
import * as z from 'zod'
import type { DeliveryJob } from '../../messages/jobs.ts'
import type { SendOutcome } from '../../messages/record.ts'
import { FailureCode, failureCode } from '../../platform/failure-code.ts'
import { type HttpResponse, NoAnswer } from '../../platform/fetch-json.ts'
import { parseRetryAfter, retryableClientErrors } from '../../platform/retry.ts'
import type { SendAdapter, SendTools } from '../provider.ts'
import { ProviderError, rejected } from '../verdict.ts'
import { ForwardAccount, truth } from './account.ts'

/**
 * Messages to the team's own endpoint. Every attempt at a message carries the same `webhook-id` (in HubSpot's format: the
 * same message id), so the endpoint can tell a repetition, and trying again in doubt is safe.
 */
export const forward: SendAdapter<ForwardAccount, undefined> = {
  account: ForwardAccount,
  truth,
  // The endpoint may know them by the thread.
  needsAddresses: false,
  idempotencyScope: ({ url }) => url,
  plan: () => ({ sends: [undefined] }),

  async send({ job }, account, tools) {
    const request = account.format === 'job' ? signedJob(job, account, tools) : await hubspotsOwn(job, account, tools)
    try {
      return outcomeFrom(await tools.fetchJson(account.url, { method: 'POST', ...request }), tools)
    } catch (error) {
      if (error instanceof NoAnswer)
        throw new ProviderError('The messaging service gave no answer', {
          detail: error.message,
          inDoubt: error.mayHaveArrived,
          cause: error,
        })
      throw error
    }
  },
}

/** The job without HubSpot's original body, signed by Standard Webhooks. */
function signedJob(job: DeliveryJob, { secrets }: ForwardAccount, { now }: SendTools) {
  const { original: _, type: __, ...data } = job
  const body = JSON.stringify(data)
  const id = `msg_${job.portalId}_${job.channelId}_${encodeURIComponent(job.messageId)}`
  const at = new Date(now())
  return {
    body,
    headers: {
      'content-type': 'application/json',
      'webhook-id': id,
      'webhook-timestamp': String(Math.floor(at.getTime() / 1000)),
      'webhook-signature': new Webhook(secrets[0]).sign(id, at, body),
    },
  }
}

/** HubSpot's body as it came, signed for this URL as HubSpot signs: an integration that listened to HubSpot works unchanged. */
async function hubspotsOwn({ original }: DeliveryJob, { url }: ForwardAccount, { now, signForHubSpot }: SendTools) {
  const timestamp = String(now())
  return {
    body: original,
    headers: {
      'content-type': 'application/json',
      'x-hubspot-request-timestamp': timestamp,
      'x-hubspot-signature-v3': await signForHubSpot({ method: 'POST', url, body: original, timestamp }),
    },
  }
}

// Whoever writes the endpoint may leave out what is optional, send null, or a number: that does not change what came of
// the message. A reason is cut to what a status update holds.
const Reason = z
  .string()
  .min(1)
  .transform((reason) => reason.slice(0, 2000))
  .optional()
  .catch(undefined)
/** The service's, or its provider's, code for a failure. */
const Code = z
  .union([FailureCode, z.int().transform(String).pipe(FailureCode)])
  .optional()
  .catch(undefined)
/** What a 2xx answer may say. */
export const ForwardAnswer = z.object({
  status: z
    .string()
    .toLowerCase()
    .pipe(z.enum(['accepted', 'sent', 'delivered', 'read', 'failed'])),
  reason: Reason,
  code: Code,
  providerMessageId: z.string().max(512).optional().catch(undefined),
})

const OtherWords = z.object({ status: z.unknown(), providerMessageId: ForwardAnswer.shape.providerMessageId })

/** What a 4xx answer may say: the first of these is the reason. */
export const ForwardRejection = z.object({ reason: Reason, message: Reason, error: Reason, detail: Reason, code: Code })

/**
 * A failure's sentence, and its code: an answer's own, or those of its `error` or the first of its `errors`, where frameworks
 * put them; of a list of sentences the first.
 */
function saidOf(json: unknown) {
  const { error, errors } = Within.safeParse(json).data ?? {}
  const [first] = errors ?? []
  const read = [json, error, typeof first === 'string' ? { error: first } : first].map(
    (one) => ForwardRejection.safeParse(withFirsts(one)).data ?? {},
  )
  const sentences = read.map(({ reason, message, error, detail }) => reason ?? message ?? error ?? detail)
  const saying = sentences.findIndex((sentence) => sentence !== undefined)
  return { sentence: sentences[saying], code: read[Math.max(0, saying)]?.code }
}
const withFirsts = (fields: unknown) =>
  fields instanceof Object &&
  Object.fromEntries(Object.entries(fields).map(([name, value]) => [name, Array.isArray(value) ? value[0] : value]))
const Within = z.object({ error: z.unknown().optional(), errors: z.array(z.unknown()).optional().catch(undefined) })

/** A 2xx says that the message was sent. A status that is none of ours is counted, for somebody to look at. */
function sentInOtherWords(json: unknown, noteUnknownCode: SendTools['noteUnknownCode']): SendOutcome {
  const { status, providerMessageId } = OtherWords.safeParse(json).data ?? {}
  const code = failureCode(status)
  if (code !== undefined) noteUnknownCode?.(code)
  return { outcome: 'sent', status: 'sent', providerMessageId }
}

function outcomeFrom({ status, headers, json }: HttpResponse, { now, noteUnknownCode }: SendTools): SendOutcome {
  if (status >= 200 && status < 300) {
    const answer = ForwardAnswer.safeParse(json).data
    if (!answer) return sentInOtherWords(json, noteUnknownCode)
    const { providerMessageId } = answer
    if (answer.status !== 'failed') return { outcome: 'sent', status: answer.status, providerMessageId }
    const { sentence = 'The messaging service reported a failure', code } = saidOf(json)
    return { ...rejected(sentence, answer.code ?? code), providerMessageId }
  }
  if (status >= 400 && status < 500 && !retryableClientErrors.has(status)) {
    const { sentence, code } = saidOf(json)
    return rejected(sentence ?? `The messaging service refused the message (HTTP ${status})`, code)
  }
  throw new ProviderError(`The messaging service answered HTTP ${status}`, {
    retryAfter: parseRetryAfter(headers['retry-after'], now()),
    // A proxy in front of the endpoint may answer in its place, while it works on the message.
    inDoubt: status !== 429 && status !== 503,
  })
}
