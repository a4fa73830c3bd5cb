import { GetSecretValueCommand } from '@aws-sdk/client-secrets-manager'
import type { SQSClient } from '@aws-sdk/client-sqs'
import { type AwsCall, createAwsCall, type Service } from './aws-json.ts'
import type { DynamoDb } from './dynamodb.ts'
import { defaultProvider } from './environment-credentials.ts'
import { createEventBus, type EventBus } from './event-bus.ts'
import { createFetchJson } from './fetch-json.ts'
import { endpointOf } from './partitions.ts'
import { createSecretsManagerClient, createSqsClient } from './sdk-clients.ts'
import type { GetSecretValue } from './secrets-manager.ts'

/** SQS by the SDK's client, as the environment of a Lambda says where and as whom. */
export const createSqs = (env: NodeJS.ProcessEnv): SQSClient =>
  createSqsClient(regionOf(env), (endpoint) => connect('sqs', env, { endpoint }))

/** Secrets Manager's one operation that is needed, by the SDK's client. */
export function connectSecretsManager(env: NodeJS.ProcessEnv): GetSecretValue {
  const client = createSecretsManagerClient(regionOf(env), connect('secretsmanager', env))
  return (input) => client.send(new GetSecretValueCommand(input))
}

/** DynamoDB. */
export const connectDynamoDb = (env: NodeJS.ProcessEnv) => connect('dynamodb', env) as DynamoDb

/** A bus of EventBridge, by its name or ARN. */
export const connectEventBus = (name: string, env: NodeJS.ProcessEnv): EventBus =>
  createEventBus(name, connect('events', env, { timeout: 5000 }))

const credentials = defaultProvider()

/** The names of services in AWS's settings of their URLs. */
const setting = {
  dynamodb: 'DYNAMODB',
  events: 'EVENTBRIDGE',
  secretsmanager: 'SECRETS_MANAGER',
  sqs: 'SQS',
} satisfies Record<Service, string>

/** A service. An AWS call takes milliseconds; one that takes seconds is better tried again, well within the function's timeout. */
function connect(
  service: Service,
  env: NodeJS.ProcessEnv,
  { endpoint, timeout = 2000 }: { endpoint?: string; timeout?: number } = {},
): AwsCall {
  const region = regionOf(env)
  const url = env[`AWS_ENDPOINT_URL_${setting[service]}`] ?? env['AWS_ENDPOINT_URL'] ?? endpoint
  const fips = env['AWS_USE_FIPS_ENDPOINT'] === 'true'
  const dualStack = env['AWS_USE_DUALSTACK_ENDPOINT'] === 'true'
  return createAwsCall(service, {
    region,
    endpoint: url ?? endpointOf(service, region, { fips, dualStack }),
    credentials,
    fetchJson: createFetchJson({ timeout }),
  })
}

const regionOf = (env: NodeJS.ProcessEnv) => env['AWS_REGION'] ?? ''
