import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { serve } from '../../../infra/local/loopback.ts'

/** How a provider treats messages: takes them, never answers, or answers 503. */
export type Manner = 'takes' | 'silent' | 'busy'

// Milliseconds. What a provider of text messages takes to answer.
const usualAnswer = 200

/**
 * Providers of many customers behind one server, at a path for each manner. The simulators of infra/local look through all
 * that they were sent with each message, which takes too long for ten thousand.
 */
export async function startProviders() {
  const calls: Record<Manner, number> = { takes: 0, silent: 0, busy: 0 }
  const server = await serve(async (request, response) => {
    const manner = request.url?.slice(1) as Manner
    calls[manner]++
    request.resume()
    if (manner === 'silent') return void (await new Promise((resolve) => response.once('close', resolve)))
    if (manner === 'takes') await sleep(usualAnswer)
    const answer = { status: 'sent', providerMessageId: randomUUID() }
    response.writeHead(manner === 'takes' ? 202 : 503, { 'content-type': 'application/json' })
    response.end(manner === 'takes' ? JSON.stringify(answer) : '')
  })
  return { urlOf: (manner: Manner) => `${server.url}/${manner}`, calls, close: server.close }
}
