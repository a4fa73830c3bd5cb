import { type Fitted, type FormedFile, isWithin } from '../capabilities.ts'
import type { QuickReply } from '../content.ts'
import { capabilities } from './capabilities.ts'

/** The most that a caption takes, or a text with buttons below it. */
export const caption = capabilities.caption!

/** The messages that a content takes: its text goes with the file or the buttons where it can. */
export function messagesOf({ text, files, quickReplies }: Fitted) {
  const [file] = files
  if (file && files.length === 1 && quickReplies.length === 0 && isCaption(text, file)) return [fileMessage(file, text)]
  const media = files.map((file) => fileMessage(file))
  if (quickReplies.length > 0) return [...media, buttons(text, quickReplies)]
  return text === '' ? media : [textMessage(text), ...media]
}

export const names: Record<string, string> = {
  image: 'picture',
  video: 'film',
  audio: 'sound',
  document: 'file',
  interactive: 'text',
}

const isCaption = (text: string, { as }: FormedFile) =>
  text !== '' && isWithin(text, caption) && caption.under.includes(as)

function fileMessage({ as: type, url: link, name }: FormedFile, caption?: string) {
  const filename = type === 'document' ? name : undefined
  return { type, [type]: { link, caption, filename } }
}

function textMessage(body: string) {
  return { type: 'text', text: { body, preview_url: /https?:\/\//.test(body) } }
}

function buttons(text: string, quickReplies: QuickReply[]) {
  const reply = ({ label: title, value: id }: QuickReply) => ({ type: 'reply', reply: { id, title } })
  return {
    type: 'interactive',
    interactive: { type: 'button', body: { text }, action: { buttons: quickReplies.map(reply) } },
  }
}

/** Why WhatsApp would not take these quick replies as buttons. */
export function refusalOfButtons({ text, quickReplies }: Fitted) {
  const differ = (['label', 'value'] as const).every(
    (key) => new Set(quickReplies.map((reply) => reply[key])).size === quickReplies.length,
  )
  if (!differ) return 'WhatsApp takes quick replies that differ.'
  return text === '' && 'WhatsApp takes quick replies only below a text.'
}
