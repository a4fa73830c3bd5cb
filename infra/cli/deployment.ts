import { CloudFormationClient, DescribeStacksCommand } from '@aws-sdk/client-cloudformation'
import { CloudWatchClient } from '@aws-sdk/client-cloudwatch'
import { CloudWatchLogsClient, DescribeLogGroupsCommand } from '@aws-sdk/client-cloudwatch-logs'
import { DynamoDBClient } from '@aws-sdk/client-dynamodb'
import { LambdaClient } from '@aws-sdk/client-lambda'
import { SecretsManagerClient } from '@aws-sdk/client-secrets-manager'
import { SNSClient } from '@aws-sdk/client-sns'
import { SQSClient } from '@aws-sdk/client-sqs'
import * as z from 'zod'
import { ApiVersion } from '../../functions/hubspot/client.ts'
import { problems } from '../../functions/platform/problems.ts'
import { withoutSlash } from '../../functions/platform/url.ts'
import { relaysAmong } from '../relay/outputs.ts'
import { relayName } from '../relay-name.ts'
import { CommandError } from './command-error.ts'
import { createLogs, type Logs } from './logs.ts'
import { createMonitoring, type Monitoring } from './monitoring.ts'
import { findRunning } from './running.ts'

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
  /** Where access tokens come from the team's own endpoint. */
  AccessTokensUrl: z.url().optional(),
  AccessTokensSecretArn: z.string().optional(),
  /** Absent where no provider's credentials are needed. */
  CredentialsTableName: z.string().optional(),
  HubSpotBaseUrl: z.url().transform(withoutSlash),
  HubSpotApiVersion: ApiVersion,
  MetricsNamespace: z.string(),
  Version: z.string().optional(),
})

/** A relay that runs somewhere, and the clients to reach its parts. */
export type Deployment = {
  name: string
  /** Whether it runs on this machine. */
  isLocal: boolean
  outputs: z.infer<typeof Outputs>
  sqs: SQSClient
  dynamodb: DynamoDBClient
  secretsManager: SecretsManagerClient
  /** Where a relay on this machine is made to do something. */
  controlUrl?: string | undefined
  /** Where the providers that are simulated beside it are called, by provider. */
  providerUrls?: Record<string, string> | undefined
  /** What its functions have logged. */
  logs: Logs
  /** The stage that the command line names. */
  stage?: string | undefined
  /** Absent for the local relay, which has neither alarms nor metrics. */
  monitoring?: Monitoring
}

/** Which relay is meant: the flags that every command takes. */
export type Which = { local?: boolean; stage?: string; stack?: string; region?: string; profile?: string }

/** Finds the relay of a stage in the account and region that the flags or AWS's usual environment name, or the local one. */
export async function findDeployment(which: Which, note?: string) {
  return which.local ? localDeployment(note) : deploymentInAws(which)
}

function localDeployment(note: string | undefined): Deployment {
  const running = findRunning(note)
  if (!running) throw new CommandError('No local relay is running.', 'Start one with npm start, in another terminal.')
  const { endpoint, region, ...credentials } = running.aws
  const config = { endpoint, region, credentials }
  const client = new CloudWatchLogsClient(config)
  const groups = async () => {
    const { logGroups = [] } = await client.send(new DescribeLogGroupsCommand())
    return logGroups.map(({ logGroupName = '' }) => logGroupName)
  }
  const logs = createLogs(client, groups, { hasInsights: false })
  return {
    ...deployment('the local relay', running.outputs, config),
    logs,
    isLocal: true,
    controlUrl: running.controlUrl,
    providerUrls: running.providerUrls,
  }
}

async function deploymentInAws({ stage, stack: named = relayName(stage), ...which }: Which): Promise<Deployment> {
  const [stack = ''] = named.split('/')
  const account = accountOf(which)
  const cloudFormation = new CloudFormationClient(account)
  const { Stacks: [found] = [] } = await cloudFormation
    .send(new DescribeStacksCommand({ StackName: stack }))
    .catch((error) => {
      if (error instanceof Error && error.name === 'ValidationError') return { Stacks: [] }
      throw error
    })
  if (!found)
    throw new CommandError(
      `There is no stack ${stack} in this account and region.`,
      `Deploy it with npm run deploy${stage ? ` -- -c relay.stage=${stage}` : ''}. --stage or --stack name another one; --profile and --region, or AWS_PROFILE and AWS_REGION, say where.`,
    )
  const outputs = found.Outputs?.map(({ OutputKey, OutputValue }) => [OutputKey, OutputValue]) ?? []
  const parts = deployment(stack, theRelay(named, Object.fromEntries(outputs)), account)
  const clients = {
    cloudFormation,
    cloudWatch: new CloudWatchClient(account),
    lambda: new LambdaClient(account),
    sns: new SNSClient(account),
  }
  const monitoring = createMonitoring(clients, { stack, namespace: parts.outputs.MetricsNamespace })
  const logs = createLogs(new CloudWatchLogsClient(account), monitoring.logGroups, { hasInsights: true })
  return { ...parts, isLocal: false, stage, monitoring, logs }
}

/**
 * The outputs of a relay by its name, or of the only one of a stack: an app of somebody else's may have several in one. In a
 * nested stack, whose own name CloudFormation makes up, that stands before the path.
 */
function theRelay(named: string, outputs: Record<string, string>) {
  const [stack = ''] = named.split('/')
  const relays = relaysAmong(outputs)
  const names = relays.map(({ MetricsNamespace = '' }) => [stack, ...MetricsNamespace.split('/').slice(1)].join('/'))
  const found = relays[names.indexOf(named)]
  if (relays.length < 2 || found) return found ?? relays[0] ?? outputs
  throw new CommandError(
    `The stack ${stack} has several relays.`,
    `--stack takes each by its name: ${names.join(', ')}.`,
  )
}

type ClientConfig = {
  endpoint?: string
  region?: string
  profile?: string
  credentials?: { accessKeyId: string; secretAccessKey: string }
}

/** The SDK reads AWS_REGION and the profile's region; AWS_DEFAULT_REGION, which AWS's own command line goes by, it does not. */
function accountOf({ region, profile }: Which): ClientConfig {
  const named = region || process.env['AWS_REGION'] || (profile ? undefined : process.env['AWS_DEFAULT_REGION'])
  return { ...(named && { region: named }), ...(profile && { profile }) }
}

function deployment(name: string, values: unknown, config: ClientConfig) {
  const outputs = Outputs.safeParse(values)
  if (!outputs.success)
    throw new CommandError(
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
