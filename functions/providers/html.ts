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

  const close = () => open && links.push({ url: open.url, label: oneLine(text.slice(open.from)) })
  const attribute = (name: string) => attributes.get(name)?.trim() ?? ''
  const show = (piece: string) => {
    if (hidden === undefined) text += piece
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
    if (tag === 'br') text += '\n'
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
    if (tag === 'br' || isBlock.test(tag)) text += '\n'
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
const isBlock = /^(p|div|li|h\d|tr)$/
const leadsSomewhere = (url: string) => /^(https?:\/\/|mailto:|tel:)/i.test(url)
const oneLine = (text: string) => text.replace(/\s+/g, ' ').trim()
const ignore = () => {}
