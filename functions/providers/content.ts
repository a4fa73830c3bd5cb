import * as z from 'zod'
import type { DeliveryJob } from '../messages/jobs.ts'
import { invisible } from '../platform/invisible.ts'
import { type Link, readHtml } from './html.ts'

/** What a message carries, as far as any provider can send it. */
export type Content = {
  /** The plain text, and below it the addresses of links that it does not show. */
  text: string
  files: MediaFile[]
  quickReplies: QuickReply[]
  /** What no provider can send: sentences for the agent. */
  cannot: string[]
}

/** A file, which the provider fetches from its URL. */
export type MediaFile = {
  /** As it goes into a request: its special characters encoded. */
  url: string
  name?: string | undefined
  kind: 'image' | 'audio' | 'voice' | 'video' | 'sticker' | 'file'
  /** Its size, where HubSpot says it. */
  bytes?: number | undefined
}

/** An answer for the customer to choose: a text, or a link to follow. */
export type QuickReply = { label: string; value: string; type: 'text' | 'url' }

/** What a message carries. Of its rich text, links and inline images count; its formatting is dropped. Never throws. */
export function readContent(job: Pick<DeliveryJob, 'text' | 'richText' | 'attachments'>): Content {
  const { text, links, images } = readHtml(job.richText ?? '')
  const attachments = [...job.attachments, ...images.map((url) => ({ type: 'FILE', fileUsageType: 'IMAGE', url }))]
  const read = attachments.map((attachment) => readAttachment(Attachment.safeParse(attachment).data ?? {}))
  const files = read.flatMap(({ file }) => file ?? [])
  return {
    text: withAddresses([job.text.trim(), text].find((one) => isSeen.test(one)) ?? '', links),
    files: [...new Map(files.toReversed().map((file) => [file.url, file])).values()].toReversed(),
    quickReplies: read.flatMap(({ quickReplies }) => quickReplies ?? []),
    cannot: [...new Set(read.flatMap(({ cannot }) => cannot ?? []))],
  }
}

// A provider that takes a text of which nothing can be seen shows nothing.
const isSeen = new RegExp(`[^${invisible}]`, 'u')

// HubSpot documents what attachments look like where they are published, not in webhooks: what is missing or of another
// type counts as absent.
const optionalText = z.string().trim().min(1).optional().catch(undefined)
const Attachment = z.object({
  type: optionalText,
  fileUsageType: optionalText,
  name: optionalText,
  url: optionalText,
  size: z
    .union([z.number(), z.string().regex(/^\d+$/).transform(Number)])
    .pipe(z.number().nonnegative())
    .optional()
    .catch(undefined),
  quickReplies: z
    .array(z.object({ label: optionalText, value: optionalText, valueType: optionalText }).catch({}))
    .default([])
    .catch([]),
})

function readAttachment({
  type,
  name,
  url,
  size,
  fileUsageType,
  quickReplies = [],
}: Partial<z.infer<typeof Attachment>>): {
  file?: MediaFile
  quickReplies?: QuickReply[]
  cannot?: string
} {
  if (type === 'FILE' || (type === undefined && url !== undefined)) {
    if (!url || !/^https?:\/\//i.test(url) || !URL.canParse(url))
      return { cannot: 'A file could not be sent: HubSpot gave no web address for it.' }
    const kind = kindOf(fileUsageType, name ?? new URL(url).pathname)
    return { file: { url: encoded(url), name, kind, ...(size !== undefined && { bytes: size }) } }
  }
  if (type === 'QUICK_REPLIES') {
    const replies = quickReplies.flatMap(({ label, value = label, valueType }): QuickReply[] =>
      label && value
        ? [valueType === 'URL' ? { label, value: encoded(value), type: 'url' } : { label, value, type: 'text' }]
        : [],
    )
    const isWhole = replies.length > 0 && replies.length === quickReplies.length
    return isWhole ? { quickReplies: replies } : { cannot: 'The quick replies could not be read.' }
  }
  // Where the message is in a social network: nothing to send.
  if (type === 'SOCIAL_MEDIA_METADATA') return {}
  return { cannot: `${strangers.get(type) ?? 'An attachment'} cannot be sent through this channel.` }
}

/** An address with its special characters encoded, once; as it is, where it is none. */
function encoded(address: string) {
  const href = URL.parse(address)?.href ?? ''
  const [upToHost = ''] = href.match(/^[^:]*:(\/\/[^/?#]*)?/) ?? []
  const whole = upToHost + href.slice(upToHost.length).replace(/[[\]]/g, encodeURIComponent)
  return whole.replace(leftByUrl, encodeURIComponent) || address
}

// Browsers take these as they are, RFC 3986 does not: a percent sign that encodes nothing, above all; brackets but around a
// host; and the spaces of `tel:`.
const leftByUrl = /%(?![\dA-Fa-f]{2})|[ "<>\\^`{|}]/g

const strangers = new Map<string | undefined, string>([
  ['LOCATION', 'A location'],
  ['CONTACT', 'A contact'],
  ['MESSAGE_HEADER', 'A header'],
  ['WHATSAPP_TEMPLATE_METADATA', 'A WhatsApp template'],
])

function kindOf(fileUsageType: string | undefined, path: string): MediaFile['kind'] {
  const usage = usages.get(fileUsageType)
  return usage ?? endings.find(([, ending]) => ending.test(path))?.[0] ?? 'file'
}

const usages = new Map<string | undefined, MediaFile['kind']>([
  ['AUDIO', 'audio'],
  ['IMAGE', 'image'],
  ['STICKER', 'sticker'],
  ['VOICE_RECORDING', 'voice'],
])
const endings: [MediaFile['kind'], RegExp][] = [
  ['image', /\.(jpe?g|png|gif|webp|heic|heif|avif|svg|bmp|tiff?)$/i],
  ['audio', /\.(mp3|ogg|oga|opus|m4a|aac|amr|wav|flac)$/i],
  ['video', /\.(mp4|3gpp?|mov|webm|m4v|avi|mkv|mpe?g)$/i],
]

/** The text, with the address of each link that a reader of it could not know. */
function withAddresses(text: string, links: Link[]) {
  const bare = (address: string) => address.replace(/^(https?:\/\/(www\.)?|mailto:|tel:)/i, '').replace(/\/$/, '')
  // Where looking for each would take long, the text is too long for any channel as it is.
  const isMissing = ({ url }: Link) => text.length * links.length > 1e8 || !text.includes(bare(url))
  const missing = links.filter(isMissing)
  // A space would end the link where the customer reads it.
  const whole = missing.map(({ label, url }) => ({ label, url: url.replace(/[\s<>"]/g, encodeURIComponent) }))
  const lines = whole.map(({ label, url }) => (label ? `${label}: ${url}` : url))
  return [text, ...new Set(lines)].filter((line) => line !== '').join('\n')
}
