import { beforeEach, describe, expect, test } from 'vitest'
import { createSqs } from '../../../infra/local/aws/sqs.ts'

let sqs: ReturnType<typeof createSqs>
const QueueUrl = 'http://127.0.0.1/000000000000/jobs'

beforeEach(async () => {
  sqs = createSqs()
  await call('CreateQueue', { QueueName: 'jobs' })
  return () => sqs.close()
})

async function call(operation: string, input: object) {
  const headers = {
    host: '127.0.0.1',
    authorization: 'AWS4-HMAC-SHA256 Credential=operator/20261128/us-east-1/sqs/aws4_request',
    'content-type': 'application/x-amz-json-1.0',
    'x-amz-target': `AmazonSQS.${operation}`,
  }
  const answer = await sqs.emulate({
    service: 'sqs',
    operation,
    caller: 'operator',
    headers,
    body: JSON.stringify(input),
  })
  expect(answer).toMatchObject({ statusCode: 200 })
  return JSON.parse(answer.body || '{}')
}

async function send(count: number, MessageGroupId?: string) {
  for (let n = 0; n < count; n++)
    await call('SendMessage', { QueueUrl, MessageBody: `${MessageGroupId} ${n}`, MessageGroupId })
}

type Received = { Body: string; ReceiptHandle: string }

async function receive(count = 10): Promise<Received[]> {
  const { Messages = [] } = await call('ReceiveMessage', { QueueUrl, MaxNumberOfMessages: count })
  return Messages
}

const done = ({ ReceiptHandle }: Received) => call('DeleteMessage', { QueueUrl, ReceiptHandle })
const tenants = (messages: Received[]) => messages.map(({ Body }) => Body.split(' ')[0])

describe('a tenant with 30 messages in flight', () => {
  beforeEach(async () => {
    await send(60, 'noisy')
    for (let batch = 0; batch < 3; batch++) await receive()
  })

  test('waits for those who have fewer', async () => {
    await send(2, 'quiet')

    expect(tenants(await receive(4))).toEqual(['quiet', 'quiet', 'noisy', 'noisy'])
  })

  test('waits for one without a group as well, which is a tenant of its own', async () => {
    await send(1)

    expect(tenants(await receive(2))).toEqual(['undefined', 'noisy'])
  })

  test('waits for another noisy one that has fewer in flight', async () => {
    await send(50, 'other')
    for (let batch = 0; batch < 3; batch++) await receive()
    expect(tenants(await receive(5))).toEqual(Array(5).fill('other'))

    expect(tenants(await receive(2))).toEqual(['noisy', 'noisy'])
  })
})

describe('a tenant with fewer in flight', () => {
  test('is first come, first served', async () => {
    await send(40, 'large')
    await receive()
    await receive()
    await send(1, 'small')

    expect(tenants(await receive(1))).toEqual(['large'])
  })

  test('waits where it had more than a tenth of the processing time', async () => {
    await send(40, 'slow')
    const [first] = await receive(1)
    await new Promise((resolve) => setTimeout(resolve, 5))
    await done(first!)
    await send(1, 'small')

    expect(tenants(await receive(2))).toEqual(['small', 'slow'])
  })

  test('is quiet again when nothing of it is left', async () => {
    await send(1, 'slow')
    const [first] = await receive(1)
    await new Promise((resolve) => setTimeout(resolve, 5))
    await done(first!)
    await receive(1)
    await send(1, 'slow')
    await send(1, 'small')

    expect(tenants(await receive(2))).toEqual(['slow', 'small'])
  })
})

test('messages of a tenant stay in their order, and each is handed out once', async () => {
  await send(45, 'noisy')
  const batches = [await receive(), await receive(), await receive()]
  await send(3, 'quiet')

  const bodies = [...batches.flat(), ...(await receive()), ...(await receive())].map(({ Body }) => Body)

  const of = (tenant: string, count: number) => Array.from({ length: count }, (_, n) => `${tenant} ${n}`)
  expect(bodies.filter((body) => body.startsWith('noisy'))).toEqual(of('noisy', 45))
  expect(bodies.filter((body) => body.startsWith('quiet'))).toEqual(of('quiet', 3))
  expect(bodies.slice(30, 33)).toEqual(of('quiet', 3))
})
