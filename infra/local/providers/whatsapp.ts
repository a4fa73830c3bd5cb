import { randomBytes } from 'node:crypto'
import * as z from 'zod'
import { isWithin } from '../../../functions/providers/capabilities.ts'
import { mediaTypeOf } from '../../../functions/providers/media-types.ts'
import type { Reference } from '../../../functions/providers/references.ts'
import { callbackDataOf, referenceFrom } from '../../../functions/providers/whatsapp/callback-data.ts'
import { capabilities } from '../../../functions/providers/whatsapp/capabilities.ts'
import { sign } from '../../../functions/providers/whatsapp/signature.ts'
import { isWhatsAppId, isWhatsAppUserId } from '../../../functions/providers/whatsapp-ids.ts'
import type { Reply } from '../simulator.ts'
import {
  type Delivery,
  type Post,
  type ProviderError,
  type Receipt,
  type SimulatorOptions,
  startProviderSimulator,
} from './simulator.ts'

/**
 * Meta's WhatsApp Cloud API with one phone number, and the customers who write to it. Its webhooks go to
 * `{receiptsUrl}/{channelId}/{channelAccountId}`.
 */
export async function startWhatsApp(options: SimulatorOptions & { receiptsUrl: string }) {
  const { receiptsUrl, ...common } = options
  const accessToken = `EAA${randomBytes(24).toString('hex')}`
  const appSecret = randomBytes(16).toString('hex')
  const verifyToken = randomBytes(8).toString('hex')
  const urlFor = ({ channelId, channelAccountId }: ChannelAccount) =>
    [receiptsUrl, channelId, channelAccountId && encodeURIComponent(channelAccountId)].filter(Boolean).join('/')

  function signed(channelAccount: ChannelAccount, change: object, signing?: Receipt['signing']): Post {
    const body = escaped({ object: 'whatsapp_business_account', entry: [{ id: '102290129340398', changes: [change] }] })
    const signature = sign(body, signing === 'forged' ? 'the secret of some other app' : appSecret)
    const headers = { 'content-type': 'application/json', 'x-hub-signature-256': signature }
    return { url: urlFor(channelAccount), headers: signing === 'absent' ? {} : headers, body }
  }

  const simulator = await startProviderSimulator(
    {
      provider: 'whatsapp',
      account: (baseUrl) => ({
        provider: 'whatsapp',
        phoneNumberId,
        accessToken,
        appSecrets: [appSecret],
        verifyToken,
        baseUrl,
      }),
      newId: () => `wamid.${randomBytes(24).toString('base64')}`,
      errors,
      usualReceipts: [{ status: 'sent' }, { status: 'delivered' }, { status: 'read' }],
      receiptRetryDelaysMs: [500, 1000, 2000, 4000, 8000],

      read({ method, url, headers, body }) {
        const isQuestion =
          method === 'GET' && new RegExp(`^/v\\d+\\.0/${phoneNumberId}\\?fields=display_phone_number$`).test(url)
        if (!isQuestion && (method !== 'POST' || !new RegExp(`^/v\\d+\\.0/${phoneNumberId}/messages$`).test(url)))
          return { reply: errorReply('100') }
        if (headers.authorization !== `Bearer ${accessToken}`) return { reply: errorReply('190') }
        if (isQuestion)
          return { reply: { status: 200, body: { id: phoneNumberId, display_phone_number: '+1 555-010-0001' } } }
        const asked = Message.safeParse(JSON.parse(body)).data
        if (!asked) return { reply: errorReply('131009') }
        const { to, recipient = '', text, interactive, biz_opaque_callback_data = '' } = asked
        const files = media.flatMap((type) => asked[type] ?? [])
        return {
          to: to ?? recipient,
          text: text?.body ?? interactive?.body.text ?? files[0]?.caption ?? '',
          media: files.map(({ link }) => link),
          ...(!areShown(asked) && { fate: [{ status: 'failed', code: '131053' }] }),
          reference: referenceFrom(biz_opaque_callback_data),
        }
      },

      accepted: ({ to, providerMessageId: id }) => ({
        status: 200,
        body: { messaging_product: 'whatsapp', contacts: [{ input: to, wa_id: to }], messages: [{ id }] },
      }),
      rejected: errorReply,
      receipt: ({ reference, ...send }, { signing, ...receipt }) =>
        reference && signed(reference, change({ statuses: [statusOf({ reference, ...send }, receipt)] }), signing),
    },
    common,
  )

  return Object.assign(simulator, {
    /** Posts statuses of several sends in one webhook, in the order given. Resolves with its answer. */
    reportTogether(reports: { send: Delivery; status: Receipt['status']; code?: string }[]) {
      const channelAccount = reports[0]?.send.reference
      if (!channelAccount) throw new Error('Nothing to report')
      const statuses = reports.map(({ send, ...receipt }) => statusOf(send, receipt))
      return simulator.post(signed(channelAccount, change({ statuses })))
    },
    /** A customer writes. Resolves with the answer to the webhook. */
    write(channelAccount: ChannelAccount, { from, text }: { from: string; text: string }) {
      const id = `wamid.${randomBytes(24).toString('base64')}`
      const message = { from, id, timestamp: unixTime(), type: 'text', text: { body: text } }
      const contacts = [{ profile: { name: 'A customer' }, wa_id: from }]
      return simulator.post(signed(channelAccount, change({ contacts, messages: [message] })))
    },
    /** Asks whether a webhook's URL is ours, as Meta does when it is entered. Resolves with whether the answer is right. */
    async verify(channelAccount: ChannelAccount, token = verifyToken) {
      const challenge = String(randomBytes(4).readUInt32BE())
      const query = { 'hub.mode': 'subscribe', 'hub.challenge': challenge, 'hub.verify_token': token }
      const answer = await fetch(`${urlFor(channelAccount)}?${new URLSearchParams(query)}`)
      return answer.status === 200 && (await answer.text()) === challenge
    },
  })
}

