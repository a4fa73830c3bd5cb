import type { HttpRequest } from '@smithy/types'
import { type Http, NoAnswer } from './fetch-json.ts'
import { type Credentials, signedHeaders } from './sign-request.ts'

/**
 * The SDK's requests over our own HTTP: its own handler makes a stream of each answer, sets five timers, and writes headers
 * and body apart.
 */
export function requestHandler(http: Http) {
  return {
    metadata: { handlerProtocol: 'http/1.1' },
    async handle({ protocol, hostname, port, path, method, headers, body }: HttpRequest) {
      const host = port === undefined ? hostname : `${hostname}:${port}`
      try {
        const answer = await http(`${protocol}//${host}${path}`, { method, headers, body: textOf(body) })
        return { response: { statusCode: answer.status, headers: answer.headers, body: answer.body } }
      } catch (error) {
        // The SDK tells by the cause whether another attempt makes sense.
        throw error instanceof NoAnswer ? error.cause : error
      }
    },
    updateHttpClientConfig() {},
    httpHandlerConfigs: () => ({}),
    destroy() {},
  }
}

/** Signs the SDK's requests, as our own are signed. */
export function requestSigner(service: string, region: string, credentials: () => Promise<Credentials>) {
  return {
    async sign(request: HttpRequest, { signingDate = new Date() }: { signingDate?: Date } = {}) {
      const body = textOf(request.body)
      const unsigned = { service, region, headers: request.headers, body }
      return { ...request, body, headers: signedHeaders(unsigned, await credentials(), Number(signingDate)) }
    },
  }
}

/** The text of a body that the SDK has written: bytes, with methods of a string that warn of their use. */
const textOf = (body: unknown) =>
  body instanceof Uint8Array ? Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString() : String(body)
