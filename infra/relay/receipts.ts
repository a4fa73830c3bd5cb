import { Duration } from 'aws-cdk-lib'
import { HttpMethod } from 'aws-cdk-lib/aws-apigatewayv2'
import type { Construct } from 'constructs'
import type { Env as HandOnEnv } from '../../functions/hand-on.lambda.ts'
import type { Env as ProviderReceiptEnv } from '../../functions/provider-receipt.lambda.ts'
import { createFunction } from './function.ts'
import type { Parts } from './parts.ts'
import { type Credentials, readingUseOf } from './storage.ts'
import type { WorkQueue } from './work-queue.ts'

/** What providers call with receipts, and what hands everything else that they post on to the team's own application. */
export function createReceipts(scope: Construct, handOns: WorkQueue, credentials: Credentials, parts: Parts) {
  const { chosen, api, statusUpdates, answering, consuming } = parts
  const providerReceipt = createFunction(scope, 'provider-receipt', {
    ...answering,
    // Meta's largest webhooks hold thousands of statuses, of which each is queued.
    timeout: Duration.seconds(25),
    environment: {
      CREDENTIALS_TABLE_NAME: credentials.table.tableName,
      STATUS_UPDATES_QUEUE_URL: statusUpdates.queue.queueUrl,
      HAND_ONS_QUEUE_URL: handOns.queue.queueUrl,
      PUBLIC_BASE_URL: chosen.publicBaseUrl,
    } satisfies ProviderReceiptEnv,
    may: {
      'dynamodb:GetItem': [credentials.table.tableArn],
      ...readingUseOf(credentials.key),
      'sqs:SendMessage': [statusUpdates.queue.queueArn, handOns.queue.queueArn],
    },
  })
  // Some providers ask by GET whether the URL is ours.
  const paths = ['/receipts/{channelId}', '/receipts/{channelId}/{channelAccountId}']
  api.route([HttpMethod.POST, HttpMethod.GET], paths, providerReceipt)

  const handOn = createFunction(scope, 'hand-on', {
    ...consuming,
    environment: {
      CREDENTIALS_TABLE_NAME: credentials.table.tableName,
      HAND_ONS_QUEUE_URL: handOns.queue.queueUrl,
      HAND_ONS_DEAD_LETTERS_URL: handOns.deadLetters.queueUrl,
      MAX_RECEIVE_COUNT: String(handOns.maxReceiveCount),
      GIVE_UP_AFTER_SECONDS: String(chosen.giveUpAfter.toSeconds()),
    } satisfies HandOnEnv,
    may: {
      'dynamodb:GetItem': [credentials.table.tableArn],
      ...readingUseOf(credentials.key),
      'sqs:SendMessage': [handOns.queue.queueArn, handOns.deadLetters.queueArn],
    },
  })
  handOns.feed(handOn)
}
