import { createHash } from 'node:crypto'
import { SecretsManagerClient } from '@aws-sdk/client-secrets-manager'
import { SQSClient, type SQSClientConfig } from '@aws-sdk/client-sqs'
import type { AwsCall } from './aws-json.ts'

/** SQS by the SDK's client, which calls it at the origin of a queue's URL. */
export const createSqsClient = (region: string, callAt: (origin: string) => AwsCall) =>
  lean(new SQSClient({ ...options(region, callAt), md5: Md5 }))

/** Secrets Manager by the SDK's client. */
export const createSecretsManagerClient = (region: string, call: AwsCall) =>
  lean(new SecretsManagerClient(options(region, () => call)))

/**
 * The SDK's clients, whose requests go the way of all services here. The SDK's own way, through schemas, endpoint rules, a
 * signer and retries, costs several times the CPU for the same bytes. What remains are its commands, their types, and its
 * check that SQS has the body that was sent.
 */
const options = (region: string, callAt: (origin: string) => AwsCall) => ({
  region,
  protocol: asItIs as object as NonNullable<SQSClientConfig['protocol']>,
  requestHandler: handlerFor(callAt),
  // Its middleware is put together once for each command, not for each call.
  cacheMiddleware: true,
})

function lean<Client extends { middlewareStack: { remove(name: string): boolean } }>(client: Client) {
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

  function callOf(queueUrl: string | undefined) {
    const origin = queueUrl === undefined ? '' : new URL(queueUrl).origin
    const call = calls.get(origin) ?? callAt(origin)
    calls.set(origin, call)
    return call
  }

  return {
    async handle({ operation, input }: Request) {
      return { response: await callOf(input.QueueUrl)(operation, input) }
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
