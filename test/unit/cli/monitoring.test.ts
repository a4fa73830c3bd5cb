import { CloudFormationClient } from '@aws-sdk/client-cloudformation'
import { CloudWatchClient } from '@aws-sdk/client-cloudwatch'
import { LambdaClient } from '@aws-sdk/client-lambda'
import { SNSClient } from '@aws-sdk/client-sns'
import pc from 'picocolors'
import { expect, test } from 'vitest'
import { checkAlarms, checkConcurrency } from '../../../infra/cli/checks.ts'
import { report } from '../../../infra/cli/commands/doctor.ts'
import type { Deployment } from '../../../infra/cli/deployment.ts'
import { createMonitoring } from '../../../infra/cli/monitoring.ts'
import type { Terminal } from '../../../infra/cli/terminal.ts'

test("only the stack's own alarms count, over all pages", async () => {
  const { monitoring } = account({
    resources: [
      [{ ResourceType: 'AWS::CloudWatch::Alarm', PhysicalResourceId: 'Relay-a' }],
      [
        { ResourceType: 'AWS::CloudWatch::Alarm', PhysicalResourceId: 'Relay-b' },
        { ResourceType: 'AWS::SQS::Queue', PhysicalResourceId: 'Relay-queue' },
      ],
    ],
    alarms: [
      { AlarmName: 'Relay-a', StateValue: 'OK', AlarmActions: [topic] },
      { AlarmName: 'Relay-b', StateValue: 'ALARM', AlarmDescription: 'Look here.', AlarmActions: [topic] },
      { AlarmName: 'Relay-beta-a', StateValue: 'ALARM' },
    ],
  })

  expect(await monitoring.alarms()).toEqual({
    count: 2,
    raised: [{ name: 'Relay-b', says: 'Look here.' }],
    topics: [topic],
  })
})

test.each([
  ['HubSpotStatusRelay', 'RelayAlarmsDeadLetters1A2B3C4D'],
  ['Theirs/Sms', 'SmsAlarmsDeadLetters1A2B3C4D'],
  ['Theirs/Messages/Sms', 'MessagesSmsAlarmsDeadLetters1A2B3C4D'],
])('in a stack that others share, the alarms of %s are its own', async (namespace, ownId) => {
  const ids = [ownId, 'TheirShopAlarm1A2B3C4D', 'WhatsAppAlarmsDeadLetters1A2B3C4D', 'ShopRelayedAlarms1A2B3C4D']
  const alarm = (id: string) => ({
    ...{ ResourceType: 'AWS::CloudWatch::Alarm', LogicalResourceId: id, PhysicalResourceId: `Theirs-${id}` },
  })
  const { monitoring } = account({
    namespace,
    resources: [ids.map(alarm)],
    alarms: ids.map((id) => ({ AlarmName: `Theirs-${id}`, StateValue: 'ALARM', AlarmDescription: id })),
  })

  expect(await monitoring.alarms()).toMatchObject({ count: 1, raised: [{ says: ownId }] })
})

test.each(['HubSpotStatusRelay', 'Theirs/Sms'])(
  'in a stack that others share, so are the log groups and the queues of %s, and what reads a stream takes no room',
  async (namespace) => {
    const begin = namespace === 'Theirs/Sms' ? 'Sms' : 'Relay'
    const part = (type: string, id: string) => ({
      ...{ ResourceType: `AWS::${type}`, LogicalResourceId: `${id}1A2B3C4D`, PhysicalResourceId: id },
    })
    const { monitoring } = account({
      namespace,
      resources: [
        [`${begin}hubspotwebhookLogs`, `${begin}ApiAccessLogs`, 'WhatsApphubspotwebhookLogs', 'ShopLogs'].map((id) =>
          part('Logs::LogGroup', id),
        ),
        [`${begin}DeliveriesConsumer`, `${begin}EventsStream`, 'WhatsAppDeliveriesConsumer', 'ShopOrders'].map((id) =>
          part('Lambda::EventSourceMapping', id),
        ),
      ],
    })

    expect(await monitoring.logGroups()).toEqual([`${begin}hubspotwebhookLogs`, `${begin}ApiAccessLogs`])
    expect(await monitoring.concurrency()).toMatchObject({ ofQueues: [10] })
  },
)