/** Whose webhooks they are. */
type ChannelAccount = Pick<Reference, 'channelId' | 'channelAccountId'>

const phoneNumberId = '106540352242922'

const media = ['image', 'audio', 'video', 'sticker', 'document'] as const
const File = z
  .object({
    link: z.url(),
    caption: z
      .string()
      .refine((text) => isWithin(text, capabilities.caption!))
      .optional(),
  })
  .optional()
const Button = z.object({
  type: z.literal('reply'),
  reply: z.object({
    id: z.string().max(capabilities.quickReplies!.value!.max),
    title: z.string().refine((label) => isWithin(label, capabilities.quickReplies!.label)),
  }),
})

/** What Meta takes, with its limits. */
const Message = z
  .object({
    messaging_product: z.literal('whatsapp'),
    to: z.string().refine(isWhatsAppId).optional(),
    recipient: z.string().refine(isWhatsAppUserId).optional(),
    type: z.enum(['text', 'interactive', ...media]),
    text: z
      .object({
        body: z
          .string()
          .min(1)
          .refine((text) => isWithin(text, capabilities.text)),
      })
      .optional(),
    interactive: z
      .object({
        type: z.literal('button'),
        body: z.object({
          text: z
            .string()
            .min(1)
            .refine((text) => isWithin(text, capabilities.caption!)),
        }),
        action: z.object({ buttons: z.array(Button).min(1).max(capabilities.quickReplies!.max) }),
      })
      .optional(),
    image: File,
    audio: File,
    video: File,
    sticker: File,
    document: File,
    biz_opaque_callback_data: z.string().max(512).optional(),
  })
  .refine(({ to, recipient }) => (to === undefined) !== (recipient === undefined))

/** Whether WhatsApp shows the files of a message as what they are sent as: it takes others, and finds out later. */
function areShown(asked: z.infer<typeof Message>) {
  return media.every((as) => {
    const type = asked[as] && mediaTypeOf(undefined, asked[as].link)
    return type === undefined || capabilities.files.forms.some((form) => form.as === as && form.types.includes(type))
  })
}

// Meta's codes, with the HTTP status that it gives them; undefined for those that only receipts bring.
const published: [code: string, title: string, httpStatus?: number][] = [
  ['131047', 'Re-engagement message', 400],
  ['131026', 'Message undeliverable', 400],
  ['131056', '(Business Account, Consumer Account) pair rate limit hit', 400],
  ['130429', 'Rate limit hit', 400],
  ['131048', 'Spam rate limit hit', 400],
  ['80007', 'Rate limit issues', 400],
  ['190', 'Access token has expired', 401],
  ['10', 'Permission denied', 403],
  ['368', 'Temporarily blocked for policies violations', 403],
  ['131031', 'Account has been locked', 403],
  ['100', 'Invalid parameter', 400],
  ['131009', 'Parameter value is not valid', 400],
  ['131051', 'Unsupported message type', 400],
  ['131016', 'Service unavailable', 500],
  ['2', 'API service', 503],
  ['131047', 'Re-engagement message'],
  ['131026', 'Message undeliverable'],
  ['131042', 'Business eligibility payment issue'],
  ['131049', 'This message was not delivered to maintain healthy ecosystem engagement.'],
  ['131053', 'Media upload error'],
  ['130472', "User's number is part of an experiment"],
  ['131000', 'Something went wrong'],
]
const errors: ProviderError[] = published.map(([code, title, httpStatus]) => ({
  code,
  title,
  at: httpStatus === undefined ? 'receipt' : 'send',
}))

function errorReply(code: string): Reply {
  const [, title = 'An unknown error has occurred.', status = 400] = published.find(([known]) => known === code) ?? []
  const error = { message: `(#${code}) ${title}`, type: 'OAuthException', code: Number(code) }
  const details = { messaging_product: 'whatsapp', details: `${title}.` }
  return {
    status,
    body: { error: { ...error, error_data: details, fbtrace_id: randomBytes(9).toString('base64url') } },
  }
}

function statusOf({ reference, to, providerMessageId }: Delivery, { status, code }: Pick<Receipt, 'status' | 'code'>) {
  const title = published.find(([known]) => known === code)?.[1]
  return {
    id: providerMessageId,
    status,
    timestamp: unixTime(),
    ...(isWhatsAppUserId(to) ? { recipient_user_id: to } : { recipient_id: to }),
    ...(code && { errors: [{ code: Number(code), title, message: title, error_data: { details: title } }] }),
    ...(reference && {
      biz_opaque_callback_data: callbackDataOf({ job: reference, ...(reference.part ?? { index: 0, of: 1 }) }),
    }),
  }
}

function change(value: object) {
  const metadata = { display_phone_number: '15550100001', phone_number_id: phoneNumberId }
  return { value: { messaging_product: 'whatsapp', metadata, ...value }, field: 'messages' }
}

const unixTime = () => String(Math.floor(Date.now() / 1000))

/** JSON as Meta writes it: slashes, and characters beyond ASCII, escaped. */
function escaped(document: object) {
  return JSON.stringify(document)
    .replaceAll('/', '\\/')
    .replace(/[\u0080-\uffff]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
}
