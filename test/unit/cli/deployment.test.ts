import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { afterEach, expect, onTestFinished, test, vi } from 'vitest'
import { findDeployment } from '../../../infra/cli/deployment.ts'
import { serve } from '../../../infra/local/loopback.ts'
import { runRelay } from '../../support/relay-terminal.ts'

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
  await expect(findDeployment({ stage: 'beta' })).rejects.toMatchObject({
    remedy: expect.stringContaining('npm run deploy -- -c relay.stage=beta.'),
  })
})

test.each([
  ['the flag', { region: 'eu-west-1' }, {}, 'eu-west-1'],
  ['AWS_REGION', {}, { AWS_REGION: 'eu-north-1', AWS_DEFAULT_REGION: 'us-east-1' }, 'eu-north-1'],
  ['AWS_DEFAULT_REGION alone', {}, { AWS_DEFAULT_REGION: 'ap-south-1' }, 'ap-south-1'],
  [
    'AWS_DEFAULT_REGION beside an empty AWS_REGION',
    {},
    { AWS_REGION: '', AWS_DEFAULT_REGION: 'ap-south-1' },
    'ap-south-1',
  ],
])('the region is named by %s', async (_name, flags, variables, expected) => {
  await cloudFormation(200, answer(outputs))
  vi.stubEnv('AWS_REGION', undefined)
  for (const [name, value] of Object.entries(variables)) vi.stubEnv(name, value)

  const { sqs } = await findDeployment(flags)

  expect(await sqs.config.region()).toBe(expected)
})

test('where no region is named, a sentence says how to name one', async () => {
  for (const name of ['AWS_REGION', 'AWS_DEFAULT_REGION']) vi.stubEnv(name, undefined)
  vi.stubEnv('AWS_CONFIG_FILE', '/nowhere/config')
  vi.stubEnv('AWS_SHARED_CREDENTIALS_FILE', '/nowhere/credentials')

  const { exitCode, said } = await inAws(['queues'])

  expect(exitCode).toBe(1)
  expect(said).toContain('No AWS region is named.')
  expect(said).toContain('--region')
})

test('every remedy repeats the flags of the call', async () => {
  const queue = await serve(async (_request, response) => {
    response.end(JSON.stringify({ Attributes: { ApproximateNumberOfMessagesDelayed: '3' } }))
  })
  closes.push(queue.close)
  vi.stubEnv('AWS_ENDPOINT_URL_SQS', queue.url)
  await cloudFormation(
    200,
    answer({ ...outputs, StatusUpdatesQueueUrl: queue.url, StatusUpdatesDeadLettersUrl: queue.url }),
  )

  const { printed, said } = await inAws(['--stage', 'beta', 'queues', '--region', 'eu-west-1'])

  expect(printed).toContain('3 delayed until the next try')
  expect(said).toContain('npm run relay -- --stage beta --region eu-west-1 queues --wait')
})

test.each([
  [['--profile', 'prod'], 'npm run deploy -- --profile prod -c relay.stage=beta'],
  [['--region', 'eu-west-1'], 'AWS_REGION=eu-west-1 npm run deploy -- -c relay.stage=beta'],
  [['--region', 'eu-west-1', '--profile', 'prod'], 'AWS_REGION=eu-west-1 npm run deploy -- --profile prod -c relay'],
])('so does what deploys it: %j', async (flags, command) => {
  await cloudFormation(400, '<ErrorResponse><Error><Code>ValidationError</Code></Error></ErrorResponse>')
  const folder = await mkdtemp(join(tmpdir(), 'relay-'))
  onTestFinished(() => rm(folder, { recursive: true }))
  const credentials = join(folder, 'credentials')
  await writeFile(credentials, '[prod]\naws_access_key_id = test\naws_secret_access_key = test\n')
  vi.stubEnv('AWS_SHARED_CREDENTIALS_FILE', credentials)

  const { said } = await inAws([...flags, '--stage', 'beta', 'queues'])
  const { printed } = await inAws([...flags, '--stage', 'beta', 'queues', '--json'])

  expect(said).toContain(command)
  expect((JSON.parse(printed) as { remedy: string }).remedy).toContain(command)
})

test('a stack of another version says which output is missing', async () => {
  const { LedgerTableName: _, ...others } = outputs
  await cloudFormation(200, answer(others))

  await expect(findDeployment({})).rejects.toThrow('LedgerTableName: expected string')
})

test.each([
  ['Theirs', 'Theirs'],
  ['Theirs-MessagingNestedStack-1A2B3C', 'Theirs/Messaging'],
])('of several relays in the stack %s each is found by its name', async (stack, path) => {
  const ofEach = ['Sms', 'WhatsApp'].map((relay) =>
    Object.entries({ ...outputs, LedgerTableName: relay, MetricsNamespace: `${path}/${relay}` }).map(
      ([key, value]) => [`${relay}${key}1A2B3C4D`, value] as const,
    ),
  )
  const asked = await cloudFormation(200, answer(Object.fromEntries(ofEach.flat())))
  const { remedy } = await findDeployment({ stack }).catch((error) => error)
  const names = /by its name: (.*), (.*)\.$/.exec(remedy)!.slice(1)

  for (const [index, name] of names.entries()) {
    expect((await findDeployment({ stack: name })).outputs.LedgerTableName).toBe(['Sms', 'WhatsApp'][index])
    expect(new URLSearchParams(asked()).get('StackName')).toBe(stack)
  }
})

test('where no local relay runs, the way to start one is told', async () => {
  await expect(findDeployment({ local: true }, '/nowhere/note.json')).rejects.toMatchObject({
    message: 'No local relay is running.',
    remedy: expect.stringContaining('npm start'),
  })
})

const inAws = (args: string[]) => runRelay('/nowhere/note.json', args, { inAws: true })

const outputs = {
  WebhookUrl: 'https://api.test/hubspot/webhook',
  StatusUpdatesQueueUrl: 'https://sqs.test/1/updates',
  StatusUpdatesDeadLettersUrl: 'https://sqs.test/1/dead',
  LedgerTableName: 'ledger',
  PortalsTableName: 'portals',
  AppSecretArn: 'arn:secret',
  CredentialsTableName: 'credentials',
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
