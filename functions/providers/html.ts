import { Tokenizer } from 'htmlparser2'

export type Link = { label: string; url: string }

/**
 * The text, links and images of HTML. Never throws, and takes a time in proportion to its length, whatever it is: of the
 * library's parser it needs the tokens alone, and not the tree that would be searched for each tag that closes.
 */
export function readHtml(html: string) {
  const links: Link[] = []
  const images: string[] = []
  let text = ''
  let tag = ''
  let attributes = new Map<string, string>()
  let name = ''
  let value = ''
  let hidden: string | undefined
  let open: { url: string; from: number } | undefined
  let isLineEmpty = true

  const close = () => open && links.push({ url: open.url, label: oneLine(text.slice(open.from)) })
  const attribute = (name: string) => attributes.get(name)?.trim() ?? ''
  const show = (piece: string) => {
    if (hidden !== undefined || piece === '') return
    text += piece
    const line = piece.slice(piece.lastIndexOf('\n') + 1)
    isLineEmpty = (isLineEmpty || line !== piece) && !isShown.test(line)
  }
  const endLine = () => {
    if (!isLineEmpty) show('\n')
  }
  const opened = () => {
    if (hidden !== undefined) return
    if (isHidden.test(tag)) hidden = tag
    if (tag === 'a') {
      close()
      const url = attribute('href')
      open = leadsSomewhere(url) ? { url, from: text.length } : undefined
    }
    if (tag === 'img') images.push(attribute('src'))
    if (isEmbedded.test(tag) && leadsSomewhere(attribute('src'))) links.push({ url: attribute('src'), label: '' })
    if (tag === 'br') show('\n')
    if (isBlock.test(tag)) endLine()
    if (isCell.test(tag) && !isLineEmpty) show(' ')
  }
  const closed = (tag: string) => {
    if (hidden !== undefined) {
      if (tag === hidden) hidden = undefined
      return
    }
    if (tag === 'a') {
      close()
      open = undefined
    }
    if (tag === 'br') show('\n')
    if (isBlock.test(tag)) endLine()
  }

  const tokenizer = new Tokenizer(
    { decodeEntities: true },
    {
      ontext: (from, to) => show(html.slice(from, to)),
      ontextentity: (point) => show(String.fromCodePoint(point)),
      onopentagname: (from, to) => {
        tag = html.slice(from, to).toLowerCase()
        attributes = new Map()
      },
      onattribname: (from, to) => {
        name = html.slice(from, to).toLowerCase()
        value = ''
      },
      onattribdata: (from, to) => {
        value += html.slice(from, to)
      },
      onattribentity: (point) => {
        value += String.fromCodePoint(point)
      },
      onattribend: () => {
        if (!attributes.has(name)) attributes.set(name, value)
      },
      onopentagend: opened,
      onselfclosingtag: opened,
      onclosetag: (from, to) => closed(html.slice(from, to).toLowerCase()),
      oncdata: ignore,
      oncomment: ignore,
      ondeclaration: ignore,
      onprocessinginstruction: ignore,
      onend: ignore,
    },
  )
  tokenizer.write(html)
  tokenizer.end()
  close()
  return { text: text.toWellFormed().split('\n').map(oneLine).join('\n').trim(), links, images }
}

const isHidden = /^(head|script|style|template|title)$/
const isEmbedded = /^(audio|embed|iframe|source|video)$/
// What begins on a line of its own, by the HTML standard's rendering of it.
const isBlock =
  /^(address|article|aside|blockquote|caption|center|d[dlt]|details|dialog|div|fieldset|fig(caption|ure)|footer|form|h[1-6r]|header|hgroup|legend|li|main|menu|nav|[ou]l|optgroup|option|p|pre|section|summary|table|t(body|foot|head|r))$/
const isCell = /^t[dh]$/
const isShown = /[^ \t\r\n\f]/
const leadsSomewhere = (url: string) => /^(https?:\/\/|mailto:|tel:)/i.test(url)
const oneLine = (text: string) => text.replace(/\s+/g, ' ').trim()
const ignore = () => {}
