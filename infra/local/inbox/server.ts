import { readFileSync } from 'node:fs'
import fastify from 'fastify'
import * as z from 'zod'
import type { MessageView } from './watch.ts'

/** What the page is told, one at a time. */
export type PageEvent =
  | { kind: 'welcome'; welcome: object }
  | { kind: 'message'; message: MessageView }
  | { kind: 'overview'; overview: object }
  | { kind: 'notice'; notice: string }

const files: Record<string, string> = {
  '/': 'index.html',
  '/style.css': 'style.css',
  '/icon.svg': 'icon.svg',
  '/main.js': 'main.js',
  '/dom.js': 'dom.js',
  '/address.js': 'address.js',
  '/conversation.js': 'conversation.js',
  '/drawer.js': 'drawer.js',
  '/first-minute.js': 'first-minute.js',
  '/journey.js': 'journey.js',
  '/pipeline.js': 'pipeline.js',
}
const types: Record<string, string> = {
  html: 'text/html',
  css: 'text/css',
  js: 'text/javascript',
  svg: 'image/svg+xml',
}

/** The page and nothing else: no other script, style, image or address, and no frame around it. */
const policy =
  "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

/** Serves the page on loopback: its files, what happens as server-sent events, and `POST /act` for its buttons. */
export async function servePage(options: {
  port: number
  /** All that a page has to know when it begins. */
  welcome(): object
  onEvent(listener: (event: PageEvent) => void): () => void
  act(body: unknown): Promise<void>
}) {
  const app = fastify({ forceCloseConnections: true })
  // JSON alone: a form on a foreign page cannot send that without asking first.
  app.removeContentTypeParser('text/plain')

  app.addHook('onRequest', async ({ headers }, reply) => {
    // A foreign name that leads to this machine would make a foreign page the same origin.
    if (!/^(127\.0\.0\.1|localhost):\d+$/.test(headers.host ?? '')) return reply.code(421).send()
    reply.headers({
      'content-security-policy': policy,
      'x-content-type-options': 'nosniff',
      'referrer-policy': 'no-referrer',
      'cache-control': 'no-store',
    })
  })
  app.setErrorHandler((error, _request, reply) =>
    error instanceof z.ZodError ? reply.code(400).send({ message: z.prettifyError(error) }) : reply.send(error),
  )

  for (const [path, file] of Object.entries(files))
    app.get(path, async (_request, reply) =>
      reply
        .type(`${types[file.split('.').at(-1)!]}; charset=utf-8`)
        .send(readFileSync(new URL(`page/${file}`, import.meta.url))),
    )

  app.get('/events', (request, reply) => {
    reply.hijack()
    const { raw } = reply
    raw.writeHead(200, { ...reply.getHeaders(), 'content-type': 'text/event-stream' } as Record<string, string>)
    const tell = (event: PageEvent) => raw.write(`data: ${JSON.stringify(event)}\n\n`)
    tell({ kind: 'welcome', welcome: options.welcome() })
    request.raw.once('close', options.onEvent(tell))
  })

  app.post('/act', async ({ body }, reply) => {
    await options.act(body)
    return reply.code(204).send()
  })

  await app.listen({ port: options.port, host: '127.0.0.1' })
  return { url: app.listeningOrigin, close: () => app.close() }
}
