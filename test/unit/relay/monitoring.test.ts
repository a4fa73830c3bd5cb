import { CloudFormationClient } from '@aws-sdk/client-cloudformation'
import { CloudWatchClient } from '@aws-sdk/client-cloudwatch'
import { expect, test } from 'vitest'
import { checkAlarms } from '../../../infra/relay/checks.ts'
import type { Deployment } from '../../../infra/relay/deployment.ts'
import { createMonitoring } from '../../../infra/relay/monitoring.ts'

test("only the stack's own alarms count, over all pages", async () => {
  const { monitoring } = account({
    resources: [
      [{ ResourceType: 'AWS::CloudWatch::Alarm', PhysicalResourceId: 'Relay-a' }],
      [
        { ResourceType: 'AWS::CloudWatch::Alarm', PhysicalResourceId: 'Relay-b' },
        { ResourceType: 'AWS::SQS::Queue', PhysicalResourceId: 'Relay-queue' },
      ],
    ],
    raised: [[{ AlarmName: 'Relay-b', AlarmDescription: 'Look here.' }], [{ AlarmName: 'Relay-beta-a' }]],
  })

  expect(await monitoring.alarms()).toEqual({ count: 2, raised: [{ name: 'Relay-b', says: 'Look here.' }] })
})

test('a raised alarm is a finding, with what the alarm says to do', async () => {
  const resources = [[{ ResourceType: 'AWS::CloudWatch::Alarm', PhysicalResourceId: 'Relay-a' }]]
  const quiet = account({ resources, raised: [[]] })
  const raised = account({ resources, raised: [[{ AlarmName: 'Relay-a', AlarmDescription: 'Look here.' }]] })

  expect(await checkAlarms(quiet as unknown as Deployment)).toEqual([
    { result: 'well', sentence: 'None of the 1 alarms is raised.' },
  ])
  expect(await checkAlarms(raised as unknown as Deployment)).toEqual([
    { result: 'wrong', sentence: 'Alarm Relay-a is raised.', remedy: 'Look here.' },
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

/** An account that answers page by page. */
function account({
  resources = [],
  raised = [],
  sums = [],
}: {
  resources?: { ResourceType: string; PhysicalResourceId: string }[][]
  raised?: { AlarmName: string; AlarmDescription?: string }[][]
  sums?: number[]
}) {
  const asked: object[] = []
  type Command = { constructor: { name: string }; input: { NextToken?: string } }
  const send = async ({ constructor: { name }, input }: Command) => {
    const page = Number(input.NextToken ?? 0)
    const NextToken = (pages: unknown[]) => (page + 1 < pages.length ? String(page + 1) : undefined)
    if (name === 'ListStackResourcesCommand')
      return { StackResourceSummaries: resources[page], NextToken: NextToken(resources) }
    if (name === 'DescribeAlarmsCommand') return { MetricAlarms: raised[page], NextToken: NextToken(raised) }
    asked.push(input)
    return { Datapoints: sums.map((Sum) => ({ Sum })) }
  }
  // The SDK's paginators want one of its own clients.
  const client = <Client extends object>(prototype: Client): Client => Object.assign(Object.create(prototype), { send })
  const monitoring = createMonitoring(client(CloudWatchClient.prototype), client(CloudFormationClient.prototype), {
    stack: 'Relay',
    namespace: 'HubSpotStatusRelay',
  })
  return { asked, monitoring }
}
