import { HttpMethod } from 'aws-cdk-lib/aws-apigatewayv2'
import type { Construct } from 'constructs'
import type { Env } from '../../functions/hubspot-webhook.lambda.ts'
import { createFunction } from './function.ts'
import type { Parts } from './parts.ts'

/** What HubSpot calls when an agent presses Send. */
export function createWebhook(scope: Construct, parts: Parts) {
  const { chosen, api, appSecret, deliveries, statusUpdates, answering } = parts
  // Where the relay does not deliver, the webhook's jobs are recorded by update-status.
  const announced = deliveries ?? statusUpdates
  const lambda = createFunction(scope, 'hubspot-webhook', {
    ...answering,
    reservedConcurrency: chosen.webhookReservedConcurrency,
    environment: {
      APP_SECRET_ARN: appSecret.secretArn,
      JOBS_QUEUE_URL: announced.queue.queueUrl,
      JOBS_DEAD_LETTERS_URL: announced.deadLetters.queueUrl,
      DELIVERY: deliveries ? 'on' : 'off',
      PUBLIC_BASE_URL: chosen.publicBaseUrl,
    } satisfies Env,
    may: {
      'secretsmanager:GetSecretValue': [appSecret.secretArn],
      'sqs:SendMessage': [announced.queue.queueArn, announced.deadLetters.queueArn],
    },
  })
  api.route([HttpMethod.POST], ['/hubspot/webhook'], lambda)
}
