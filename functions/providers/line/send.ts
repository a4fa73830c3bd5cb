import { createHash } from 'node:crypto'
import { NoAnswer } from '../../platform/fetch-json.ts'
import { withoutSlash } from '../../platform/url.ts'
import { nameUuid } from '../../platform/uuid.ts'
import { type Fitted, inForms, whatItCannotCarry } from '../capabilities.ts'
import { type QuickReply, readContent } from '../content.ts'
import type { Send, SendAdapter } from '../provider.ts'
import { type Identifier, readRecipients } from '../recipients.ts'
import { referenceOf } from '../references.ts'
import { ProviderError } from '../verdict.ts'
import { LineAccount, truth } from './account.ts'
import { outcomeFrom } from './answer.ts'
import { capabilities } from './capabilities.ts'

/** A push message: what one recipient gets by one call. */
type Push = { to: string; messages: object[] }

/**
 * Messages by a LINE Official Account. Every attempt at a send carries the same retry key, by which LINE knows a repetition for
 * 24 hours.
 * Rule: developers.line.biz, "Send push message" and "Retry failed API requests".
 */
export const line: SendAdapter<LineAccount, Push> = {
  account: LineAccount,
  truth,

  idempotencyScope({ baseUrl, channelAccessToken }, { job, now }) {
    // An hour is left for the last attempt.
    if (now - Date.parse(job.createdAt) > 23 * 3_600_000) return undefined
    // LINE does not say whether another token of the same account knows the keys of this one.
    return `${baseUrl} ${createHash('sha256').update(channelAccessToken).digest('base64url')}`
  },

  plan(job) {
    const content = inForms(readContent(job), capabilities)
    const needs = 'LINE needs the id of a user, group or room, which it gives when somebody writes to the account.'
    const { recipients, problem: noRecipient } = readRecipients(job, idOf, needs)
    const problems = [noRecipient, whatItCannotCarry(content, capabilities)].filter((reason) => reason !== undefined)
    if (problems.length > 0) return { problem: problems.join(' ') }
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
      throw new ProviderError('LINE gave no answer', {
        detail: error.message,
        inDoubt: error.mayHaveArrived,
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
