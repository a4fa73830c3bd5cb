import middy from '@middy/core'
import type { APIGatewayProxyEventV2, APIGatewayProxyStructuredResultV2 } from 'aws-lambda'
import { errorFields, type Telemetry } from './telemetry.ts'
import { withoutSlash } from './url.ts'

/** A request of API Gateway's HTTP API (payload format 2.0). */
export type HttpEvent = APIGatewayProxyEventV2
export type HttpAnswer = APIGatewayProxyStructuredResultV2

/**
 * A Lambda behind the HTTP API. Middy writes the metrics out whatever happens, and answers 503 for what could not be
 * done now, so that the sender retries. No body parser: the body stays raw until its signature is verified.
 */
export function httpHandler(telemetry: Telemetry, answer: (event: HttpEvent) => Promise<HttpAnswer>) {
  return middy<HttpEvent, HttpAnswer>()
    .use({
      after: () => telemetry.flush(),
      onError: (request) => {
        const traceId = request.event.requestContext.requestId
        telemetry.error('Failed, the sender is asked to retry', { traceId, ...errorFields(request.error) })
        telemetry.count('RequestsFailed')
        telemetry.flush()
        request.response = { statusCode: 503, headers: { 'retry-after': '5' } }
      },
    })
    .handler(answer)
}

/** The body as its sender's bytes. */
export function rawBody(event: HttpEvent) {
  return Buffer.from(event.body ?? '', event.isBase64Encoded ? 'base64' : 'utf8')
}

/** A header by its name in lower case; API Gateway lower-cases names, tests and other proxies may not. */
export function header(event: HttpEvent, name: string) {
  const direct = event.headers[name]
  return direct ?? Object.entries(event.headers).find(([key]) => key.toLowerCase() === name)?.[1]
}

/**
 * The URL as its sender called it, which is what senders sign: our public base URL, the fixed route, and the query
 * string as it came. Never `rawPath`, which API Gateway hands over decoded.
 */
export function calledUrl(event: HttpEvent, path: string, publicBaseUrl: string | undefined) {
  return baseUrlOf(event, publicBaseUrl) + path + (event.rawQueryString ? `?${event.rawQueryString}` : '')
}

/** What our own URLs begin with, without a slash at the end: the public base URL, or else the host that was called. */
export function baseUrlOf(event: HttpEvent, publicBaseUrl: string | undefined) {
  return publicBaseUrl === undefined ? `https://${event.requestContext.domainName}` : withoutSlash(publicBaseUrl)
}

/** An answer with a JSON body. */
export function json(statusCode: number, body: object): HttpAnswer {
  return { statusCode, headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }
}
