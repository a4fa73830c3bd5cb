import { createHash } from 'node:crypto'
import { SQSClient, type SQSClientConfig } from '@aws-sdk/client-sqs'
import type { AwsCall } from './aws-json.ts'

/**
 * SQS by the SDK's client, whose requests go the way of all services here: `callAt` calls SQS at the origin of a queue's
 * URL. The SDK's own way, through schemas, endpoint rules, a signer and retries, costs several times the CPU for the same
 * bytes. What remains are its commands, their types, and its check that SQS has the body that was sent.
 */
export function createSqsClient(region: string, callAt: (origin: string) => AwsCall): SQSClient {
  const client = new SQSClient({
    region,
    protocol: asItIs as object as NonNullable<SQSClientConfig['protocol']>,
    requestHandler: handlerFor(callAt),
    md5: Md5,
    // Its middleware is put together once for each command, not for each call.
    cacheMiddleware: true,
  })
  for (const name of bypassed) client.middlewareStack.remove(name)
  return client
}

// What a call does by itself, or does without: a logger that is not set, the SDK's description of itself, and the traces of
// Lambda's loop detection, which is off here, since jobs that wait are meant to come back.
const bypassed = [
  'queueUrlMiddleware',
  'httpAuthSchemeMiddleware',
  'httpSigningMiddleware',
  'retryMiddleware',
  'hostHeaderMiddleware',
  'contentLengthMiddleware',
  'loggerMiddleware',
  'getUserAgentMiddleware',
  'recursionDetectionMiddleware',
]

type Request = { operation: string; input: { QueueUrl?: string } }

/** In place of the SDK's JSON protocol, which writes by the schema what is texts and numbers anyway. */
const asItIs = {
  setSerdeContext() {},
  async serializeRequest({ name }: { name: string }, input: Request['input']): Promise<Request> {
    return { operation: name, input }
  },
  async deserializeResponse(_operation: object, _context: object, output: object) {
    return { ...output, $metadata: {} }
  },
}

function handlerFor(callAt: (origin: string) => AwsCall) {
  const calls = new Map<string, AwsCall>()

  function callOf(queueUrl: string) {
    const { origin } = new URL(queueUrl)
    const call = calls.get(origin) ?? callAt(origin)
    calls.set(origin, call)
    return call
  }

  return {
    async handle({ operation, input }: Request) {
      return { response: await callOf(input.QueueUrl ?? '')(operation, input) }
    },
    updateHttpClientConfig() {},
    httpHandlerConfigs: () => ({}),
    destroy() {},
  }
}

/** The digest that SQS answers with, as the SDK has it made; its own is written in JavaScript. */
class Md5 {
  readonly #hash = createHash('md5')

  update(chunk: Uint8Array) {
    this.#hash.update(chunk)
  }

  async digest() {
    return this.#hash.digest()
  }

  reset() {}
}
