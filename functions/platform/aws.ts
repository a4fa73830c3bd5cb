import { SecretsManagerClient } from '@aws-sdk/client-secrets-manager'
import { SQSClient } from '@aws-sdk/client-sqs'
import { createDynamoDb, type DynamoDb, dynamoDbEndpoint } from './dynamodb.ts'
import { defaultProvider } from './environment-credentials.ts'
import { createEventBus, type EventBus } from './event-bus.ts'
import { createFetchJson, createHttp } from './fetch-json.ts'
import { domainOf } from './partitions.ts'
import { requestHandler, requestSigner } from './sdk-transport.ts'

// An AWS call takes milliseconds; one that takes seconds is better tried anew, well within the function's timeout.
const timeout = 2000
const credentials = defaultProvider()

/** An SQS client that does not wait long. */
export const createSqs = (env: NodeJS.ProcessEnv) => lean(new SQSClient(options('sqs', env)))
/** A Secrets Manager client that does not wait long. */
export const createSecretsManager = (env: NodeJS.ProcessEnv) =>
  lean(new SecretsManagerClient(options('secretsmanager', env)))

function options(service: string, env: NodeJS.ProcessEnv) {
  const region = env['AWS_REGION'] ?? ''
  return {
    region,
    maxAttempts: 2,
    credentials,
    requestHandler: requestHandler(createHttp({ timeout })),
    signer: requestSigner(service, region, credentials),
    // Its middleware is put together once for each command, not for each call.
    cacheMiddleware: true,
  }
}

/** DynamoDB, as the environment of a Lambda says where and as whom. */
export function connectDynamoDb(env: NodeJS.ProcessEnv): DynamoDb {
  const region = env['AWS_REGION'] ?? ''
  const endpoint = dynamoDbEndpoint(region, {
    url: env['AWS_ENDPOINT_URL_DYNAMODB'] ?? env['AWS_ENDPOINT_URL'],
    fips: env['AWS_USE_FIPS_ENDPOINT'] === 'true',
    dualStack: env['AWS_USE_DUALSTACK_ENDPOINT'] === 'true',
  })
  return createDynamoDb({ region, endpoint, credentials, fetchJson: createFetchJson({ timeout }) })
}

/** A bus of EventBridge, by its name or ARN. */
export function connectEventBus(name: string, env: NodeJS.ProcessEnv): EventBus {
  const region = env['AWS_REGION'] ?? ''
  const endpoint =
    env['AWS_ENDPOINT_URL_EVENTBRIDGE'] ?? env['AWS_ENDPOINT_URL'] ?? `https://events.${region}.${domainOf(region)}`
  return createEventBus(name, { region, endpoint, credentials, fetchJson: createFetchJson({ timeout: 5000 }) })
}

/**
 * The client without what each call would pass through for nothing: a logger that is not set, the SDK's description of
 * itself, and the traces of Lambda's loop detection, which is off here, since jobs that wait are meant to come back.
 */
function lean<Client extends { middlewareStack: { remove(name: string): boolean } }>(client: Client) {
  for (const name of ['loggerMiddleware', 'getUserAgentMiddleware', 'recursionDetectionMiddleware'])
    client.middlewareStack.remove(name)
  return client
}
