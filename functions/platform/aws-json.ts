import { setTimeout as wait } from 'node:timers/promises'
import { type FetchJson, type HttpResponse, NoAnswer } from './fetch-json.ts'
import { type Credentials, signedHeaders } from './sign-request.ts'

/** The services that are called, each with the prefix of its operations in `X-Amz-Target`, and its version of the protocol. */
const services = {
  dynamodb: { prefix: 'DynamoDB_20120810', version: '1.0' },
  events: { prefix: 'AWSEvents', version: '1.1' },
  secretsmanager: { prefix: 'secretsmanager', version: '1.1' },
  sqs: { prefix: 'AmazonSQS', version: '1.0' },
}
export type Service = keyof typeof services

/** Calls an operation of an AWS service. Throws an error that has AWS's name for it, and `$metadata` as the SDK's errors have. */
export type AwsCall = (operation: string, input: object) => Promise<object>

type Options = {
  region: string
  endpoint: string
  credentials(): Promise<Credentials>
  fetchJson: FetchJson
  now?(): number
  random?(): number
  sleep?(milliseconds: number): Promise<unknown>
}

/** What AWS, or the way to it, says where a call was not done. */
class AwsError extends Error {
  readonly $metadata: { httpStatusCode?: number; requestId?: string | undefined }

  constructor(name: string, message: string, metadata: AwsError['$metadata'], options?: ErrorOptions) {
    super(message, options)
    this.name = name
    this.$metadata = metadata
  }
}

/**
 * An AWS service in its JSON protocol, for a fraction of the CPU that the SDK's clients take. As those are set here, it makes
 * a second attempt where the first was throttled, failed at AWS or on the way, or was signed by a clock that is wrong.
 * Why so: docs/decisions/0034-aws-without-its-clients.md.
 */
export function createAwsCall(service: Service, options: Options): AwsCall {
  const { prefix, version } = services[service]
  const { region, credentials, fetchJson, now = Date.now, random = Math.random, sleep = wait } = options
  const { host, href } = new URL(options.endpoint)
  let clockIsBehind = 0

  async function attempt(operation: string, body: string): Promise<Attempt> {
    const headers = {
      host,
      'content-type': `application/x-amz-json-${version}`,
      'x-amz-target': `${prefix}.${operation}`,
    }
    const request = { service, region, headers, body }
    const signed = signedHeaders(request, await credentials(), now() + clockIsBehind)
    try {
      const answer = await fetchJson(href, { method: 'POST', headers: signed, body })
      return answer.status === 200 && isDocument(answer.json) ? { output: answer.json } : failure(answer)
    } catch (error) {
      if (!(error instanceof NoAnswer)) throw error
      return { error: new AwsError(nameOf(error), error.message, {}, { cause: error }), retry: 'soon' }
    }
  }

  /** Waits as long as is sensible before the second attempt; false where that would end as the first did. */
  async function isWorthRepeating({ retry, date = Number.NaN }: Failure) {
    if (retry === 'with the right time') {
      const skew = date - now()
      if (!(Math.abs(skew - clockIsBehind) > clocksMayDiffer)) return false
      clockIsBehind = skew
    }
    if (retry === 'soon' || retry === 'slower') await sleep(random() * (retry === 'soon' ? 100 : 500))
    return retry !== undefined
  }

  return async (operation, input) => {
    const body = JSON.stringify(input)
    let tried = await attempt(operation, body)
    if ('error' in tried && (await isWorthRepeating(tried))) tried = await attempt(operation, body)
    if ('error' in tried) throw tried.error
    return tried.output
  }
}

type Attempt = { output: object } | Failure
type Failure = { error: AwsError; retry?: 'soon' | 'slower' | 'with the right time' | undefined; date?: number }

/** What an answer that is none of success says; the names are those that the SDK goes by. */
function failure({ status, headers, json }: HttpResponse): Failure {
  const said: { __type?: unknown; message?: unknown; Message?: unknown } = isDocument(json) ? json : {}
  const name = /([^#:]+)(?::.*)?$/.exec(String(said.__type ?? ''))?.[1] ?? 'UnknownError'
  const requestId = headers['x-amzn-requestid']?.toString()
  const error = new AwsError(name, String(said.message ?? said.Message ?? `HTTP ${status}`), {
    httpStatusCode: status,
    requestId,
  })
  if (wrongTime.has(name)) return { error, retry: 'with the right time', date: Date.parse(headers.date ?? '') }
  if (status === 429 || throttled.has(name)) return { error, retry: 'slower' }
  return { error, retry: status >= 500 || status < 300 ? 'soon' : undefined }
}

const throttled = new Set([
  'LimitExceededException',
  'ProvisionedThroughputExceededException',
  'RequestLimitExceeded',
  'RequestThrottled',
  'ThrottlingException',
  'Throttling',
  'TransactionInProgressException',
])
const wrongTime = new Set([
  'InvalidSignatureException',
  'RequestExpired',
  'RequestInTheFuture',
  'RequestTimeTooSkewed',
  'SignatureDoesNotMatch',
])
// AWS allows for five minutes. In milliseconds.
const clocksMayDiffer = 4 * 60_000

const isDocument = (json: unknown): json is object => typeof json === 'object' && json !== null

/** As the SDK names what keeps an answer away. */
function nameOf({ name, cause }: NoAnswer) {
  if (!(cause instanceof Error)) return name
  return cause.name === 'Error' && 'code' in cause ? String(cause.code) : cause.name
}
