import { createHash } from 'node:crypto'
import * as z from 'zod'
import type { SendOutcome } from '../../messages/record.ts'
import { type HttpResponse, NoAnswer } from '../../platform/fetch-json.ts'
import { RetryableError, retryAfter } from '../../platform/retry.ts'
import { withoutSlash } from '../../platform/url.ts'
import { nameUuid } from '../../platform/uuid.ts'
import { type Fitted, inForms, whatItCannotCarry } from '../capabilities.ts'
import { type Catalogue, reasonForWords } from '../catalogue.ts'
import { type QuickReply, readContent } from '../content.ts'
import type { Send, SendAdapter } from '../provider.ts'
import { type Identifier, readRecipients } from '../recipients.ts'
import { referenceOf } from '../references.ts'
import { SetUpFault } from '../verdict.ts'
import { LineAccount, truth } from './account.ts'
import { capabilities } from './capabilities.ts'
import { catalogue } from './reasons.ts'

/** A push message: what one recipient gets by one call. */
type Push = { to: string; messages: object[] }

/**
 * Messages by a LINE Official Account. Every try of a send carries the same retry key, by which LINE knows a repetition for
 * 24 hours.
 * Rule: developers.line.biz, "Send push message" and "Retry failed API requests".
 */
export const line: SendAdapter<LineAccount, Push> = {
  account: LineAccount,
  truth,

  repeatableAt({ baseUrl, channelAccessToken }, { job, now }) {
    // An hour is left for the last try.
    if (now - Date.parse(job.createdAt) > 23 * 3_600_000) return undefined
    // LINE does not say whether another token of the same account knows the keys of this one.
    return `${baseUrl} ${createHash('sha256').update(channelAccessToken).digest('base64url')}`
  },

  plan(job) {
    const content = inForms(readContent(job), capabilities)
    const needs = 'LINE needs the id of a user, group or room, which it gives when somebody writes to the account.'
    const { recipients, refused: noRecipient } = readRecipients(job, idOf, needs)
    const refused = [noRecipient, whatItCannotCarry(content, capabilities)].filter((reason) => reason !== undefined)
    if (refused.length > 0) return { refused: refused.join(' ') }
    const groups = inGroups(messagesOf(content))
    return { sends: recipients.flatMap((to) => groups.map((messages) => ({ to, messages }))) }
  },

  describe: ({ to }) => ({ what: 'part', to }),

  async send({ part, ...send }, { channelAccessToken, reasons, baseUrl }, { fetchJson, now }) {
    const request = {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        authorization: `Bearer ${channelAccessToken}`,
        'x-line-retry-key': nameUuid(namespace, nameOf(send)),
      },
      body: JSON.stringify(part),
    }
    try {
      const answer = await fetchJson(`${withoutSlash(baseUrl)}/v2/bot/message/push`, request)
      return outcomeFrom(answer, { own: reasons, now: now() })
    } catch (error) {
      if (!(error instanceof NoAnswer)) throw error
      throw new RetryableError(`LINE gave no answer (${error.message})`, {
        unclear: error.mayHaveArrived,
        cause: error,
      })
    }
  },
}

const idOf = ({ value }: Identifier) => (/^[UCR][\da-f]{32}$/.test(value) ? value : undefined)

// Neither is ever to be changed: the keys of messages on their way would be others.
const namespace = '3c8a2713-54f4-40cd-aba5-59d7ffaa8db4'

function nameOf(send: Omit<Send<Push>, 'part'>) {
  const { portalId: p, channelId: c, channelAccountId: a, messageId: m, part } = referenceOf(send)
  return new URLSearchParams({ p, c, ...(a && { a }), m, ...(part && { n: `${part.index}.${part.of}` }) }).toString()
}

/** LINE's message objects: the text, then each picture, with the quick replies at the last. */
function messagesOf({ text, files, quickReplies }: Fitted) {
  const messages: object[] = [
    ...(text === '' ? [] : [{ type: 'text', text }]),
    // HubSpot gives no smaller picture for the preview.
    ...files.map(({ url }) => ({ type: 'image', originalContentUrl: url, previewImageUrl: url })),
  ]
  const last = messages.pop()
  const quickReply = quickReplies.length > 0 && { quickReply: { items: quickReplies.map(quickReplyItem) } }
  return [...messages, { ...last, ...quickReply }]
}

function quickReplyItem({ label, value, type }: QuickReply) {
  const action = type === 'url' ? { type: 'uri', label, uri: value } : { type: 'message', label, text: value }
  return { type: 'action', action }
}

/** A push carries up to five message objects. */
function inGroups(messages: object[]) {
  const { atOnce } = capabilities.files
  return Array.from({ length: Math.ceil(messages.length / atOnce) }, (_, index) =>
    messages.slice(atOnce * index, atOnce * (index + 1)),
  )
}

const Sent = z.object({ sentMessages: z.tuple([z.object({ id: z.string() })]).rest(z.unknown()) })
const Refused = z.object({
  message: z.string(),
  details: z
    .tuple([z.object({ property: z.string(), message: z.string().optional().catch(undefined) })])
    .rest(z.unknown())
    .optional()
    .catch(undefined),
})

function outcomeFrom(
  { status, headers, json }: HttpResponse,
  { own, now }: { own: Catalogue; now: number },
): SendOutcome {
  // The same key was taken before: that try reached the customer.
  const wasTaken = status === 409 && headers['x-line-accepted-request-id'] !== undefined
  if (status === 200 || wasTaken)
    return { outcome: 'sent', status: 'sent', providerMessageId: Sent.safeParse(json).data?.sentMessages[0].id }

  const refused = Refused.safeParse(json).data
  const isOverLimit = status === 429 && !refused?.message.startsWith('You have reached your monthly limit')
  if (refused && status >= 400 && status < 500 && ![401, 403, 404, 409].includes(status) && !isOverLimit) {
    const [detail] = refused.details ?? []
    const field = detail?.property.replace(/^messages\[\d+\]\./, '')
    const words = field === undefined ? refused.message : `The property, '${field}'`
    return {
      outcome: 'rejected',
      reason: reasonForWords(words, { own, catalogue, code: status, detail: detail?.message }),
    }
  }
  // No message is to blame for a wrong token, a plan that has no pushes, or an address that is none of LINE's.
  if (status === 401 || (refused && [403, 404].includes(status)))
    throw new SetUpFault(`LINE does not accept the channel access token of this account (HTTP ${status})`)
  throw new RetryableError(`LINE answered HTTP ${status}`, {
    named: retryAfter(headers['retry-after'], now),
    unclear: status !== 429 && status !== 503,
  })
}