test('a raised alarm is a finding, with what the alarm says to do', async () => {
  const resources = [[{ ResourceType: 'AWS::CloudWatch::Alarm', PhysicalResourceId: 'Relay-a' }]]
  const alarm = { AlarmName: 'Relay-a', AlarmDescription: 'Look here.', AlarmActions: [topic] }
  const subscriptions = [{ SubscriptionArn: `${topic}:1`, Endpoint: 'ops@example.com' }]
  const quiet = account({ resources, subscriptions, alarms: [{ ...alarm, StateValue: 'OK' }] })
  const raised = account({ resources, subscriptions, alarms: [{ ...alarm, StateValue: 'ALARM' }] })
  const isSent = { result: 'well', sentence: 'Alarms are sent to 1 subscriber.' }

  expect(await checkAlarms(quiet as unknown as Deployment)).toEqual([
    { result: 'well', sentence: 'None of the 1 alarms is firing.' },
    isSent,
  ])
  expect(await checkAlarms(raised as unknown as Deployment)).toEqual([
    { result: 'wrong', sentence: 'Alarm Relay-a is firing.', remedy: 'Look here.' },
    isSent,
  ])
})

test('alarms that reach nobody are a finding, whatever the reason is', async () => {
  const resources = [[{ ResourceType: 'AWS::CloudWatch::Alarm', PhysicalResourceId: 'Relay-a' }]]
  const alarms = [{ AlarmName: 'Relay-a', AlarmActions: [topic] }]
  const wrongOf = async (made: ReturnType<typeof account>) =>
    (await checkAlarms({ ...made, stage: 'beta' } as unknown as Deployment)).filter(({ result }) => result === 'wrong')

  const noTopic = await wrongOf(account({ resources, alarms: [{ AlarmName: 'Relay-a' }] }))
  const nobody = await wrongOf(account({ resources, alarms, subscriptions: [] }))
  const pending = await wrongOf(
    account({
      resources,
      alarms,
      subscriptions: [{ SubscriptionArn: 'PendingConfirmation', Endpoint: 'ops@example.com' }],
    }),
  )

  expect(noTopic).toMatchObject([
    {
      sentence: 'Alarms reach nobody: they have no topic.',
      remedy: `npm run deploy -- -c relay.stage=beta -c 'relay.alarmSubscribers=["ops@example.com"]'`,
    },
  ])
  expect(nobody).toMatchObject([{ remedy: expect.stringContaining(`aws sns subscribe --topic-arn ${topic}`) }])
  expect(pending).toMatchObject([
    { sentence: expect.stringContaining('reach nobody') },
    { sentence: 'ops@example.com has not confirmed that it wants to be told of alarms.' },
  ])
})

test('an account that runs few functions at once is told what to set', async () => {
  const resources = [1, 2, 3].map((id) => [
    { ResourceType: 'AWS::Lambda::EventSourceMapping', PhysicalResourceId: `mapping-${id}` },
  ])
  const found = (limits: Parameters<typeof account>[0]) =>
    checkConcurrency(account({ resources, ...limits }) as unknown as Deployment)

  expect(await found({ limit: 1000, most: 10 })).toEqual([
    { result: 'well', sentence: 'The account runs 1000 functions at once, of which the queues take 30 at most.' },
  ])
  expect(await found({ limit: 10, most: 10 })).toMatchObject([
    {
      result: 'wrong',
      sentence: expect.stringMatching(/runs 10 functions at once, and the queues may take 30 of them/),
      remedy: expect.stringMatching(/L-B99A9384 .* npm run deploy -- -c relay\.maxConcurrency=2$/),
    },
  ])
  expect(await found({ limit: 10, most: 2 })).toMatchObject([{ result: 'well' }])
  expect(await found({ limit: 1000, unreserved: 20, most: 10 })).toMatchObject([
    { result: 'wrong', sentence: expect.stringContaining('20 of 1000') },
  ])
})

