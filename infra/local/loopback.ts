import { createServer, type IncomingMessage, type OutgoingHttpHeaders, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

/** An HTTP server on 127.0.0.1, and nowhere else. */
export type LoopbackServer = { host: string; url: string; close(): Promise<void> }

/** Serves on 127.0.0.1, on a free port unless one is given. Keeps connections open until it is closed. */
export async function serve(
  answer: (request: IncomingMessage, response: ServerResponse) => Promise<void>,
  port = 0,
): Promise<LoopbackServer> {
  const server = createServer({ keepAliveTimeout: 0 }, (request, response) => {
    answer(request, response).catch(() => {
      // Mostly nobody reads this: the process that called was killed, the client hung up.
      if (!response.headersSent) response.writeHead(500, { 'content-type': 'application/json' })
      response.end('{"message":"Internal Server Error"}')
    })
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject).listen(port, '127.0.0.1', resolve)
  })
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`
  return {
    host,
    url: `http://${host}`,
    async close() {
      server.close()
      server.closeAllConnections()
    },
  }
}

/** Answers in one piece: a body whose length is not said goes out in chunks, by several writes, which each cost a system call. */
export function answerWhole(response: ServerResponse, statusCode: number, headers: OutgoingHttpHeaders, body: string) {
  response.writeHead(statusCode, { ...headers, 'content-length': Buffer.byteLength(body) }).end(body)
}
