import type { FastifyInstance, FastifyReply } from 'fastify'
import * as z from 'zod'

/** How a simulated server leaves a call: with an answer, by resetting the connection, or open and silent. */
export const Reply = z.union([
  z.strictObject({
    status: z.int().min(200).max(599),
    /** Text goes out as HTML, everything else as JSON. */
    body: z.unknown().optional(),
    headers: z.record(z.string(), z.string()).optional(),
  }),
  z.enum(['reset', 'silence']),
])
export type Reply = z.infer<typeof Reply>

/** What is recorded of a reply: its status code, or how the call was left without one. */
export type Answered = number | 'reset' | 'silence'

/** What is recorded of a reply. */
export function answeredWith(reply: Reply): Answered {
  return typeof reply === 'string' ? reply : reply.status
}

/** Whether whoever sent something may consider it taken. */
export function isAccepted(answered: number | string) {
  return typeof answered === 'number' && answered >= 200 && answered < 300
}

/** Leaves a call in the given way. */
export async function sendReply(to: FastifyReply, reply: Reply) {
  if (typeof reply === 'string') {
    to.hijack()
    if (reply === 'reset') to.raw.socket?.resetAndDestroy()
    return
  }
  const { status, body, headers = {} } = reply
  to.code(status).headers(headers)
  if (typeof body === 'string') await to.type('text/html').send(body)
  else await to.type('application/json').send(JSON.stringify(body ?? {}))
}

/** Hands handlers the body as text, whatever its type: they verify it or judge it themselves. */
export function keepRawBody(app: FastifyInstance) {
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('*', { parseAs: 'string' }, (_request, body, done) => done(null, body))
}

/** Events for whoever watches. */
export function createEvents<Event>() {
  const listeners = new Set<(event: Event) => void>()
  return {
    emit(event: Event) {
      for (const listener of listeners) listener(event)
    },
    /** Tells the listener of everything that happens from now on. Returns the way to unsubscribe. */
    onEvent(listener: (event: Event) => void) {
      listeners.add(listener)
      return () => void listeners.delete(listener)
    },
  }
}
