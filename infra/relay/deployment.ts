import { CloudFormationClient, DescribeStacksCommand } from '@aws-sdk/client-cloudformation'
import { CloudWatchClient } from '@aws-sdk/client-cloudwatch'
import { DynamoDBClient } from '@aws-sdk/client-dynamodb'
import { SecretsManagerClient } from '@aws-sdk/client-secrets-manager'
import { SQSClient } from '@aws-sdk/client-sqs'
import * as z from 'zod'
import { ApiVersion } from '../../functions/hubspot/client.ts'
import { problems } from '../../functions/platform/problems.ts'
import { withoutSlash } from '../../functions/platform/url.ts'
import { findRunning } from '../local/running.ts'
import { relayName } from '../relay-name.ts'
import { createMonitoring, type Monitoring } from './monitoring.ts'
import { Trouble } from './trouble.ts'

/** What the stack tells its operators; without delivery or receipts, their parts are not there. */
const Outputs = z.object({
  WebhookUrl: z.url(),
  ReceiptsUrl: z.url().optional(),
  InstallUrl: z.url().optional(),
  DeliveriesQueueUrl: z.url().optional(),
  DeliveriesDeadLettersUrl: z.url().optional(),
  StatusUpdatesQueueUrl: z.url(),
  StatusUpdatesDeadLettersUrl: z.url(),
  HandOnsQueueUrl: z.url().optional(),
  HandOnsDeadLettersUrl: z.url().optional(),
  LedgerTableName: z.string(),
  PortalsTableName: z.string(),
  AppSecretArn: z.string(),
  ChannelSecretsPrefix: z.string(),
  HubSpotBaseUrl: z.url().transform(withoutSlash),
  HubSpotApiVersion: ApiVersion,
  MetricsNamespace: z.string(),
})

/** A relay that runs somewhere, and the clients to reach its parts. */
export type Deployment = {
  name: string
  outputs: z.infer<typeof Outputs>
  sqs: SQSClient
  dynamodb: DynamoDBClient
  secretsManager: SecretsManagerClient
  /** Absent for the local relay, which has neither alarms nor metrics. */
  monitoring?: Monitoring
}

/** Which relay is meant. */
export type Which = { local?: boolean; stage?: string; stack?: string }

/** Finds the relay of a stage in the account and region that the AWS SDK's usual environment names, or the local one. */
export async function findDeployment({ local, stage, stack = relayName(stage) }: Which, note?: string) {
  return local ? localDeployment(note) : deploymentInAws(stack)
}

function localDeployment(note: string | undefined): Deployment {
  const running = findRunning(note)
  if (!running) throw new Trouble('No local relay is running.', 'Start one with npm start, in another terminal.')
  const { endpoint, region, ...credentials } = running.aws
  return deployment('the local relay', running.outputs, { endpoint, region, credentials })
}

async function deploymentInAws(stack: string): Promise<Deployment> {
  const cloudFormation = new CloudFormationClient()
  const { Stacks: [found] = [] } = await cloudFormation
    .send(new DescribeStacksCommand({ StackName: stack }))
    .catch((error) => {
      if (error instanceof Error && error.name === 'ValidationError') return { Stacks: [] }
      throw error
    })
  if (!found)
    throw new Trouble(
      `There is no stack ${stack} in this account and region.`,
      'Deploy it with npm run deploy. --stage or --stack name another one; AWS_PROFILE and AWS_REGION say where.',
    )
  const outputs = found.Outputs?.map(({ OutputKey, OutputValue }) => [OutputKey, OutputValue]) ?? []
  const parts = deployment(stack, Object.fromEntries(outputs), {})
  const { MetricsNamespace: namespace } = parts.outputs
  return { ...parts, monitoring: createMonitoring(new CloudWatchClient(), cloudFormation, { stack, namespace }) }
}

type ClientConfig = {
  endpoint?: string
  region?: string
  credentials?: { accessKeyId: string; secretAccessKey: string }
}

function deployment(name: string, values: unknown, config: ClientConfig) {
  const outputs = Outputs.safeParse(values)
  if (!outputs.success)
    throw new Trouble(
      `The outputs of ${name} are not those of this version of the relay (${problems(outputs.error)}).`,
      'Deploy this version, or use the command line of the version that is deployed.',
    )
  return {
    name,
    outputs: outputs.data,
    sqs: new SQSClient(config),
    dynamodb: new DynamoDBClient(config),
    secretsManager: new SecretsManagerClient(config),
  }
}
