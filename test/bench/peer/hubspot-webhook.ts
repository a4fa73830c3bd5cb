import { createHmac, timingSafeEqual } from 'node:crypto'
import { Logger } from '@aws-lambda-powertools/logger'
import { injectLambdaContext } from '@aws-lambda-powertools/logger/middleware'
import { Metrics, MetricUnit } from '@aws-lambda-powertools/metrics'
import { logMetrics } from '@aws-lambda-powertools/metrics/middleware'
import { getSecret } from '@aws-lambda-powertools/parameters/secrets'
import { Tracer } from '@aws-lambda-powertools/tracer'
import { captureLambdaHandler } from '@aws-lambda-powertools/tracer/middleware'
import { SendMessageCommand, SQSClient } from '@aws-sdk/client-sqs'
import middy from '@middy/core'
import type { APIGatewayProxyEventV2, APIGatewayProxyResultV2 } from 'aws-lambda'
import { z } from 'zod'

const logger = new Logger()
const metrics = new Metrics()
const tracer = new Tracer()
const sqs = tracer.captureAWSv3Client(new SQSClient({}))

const AppSecret = z.object({ clientId: z.string(), clientSecrets: z.array(z.string()).min(1) })

const OutgoingMessage = z.object({
  type: z.literal('OUTGOING_CHANNEL_MESSAGE_CREATED'),
  portalId: z.string(),
  channelId: z.string(),
  eventTimestamp: z.iso.datetime({ offset: true }).optional(),
  eventId: z.string().optional(),
  channelIntegrationThreadIds: z.array(z.string()),
  message: z.object({
    id: z.string(),
    channelAccountId: z.string(),
    conversationsThreadId: z.string().optional(),
    createdAt: z.iso.datetime({ offset: true }),
    senders: z.array(z.object({ actorId: z.string().optional(), name: z.string().optional() })),
    recipients: z.array(
      z.object({
        actorId: z.string().optional(),
        deliveryIdentifier: z.object({ type: z.string(), value: z.string() }),
      }),
    ),
    text: z.string(),
    richText: z.string().optional(),
    attachments: z.array(z.unknown()),
    inReplyToId: z.string().optional(),
  }),
})

async function handle(event: APIGatewayProxyEventV2): Promise<APIGatewayProxyResultV2> {
  const secret = AppSecret.parse(await getSecret(process.env['APP_SECRET_ARN']!, { transform: 'json', maxAge: 300 }))
  const body = event.isBase64Encoded ? Buffer.from(event.body ?? '', 'base64').toString() : (event.body ?? '')
  if (!isSigned(event, body, secret.clientSecrets[0]!)) {
    logger.warn('Signature refused')
    metrics.addMetric('SignaturesRefused', MetricUnit.Count, 1)
    return { statusCode: 401, body: '' }
  }
  const { portalId, channelId, message } = OutgoingMessage.parse(JSON.parse(body))
  await sqs.send(
    new SendMessageCommand({
      QueueUrl: process.env['JOBS_QUEUE_URL'],
      MessageBody: JSON.stringify({ portalId, channelId, messageId: message.id, message }),
      MessageGroupId: portalId,
    }),
  )
  logger.info('Message queued', { portalId, channelId, messageId: message.id })
  metrics.addMetric('MessagesAccepted', MetricUnit.Count, 1)
  return { statusCode: 204 }
}

function isSigned(event: APIGatewayProxyEventV2, body: string, secret: string) {
  const signature = event.headers['x-hubspot-signature-v3'] ?? ''
  const timestamp = event.headers['x-hubspot-request-timestamp'] ?? ''
  if (!(Math.abs(Date.now() - Number(timestamp)) <= 5 * 60_000)) return false
  const query = event.rawQueryString ? `?${event.rawQueryString}` : ''
  const url = `https://${event.requestContext.domainName}${event.rawPath}${query}`
  const expected = createHmac('sha256', secret)
    .update(event.requestContext.http.method + url + body + timestamp)
    .digest('base64')
  return expected.length === signature.length && timingSafeEqual(Buffer.from(expected), Buffer.from(signature))
}

/** The webhook's Lambda, as the documentation of its libraries shows it. */
export const handler = middy<APIGatewayProxyEventV2, APIGatewayProxyResultV2>()
  .use(captureLambdaHandler(tracer))
  .use(injectLambdaContext(logger))
  .use(logMetrics(metrics))
  .handler(handle)
