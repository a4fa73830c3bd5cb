import { Duration } from 'aws-cdk-lib'
import type { IEventBus } from 'aws-cdk-lib/aws-events'
import { PolicyStatement } from 'aws-cdk-lib/aws-iam'
import { EventSourceMapping, FilterCriteria, FilterRule, StartingPosition } from 'aws-cdk-lib/aws-lambda'
import { Queue, QueueEncryption } from 'aws-cdk-lib/aws-sqs'
import { Construct } from 'constructs'
import type { Env } from '../../functions/publish-events.lambda.ts'
import { acknowledge } from './acknowledge.ts'
import { createFunction } from './function.ts'
import type { Parts } from './parts.ts'

/**
 * Publishes what happens to messages, accounts and portals, from the stream of the ledger's table: no status takes a step
 * more, and a bus that accepts nothing holds up nothing but events.
 */
export function createEvents(scope: Construct, bus: IEventBus, parts: Parts) {
  const { ledger, identity, consuming } = parts
  const stream = ledger.tableStreamArn!
  const home = new Construct(scope, 'Events')
  // For each part of the stream that was given up, a letter says where it is: the changes themselves are gone an hour later.
  const deadLetters = new Queue(home, 'DeadLetters', {
    encryption: QueueEncryption.SQS_MANAGED,
    enforceSSL: true,
    retentionPeriod: Duration.days(14),
  })
  for (const id of ['Serverless::Serverless-SQSRedrivePolicy', 'AwsSolutions::AwsSolutions-SQS3'])
    acknowledge(deadLetters, { id, reason: 'These are the dead letters, which operators read.' })
  const publisher = createFunction(scope, 'publish-events', {
    ...consuming,
    memorySize: 256,
    environment: {
      LEDGER_TABLE_NAME: ledger.tableName,
      EVENT_BUS: bus.eventBusArn,
      RELAY_NAME: identity,
    } satisfies Env,
    may: {
      'events:PutEvents': [bus.eventBusArn],
      'dynamodb:DescribeStream': [stream],
      'dynamodb:GetRecords': [stream],
      'dynamodb:GetShardIterator': [stream],
      // AWS checks this on everything or not at all, and sets up no source without it.
      'dynamodb:ListStreams': ['*'],
      'sqs:SendMessage': [deadLetters.queueArn],
    },
  })
  acknowledge(publisher.role!, {
    id: 'AwsSolutions::AwsSolutions-IAM5[Resource::*]',
    reason: 'dynamodb:ListStreams knows no resource, and Lambda sets up no source of a stream without it.',
  })
  // The health of accounts, and nothing else of the ledger.
  publisher.addToRolePolicy(
    new PolicyStatement({
      actions: ['dynamodb:BatchGetItem', 'dynamodb:PutItem'],
      resources: [ledger.tableArn],
      conditions: { 'ForAllValues:StringLike': { 'dynamodb:LeadingKeys': ['health#*'] } },
    }),
  )
  const mapping = new EventSourceMapping(home, 'Stream', {
    target: publisher,
    eventSourceArn: stream,
    startingPosition: StartingPosition.TRIM_HORIZON,
    batchSize: 100,
    maxBatchingWindow: Duration.seconds(1),
    filters: changesThatMatter.map((pattern) => FilterCriteria.filter(pattern)),
    reportBatchItemFailures: true,
    // A stream keeps its changes for a day.
    maxRecordAge: Duration.hours(23),
    onFailure: { bind: () => ({ destination: deadLetters.queueArn }) },
  })
  mapping.node.addDependency(publisher.role!)
  return { publisher, deadLetters }
}

/** Most changes of the ledger are steps within the relay; Lambda leaves them out before anything runs. */
const changesThatMatter = [
  { dynamodb: { NewImage: { known: { S: FilterRule.exists() } } } },
  { dynamodb: { NewImage: { givenUp: { M: { at: { S: FilterRule.exists() } } } } } },
  { dynamodb: { NewImage: { waiting: { M: { isAccountError: { BOOL: FilterRule.exists() } } } } } },
  { dynamodb: { Keys: { pk: { S: FilterRule.beginsWith('health#') } } } },
  { dynamodb: { Keys: { pk: { S: FilterRule.beginsWith('revoked#') } } } },
]
