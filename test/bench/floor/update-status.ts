import type { SQSBatchResponse, SQSEvent, SQSRecord } from 'aws-lambda'
import { call, request } from './aws.ts'

const ranks: Record<string, number> = { unconfirmed: 0, sent: 1, failed: 2, delivered: 3, read: 4 }
const words: Record<string, string> = {
  unconfirmed: 'FAILED',
  sent: 'SENT',
  failed: 'FAILED',
  delivered: 'SENT',
  read: 'READ',
}
const tokens = new Map<string, string>()

/** The consumer's Lambda with nothing but Node: one conditional write before each PATCH. A crash between the two loses it. */
export async function handler(event: SQSEvent): Promise<SQSBatchResponse> {
  const results = await Promise.allSettled(event.Records.map(tell))
  const failed = event.Records.filter((_, index) => results[index]?.status === 'rejected')
  return { batchItemFailures: failed.map(({ messageId }) => ({ itemIdentifier: messageId })) }
}

async function tell({ body }: SQSRecord) {
  const { portalId, channelId, messageId, status, reason } = JSON.parse(body)
  const written = await call('dynamodb', 'DynamoDB_20120810.UpdateItem', {
    TableName: process.env['LEDGER_TABLE_NAME'],
    Key: { pk: { S: `${portalId}#${channelId}#${messageId}` } },
    UpdateExpression: 'SET #rank = :rank',
    ConditionExpression: 'attribute_not_exists(pk) OR #rank < :rank',
    ExpressionAttributeNames: { '#rank': 'rank' },
    ExpressionAttributeValues: { ':rank': { N: String(ranks[status]) } },
  })
  if (written.status === 400) return
  const url = `${process.env['HUBSPOT_BASE_URL']}/conversations/v3/custom-channels/${channelId}/messages/${messageId}`
  const answer = await request(
    new URL(url),
    'PATCH',
    { authorization: `Bearer ${await accessToken(portalId)}`, 'content-type': 'application/json' },
    JSON.stringify({ statusType: words[status], errorMessage: words[status] === 'FAILED' ? reason : undefined }),
  )
  if (answer.status !== 200) throw new Error(`HubSpot answered ${answer.status}`)
}

async function accessToken(portalId: string) {
  const known = tokens.get(portalId)
  if (known !== undefined) return known
  const { json } = await call('dynamodb', 'DynamoDB_20120810.GetItem', {
    TableName: process.env['PORTALS_TABLE_NAME'],
    Key: { pk: { S: `portal#${portalId}` } },
  })
  const token = (json['Item'] as unknown as { accessToken: { S: string } }).accessToken.S
  tokens.set(portalId, token)
  return token
}
