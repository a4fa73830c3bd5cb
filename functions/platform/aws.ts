import { SecretsManagerClient } from '@aws-sdk/client-secrets-manager'
import { SQSClient } from '@aws-sdk/client-sqs'
import { createDynamoDb, type DynamoDb, dynamoDbEndpoint } from './dynamodb.ts'
import { defaultProvider } from './environment-credentials.ts'
import { createFetchJson } from './fetch-json.ts'

// An AWS call takes milliseconds; one that takes seconds is better tried anew, well within the function's timeout.
const limits = { maxAttempts: 2, requestHandler: { connectionTimeout: 1000, requestTimeout: 2000 } }
// Its middleware is put together once for each command, not for each call.
const options = { ...limits, cacheMiddleware: true }

/** An SQS client that does not wait long. */
export const createSqs = () => lean(new SQSClient(options))
/** A Secrets Manager client that does not wait long. */
export const createSecretsManager = () => lean(new SecretsManagerClient(options))

/** DynamoDB, as the environment of a Lambda says where and as whom. */
export function connectDynamoDb(env: NodeJS.ProcessEnv): DynamoDb {
  const region = env['AWS_REGION'] ?? ''
  const endpoint = dynamoDbEndpoint(region, {
    url: env['AWS_ENDPOINT_URL_DYNAMODB'] ?? env['AWS_ENDPOINT_URL'],
    fips: env['AWS_USE_FIPS_ENDPOINT'] === 'true',
    dualStack: env['AWS_USE_DUALSTACK_ENDPOINT'] === 'true',
  })
  const fetchJson = createFetchJson({ timeout: 2000 })
  return createDynamoDb({ region, endpoint, credentials: defaultProvider(), fetchJson })
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
