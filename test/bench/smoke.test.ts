import { createHash } from 'node:crypto'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { createDynamoDb } from '../../infra/local/dynamodb.ts'
import type { Span } from './bench/child.ts'
import { type Answer, type AwsCall, type Cloud, clientSecret, portal, startCloud } from './bench/cloud.ts'
import { type Built, buildContenders, contenders, environmentOf } from './bench/contenders.ts'
import { batchOf, statusUpdate, webhook } from './bench/events.ts'
import { runTask } from './bench/run.ts'

// What is compared does the same: each contender, as it is measured, against the same AWS and the same HubSpot.

const dynamoDb = createDynamoDb()
const queued: { MessageBody: string; QueueUrl: string }[] = []
const patches: { url: string; statusType: string }[] = []
/** How HubSpot answers the next requests, before it answers 200. */
const refusals: number[] = []
let cloud: Cloud
let built: Built

beforeAll(async () => {
  cloud = await startCloud({ aws: answerAws, hubspot: answerHubSpot })
  built = await buildContenders()
  for (const TableName of ['ledger', 'portals', 'idempotency'])
    await dynamo('CreateTable', {
      TableName,
      BillingMode: 'PAY_PER_REQUEST',
      KeySchema: [{ AttributeName: 'pk', KeyType: 'HASH' }],
      AttributeDefinitions: [{ AttributeName: 'pk', AttributeType: 'S' }],
    })
  await dynamo('PutItem', { TableName: 'portals', Item: portal('portal#1') })
}, 60_000)
afterAll(async () => {
  await cloud.close()
  await built[Symbol.asyncDispose]()
})
beforeEach(() => {
  for (const list of [queued, patches, refusals]) list.length = 0
})

describe.each(contenders)('%s', (contender) => {
  const answer = (event: object) => start(contender, 'hubspot-webhook', event)
  const consume = (...batches: object[][]) => work(contender, batches)

  test('queues a webhook that HubSpot signed, whole, and answers 204', async () => {
    await answer(webhook())

    expect(queued).toHaveLength(1)
    expect(queued[0]?.QueueUrl).toContain('/jobs')
    for (const said of ['243842089', '2300310', '0b5f3c1d9e7a4b2c8d6e0f1a2b3c4d5e', 'Your parcel arrives tomorrow.'])
      expect(queued[0]?.MessageBody).toContain(said)
  })

  test.each([
    ['with another secret', { clientSecret: `${clientSecret}?` }],
    ['ten minutes ago', { timestamp: String(Date.now() - 600_000) }],
    ['for ten minutes from now', { timestamp: String(Date.now() + 600_000) }],
  ])('refuses a webhook that was signed %s', async (_, signing) => {
    await expect(answer(webhook(signing))).rejects.toThrow('"statusCode":401')

    expect(queued).toEqual([])
  })

  test("tells HubSpot each message's status, in HubSpot's words", async () => {
    const statuses = ['sent', 'delivered', 'read', 'failed'].map((status) => statusUpdate({ status }))
    await consume(statuses)

    expect(patches.map(({ statusType }) => statusType).sort()).toEqual(['FAILED', 'READ', 'SENT', 'SENT'])
    for (const { messageId } of statuses)
      expect(patches.map(({ url }) => url)).toContain(`/conversations/v3/custom-channels/2300310/messages/${messageId}`)
  })

  test('tells HubSpot nothing for a duplicate, in this process or the next', async () => {
    const update = statusUpdate()
    await consume([update], [update])
    await consume([update])

    expect(patches).toHaveLength(1)
  })

  test('tells HubSpot nothing that a later status has overtaken', async () => {
    const read = statusUpdate({ status: 'read' })
    await consume([read], [{ ...read, status: 'sent' }])

    expect(patches.map(({ statusType }) => statusType)).toEqual(['READ'])
  })

  // Node alone has no second try in it: the floor only says what the first one costs.
  test.skipIf(contender === 'floor')('tells HubSpot what HubSpot refused at first', async () => {
    const update = statusUpdate()
    refusals.push(500)
    await consume([update])
    // The relay sends it anew; the wait is over.
    const again = queued.map(({ MessageBody }) => JSON.parse(MessageBody))
    await consume(again.map((job) => ({ ...job, waiting: { ...job.waiting, notBefore: 0 } })))

    expect(patches.map(({ statusType }) => statusType)).toEqual(['SENT', 'SENT'])
  })
})

async function start(contender: (typeof contenders)[number], name: 'hubspot-webhook', event: object) {
  const entry = `${built.folder(contender, name)}/index.mjs`
  await runTask({ kind: 'start', entry, event }, environmentOf(cloud))
}

async function work(contender: (typeof contenders)[number], batches: object[][]) {
  const entry = `${built.folder(contender, 'update-status')}/index.mjs`
  await runTask<Span[]>({ kind: 'consume', entry, batches: batches.map(batchOf) }, environmentOf(cloud))
}

async function dynamo(operation: string, input: object) {
  const headers = { 'x-amz-target': `DynamoDB_20120810.${operation}`, 'content-type': 'application/x-amz-json-1.0' }
  const authorization =
    'AWS4-HMAC-SHA256 Credential=operator/20261122/us-east-1/dynamodb/aws4_request, SignedHeaders=host, Signature=00'
  const body = JSON.stringify(input)
  return dynamoDb({
    service: 'dynamodb',
    operation,
    caller: 'operator',
    headers: { ...headers, authorization, 'x-amz-date': '20261122T120000Z' },
    body,
  })
}

async function answerAws({ target, body, request }: AwsCall): Promise<Answer> {
  const operation = target.split('.')[1] ?? ''
  if (target.startsWith('DynamoDB')) {
    const { statusCode, body: answered } = await dynamoDb({
      service: 'dynamodb',
      operation,
      caller: 'operator',
      headers: request.headers,
      body,
    })
    return { status: statusCode, body: answered }
  }
  if (operation === 'GetSecretValue')
    return { body: { SecretString: JSON.stringify({ clientId: 'client', clientSecrets: [clientSecret] }) } }
  const message = JSON.parse(body)
  if (message.MessageBody === '') return { status: 400, body: { __type: 'MissingParameter' } }
  queued.push(message)
  return { body: { MessageId: '1', MD5OfMessageBody: createHash('md5').update(message.MessageBody).digest('hex') } }
}

function answerHubSpot({ url = '' }: { url?: string | undefined }, body: string): Answer {
  const { statusType } = JSON.parse(body)
  patches.push({ url, statusType })
  return { status: refusals.shift() ?? 200, body: { status: { statusType } } }
}
