import type { Content, MediaFile, QuickReply } from './content.ts'
import { mediaTypeOf } from './media-types.ts'

/** What a provider takes, each entry with the page that says so. Messages are planned by it, and docs/providers made from it. */
export type Capabilities = {
  text: Limit
  /** A text that goes with a file, and the forms in which files take one. */
  caption?: Limit & { under: readonly string[] }
  quickReplies?: { max: number; label: Limit; value?: Limit; link?: Limit; links: readonly string[]; source: Source }
  files: Files
  /** What names a customer, and how it is written in a request. */
  recipients: { what: string; given: string; written: string; source: Source }[]
}

/** How many characters something takes, as the provider counts them. */
export type Limit = { max: number; counted: Counted; source: Source }
export type Counted = 'UTF-16 units' | 'code points' | 'graphemes'

/** A published page, and the day when it was read. */
type Source = { page: string; read: string }

/** The files that a provider shows as such. Any other goes by its address, in the text. */
type Files = {
  /** The forms in which files go out; the first that fits is taken. */
  forms: Form[]
  /** How many go in one send, and of how many megabytes together; undefined where each counts for itself. */
  atOnce: number
  together?: number
  /**
   * Whether the provider tells, at once or by a receipt, that a file is not what it takes. Then a file whose type nobody knows
   * may go as what it is used for; else it would count as sent, and the customer sees nothing.
   */
  tells: boolean
  /** What the address of a file has to be, apart from a web address. */
  address?: { scheme: 'https'; max: number }
}

/** A form in which files go out: as what, for which uses, of which media types, up to which size. */
export type Form = {
  as: string
  uses: readonly MediaFile['kind'][]
  types: readonly string[]
  megabytes: number
  source: Source
}

/** A file, in the form in which it goes out. */
export type FormedFile = MediaFile & { as: string }

/** A content as a provider carries it. */
export type Fitted = Omit<Content, 'files'> & { files: FormedFile[] }

/** A content in the forms that a provider has for it: files that it would not show go by their address, below the text. */
export function inForms(content: Content, { files: { forms, tells, address } }: Capabilities): Fitted {
  const formed = content.files.map((file) => ({ file, as: canFetch(file) ? formOf(file)?.as : undefined }))
  const addresses = formed.filter(({ as }) => as === undefined).map(({ file }) => file)
  const lines = addresses.map(({ url, name }) => (name === undefined ? url : `${name}: ${url}`))
  return {
    ...content,
    text: [content.text, ...lines].filter((line) => line !== '').join('\n'),
    files: formed.flatMap(({ file, as }) => (as === undefined ? [] : { ...file, as })),
  }

  function formOf({ kind, name, url, bytes }: MediaFile) {
    const type = mediaTypeOf(name, url)
    const fits = ({ megabytes }: Form) => bytes === undefined || bytes <= megabytes * 1e6
    if (type === undefined) return tells ? forms.find((form) => form.uses.includes(kind) && fits(form)) : undefined
    const ofType = forms.filter((form) => form.types.includes(type) && fits(form))
    return ofType.find(({ uses }) => uses.includes(kind)) ?? ofType.find(({ uses }) => !uses.every(isSpecial))
  }

  function canFetch({ url }: MediaFile) {
    return address === undefined || (url.startsWith(`${address.scheme}://`) && url.length <= address.max)
  }
}

/** A sticker or a voice recording is one on purpose: no picture or sound becomes one by its type. */
const isSpecial = (use: MediaFile['kind']) => use === 'sticker' || use === 'voice'

/** The length of a text, as a provider counts it. */
export function lengthOf(text: string, counted: Counted) {
  if (counted === 'UTF-16 units') return text.length
  if (counted === 'code points') return [...text].length
  let length = 0
  for (const _ of graphemes.segment(text)) length++
  return length
}

const graphemes = new Intl.Segmenter()

/** Whether a text is within a limit. */
export const isWithin = (text: string, { max, counted }: Limit) =>
  // No way of counting gives more than UTF-16 units, which are counted already.
  text.length <= max || lengthOf(text, counted) <= max

/** Why a provider cannot carry a content, in sentences for the agent; undefined where it can. */
export function whatItCannotCarry(
  { text, files, quickReplies, cannot }: Fitted,
  { text: limit, quickReplies: takes }: Capabilities,
) {
  const { max = 0, label, value, link, links = [] } = takes ?? {}
  const tooLong = label && quickReplies.some((reply) => !isWithin(reply.label, label))
  const valueTooLong = value && quickReplies.some((reply) => reply.type === 'text' && !isWithin(reply.value, value))
  const linkTooLong = link && quickReplies.some((reply) => reply.type === 'url' && !isWithin(reply.value, link))
  const strays = takes && quickReplies.find((reply) => reply.type === 'url' && !leadsBy(reply, links))
  const reasons = [
    text === '' && files.length === 0 && cannot.length === 0 && 'The message is empty.',
    !isWithin(text, limit) &&
      `The message is too long: this channel takes up to ${limit.max} characters, it has ${lengthOf(text, limit.counted)}.`,
    quickReplies.length > max &&
      (max ? `This channel takes up to ${max} quick replies.` : 'This channel takes no quick replies.'),
    tooLong && `This channel takes quick replies of up to ${label.max} characters.`,
    valueTooLong && `This channel takes quick replies that stand for up to ${value.max} characters.`,
    linkTooLong && `This channel takes quick replies that lead to addresses of up to ${link.max} characters.`,
    strays &&
      (links.length > 0
        ? `The quick reply “${strays.label}” leads to no address that this channel takes (${links.join(', ')}).`
        : 'This channel takes no links as quick replies.'),
    ...cannot,
  ].filter((reason) => typeof reason === 'string')
  return reasons.length > 0 ? reasons.join(' ') : undefined
}

const leadsBy = ({ value }: QuickReply, links: readonly string[]) =>
  URL.canParse(value) && links.some((scheme) => value.startsWith(scheme))
