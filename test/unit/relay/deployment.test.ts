import { text } from 'node:stream/consumers'
import { afterEach, expect, test, vi } from 'vitest'
import { serve } from '../../../infra/local/loopback.ts'
import { findDeployment } from '../../../infra/relay/deployment.ts'

const closes: (() => Promise<void>)[] = []
afterEach(async () => {
  vi.unstubAllEnvs()
  for (const close of closes.splice(0)) await close()
})

test('a relay in AWS is found by the outputs of its stack', async () => {
  const asked = await cloudFormation(200, answer({ ...outputs, DeliveriesQueueUrl: 'https://sqs.test/1/deliveries' }))

  const { name, outputs: found } = await findDeployment({ stage: 'beta' })

  expect(asked()).toContain('StackName=HubSpotStatusRelay-beta')
  expect(name).toBe('HubSpotStatusRelay-beta')
  expect(found).toMatchObject({
    HubSpotBaseUrl: 'https://api.hubapi.com',
    DeliveriesQueueUrl: 'https://sqs.test/1/deliveries',
    LedgerTableName: 'ledger',
  })
})

test('a stack that does not exist is answered with what to do', async () => {
  const error = '<ErrorResponse><Error><Type>Sender</Type><Code>ValidationError</Code></Error></ErrorResponse>'
  await cloudFormation(400, error)

  await expect(findDeployment({ stack: 'Other' })).rejects.toMatchObject({
    message: 'There is no stack Other in this account and region.',
    remedy: expect.stringContaining('npm run deploy'),
  })
})

test('a stack of another version says which output is missing', async () => {
  const { LedgerTableName: _, ...others } = outputs
  await cloudFormation(200, answer(others))

  await expect(findDeployment({})).rejects.toThrow('LedgerTableName: expected string')
})

test('where no local relay runs, the way to start one is told', async () => {
  await expect(findDeployment({ local: true }, '/nowhere/note.json')).rejects.toMatchObject({
    message: 'No local relay is running.',
    remedy: expect.stringContaining('npm start'),
  })
})

const outputs = {
  WebhookUrl: 'https://api.test/hubspot/webhook',
  StatusUpdatesQueueUrl: 'https://sqs.test/1/updates',
  StatusUpdatesDeadLettersUrl: 'https://sqs.test/1/dead',
  LedgerTableName: 'ledger',
  PortalsTableName: 'portals',
  AppSecretArn: 'arn:secret',
  ChannelSecretsPrefix: 'HubSpotStatusRelay/channels/',
  HubSpotBaseUrl: 'https://api.hubapi.com/',
  HubSpotApiVersion: 'v3',
  MetricsNamespace: 'HubSpotStatusRelay',
}

function answer(values: Record<string, string>) {
  const members = Object.entries(values).map(
    ([key, value]) => `<member><OutputKey>${key}</OutputKey><OutputValue>${value}</OutputValue></member>`,
  )
  const stack = `<member><StackName>it</StackName><Outputs>${members.join('')}</Outputs></member>`
  return `<DescribeStacksResponse><DescribeStacksResult><Stacks>${stack}</Stacks></DescribeStacksResult></DescribeStacksResponse>`
}

/** A CloudFormation that gives one answer. Returns the way to see what it was asked. */
async function cloudFormation(status: number, body: string) {
  let asked = ''
  const server = await serve(async (request, response) => {
    asked = await text(request)
    response.writeHead(status, { 'content-type': 'text/xml' }).end(body)
  })
  closes.push(server.close)
  vi.stubEnv('AWS_ENDPOINT_URL_CLOUDFORMATION', server.url)
  vi.stubEnv('AWS_REGION', 'eu-central-1')
  vi.stubEnv('AWS_ACCESS_KEY_ID', 'test')
  vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'test')
  return () => asked
}
