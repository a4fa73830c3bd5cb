import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { SendMessageCommand } from '@aws-sdk/client-sqs'
import { afterAll, beforeAll, beforeEach, expect, test, vi } from 'vitest'
import { connectDynamoDb, connectEventBus, connectSecretsManager, createSqs } from '../../../functions/platform/aws.ts'

/** AWS at two URLs, of which each notes what it was asked. */
let servers: Server[]
const asked: string[] = []

beforeAll(async () => {
  servers = await Promise.all(['here', 'there'].map(listen))
  vi.stubEnv('AWS_ACCESS_KEY_ID', 'id')
  vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'secret')
})
afterAll(() => {
  vi.unstubAllEnvs()
  for (const server of servers) server.close().closeAllConnections()
})
beforeEach(() => {
  asked.length = 0
})

const QueueUrl = 'https://sqs.us-east-1.amazonaws.com/000000000000/jobs'
const calls = {
  DYNAMODB: (env: NodeJS.ProcessEnv) => connectDynamoDb(env)('GetItem', { TableName: 't', Key: {} }),
  EVENTBRIDGE: (env: NodeJS.ProcessEnv) =>
    connectEventBus('bus', env).publish([{ source: 's', type: 't', detail: {}, at: new Date() }]),
  SECRETS_MANAGER: (env: NodeJS.ProcessEnv) => connectSecretsManager(env)({ SecretId: 's' }),
  SQS: (env: NodeJS.ProcessEnv) => createSqs(env).send(new SendMessageCommand({ QueueUrl, MessageBody: 'x' })),
}

test.each(Object.entries(calls))('%s is called where its own setting says, before that of all', async (name, call) => {
  const [here, there] = servers.map(urlOf)
  const env = { AWS_REGION: 'us-east-1', AWS_ENDPOINT_URL: here }

  await call(env)
  await call({ ...env, [`AWS_ENDPOINT_URL_${name}`]: there })

  expect(asked).toEqual(['here', 'there'])
})

async function listen(name: string) {
  const server = createServer((_, response) => {
    asked.push(name)
    const MD5OfMessageBody = '9dd4e461268c8034f5c8564e155c67a6'
    response.end(JSON.stringify({ SecretString: '', Entries: [{ EventId: '1' }], MD5OfMessageBody }))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return server
}

const urlOf = (server: Server) => `http://127.0.0.1:${(server.address() as AddressInfo).port}`
