import { createHash } from 'node:crypto'
import type { IncomingHttpHeaders } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { createDynamoDb } from '../../../infra/local/aws/dynamodb.ts'
import { type Answer, type AwsCall, clientSecret, portal, startCloud } from './cloud.ts'

/** A cloud that remembers: tables by dynalite, the messages that were queued, the PATCHes that came. */
export type EmulatedCloud = Awaited<ReturnType<typeof startEmulatedCloud>>

/** Starts it with so many portals, each with an access token, named 1, 2, … */
export async function startEmulatedCloud({ portals = 1 } = {}) {
  const { emulate: dynamoDb } = createDynamoDb()
  const queued: { MessageBody: string; QueueUrl: string }[] = []
  const patches: { url: string; statusType: string }[] = []
  /** How HubSpot answers the next requests, before it answers 200 again. */
  const refusals: number[] = []
  /** Request units of DynamoDB, as it would charge them. */
  const units = { read: 0, write: 0 }

  async function answerDynamoDb(operation: string, headers: IncomingHttpHeaders, input: object): Promise<Answer> {
    const body = JSON.stringify({ ...input, ReturnConsumedCapacity: 'TOTAL' })
    const answer = await dynamoDb({ service: 'dynamodb', operation, caller: 'operator', headers, body })
    const answered = JSON.parse(answer.body)
    const kind = operation.endsWith('GetItem') ? 'read' : 'write'
    // A write whose condition fails is charged as well; dynalite does not say so.
    const refused = { CapacityUnits: answered.__type?.includes('Conditional') ? 1 : 0 }
    for (const { CapacityUnits } of [answered.ConsumedCapacity ?? refused].flat()) units[kind] += CapacityUnits
    return { status: answer.statusCode, body: answered }
  }

  async function answerAws({ target, body, request }: AwsCall): Promise<Answer> {
    const [service = '', operation = ''] = target.split('.')
    const input = JSON.parse(body)
    if (service.startsWith('DynamoDB')) return answerDynamoDb(operation, request.headers, input)
    if (operation === 'GetSecretValue')
      return { body: { SecretString: JSON.stringify({ clientId: 'client', clientSecrets: [clientSecret] }) } }
    if (input.MessageBody === '') return { status: 400, body: { __type: 'MissingParameter' } }
    queued.push(input)
    return { body: { MessageId: '1', MD5OfMessageBody: createHash('md5').update(input.MessageBody).digest('hex') } }
  }

  function answerHubSpot({ url = '' }: { url?: string | undefined }, body: string): Answer {
    const { statusType } = JSON.parse(body)
    patches.push({ url, statusType })
    return { status: refusals.shift() ?? 200, body: { status: { statusType } } }
  }

  const operator = (operation: string, input: object) =>
    answerDynamoDb(operation, { ...operatorHeaders, 'x-amz-target': `DynamoDB_20120810.${operation}` }, input)
  for (const TableName of ['ledger', 'portals', 'idempotency']) {
    await operator('CreateTable', {
      TableName,
      BillingMode: 'PAY_PER_REQUEST',
      KeySchema: [{ AttributeName: 'pk', KeyType: 'HASH' }],
      AttributeDefinitions: [{ AttributeName: 'pk', AttributeType: 'S' }],
    })
    while (!JSON.stringify(await operator('DescribeTable', { TableName })).includes('ACTIVE')) await sleep(5)
  }
  for (let id = 1; id <= portals; id++)
    await operator('PutItem', { TableName: 'portals', Item: portal(`portal#${id}`) })
  Object.assign(units, { read: 0, write: 0 })

  return { ...(await startCloud({ aws: answerAws, hubspot: answerHubSpot })), queued, patches, refusals, units }
}

const operatorHeaders = {
  'content-type': 'application/x-amz-json-1.0',
  'x-amz-date': '20261122T120000Z',
  authorization:
    'AWS4-HMAC-SHA256 Credential=operator/20261122/us-east-1/dynamodb/aws4_request, SignedHeaders=host, Signature=00',
}
