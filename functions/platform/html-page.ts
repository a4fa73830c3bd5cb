import { createHash } from 'node:crypto'
import type { HttpAnswer } from './http-event.ts'

/** What a page says. Plain text: whatever it holds is escaped. */
export type Page = {
  title: string
  paragraphs: string[]
  /** Where to go from here, within this site. */
  link?: { href: string; text: string } | undefined
}

/** An answer with a page that needs nothing but itself: no script, no image, no request, nothing kept in caches. */
export function htmlPage(statusCode: number, { title, paragraphs, link }: Page): HttpAnswer {
  const body = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escaped(title)}</title>
<style>${style}</style>
</head>
<body>
<main>
<h1>${escaped(title)}</h1>
${paragraphs.map((paragraph) => `<p>${escaped(paragraph)}</p>`).join('\n')}
${link ? `<p><a href="${escaped(link.href)}">${escaped(link.text)}</a></p>` : ''}
</main>
</body>
</html>
`
  return { statusCode, headers: { ...privateHeaders, 'content-type': 'text/html; charset=utf-8' }, body }
}

const style = `
:root { color-scheme: light dark; background: Canvas; font: 1.125rem/1.6 system-ui, sans-serif }
body { margin: 0 }
main { max-width: 36rem; margin: 0 auto; padding: 10vh 1.5rem; overflow-wrap: anywhere }
h1 { font-size: 1.6em; line-height: 1.25; text-wrap: balance }
`

/** For answers to URLs that hold something secret, or set it: nobody keeps them, or is told where they came from. */
export const privateHeaders = {
  'cache-control': 'no-store',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
  'content-security-policy': [
    "default-src 'none'",
    `style-src 'sha256-${createHash('sha256').update(style).digest('base64')}'`,
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join('; '),
}

const entities: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' }
const escaped = (text: string) => text.replace(/[&<>"']/g, (character) => entities[character]!)
