import { isUtf8 } from 'node:buffer'
import { randomBytes, randomUUID } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import { buffer } from 'node:stream/consumers'
import type { APIGatewayProxyEventV2 } from 'aws-lambda'
import * as z from 'zod'
import { serve } from '../loopback.ts'
import { afterLimit } from '../pace.ts'
import type { Outcome } from './lambda.ts'

/** The properties of `AWS::ApiGatewayV2::Route` and `Integration` that are run. */
export const RouteProperties = z.object({ RouteKey: z.string(), Target: z.string() })
export const IntegrationProperties = z.object({
  IntegrationType: z.literal('AWS_PROXY'),
  IntegrationUri: z.string(),
  PayloadFormatVersion: z.literal('2.0'),
  TimeoutInMillis: z.number().default(30_000),
})

/** A route to a function. `key` is `POST /receipts/{channelId}`, `ANY /{proxy+}` or `$default`. */
export type Route = { key: string; timeoutMs: number; invoke(event: APIGatewayProxyEventV2): Promise<Outcome> }

type Answer = { statusCode: number; headers: Record<string, string | string[]>; body: string | Buffer }

const maxBodyBytes = 10 * 1024 * 1024

/** An HTTP API of API Gateway: events in payload format 2.0; on loopback and without TLS. */
export async function startHttpApi({ port, accountId }: { port?: number; accountId: string }) {
  const routes: Route[] = []

  const server = await serve(async (request, response) => {
    const { statusCode, headers, body } = await answer(request)
    response.writeHead(statusCode, { 'apigw-requestid': randomUUID(), ...headers }).end(body)
  }, port)

  async function answer(request: IncomingMessage): Promise<Answer> {
    const body = await buffer(request)
    if (body.length > maxBodyBytes) return message(413, 'Request Entity Too Large')
    const [path = ''] = (request.url ?? '').split('?')
    for (const route of routes) {
      const parameters = match(route.key, request.method ?? '', path)
      if (!parameters) continue
      const event = createEvent(request, { body, routeKey: route.key, parameters, accountId })
      const outcome = await new Promise<Outcome | undefined>((resolve) => {
        const callOff = afterLimit(route.timeoutMs, () => resolve(undefined))
        void route.invoke(event).then(resolve).finally(callOff)
      })
      return outcome ? interpret(outcome) : message(503, 'Service Unavailable')
    }
    return message(404, 'Not Found')
  }

  return {
    url: server.url,
    close: server.close,
    addRoute(route: Route) {
      routes.push(route)
      routes.sort((a, b) => generality(a.key) - generality(b.key))
    },
  }
}

/** API Gateway takes the most specific route: literal paths, then parameters, then greedy ones, then `$default`. */
function generality(key: string) {
  if (key === '$default') return Number.POSITIVE_INFINITY
  const count = (pattern: RegExp) => key.match(pattern)?.length ?? 0
  return count(/\+\}/g) * 1000 + count(/\{/g) * 10 + count(/^ANY /g)
}

/** The path's parameters if the route is for this request. */
function match(key: string, method: string, path: string) {
  if (key === '$default') return {}
  const [routeMethod, routePath = ''] = key.split(' ')
  if (routeMethod !== 'ANY' && routeMethod !== method) return undefined
  const names = [...routePath.matchAll(/\{(.+?)\+?\}/g)].map(([, name]) => name ?? '')
  const pattern = routePath.replace(/\{.+?\+\}/g, '(.+)').replace(/\{.+?\}/g, '([^/]+)')
  const values = new RegExp(`^${pattern}$`).exec(path)?.slice(1)
  return values && Object.fromEntries(names.map((name, index) => [name, decode(values[index] ?? '')]))
}

