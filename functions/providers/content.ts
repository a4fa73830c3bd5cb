import * as z from 'zod'
import type { DeliveryJob } from '../messages/jobs.ts'

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
  url: string
  name?: string | undefined
  kind: 'image' | 'audio' | 'voice' | 'video' | 'sticker' | 'file'
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
    text: withAddresses(job.text.trim() || text, links),
    files: files.filter(({ url }, index) => index === files.findIndex((file) => file.url === url)),
    quickReplies: read.flatMap(({ quickReplies }) => quickReplies ?? []),
    cannot: [...new Set(read.flatMap(({ cannot }) => cannot ?? []))],
  }
}

/** What a channel takes of a message: characters of text (UTF-16), quick replies, kinds of files; absent: none, all kinds. */
export type Capacity = { text: number; quickReplies?: number; kinds?: readonly MediaFile['kind'][] }

/** Why a channel cannot carry a message, in sentences for the agent; undefined where it can. */
export function refusal({ text, files, quickReplies, cannot }: Content, takes: Capacity) {
  const { quickReplies: most = 0, kinds } = takes
  const strange = files.find(({ kind }) => kinds && !kinds.includes(kind))
  const reasons = [
    text === '' && files.length === 0 && cannot.length === 0 && 'The message is empty.',
    text.length > takes.text &&
      `The message is too long: this channel takes up to ${takes.text} characters, it has ${text.length}.`,
    quickReplies.length > most &&
      (most ? `This channel takes up to ${most} quick replies.` : 'This channel takes no quick replies.'),
    strange && `This channel takes no files of this kind (${strange.kind}).`,
    ...cannot,
  ].filter((reason) => typeof reason === 'string')
  return reasons.length > 0 ? reasons.join(' ') : undefined
}

// HubSpot documents what attachments look like where they are published, not in webhooks: what is missing or of another
// type counts as absent.
const optionalText = z.string().trim().min(1).optional().catch(undefined)
const Attachment = z.object({
  type: optionalText,
  fileUsageType: optionalText,
  name: optionalText,
  url: optionalText,
  quickReplies: z
    .array(z.object({ label: optionalText, value: optionalText, valueType: optionalText }).catch({}))
    .default([])
    .catch([]),
})

function readAttachment({ type, name, url, fileUsageType, quickReplies = [] }: Partial<z.infer<typeof Attachment>>): {
  file?: MediaFile
  quickReplies?: QuickReply[]
  cannot?: string
} {
  if (type === 'FILE' || (type === undefined && url !== undefined)) {
    if (!url || !/^https?:\/\//i.test(url) || !URL.canParse(url))
      return { cannot: 'A file could not be sent: HubSpot gave no web address for it.' }
    return { file: { url, name, kind: kindOf(fileUsageType, name ?? new URL(url).pathname) } }
  }
  if (type === 'QUICK_REPLIES') {
    const replies = quickReplies.flatMap(({ label, value = label, valueType }): QuickReply[] =>
      label && value ? [{ label, value, type: valueType === 'URL' ? 'url' : 'text' }] : [],
    )
    const isWhole = replies.length > 0 && replies.length === quickReplies.length
    return isWhole ? { quickReplies: replies } : { cannot: 'The quick replies could not be read.' }
  }
  // Where the message stands in a social network: nothing to send.
  if (type === 'SOCIAL_MEDIA_METADATA') return {}
  return { cannot: `${strangers.get(type) ?? 'An attachment'} cannot be sent through this channel.` }
}

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
  ['image', /\.(jpe?g|png|gif|webp)$/i],
  ['audio', /\.(mp3|ogg|m4a|aac|amr|wav)$/i],
  ['video', /\.(mp4|3gp|mov|webm|m4v)$/i],
]

/** The text, with the address of each link that a reader of it could not know. */
function withAddresses(text: string, links: Link[]) {
  const bare = (address: string) => address.replace(/^(https?:\/\/(www\.)?|mailto:|tel:)/i, '').replace(/\/$/, '')
  const missing = links.filter(({ url }) => !text.includes(bare(url)))
  const lines = missing.map(({ label, url }) => (label ? `${label}: ${url}` : url))
  return [text, ...new Set(lines)].filter((line) => line !== '').join('\n')
}

