import { Stack, Token, TokenComparison } from 'aws-cdk-lib'
import { Grant, type IGrantable } from 'aws-cdk-lib/aws-iam'
import type { Function as LambdaFunction } from 'aws-cdk-lib/aws-lambda'
import type { ITopic } from 'aws-cdk-lib/aws-sns'
import type { Construct } from 'constructs'
import type { Parts } from './parts.ts'
import { useOf } from './storage.ts'

/** What grants are about, beside the parts themselves. */
export interface Granted {
  readonly parts: Parts
  readonly functions: readonly LambdaFunction[]
  readonly alarmTopic: ITopic | undefined
}

// AWS checks these on everything or not at all.
const anywhere = ['*']

/** Everything that the command line does: repairs included, and the secrets and tokens that it sets and tries. */
export function grantOperate(grantee: IGrantable, scope: Construct, granted: Granted) {
  const { ledger, portals, appSecret, accessTokensSecret, credentials, statusUpdates, deliveries, handOns } =
    granted.parts
  const logGroups = logGroupsOf(granted)
  const queues = [statusUpdates, deliveries, handOns].filter((queue) => queue !== undefined)
  const sources = queues.map(({ queue }) => queue.queueArn)
  const deadLetters = queues.map((queue) => queue.deadLetters.queueArn)
  const secrets = [appSecret, accessTokensSecret].flatMap((secret) => secret?.secretArn ?? [])
  const kept = credentials ? [credentials.table.tableArn] : []
  const tables = [ledger.tableArn, portals.table.tableArn, ...kept]
  checkRoom(grantee, ['user', 'group'])
  return grantEach(grantee, scope, {
    'cloudformation:DescribeStacks': [Stack.of(scope).stackId],
    'cloudformation:ListStackResources': [Stack.of(scope).stackId],
    'cloudwatch:DescribeAlarms': anywhere,
    'cloudwatch:GetMetricStatistics': anywhere,
    'dynamodb:BatchGetItem': [ledger.tableArn, portals.table.tableArn],
    'dynamodb:DeleteItem': tables,
    ...(credentials && { 'dynamodb:GetItem': kept }),
    'dynamodb:PutItem': [portals.table.tableArn, ...kept],
    'dynamodb:Scan': tables,
    'dynamodb:UpdateItem': [portals.table.tableArn],
    ...useOf(portals.key, ...(credentials ? [credentials.key] : [])),
    'lambda:GetAccountSettings': anywhere,
    'lambda:GetEventSourceMapping': queues.flatMap(({ mapping }) => mapping?.eventSourceMappingArn ?? []),
    'logs:DescribeLogGroups': anywhere,
    'logs:FilterLogEvents': logGroups,
    'logs:GetQueryResults': anywhere,
    'logs:StartQuery': logGroups,
    'secretsmanager:GetSecretValue': secrets,
    'secretsmanager:PutSecretValue': secrets,
    ...(granted.alarmTopic && { 'sns:ListSubscriptionsByTopic': [granted.alarmTopic.topicArn] }),
    'sqs:ChangeMessageVisibility': deadLetters,
    'sqs:DeleteMessage': deadLetters,
    'sqs:GetQueueAttributes': [...sources, ...deadLetters],
    'sqs:ReceiveMessage': deadLetters,
    'sqs:SendMessage': sources,
  })
}

/** The providers' credentials: to write and delete them, and to read one before it is changed. */
export function grantSetCredentials(grantee: IGrantable, { parts: { credentials } }: Granted) {
  if (!credentials) throw new Error('This relay needs no credentials: it neither delivers nor takes receipts.')
  const { table, key } = credentials
  return grantEach(grantee, table, {
    'dynamodb:DeleteItem': [table.tableArn],
    'dynamodb:GetItem': [table.tableArn],
    'dynamodb:PutItem': [table.tableArn],
    ...useOf(key),
  })
}

/** What explains a message to somebody who asks: its item in the ledger, the logs, the figures. No secret, body or token. */
export function grantSupport(grantee: IGrantable, scope: Construct, granted: Granted) {
  const { ledger, statusUpdates, deliveries, handOns } = granted.parts
  const logGroups = logGroupsOf(granted)
  const queues = [statusUpdates, deliveries, handOns].filter((queue) => queue !== undefined)
  checkRoom(grantee, ['user'])
  return grantEach(grantee, scope, {
    'cloudformation:DescribeStacks': [Stack.of(scope).stackId],
    'cloudwatch:DescribeAlarms': anywhere,
    'cloudwatch:GetDashboard': anywhere,
    'cloudwatch:GetMetricData': anywhere,
    'cloudwatch:GetMetricStatistics': anywhere,
    'dynamodb:BatchGetItem': [ledger.tableArn],
    'dynamodb:Scan': [ledger.tableArn],
    'logs:DescribeLogGroups': anywhere,
    'logs:DescribeQueryDefinitions': anywhere,
    'logs:FilterLogEvents': logGroups,
    'logs:GetQueryResults': anywhere,
    'logs:StartQuery': logGroups,
    'sqs:GetQueueAttributes': queues.flatMap(({ queue, deadLetters }) => [queue.queueArn, deadLetters.queueArn]),
  })
}

function logGroupsOf({ parts, functions }: Granted) {
  return [...functions.map(({ logGroup }) => logGroup), parts.api.accessLogs].map(({ logGroupArn }) => logGroupArn)
}

/** IAM leaves a user 2,048 characters for policies of its own and a group 5,120, of which the deployment would be the first to tell. */
function checkRoom({ grantPrincipal }: IGrantable, tooSmall: ('user' | 'group')[]) {
  const kind = tooSmall.find((one) => `${one}Name` in grantPrincipal)
  if (kind)
    throw new Error(
      `${String(grantPrincipal)} is a ${kind}, whose own policies have no room for all of this: grant it to a role, which people assume.`,
    )
}

function grantEach(grantee: IGrantable, scope: Construct, may: Record<string, string[]>) {
  // A principal of another account, or known by its ARN alone, would silently be granted nothing.
  const { grantPrincipal } = grantee
  const { account } = Stack.of(scope)
  const { principalAccount = account } = grantPrincipal
  if (Token.compareStrings(principalAccount, account) === TokenComparison.DIFFERENT)
    throw new Error(
      `${String(grantPrincipal)} is of another account than the relay: grant it to a role of ${account}, which the other account may assume.`,
    )
  const grants = Object.entries(may).map(([action, resourceArns]) =>
    Grant.addToPrincipal({ grantee, actions: [action], resourceArns }),
  )
  const grant = grants.reduce((all, one) => all.combine(one))
  if (!grant.success)
    throw new Error(
      `${String(grantPrincipal)} is not of this app, so its policies cannot be changed: grant it to a role, user or group that is, or that is imported with Role.fromRoleArn and the like.`,
    )
  return grant
}