/** https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html */
function createEvent(
  request: IncomingMessage,
  context: { body: Buffer; routeKey: string; parameters: Record<string, string>; accountId: string },
): APIGatewayProxyEventV2 {
  const { body, routeKey, parameters, accountId } = context
  const [path = '', ...query] = (request.url ?? '').split('?')
  const rawPath = decode(path)
  const rawQueryString = query.join('?')
  const { cookie, ...headers } = joined(
    Object.entries(request.headersDistinct).flatMap(([name, values]) => (values ?? []).map((value) => [name, value])),
  )
  const queryStringParameters = joined([...new URLSearchParams(rawQueryString)])
  const now = new Date()
  const isText = isTextType(headers['content-type']) && isUtf8(body)
  const domainName = request.headers.host ?? ''

  return {
    version: '2.0',
    routeKey,
    rawPath,
    rawQueryString,
    ...(cookie !== undefined && { cookies: cookie.split(/[;,] ?/) }),
    headers: {
      ...headers,
      'x-amzn-trace-id': `Root=1-${Math.floor(now.getTime() / 1000).toString(16)}-${randomBytes(12).toString('hex')}`,
      'x-forwarded-for': '127.0.0.1',
      'x-forwarded-port': String(request.socket.localPort),
      'x-forwarded-proto': 'http',
    },
    ...(rawQueryString && { queryStringParameters }),
    requestContext: {
      accountId,
      apiId: 'local',
      domainName,
      domainPrefix: domainName.split('.')[0] ?? '',
      http: {
        method: request.method ?? '',
        path: rawPath,
        protocol: `HTTP/${request.httpVersion}`,
        sourceIp: '127.0.0.1',
        userAgent: headers['user-agent'] ?? '',
      },
      requestId: randomUUID(),
      routeKey,
      stage: '$default',
      // As web servers log it: 12/Mar/2020:19:03:58 +0000
      time: now.toUTCString().replace(/^\w+, (\d+) (\w+) (\d+) (\S+) GMT$/, '$1/$2/$3:$4 +0000'),
      timeEpoch: now.getTime(),
    },
    ...(Object.keys(parameters).length > 0 && { pathParameters: parameters }),
    ...(body.length > 0 && { body: body.toString(isText ? 'utf8' : 'base64') }),
    isBase64Encoded: body.length > 0 && !isText,
  }
}

/** Names that come more than once have their values joined by a comma. */
function joined(pairs: string[][]) {
  const values = new Map<string, string>()
  for (const [name = '', value = ''] of pairs)
    values.set(name, values.has(name) ? `${values.get(name)},${value}` : value)
  return Object.fromEntries(values)
}

function decode(text: string) {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

/** Other bodies, those of forms among them, reach the function in base64. */
const isTextType = (contentType = '') =>
  /^(text\/|application\/(json|javascript|xml|[\w.-]+\+(json|xml))\b)/i.test(contentType)

const Structured = z.object({
  statusCode: z.coerce.number().int().min(100).max(599),
  headers: z.record(z.string(), z.union([z.string(), z.number(), z.boolean()]).transform(String)).nullish(),
  cookies: z.array(z.string()).nullish(),
  body: z.string().nullish(),
  isBase64Encoded: z.boolean().nullish(),
})

/** What API Gateway makes of a function's answer; one without a `statusCode` is the body of a 200. */
function interpret({ payload, error }: Outcome & { payload?: unknown }): Answer {
  if (error) return message(500, 'Internal Server Error')
  if (typeof payload !== 'object' || payload === null || !('statusCode' in payload)) {
    const body = typeof payload === 'string' ? payload : JSON.stringify(payload)
    return { statusCode: 200, headers: { 'content-type': 'application/json' }, body }
  }
  const structured = Structured.safeParse(payload)
  if (!structured.success) return message(500, 'Internal Server Error')
  const { statusCode, headers, cookies, body, isBase64Encoded } = structured.data
  const named = Object.entries(headers ?? {}).map(([name, value]) => [name.toLowerCase(), value] as const)
  return {
    statusCode,
    headers: {
      'content-type': 'text/plain;charset=UTF-8',
      ...Object.fromEntries(named),
      ...(cookies && { 'set-cookie': cookies }),
    },
    body: Buffer.from(body ?? '', isBase64Encoded ? 'base64' : 'utf8'),
  }
}

const message = (statusCode: number, text: string): Answer => ({
  statusCode,
  headers: { 'content-type': 'application/json' },
  body: JSON.stringify({ message: text }),
})
