import { setTimeout as wait } from 'node:timers/promises'
import type {
  BatchGetItemInput,
  BatchGetItemOutput,
  GetItemInput,
  GetItemOutput,
  PutItemInput,
  PutItemOutput,
  UpdateItemInput,
  UpdateItemOutput,
} from '@aws-sdk/client-dynamodb'
import { type FetchJson, type HttpResponse, NoAnswer } from './fetch-json.ts'
import { domainOf } from './partitions.ts'
import { type Credentials, signedHeaders } from './sign-request.ts'

/** The operations that are needed, each with its input and output. */
type Operations = {
  GetItem: [GetItemInput, GetItemOutput]
  BatchGetItem: [BatchGetItemInput, BatchGetItemOutput]
  PutItem: [PutItemInput, PutItemOutput]
  UpdateItem: [UpdateItemInput, UpdateItemOutput]
}

/** Calls DynamoDB. Throws an error that has DynamoDB's name for it, and `$metadata` as the SDK's errors have. */
export type DynamoDb = <Operation extends keyof Operations>(
  operation: Operation,
  input: Operations[Operation][0],
) => Promise<Operations[Operation][1]>

/** What DynamoDB, or the way to it, says where a call was not done. */
class AwsError extends Error {
  readonly $metadata: { httpStatusCode?: number; requestId?: string | undefined }

  constructor(name: string, message: string, metadata: AwsError['$metadata'], options?: ErrorOptions) {
    super(message, options)
    this.name = name
    this.$metadata = metadata
  }
}

/**
 * DynamoDB in its JSON protocol, for a fraction of the CPU that the SDK's client takes. As that client is set here, it makes
 * a second attempt where the first was throttled, failed at AWS or on the way, or was signed by a clock that is wrong.
 * Why so: docs/decisions/0034-dynamodb-without-its-client.md.
 */
export function createDynamoDb(options: {
  region: string
  endpoint: string
  credentials(): Promise<Credentials>
  fetchJson: FetchJson
  now?(): number
  random?(): number
  sleep?(milliseconds: number): Promise<unknown>
}): DynamoDb {
  const { region, credentials, fetchJson, now = Date.now, random = Math.random, sleep = wait } = options
  const { host, href } = new URL(options.endpoint)
  let clockIsBehind = 0

  async function attempt(operation: string, body: string): Promise<Attempt> {
    const headers = {
      host,
      'content-type': 'application/x-amz-json-1.0',
      'x-amz-target': `DynamoDB_20120810.${operation}`,
    }
    const request = { service: 'dynamodb', region, headers, body }
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

/**
 * Where DynamoDB is to be reached: at the URL that is configured, or else at its host in the region, whose ending is that of
 * its partition. `fips` and `dualStack` as in AWS's own settings.
 */
export function dynamoDbEndpoint(
  region: string,
  {
    url,
    fips = false,
    dualStack = false,
  }: { url?: string | undefined; fips?: boolean; dualStack?: boolean | undefined } = {},
) {
  if (url) return url
  // GovCloud's usual endpoints are FIPS.
  const name = fips && (dualStack || !region.startsWith('us-gov-')) ? 'dynamodb-fips' : 'dynamodb'
  return `https://${name}.${region}.${domainOf(region, { dualStack })}`
}
