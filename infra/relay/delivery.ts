import type { Construct } from 'constructs'
import type { Env } from '../../functions/deliver-message.lambda.ts'
import { createFunction } from './function.ts'
import type { Parts } from './parts.ts'
import { type Credentials, readingUseOf } from './storage.ts'
import type { WorkQueue } from './work-queue.ts'

/** What hands messages to their providers. */
export function createDelivery(scope: Construct, deliveries: WorkQueue, credentials: Credentials, parts: Parts) {
  const { chosen, baseUrl, appSecret, ledger, statusUpdates, consuming } = parts
  const lambda = createFunction(scope, 'deliver-message', {
    ...consuming,
    environment: {
      APP_SECRET_ARN: appSecret.secretArn,
      CREDENTIALS_TABLE_NAME: credentials.table.tableName,
      LEDGER_TABLE_NAME: ledger.tableName,
      DELIVERIES_QUEUE_URL: deliveries.queue.queueUrl,
      DELIVERIES_DEAD_LETTERS_URL: deliveries.deadLetters.queueUrl,
      MAX_RECEIVE_COUNT: String(deliveries.maxReceiveCount),
      STATUS_UPDATES_QUEUE_URL: statusUpdates.queue.queueUrl,
      PUBLIC_BASE_URL: chosen.receipts ? baseUrl : undefined,
      UNCONFIRMED_AFTER_SECONDS: String(chosen.unconfirmedAfter.toSeconds()),
      ON_SILENCE: chosen.onSilence,
      DELIVER_WITHIN_SECONDS: String(chosen.deliverWithin.toSeconds()),
      THREAD_ORDER: chosen.threadOrder,
      RESEND: chosen.resend,
    } satisfies Env,
    may: {
      'secretsmanager:GetSecretValue': [appSecret.secretArn],
      'sqs:SendMessage': [deliveries.queue.queueArn, deliveries.deadLetters.queueArn, statusUpdates.queue.queueArn],
      'dynamodb:BatchGetItem': [ledger.tableArn],
      'dynamodb:PutItem': [ledger.tableArn],
      'dynamodb:GetItem': [credentials.table.tableArn],
      ...readingUseOf(credentials.key),
    },
  })
  deliveries.feed(lambda)
}
