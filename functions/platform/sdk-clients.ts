import { createHash } from 'node:crypto'
import { SecretsManagerClient } from '@aws-sdk/client-secrets-manager'
import { SQSClient } from '@aws-sdk/client-sqs'
import type { AwsCall } from './aws-json.ts'

// A client's middleware is put together once for each command, not for each call.
const cacheMiddleware = true

/** SQS by the SDK's client, which calls it at the origin of a queue's URL. */
export function createSqsClient(region: string, callAt: (origin: string) => AwsCall) {
  const client = new SQSClient({ region, md5: Md5, cacheMiddleware })
  const calls = new Map<string, AwsCall>()

  function callOf(queueUrl: string) {
    const { origin } = new URL(queueUrl)
    const call = calls.get(origin) ?? callAt(origin)
    calls.set(origin, call)
    return call
  }

  client.middlewareStack.use(
    ourOwnCall((operation, input) => callOf((input as { QueueUrl?: string }).QueueUrl ?? '')(operation, input)),
  )
  return client
}

/** Secrets Manager by the SDK's client. */
export function createSecretsManagerClient(region: string, call: AwsCall) {
  const client = new SecretsManagerClient({ region, cacheMiddleware })
  client.middlewareStack.use(ourOwnCall(call))
  return client
}

/**
 * Has a client make its calls as those of all services are made here. The SDK's own way, through schemas, endpoint rules, a
 * signer and retries, costs several times the CPU for the same bytes. What remains are its commands, their types, and its
 * check that SQS has the body that was sent.
 */
function ourOwnCall(call: AwsCall) {
  const step: Step = (_next, { commandName = '' }) => {
    const operation = commandName.replace(/Command$/, '')
    return async ({ input }) => ({
      output: { ...(await call(operation, input)), $metadata: {} },
      response: undefined,
    })
  }
  return {
    applyToStack(stack: Stack) {
      for (const name of passedBy) stack.remove(name)
      // In place of the step that would write the request, and of all that would come after it.
      stack.add(step, { name: 'serializerMiddleware', step: 'serialize', override: true })
    },
  }
}

/** The SDK's stack of middleware, as far as it is touched. */
type Stack = {
  remove(name: string): boolean
  add(step: Step, options: { name: string; step: 'serialize'; override: boolean }): void
}
type Step = (
  next: unknown,
  context: { commandName?: string },
) => (args: { input: object }) => Promise<{ output: { $metadata: object }; response: unknown }>

// Steps before it, or next to one that the bundles leave out.
const passedBy = ['loggerMiddleware', 'queueUrlMiddleware', 'httpAuthSchemeMiddleware', 'httpSigningMiddleware']

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