type Link = { label: string; url: string }

/** The text, links and images of HTML. Never throws, and takes a time in proportion to its length, whatever it is. */
function readHtml(html: string) {
  const links: Link[] = []
  const images: string[] = []
  let text = ''
  let open: { url: string; from: number } | undefined
  const close = () => open && links.push({ url: open.url, label: oneLine(text.slice(open.from)) })
  for (const piece of scan(html)) {
    if ('text' in piece) {
      text += decode(piece.text)
      continue
    }
    const { tag, closes } = piece
    if (tag === 'a') {
      close()
      const url = attribute(piece.attributes, 'href')
      open = !closes && leadsSomewhere(url) ? { url, from: text.length } : undefined
    }
    if (tag === 'img') images.push(attribute(piece.attributes, 'src'))
    if (/^(audio|embed|iframe|source|video)$/.test(tag)) {
      const url = attribute(piece.attributes, 'src')
      if (leadsSomewhere(url)) links.push({ url, label: '' })
    }
    if (tag === 'br' || (closes && /^(p|div|li|h\d|tr)$/.test(tag))) text += '\n'
  }
  close()
  return { text: text.split('\n').map(oneLine).join('\n').trim(), links, images }
}

const leadsSomewhere = (url: string) => /^(https?:\/\/|mailto:|tel:)/i.test(url)

/** Text and tags, in their order. What begins like a tag or a comment and never ends is dropped, as browsers do. */
function* scan(html: string): Generator<{ text: string } | { tag: string; closes: boolean; attributes: string }> {
  const opening = /<(\/?)([a-z][a-z0-9]*)|<!--/iy
  let from = 0
  for (let at = html.indexOf('<'); at !== -1; at = html.indexOf('<', at)) {
    opening.lastIndex = at
    const [found, slash, tag] = opening.exec(html) ?? []
    if (found === undefined) {
      at += 1
      continue
    }
    yield { text: html.slice(from, at) }
    const end = tag === undefined ? html.indexOf('-->', at) + 2 : endOfTag(html, opening.lastIndex)
    if (end < at) return
    if (tag !== undefined)
      yield { tag: tag.toLowerCase(), closes: slash === '/', attributes: html.slice(opening.lastIndex, end) }
    from = at = end + 1
  }
  yield { text: html.slice(from) }
}

/** Where the tag ends that was begun before: at the first `>` outside of quotes; -1 where there is none. */
function endOfTag(html: string, from: number) {
  let quote = ''
  for (let at = from; at < html.length; at++) {
    const char = html[at]!
    if (quote) quote = char === quote ? '' : quote
    else if (char === '"' || char === "'") quote = char
    else if (char === '>') return at
  }
  return -1
}

function attribute(attributes: string, name: string) {
  const all = attributes.matchAll(/([^\s"'=/]+)(?:\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s"']+)))?/g)
  const [, , double, single, bare] = [...all].find(([, found = '']) => found.toLowerCase() === name) ?? []
  return decode(double ?? single ?? bare ?? '').trim()
}

const oneLine = (text: string) => text.replace(/\s+/g, ' ').trim()

/** Text with its character references read, as far as they occur in messages. */
function decode(text: string) {
  return text.replace(/&(?:#(\d{1,7})|#x([\da-f]{1,6})|([a-z]{2,6}));/gi, (reference, decimal, hex, name = '') => {
    const point = decimal === undefined ? Number.parseInt(hex, 16) : Number(decimal)
    if (point <= 0x10ffff) return String.fromCodePoint(point).toWellFormed()
    return references.get(name.toLowerCase()) ?? reference
  })
}

const references = new Map([
  ['amp', '&'],
  ['lt', '<'],
  ['gt', '>'],
  ['quot', '"'],
  ['apos', "'"],
  ['nbsp', ' '],
])
