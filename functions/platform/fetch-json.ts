import type { Agent, IncomingHttpHeaders } from 'node:http'
import https from 'node:https'
import type { Duplex } from 'node:stream'
import { parseJson } from './json.ts'

// An import of it would load all of undici, whose parts `node:http` hands on (nodejs/node#57649): 25 ms of a cold start.
const http = process.getBuiltinModule('node:http')

/** An HTTP request. A body in text leaves in one write with the headers, and in one TLS record. */
export type HttpRequest = { method: string; headers?: Record<string, string>; body?: string | Uint8Array }

/** An HTTP answer. `json` is undefined where the body is none. */
export type HttpResponse = { status: number; headers: IncomingHttpHeaders; text: string; json: unknown }

/** Makes an HTTP request. Throws NoAnswer; every status code is an answer. */
export type FetchJson = (url: string, request: HttpRequest) => Promise<HttpResponse>

/** Thrown where no complete answer came. */
export class NoAnswer extends Error {
  override name = 'NoAnswer'
  /** Whether the other side may have received the request: false only if no connection was ever established. */
  readonly mayHaveArrived: boolean

  constructor(message: string, mayHaveArrived: boolean, options?: ErrorOptions) {
    super(message, options)
    this.mayHaveArrived = mayHaveArrived
  }
}

// HubSpot answers with the whole message, text and rich text, which may be megabytes.
const maxAnswerBytes = 8 * 1024 * 1024

/**
 * Requests over connections that stay open between invocations. `timeout` is for the whole of a request, in
 * milliseconds; a connection is used again unless it was idle for `maxIdle`, since servers keep one for a minute or
 * so. Redirects are answers: a signed or authorized request must not be sent elsewhere.
 */
export function createFetchJson({ timeout, maxIdle = 30_000 }: { timeout: number; maxIdle?: number }): FetchJson {
  // global fetch costs twice the CPU and drops its connections between invocations (docs/decisions/0004-http-client.md)
  const agents = {
    'https:': withoutStaleSockets(new https.Agent({ keepAlive: true, maxSockets: 50 }), maxIdle),
    'http:': withoutStaleSockets(new http.Agent({ keepAlive: true, maxSockets: 50 }), maxIdle),
  }

  return (url, { method, headers = {}, body }) =>
    new Promise((resolve, reject) => {
      const target = new URL(url)
      const secure = target.protocol === 'https:'
      let connected = false
      let isSettled = false
      const fail = (error: Error & { code?: string }) => {
        if (isSettled) return
        isSettled = true
        clearTimeout(timer)
        reject(new NoAnswer(`${method} ${target.host}: ${error.code ?? error.message}`, connected, { cause: error }))
      }
      // Whatever way a connection ends in, the request settles; an error that says more comes at the same time.
      const closed = (when: string) => () => {
        if (!isSettled) setImmediate(() => fail(new Error(when)))
      }

      const request = (secure ? https : http).request(target, {
        method,
        headers: {
          accept: 'application/json',
          ...headers,
          ...(body !== undefined && { 'content-length': String(Buffer.byteLength(body)) }),
        },
        agent: agents[secure ? 'https:' : 'http:'](),
      })
      const timer = setTimeout(() => {
        fail(Object.assign(new Error('No answer in time'), { name: 'TimeoutError', code: 'ETIMEDOUT' }))
        request.destroy()
      }, timeout)
      request.on('socket', (socket) => {
        if (!socket.connecting) connected = true
        else socket.once(secure ? 'secureConnect' : 'connect', () => (connected = true))
      })
      request.on('error', fail)
      request.on('close', closed('closed without an answer'))
      // A server that changes to another protocol, or to a tunnel, answers nothing; its socket is ours to close.
      for (const event of ['upgrade', 'connect'] as const)
        request.on(event, (_response, socket: Duplex) => {
          fail(new Error('the other side changed the protocol'))
          socket.destroy()
        })
      request.on('response', (response) => {
        const { statusCode = 0 } = response
        if (statusCode < 200) {
          fail(new Error(`HTTP ${statusCode}`))
          request.destroy()
        }
        const chunks: Buffer[] = []
        let length = 0
        response.on('data', (chunk: Buffer) => {
          chunks.push(chunk)
          length += chunk.length
          if (length > maxAnswerBytes) response.destroy(new Error('answer too long'))
        })
        response.on('error', fail)
        response.on('close', closed('closed within its answer'))
        response.on('end', () => {
          if (!response.complete || isSettled) return
          isSettled = true
          clearTimeout(timer)
          const text = Buffer.concat(chunks).toString()
          resolve({ status: statusCode, headers: response.headers, text, json: parseJson(text) })
        })
      })
      request.end(body)
    })
}

/**
 * The agent without connections that have been idle for long. While Lambda is frozen, a server closes its end unnoticed; a
 * request over such a connection fails in a way that leaves open whether it arrived.
 */
function withoutStaleSockets(agent: Agent, maxIdle: number) {
  const idleSince = new WeakMap<Duplex, number>()
  agent.on('free', (socket: Duplex) => void idleSince.set(socket, Date.now()))
  return () => {
    for (const socket of Object.values(agent.freeSockets).flatMap((sockets) => sockets ?? []))
      if (Date.now() - (idleSince.get(socket) ?? 0) > maxIdle) socket.destroy()
    return agent
  }
}