test('what nobody may look at is not called wrong', async () => {
  const { monitoring } = account({ resources: [] })
  const denied = Object.assign(new Error('not allowed'), { name: 'AccessDeniedException' })
  const deployment = { monitoring: { ...monitoring, alarms: () => Promise.reject(denied) }, name: 'Relay' }
  const said: string[] = []
  const terminal = {
    print: (text: string) => said.push(text),
    colors: pc.createColors(false),
    signal: new AbortController().signal,
  }

  await report(terminal as unknown as Terminal, deployment as unknown as Deployment, [checkAlarms], {})

  expect(said).toEqual([
    '– AWS does not let this be checked (AccessDeniedException).',
    '  → Use a profile that may read the parts of the stack.',
    'Nothing wrong was found with Relay. Not looked at: 1.',
  ])
})

test("a function's metric is summed up since a time, in the deployment's namespace", async () => {
  const { monitoring, asked } = account({ sums: [2, 3] })
  const since = Date.parse('2026-11-21T12:00:00Z')

  expect(await monitoring.sumSince('hubspot-webhook', 'VerifiedByPreviousSecret', since)).toBe(5)
  expect(asked).toMatchObject([
    {
      Namespace: 'HubSpotStatusRelay',
      MetricName: 'VerifiedByPreviousSecret',
      Dimensions: [{ Name: 'service', Value: 'hubspot-webhook' }],
      StartTime: new Date(since),
    },
  ])
})

test("an account's part of a metric is asked for by its dimension", async () => {
  const { monitoring, asked } = account({ sums: [] })

  expect(await monitoring.sumSince('provider-receipt', 'ReceiptsByPreviousSecret', 0, { account: '3000000001' })).toBe(
    0,
  )
  expect(asked).toMatchObject([
    {
      Dimensions: [
        { Name: 'service', Value: 'provider-receipt' },
        { Name: 'account', Value: '3000000001' },
      ],
    },
  ])
})

const topic = 'arn:aws:sns:eu-central-1:123456789012:alarms'

/** An account that answers page by page. */
function account({
  resources = [],
  alarms = [],
  subscriptions = [],
  limit = 1000,
  unreserved = limit,
  most = 10,
  sums = [],
  namespace = 'HubSpotStatusRelay',
}: {
  resources?: { ResourceType: string; LogicalResourceId?: string; PhysicalResourceId: string }[][]
  alarms?: { AlarmName: string; AlarmDescription?: string; StateValue?: string; AlarmActions?: string[] }[]
  subscriptions?: { SubscriptionArn: string; Endpoint: string }[]
  limit?: number
  unreserved?: number
  most?: number
  sums?: number[]
  namespace?: string
}) {
  const asked: object[] = []
  type Command = { constructor: { name: string }; input: { NextToken?: string; AlarmNames?: string[] } }
  const send = async ({ constructor: { name }, input }: Command) => {
    const page = Number(input.NextToken ?? 0)
    const NextToken = (pages: unknown[]) => (page + 1 < pages.length ? String(page + 1) : undefined)
    if (name === 'ListStackResourcesCommand')
      return { StackResourceSummaries: resources[page], NextToken: NextToken(resources) }
    if (name === 'DescribeAlarmsCommand')
      return { MetricAlarms: alarms.filter(({ AlarmName }) => input.AlarmNames?.includes(AlarmName)) }
    if (name === 'ListSubscriptionsByTopicCommand') return { Subscriptions: subscriptions }
    if (name === 'GetAccountSettingsCommand')
      return { AccountLimit: { ConcurrentExecutions: limit, UnreservedConcurrentExecutions: unreserved } }
    if (name === 'GetEventSourceMappingCommand') return { ScalingConfig: { MaximumConcurrency: most } }
    asked.push(input)
    return { Datapoints: sums.map((Sum) => ({ Sum })) }
  }
  // The SDK's paginators want one of its own clients.
  const client = <Client extends object>(prototype: Client): Client => Object.assign(Object.create(prototype), { send })
  const monitoring = createMonitoring(
    {
      cloudFormation: client(CloudFormationClient.prototype),
      cloudWatch: client(CloudWatchClient.prototype),
      lambda: client(LambdaClient.prototype),
      sns: client(SNSClient.prototype),
    },
    { stack: 'Relay', namespace },
  )
  return { asked, monitoring }
}
