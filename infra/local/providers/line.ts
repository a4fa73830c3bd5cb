import { randomUUID } from 'node:crypto'
import * as z from 'zod'
import { parseJson } from '../../../functions/platform/json.ts'
import { isWithin, type Limit } from '../../../functions/providers/capabilities.ts'
import { capabilities } from '../../../functions/providers/line/capabilities.ts'
import type { Reply } from '../simulator.ts'
import { type ProviderError, type SimulatorOptions, startProviderSimulator } from './simulator.ts'

/** LINE's Messaging API with one Official Account, and its friends. It knows retry keys; there are no receipts. */
export function startLine(options: SimulatorOptions = {}) {
  let lastId = 461_230_966_842_064
  return startProviderSimulator(
    {
      provider: 'line',
      account: (baseUrl) => ({ provider: 'line', channelAccessToken, baseUrl }),
      newId: () => String(++lastId),
      errors,
      usualReceipts: [],

      read({ method, url, headers, body }) {
        const isQuestion = method === 'GET' && url === '/v2/bot/info'
        if (!isQuestion && (method !== 'POST' || url !== '/v2/bot/message/push'))
          return { reply: errorReply('Not found') }
        if (headers.authorization !== `Bearer ${channelAccessToken}`) return { reply: errorReply(wrongToken) }
        if (isQuestion) return { reply: { status: 200, body: { userId: `U${'0'.repeat(32)}`, basicId: '@account' } } }
        const push = Push.safeParse(parseJson(body)).data
        if (!push) return { reply: errorReply('The request body has 1 error(s)') }
        const key = headers['x-line-retry-key']?.toString()
        const texts = push.messages.flatMap((message) => (message.type === 'text' ? message.text : []))
        const media = push.messages.flatMap((message) => (message.type === 'image' ? message.originalContentUrl : []))
        return { to: push.to, text: texts.join('\n'), media, key }
      },

      accepted: ({ providerMessageId: id }) => ({ status: 200, body: { sentMessages: [{ id }] } }),
      repeated: ({ providerMessageId: id }) => ({
        status: 409,
        headers: { 'x-line-accepted-request-id': randomUUID() },
        body: { message: 'The retry key is already accepted', sentMessages: [{ id }] },
      }),
      rejected: errorReply,
    },
    options,
  )
}

const channelAccessToken = 'a-token-that-LINE-never-gave'

const { text, quickReplies, files } = capabilities
const within = (limit: Limit) =>
  z
    .string()
    .min(1)
    .refine((value) => isWithin(value, limit))
const Url = z.url({ protocol: /^https$/ }).max(files.address!.max)
const uri = z
  .string()
  .max(1000)
  .refine((value) => quickReplies!.links.some((scheme) => value.startsWith(scheme)))
const label = within(quickReplies!.label)
const Action = z.discriminatedUnion('type', [
  z.object({ type: z.literal('message'), label, text: within(quickReplies!.value!) }),
  z.object({ type: z.literal('uri'), label, uri }),
])
const quickReply = z
  .object({
    items: z
      .array(z.object({ type: z.literal('action'), action: Action }))
      .min(1)
      .max(quickReplies!.max),
  })
  .optional()

/** What LINE takes, with its limits. That a picture is one, it does not look at. */
const Push = z.object({
  to: z.string().regex(/^[UCR][\da-f]{32}$/),
  messages: z
    .array(
      z.discriminatedUnion('type', [
        z.object({ type: z.literal('text'), text: within(text), quickReply }),
        z.object({ type: z.literal('image'), originalContentUrl: Url, previewImageUrl: Url, quickReply }),
      ]),
    )
    .min(1)
    .max(files.atOnce),
})

const wrongToken =
  'Authentication failed due to the following reason: invalid token. Confirm that the access token is valid.'

// LINE has no codes, so its words stand in for them.
const errors: ProviderError[] = [
  ['Failed to send messages', 'There is no such customer of this account'],
  ["The property, 'to', in the request body is invalid (line: -, column: -)", "The contact's id is none of LINE's"],
  ['The request body has 1 error(s)', 'LINE takes the message for wrong'],
  ['You have reached your monthly limit.', 'All messages of the month are used up'],
  ['The API rate limit has been exceeded. Try again later.', 'Too many messages at once'],
  [wrongToken, 'The token was revoked'],
  ['Access to this API is not available for your account', "The account's plan has no push messages"],
  ['Internal server error', 'LINE is in trouble'],
].map(([code = '', title = '']) => ({ code, title, at: 'send' }))

function errorReply(message: string): Reply {
  return { status: statuses[message] ?? 400, body: { message } }
}

const statuses: Record<string, number> = {
  [wrongToken]: 401,
  'Access to this API is not available for your account': 403,
  'Not found': 404,
  'You have reached your monthly limit.': 429,
  'The API rate limit has been exceeded. Try again later.': 429,
  'Internal server error': 500,
}
