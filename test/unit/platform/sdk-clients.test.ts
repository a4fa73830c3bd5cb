import { createHash } from 'node:crypto'
import { createServer, type IncomingMessage, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { SendMessageCommand } from '@aws-sdk/client-sqs'
import { afterAll, beforeAll, beforeEach, expect, test, vi } from 'vitest'
import { createSqs } from '../../../functions/platform/aws.ts'
import { createQueue } from '../../../functions/platform/queue.ts'

/** SQS, as far as a message goes: what it was asked, and what it answers next instead of success. */
let server: Server
const asked: (Pick<IncomingMessage, 'url' | 'headers'> & { body: string })[] = []
const refusals: { status: number; type: string; date?: string }[] = []

beforeAll(async () => {
  server = createServer(async (request, response) => {
    const body = await text(request)
    asked.push({ url: request.url, headers: request.headers, body })
    const refusal = refusals.shift()
    if (refusal?.date) response.setHeader('date', refusal.date)
    response.statusCode = refusal?.status ?? 200
    const MD5OfMessageBody = createHash('md5').update(JSON.parse(body).MessageBody).digest('hex')
    response.end(JSON.stringify(refusal ? { __type: refusal.type } : { MessageId: '1', MD5OfMessageBody }))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  vi.stubEnv('AWS_ACCESS_KEY_ID', 'id')
  vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'secret')
})
afterAll(() => {
  vi.unstubAllEnvs()
  server.close()
  server.closeAllConnections()
})
beforeEach(() => {
  asked.length = 0
  refusals.length = 0
})

const connect = () => createSqs({ AWS_REGION: 'eu-central-1' })
const urlOf = (host = '127.0.0.1') => `http://${host}:${(server.address() as AddressInfo).port}/000000000000/jobs`

test('a job reaches its queue signed, in its bytes', async () => {
  await createQueue(connect(), urlOf()).send({ text: 'Grüße 👋' }, { group: '1' })

  expect(asked).toHaveLength(1)
  expect(JSON.parse(JSON.parse(asked[0]!.body).MessageBody)).toEqual({ text: 'Grüße 👋' })
  expect(asked[0]!.headers).toMatchObject({
    'x-amz-target': 'AmazonSQS.SendMessage',
    authorization: expect.stringMatching(/^AWS4-HMAC-SHA256 Credential=id\/\d{8}\/eu-central-1\/sqs\/aws4_request, /),
  })
  // The SDK's own way has no part in it.
  expect(Object.keys(asked[0]!.headers).filter((name) => /amz-sdk|user-agent/.test(name))).toEqual([])
})

test.each([
  { status: 500, type: 'InternalFailure' },
  { status: 503, type: 'ServiceUnavailable' },
  { status: 400, type: 'com.amazonaws.sqs#RequestThrottled' },
])('a job is sent once more where SQS answers $status $type', async (refusal) => {
  refusals.push(refusal)

  await createQueue(connect(), urlOf()).send({}, { group: '1' })

  expect(asked).toHaveLength(2)
})

test('what SQS refuses has its name, and is not sent again', async () => {
  refusals.push({ status: 400, type: 'com.amazonaws.sqs#QueueDoesNotExist' })

  await expect(createQueue(connect(), urlOf()).send({}, { group: '1' })).rejects.toMatchObject({
    name: 'QueueDoesNotExist',
    $metadata: { httpStatusCode: 400 },
  })
  expect(asked).toHaveLength(1)
})

test("a connection that cannot be made is AWS's trouble", async () => {
  const queue = createQueue(connect(), 'http://127.0.0.1:1/000000000000/jobs')

  await expect(queue.send({}, { group: '1' })).rejects.toMatchObject({
    name: 'ECONNREFUSED',
    $metadata: {},
  })
})

test('an answer without the digest of what was sent is an error', async () => {
  refusals.push({ status: 200, type: '' })
  const sent = connect().send(new SendMessageCommand({ QueueUrl: urlOf(), MessageBody: 'one thing' }))

  await expect(sent).rejects.toThrow('InvalidChecksumError')
})
