import type { Construct } from 'constructs'
import type { Env } from '../../functions/update-status.lambda.ts'
import { createFunction } from './function.ts'
import type { Parts } from './parts.ts'
import { readingUseOf, useOf } from './storage.ts'

/** What tells HubSpot. */
export function createStatusUpdates(scope: Construct, parts: Parts) {
  const { chosen, appSecret, accessTokensSecret, credentials, ledger, portals, statusUpdates, consuming } = parts
  // Where the relay delivers, deliver-message says whose receipts count for a message.
  const judging = chosen.delivery ? undefined : credentials
  const { hubspot } = chosen
  // Refreshing tokens takes the app's secret; asking the team's endpoint, only the secret that signs requests to it.
  const signing = accessTokensSecret ?? appSecret
  const lambda = createFunction(scope, 'update-status', {
    ...consuming,
    environment: {
      APP_SECRET_ARN: accessTokensSecret ? undefined : appSecret.secretArn,
      ACCESS_TOKENS_URL: hubspot.accessTokens?.url,
      ACCESS_TOKENS_SECRET_ARN: accessTokensSecret?.secretArn,
      CREDENTIALS_TABLE_NAME: judging?.table.tableName,
      LEDGER_TABLE_NAME: ledger.tableName,
      PORTALS_TABLE_NAME: portals.table.tableName,
      STATUS_UPDATES_QUEUE_URL: statusUpdates.queue.queueUrl,
      STATUS_UPDATES_DEAD_LETTERS_URL: statusUpdates.deadLetters.queueUrl,
      MAX_RECEIVE_COUNT: String(statusUpdates.maxReceiveCount),
      HUBSPOT_BASE_URL: hubspot.baseUrl,
      HUBSPOT_API_VERSION: hubspot.apiVersion,
      HUBSPOT_REQUEST_LIMIT: String(hubspot.requestLimit),
      HUBSPOT_REQUEST_SHARE: String(hubspot.requestShare),
      // The edge gives up on HubSpot's servers after 100 seconds (HTTP 524); what they began may still take effect.
      HUBSPOT_LATE_EFFECT_SECONDS: '120',
      HUBSPOT_REJECTED_FOR_SECONDS: '300',
      TELL_SENT: chosen.tellSent,
      GIVE_UP_AFTER_SECONDS: String(chosen.giveUpAfter.toSeconds()),
    } satisfies Env,
    may: {
      'secretsmanager:GetSecretValue': [signing.secretArn],
      'sqs:SendMessage': [statusUpdates.queue.queueArn, statusUpdates.deadLetters.queueArn],
      'dynamodb:BatchGetItem': [ledger.tableArn, portals.table.tableArn],
      'dynamodb:PutItem': [ledger.tableArn, portals.table.tableArn],
      'dynamodb:UpdateItem': [portals.table.tableArn],
      ...useOf(portals.key),
      ...(judging && {
        'dynamodb:GetItem': [judging.table.tableArn],
        ...readingUseOf(portals.key, judging.key),
      }),
    },
  })
  statusUpdates.feed(lambda)
}
