import { setTimeout as sleep } from 'node:timers/promises'
import { BatchProcessor, EventType, processPartialResponse } from '@aws-lambda-powertools/batch'
import { IdempotencyConfig, makeIdempotent } from '@aws-lambda-powertools/idempotency'
import { DynamoDBPersistenceLayer } from '@aws-lambda-powertools/idempotency/dynamodb'
import { Logger } from '@aws-lambda-powertools/logger'
import { injectLambdaContext } from '@aws-lambda-powertools/logger/middleware'
import { Metrics, MetricUnit } from '@aws-lambda-powertools/metrics'
import { logMetrics } from '@aws-lambda-powertools/metrics/middleware'
import { getSecret } from '@aws-lambda-powertools/parameters/secrets'
import { Tracer } from '@aws-lambda-powertools/tracer'
import { captureLambdaHandler } from '@aws-lambda-powertools/tracer/middleware'
import { ConditionalCheckFailedException, DynamoDBClient } from '@aws-sdk/client-dynamodb'
import { DynamoDBDocumentClient, GetCommand, PutCommand, UpdateCommand } from '@aws-sdk/lib-dynamodb'
import middy from '@middy/core'
import type { Context, SQSBatchResponse, SQSEvent, SQSRecord } from 'aws-lambda'
import { z } from 'zod'

const logger = new Logger()
const metrics = new Metrics()
const tracer = new Tracer()
const dynamoDb = tracer.captureAWSv3Client(new DynamoDBClient({}))
const documents = DynamoDBDocumentClient.from(dynamoDb)
const persistenceStore = new DynamoDBPersistenceLayer({
  tableName: process.env['IDEMPOTENCY_TABLE_NAME']!,
  keyAttr: 'pk',
  awsSdkV3Client: dynamoDb,
})
const config = new IdempotencyConfig({
  eventKeyJmesPath: '[portalId, channelId, messageId, status]',
  expiresAfterSeconds: 30 * 86_400,
})

const StatusUpdate = z.object({
  portalId: z.string(),
  channelId: z.string(),
  messageId: z.string(),
  status: z.enum(['unconfirmed', 'sent', 'failed', 'delivered', 'read']),
  reason: z.string().optional(),
  occurredAt: z.iso.datetime({ offset: true }),
})
type StatusUpdate = z.infer<typeof StatusUpdate>

const ranks = { unconfirmed: 0, sent: 1, failed: 2, delivered: 3, read: 4 }
const words = { unconfirmed: 'FAILED', sent: 'SENT', failed: 'FAILED', delivered: 'SENT', read: 'READ' }

const tell = makeIdempotent(
  async (update: StatusUpdate) => {
    if (!(await raise(update))) return { told: false }
    const statusType = words[update.status]
    await patch(update, { statusType, errorMessage: statusType === 'FAILED' ? update.reason : undefined })
    logger.info('Told HubSpot', { ...update, statusType })
    metrics.addMetric(`Told${statusType}`, MetricUnit.Count, 1)
    return { told: true }
  },
  { persistenceStore, config },
)

/** The ledger: false where a later status is known. */
async function raise({ portalId, channelId, messageId, status, occurredAt }: StatusUpdate) {
  try {
    await documents.send(
      new UpdateCommand({
        TableName: process.env['LEDGER_TABLE_NAME'],
        Key: { pk: `${portalId}#${channelId}#${messageId}` },
        UpdateExpression: 'SET #rank = :rank, #status = :status, #at = :at',
        ConditionExpression: 'attribute_not_exists(pk) OR #rank <= :rank',
        ExpressionAttributeNames: { '#rank': 'rank', '#status': 'status', '#at': 'at' },
        ExpressionAttributeValues: { ':rank': ranks[status], ':status': status, ':at': occurredAt },
      }),
    )
    return true
  } catch (error) {
    if (error instanceof ConditionalCheckFailedException) return false
    throw error
  }
}

/** With exponential back-off and full jitter. */
async function patch({ portalId, channelId, messageId }: StatusUpdate, body: object) {
  for (let attempt = 0; ; attempt++) {
    const response = await fetch(
      `${process.env['HUBSPOT_BASE_URL']}/conversations/v3/custom-channels/${channelId}/messages/${messageId}`,
      {
        method: 'PATCH',
        headers: { authorization: `Bearer ${await accessToken(portalId)}`, 'content-type': 'application/json' },
        body: JSON.stringify(body),
        signal: AbortSignal.timeout(10_000),
      },
    )
    await response.arrayBuffer()
    if (response.ok) return
    const isTransient = response.status === 429 || response.status >= 500
    if (!isTransient || attempt === 2) throw new Error(`HubSpot answered ${response.status}`)
    await sleep(Math.random() * 200 * 2 ** attempt)
  }
}

const tokens = new Map<string, { accessToken: string; expiresAt: number }>()

async function accessToken(portalId: string) {
  const known = tokens.get(portalId)
  if (known && known.expiresAt > Date.now() + 60_000) return known.accessToken
  const key = { TableName: process.env['PORTALS_TABLE_NAME'], Key: { pk: `portal#${portalId}` } }
  const { Item: portal } = await documents.send(new GetCommand(key))
  if (!portal) throw new Error('The portal has not installed the app')
  const token =
    portal['accessTokenExpiresAt'] > Date.now() + 60_000
      ? { accessToken: portal['accessToken'], expiresAt: portal['accessTokenExpiresAt'] }
      : await refresh(portal)
  tokens.set(portalId, token)
  return token.accessToken as string
}

const AppSecret = z.object({ clientId: z.string(), clientSecrets: z.array(z.string()).min(1) })
const Tokens = z.object({ access_token: z.string(), refresh_token: z.string(), expires_in: z.number() })

async function refresh(portal: Record<string, unknown>) {
  const { clientId, clientSecrets } = AppSecret.parse(
    await getSecret(process.env['APP_SECRET_ARN']!, { transform: 'json', maxAge: 300 }),
  )
  const response = await fetch(`${process.env['HUBSPOT_BASE_URL']}/oauth/v3/token`, {
    method: 'POST',
    body: new URLSearchParams({
      grant_type: 'refresh_token',
      client_id: clientId,
      client_secret: clientSecrets[0]!,
      refresh_token: String(portal['refreshToken']),
    }),
  })
  const { access_token: accessToken, refresh_token: refreshToken, expires_in } = Tokens.parse(await response.json())
  const expiresAt = Date.now() + expires_in * 1000
  await documents.send(
    new PutCommand({
      TableName: process.env['PORTALS_TABLE_NAME'],
      Item: { ...portal, accessToken, refreshToken, accessTokenExpiresAt: expiresAt },
    }),
  )
  return { accessToken, expiresAt }
}

/** The consumer's Lambda, as the documentation of its libraries shows it. */
export const handler = middy<SQSEvent, SQSBatchResponse>()
  .use(captureLambdaHandler(tracer))
  .use(injectLambdaContext(logger))
  .use(logMetrics(metrics))
  .handler((event: SQSEvent, context: Context) => {
    config.registerLambdaContext(context)
    return processPartialResponse(
      event,
      async (record: SQSRecord) => {
        await tell(StatusUpdate.parse(JSON.parse(record.body)))
      },
      new BatchProcessor(EventType.SQS),
      { throwOnFullBatchFailure: false },
    )
  })
