import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { request } from 'node:http'
import { createInterface } from 'node:readline'
import { buffer, text } from 'node:stream/consumers'
import { setTimeout as wait } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { DescribeTableCommand, DynamoDBClient, GetItemCommand, PutItemCommand } from '@aws-sdk/client-dynamodb'
import { GetSecretValueCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager'
import {
  GetQueueAttributesCommand,
  GetQueueUrlCommand,
  PurgeQueueCommand,
  ReceiveMessageCommand,
  SendMessageBatchCommand,
  SendMessageCommand,
} from '@aws-sdk/client-sqs'
import type { APIGatewayProxyEventV2, SQSRecord } from 'aws-lambda'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { type LocalStack, startLocalStack } from '../../infra/local/aws/stack.ts'
import { type Assembly, synthesize } from '../../infra/local/aws/template.ts'
import { slowness } from '../../infra/local/pace.ts'

let assembly: Assembly
let stack: LocalStack

beforeAll(async () => {
  assembly = await synthesize({ app: fileURLToPath(new URL('../support/probe-app.ts', import.meta.url)) })
  stack = await startLocalStack({
    assembly: assembly.folder,
    environment: ({ url }) => ({ PUBLIC_BASE_URL: url }),
    secrets: { 'Probe/channels/7': { provider: 'forward' } },
    overrides: { visibilityTimeoutSeconds: 1 },
  })
})
afterAll(async () => {
  await stack.stop()
  await assembly.remove()
})

const post = (path: string, body: string | Uint8Array<ArrayBuffer> = '', headers: Record<string, string> = {}) =>
  fetch(stack.url + path, { method: 'POST', body, headers })

type Echo = {
  event: APIGatewayProxyEventV2
  context: Record<string, string>
  environment: Record<string, string>
  remainingMs: number
}
const echo = async (...request: Parameters<typeof post>) => (await (await post(...request)).json()) as Echo

describe('HTTP API', () => {
  test('a text body arrives as it was sent', async () => {
    const body = '{"text": "Grüße 👋\\r\\n",  "n":1.0}'

    const { event } = await echo('/echo/7', body, { 'content-type': 'application/json' })

    expect(event).toMatchObject({ body, isBase64Encoded: false })
  })

  test.each([
    ['application/octet-stream', Uint8Array.from([0, 255, 254, 10])],
    ['application/x-www-form-urlencoded', new TextEncoder().encode('a=1&b=%20')],
    ['application/json', Uint8Array.from([0x22, 0xff, 0x22])],
  ])('a body that is no text arrives in base64: %s', async (contentType, bytes) => {
    const { event } = await echo('/echo/7', bytes, { 'content-type': contentType })

    expect(event.isBase64Encoded).toBe(true)
    expect(new Uint8Array(Buffer.from(event.body ?? '', 'base64'))).toEqual(bytes)
  })

  test('the path arrives decoded, the query string as it was sent', async () => {
    const { event } = await echo('/echo/a%20b%2Fc?x=%2F&y=1&y=2+3')

    expect(event.rawPath).toBe('/echo/a b/c')
    expect(event.pathParameters).toEqual({ channelId: 'a b/c' })
    expect(event.rawQueryString).toBe('x=%2F&y=1&y=2+3')
    expect(event.queryStringParameters).toEqual({ x: '/', y: '1,2 3' })
  })

  test('headers arrive in lower case, repeated ones joined, cookies apart', async () => {
    const call = request(`${stack.url}/echo/7`, {
      method: 'POST',
      headers: { 'X-Custom': ['a', 'b'], Cookie: 'k=v; l=w' },
    })
    const [response] = await once(call.end(), 'response')
    const { event } = JSON.parse(await text(response)) as Echo

    expect(event.headers['x-custom']).toBe('a,b')
    expect(event.headers).not.toHaveProperty('cookie')
    expect(event.cookies).toEqual(['k=v', 'l=w'])
  })

  test('the event says where it came in', async () => {
    const { event } = await echo('/echo/7')

    expect(event).toMatchObject({
      version: '2.0',
      routeKey: 'POST /echo/{channelId}',
      isBase64Encoded: false,
      requestContext: {
        accountId: '000000000000',
        domainName: new URL(stack.url).host,
        http: { method: 'POST', path: '/echo/7', protocol: 'HTTP/1.1', sourceIp: '127.0.0.1', userAgent: 'node' },
        routeKey: 'POST /echo/{channelId}',
        stage: '$default',
        time: expect.stringMatching(/^\d\d\/[A-Z][a-z]{2}\/\d{4}:\d\d:\d\d:\d\d \+0000$/),
      },
    })
    expect(event).not.toHaveProperty('body')
  })

  test('unknown routes are not found', async () => {
    const responses = await Promise.all([post('/'), post('/echo'), post('/echo/7/8'), fetch(`${stack.url}/echo/7`)])

    expect(responses.map(({ status }) => status)).toEqual([404, 404, 404, 404])
    expect(await responses[0]?.json()).toEqual({ message: 'Not Found' })
  })

  test('a body beyond 10 MB is refused', async () => {
    expect((await post('/echo/7', new Uint8Array(10 * 1024 * 1024 + 1))).status).toBe(413)
  })

  test('the answer is what the function returned', async () => {
    const result = {
      statusCode: 201,
      headers: { 'X-Count': 3 },
      cookies: ['a=1', 'b=2; Secure'],
      body: '/wA=',
      isBase64Encoded: true,
    }

    const response = await post('/answer', JSON.stringify(result))

    expect(response.status).toBe(201)
    expect(response.headers.get('x-count')).toBe('3')
    expect(response.headers.getSetCookie()).toEqual(['a=1', 'b=2; Secure'])
    expect(await buffer(response.body!)).toEqual(Buffer.from([255, 0]))
  })

  test('an answer without a status code is the JSON body of a 200', async () => {
    const response = await post('/answer', '{"any":"thing"}')

    expect(response.status).toBe(200)
    expect(response.headers.get('content-type')).toBe('application/json')
    expect(await response.json()).toEqual({ any: 'thing' })
  })

  test.each(['{"statusCode":"soon"}', '{"statusCode":200,"body":{}}', '{"statusCode":200,"headers":{"a b":"c"}}'])(
    'a malformed answer is an internal server error: %s',
    async (result) => {
      const response = await post('/answer', result)

      expect(response.status).toBe(500)
      expect(await response.json()).toEqual({ message: 'Internal Server Error' })
    },
  )
})

describe('Lambda', () => {
  test('a function has the environment and the context that Lambda and the template give it, and no more', async () => {
    process.env.PARENT_SECRET = 'not for functions'

    const { environment, context, remainingMs } = await echo('/echo/7')

    expect(environment).toMatchObject({
      AWS_LAMBDA_FUNCTION_NAME: context.functionName,
      AWS_REGION: 'us-east-1',
      AWS_LAMBDA_LOG_FORMAT: 'JSON',
      TZ: ':UTC',
      JOBS_QUEUE_URL: stack.queueUrl('jobs'),
      TABLE_NAME: stack.tableName('ledger'),
      PUBLIC_BASE_URL: stack.url,
    })
    expect(environment).not.toHaveProperty('PARENT_SECRET')
    expect(context.invokedFunctionArn).toBe(`arn:aws:lambda:us-east-1:000000000000:function:${context.functionName}`)
    expect(remainingMs).toBeGreaterThan(1000)
    expect(remainingMs).toBeLessThanOrEqual(2000 * slowness())
  })

  test('an execution environment is used again', async () => {
    await echo('/echo/7')
    const before = stack.processes('echo').map(({ pid }) => pid)
    await echo('/echo/7')

    expect(stack.processes('echo').map(({ pid }) => pid)).toEqual(before)
  })

  test.each([
    ['throw', 'TypeError'],
    ['exit', 'Runtime.ExitError: Runtime exited with error: exit status 3'],
    ['hang', 'Task timed out after 2.00 seconds'],
  ])(
    'what goes wrong in a function (%s) is an internal server error, and the next request is answered',
    async (word, line) => {
      const failed = await post('/obey', word)
      const next = await post('/obey', 'be good')

      expect(failed.status).toBe(500)
      expect(next.status).toBe(204)
      expect(stack.functionLogs('obey').join('\n')).toContain(line)
    },
  )

  test('a function that cannot be loaded is an internal server error, each time', async () => {
    const statuses = [(await post('/broken')).status, (await post('/broken')).status]

    expect(statuses).toEqual([500, 500])
  })

  test('an invocation by name has an outcome', async () => {
    expect(await stack.invoke('answer', { body: '[1]' })).toEqual({ payload: [1] })
    expect(await stack.invoke('obey', { body: 'throw' })).toEqual({
      error: { errorType: 'TypeError', errorMessage: 'on purpose' },
    })
    expect(() => stack.invoke('nobody', {})).toThrow('None goes by the name nobody')
  })

  test('whoever waits for a function that is killed is answered', async () => {
    const waiting = [post('/obey', 'hang'), post('/obey', 'hang')]
    await wait(500)

    const killed = stack.killEnvironments('obey')

    expect(killed).toBeGreaterThanOrEqual(2)
    expect((await Promise.all(waiting)).map(({ status }) => status)).toEqual([500, 500])
    expect((await post('/obey', 'be good')).status).toBe(204)
  })
})

describe('queues', () => {
  const send = (MessageBody: string, queue = 'jobs') =>
    stack.sqs.send(new SendMessageCommand({ QueueUrl: stack.queueUrl(queue), MessageBody }))
  const batches = () =>
    stack
      .functionLogs('work')
      .filter((line) => line.startsWith('['))
      .map((line) => JSON.parse(line) as SQSRecord[])
  /** The bodies of the batches that came since the test began. */
  const handled = () =>
    batches()
      .slice(seen)
      .map((batch) => batch.map(({ body }) => body))
  async function deadLetters(queue = 'jobs-dead-letters') {
    const QueueUrl = stack.queueUrl(queue)
    const { Messages = [] } = await stack.sqs.send(new ReceiveMessageCommand({ QueueUrl, MaxNumberOfMessages: 10 }))
    return Messages.map(({ Body }) => Body)
  }

  let seen = 0
  beforeEach(async () => {
    await stack.sqs.send(new PurgeQueueCommand({ QueueUrl: stack.queueUrl('jobs-dead-letters') }))
    seen = batches().length
  })

  test('a message arrives as the record that Lambda makes of it', async () => {
    await stack.sqs.send(
      new SendMessageCommand({
        QueueUrl: stack.queueUrl('jobs'),
        MessageBody: 'hello',
        MessageGroupId: 'portal-1',
        MessageSystemAttributes: { AWSTraceHeader: { DataType: 'String', StringValue: 'Root=1-2-3' } },
        MessageAttributes: {
          word: { DataType: 'String', StringValue: 'ü' },
          bytes: { DataType: 'Binary', BinaryValue: Uint8Array.from([255]) },
        },
      }),
    )
    await stack.idle()

    expect(batches().at(-1)).toEqual([
      {
        messageId: expect.any(String),
        receiptHandle: expect.any(String),
        body: 'hello',
        attributes: {
          ApproximateReceiveCount: '1',
          ApproximateFirstReceiveTimestamp: expect.stringMatching(/^\d{13}$/),
          SentTimestamp: expect.stringMatching(/^\d{13}$/),
          SenderId: expect.any(String),
          MessageGroupId: 'portal-1',
          AWSTraceHeader: 'Root=1-2-3',
        },
        messageAttributes: {
          word: { stringValue: 'ü', dataType: 'String', stringListValues: [], binaryListValues: [] },
          bytes: { binaryValue: '/w==', dataType: 'Binary', stringListValues: [], binaryListValues: [] },
        },
        md5OfBody: '5d41402abc4b2a76b9719d911017c592',
        eventSource: 'aws:sqs',
        eventSourceARN: expect.stringMatching(/^arn:aws:sqs:us-east-1:000000000000:Probe-jobs/),
        awsRegion: 'us-east-1',
      },
    ])
  })

  test('only what failed of a batch comes back, and ends as a dead letter', async () => {
    const Entries = ['fine', 'fail', 'also fine'].map((MessageBody, index) => ({ Id: `${index}`, MessageBody }))
    await stack.sqs.send(new SendMessageBatchCommand({ QueueUrl: stack.queueUrl('jobs'), Entries }))
    await stack.idle()

    expect(handled()).toEqual([['fine', 'fail', 'also fine'], ['fail'], ['fail']])
    expect(await deadLetters()).toEqual(['fail'])
  })

  test.each(['hang', 'crash', 'name another'])('the whole batch comes back after a failure: %s', async (word) => {
    const Entries = [word, 'fine'].map((MessageBody, index) => ({ Id: `${index}`, MessageBody }))
    await stack.sqs.send(new SendMessageBatchCommand({ QueueUrl: stack.queueUrl('jobs'), Entries }))
    await stack.idle()

    expect(handled()).toEqual([
      [word, 'fine'],
      [word, 'fine'],
    ])
    expect(await deadLetters()).toEqual([])
  })

  test('no more invocations run at once than the event source allows', async () => {
    stack.killEnvironments('work')
    for (let count = 0; count < 6; count++) {
      await send('nap')
      await wait(50)
    }
    await stack.idle()

    expect(handled().flat()).toHaveLength(6)
    expect(stack.processes('work')).toHaveLength(2)
  })

  test('a batching window gathers what trickles in', async () => {
    for (const body of ['one', 'two', 'three']) {
      await send(body, 'gathered')
      await wait(100)
    }
    await stack.idle()

    expect(handled()).toEqual([['one', 'two', 'three']])
  })

  test('a message that is delayed for long does not keep the stack from being idle', async () => {
    const QueueUrl = stack.queueUrl('jobs')
    await stack.sqs.send(new SendMessageCommand({ QueueUrl, MessageBody: 'later', DelaySeconds: 900 }))
    await stack.idle()
    await expect(stack.idle({ withinSeconds: 900, timeoutSeconds: 0.1 })).rejects.toThrow('jobs has messages (1)')
    await stack.sqs.send(new PurgeQueueCommand({ QueueUrl }))

    expect(handled()).toEqual([])
  })

  test('a queue has what the template gives it, and goes by a URL that can be called', async () => {
    const QueueUrl = stack.queueUrl('jobs')
    const { Attributes } = await stack.sqs.send(new GetQueueAttributesCommand({ QueueUrl, AttributeNames: ['All'] }))
    const found = await stack.sqs.send(new GetQueueUrlCommand({ QueueName: QueueUrl.split('/').at(-1) }))

    expect(JSON.parse(Attributes?.RedrivePolicy ?? '')).toMatchObject({ maxReceiveCount: 3 })
    expect(Attributes?.VisibilityTimeout).toBe('1')
    expect(found.QueueUrl).toBe(QueueUrl)
    expect(stack.outputs.JobsQueueUrl).toBe(QueueUrl)
  })

  test('while SQS does not confirm deletions, what was done comes again', async () => {
    const fault = { service: 'sqs', operation: 'DeleteMessageBatch', statusCode: 400 } as const
    stack.faults.add(fault)
    await send('fine')
    await expect.poll(() => handled().length).toBeGreaterThan(1)
    stack.faults.delete(fault)
    await stack.idle()

    expect(new Set(handled().flat())).toEqual(new Set(['fine']))
  })
})

describe('tables, secrets and faults', () => {
  const credentials = { accessKeyId: 'somebody', secretAccessKey: 'local' }
  const read = async (SecretId: string) => {
    const client = new SecretsManagerClient({
      endpoint: stack.environment.AWS_ENDPOINT_URL,
      region: 'us-east-1',
      credentials,
    })
    return (await client.send(new GetSecretValueCommand({ SecretId }))).SecretString
  }

  test('a table has the keys that the template gives it', async () => {
    const { Table } = await stack.dynamodb.send(new DescribeTableCommand({ TableName: stack.tableName('ledger') }))

    expect(Table?.KeySchema).toEqual([{ AttributeName: 'pk', KeyType: 'HASH' }])
  })

  test('secrets start as the template or the options say, and can be changed', async () => {
    const { environment } = await echo('/echo/7')
    const arn = environment.SECRET_ARN ?? ''

    expect(JSON.parse((await read(arn)) ?? '')).toEqual({ clientId: 'probe', key: expect.stringMatching(/.{32}/) })
    expect(await read('Probe/channels/7')).toBe('{"provider":"forward"}')
    await expect(read('Probe/channels/8')).rejects.toMatchObject({ name: 'ResourceNotFoundException' })

    stack.putSecret('app-secret', { clientId: 'changed' })
    expect(await read(arn)).toBe('{"clientId":"changed"}')
  })

  test('a fault refuses what it names, and the operator nothing', async () => {
    const fault = { service: 'secretsmanager', error: 'AccessDeniedException', statusCode: 400 } as const
    stack.faults.add(fault)
    await expect(read('Probe/channels/7')).rejects.toMatchObject({ name: 'AccessDeniedException' })
    stack.faults.delete(fault)
    expect(await read('Probe/channels/7')).toBe('{"provider":"forward"}')

    stack.faults.add({ service: 'dynamodb' })
    const TableName = stack.tableName('ledger')
    await expect(
      stack.dynamodb.send(new PutItemCommand({ TableName, Item: { pk: { S: 'a' } } })),
    ).resolves.toBeDefined()
    stack.faults.clear()
  })

  test('a call whose answer is lost has taken effect', async () => {
    const client = new DynamoDBClient({
      endpoint: stack.environment.AWS_ENDPOINT_URL,
      region: 'us-east-1',
      credentials,
    })
    const TableName = stack.tableName('ledger')
    const pk = { S: 'lost answer' }
    stack.faults.add({ service: 'dynamodb', operation: 'PutItem', takesEffect: true, statusCode: 400 })
    await expect(client.send(new PutItemCommand({ TableName, Item: { pk } }))).rejects.toThrow('ServiceUnavailable')
    stack.faults.clear()

    expect((await client.send(new GetItemCommand({ TableName, Key: { pk } }))).Item).toEqual({ pk })
  })
})

describe('the end', () => {
  /** How many of the processes live. Those that only nobody has reaped yet do not. */
  function alive(pids: number[]) {
    const { stdout } = spawnSync('ps', ['-o', 'stat=', '-p', pids.join()], { encoding: 'utf8' })
    return stdout.split('\n').filter((status) => status !== '' && !status.startsWith('Z')).length
  }

  test('stopping answers who waits, leaves no process behind, and may be done twice', async () => {
    const other = await startLocalStack({ assembly: assembly.folder })
    const waiting = fetch(`${other.url}/obey`, { method: 'POST', body: 'hang' }).catch(() => 'disconnected')
    const invoked = Promise.all(Array.from({ length: 12 }, () => other.invoke('obey', { body: 'hang' })))
    await expect.poll(() => other.processes().length).toBe(10)
    const pids = other.processes().map(({ pid }) => pid!)
    expect(alive(pids)).toBe(10)

    const before = performance.now()
    await Promise.all([other.stop(), other.stop()])

    expect(performance.now() - before).toBeLessThan(1000)
    expect(await waiting).toBe('disconnected')
    expect((await invoked).every(({ error }) => error)).toBe(true)
    expect(alive(pids)).toBe(0)
    await expect(fetch(other.url)).rejects.toThrow('fetch failed')
    expect(await other.invoke('echo', {})).toMatchObject({ error: { errorType: 'ServiceException' } })
  })

  test('a stack that cannot start leaves nothing behind', async () => {
    const port = Number(new URL(stack.url).port)

    await expect(startLocalStack({ assembly: assembly.folder, port })).rejects.toThrow('EADDRINUSE')
  })

  test('functions end with the process that runs the stack, even when that is killed', async () => {
    const script = `
      const { startLocalStack } = await import('./infra/local/aws/stack.ts')
      const stack = await startLocalStack({ assembly: ${JSON.stringify(assembly.folder)} })
      await stack.invoke('answer', { body: '1' })
      stack.invoke('obey', { body: 'hang' })
      setTimeout(() => console.log(stack.processes().map(({ pid }) => pid).join()), 300)`
    const parent = spawn(process.execPath, ['--input-type=module', '-e', script], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    const [line] = await once(createInterface(parent.stdout), 'line')
    const pids = String(line).split(',').map(Number)
    expect(alive(pids)).toBe(2)

    parent.kill('SIGKILL')

    await expect.poll(() => alive(pids)).toBe(0)
  })
})
