import { readFileSync, rmSync } from 'node:fs'
import { App, CfnOutput, CfnParameter, NestedStack, RemovalPolicies, Stack, Stage, Validations } from 'aws-cdk-lib'
import { Template } from 'aws-cdk-lib/assertions'
import { Topic } from 'aws-cdk-lib/aws-sns'
import { AwsSolutionsChecks, ServerlessChecks } from 'cdk-nag'
import { Construct } from 'constructs'
import { describe, expect, test } from 'vitest'
import { isOwn } from '../../infra/cli/monitoring.ts'
import { relaysAmong } from '../../infra/relay/outputs.ts'
import { StatusRelay, type StatusRelayProps } from '../../infra/relay/status-relay.ts'
import { nameOf, type Resource, resourcesOf } from './relay-template.ts'

const env = { account: '123456789012', region: 'eu-west-1' }

describe('in an app of somebody else', () => {
  test.each<[string, (app: App) => StatusRelay[]]>([
    ['alone', (app) => [new StatusRelay(new Stack(app, 'Theirs'), 'Relay')]],
    [
      'in a stack of a known account and region',
      (app) => [new StatusRelay(new Stack(app, 'Theirs', { env }), 'Relay')],
    ],
    ['twice in a stack', (app) => twiceIn(new Stack(app, 'Theirs'))],
    ['twice in a nested stack', (app) => twiceIn(new NestedStack(new Stack(app, 'Theirs', { env }), 'Messaging'))],
    [
      'in a nested stack of another',
      (app) => twiceIn(new NestedStack(new NestedStack(new Stack(app, 'Theirs'), 'Outer'), 'Inner')),
    ],
    ['in a stage', (app) => twiceIn(new Stack(new Stage(app, 'Prod', { env }), 'Theirs'))],
    ['below a construct of theirs', (app) => twiceIn(new Construct(new Stack(app, 'Theirs'), "The team's"))],
    ['in two stacks', (app) => ['One', 'Two'].map((id) => new StatusRelay(new Stack(app, id), 'Relay'))],
    [
      'in a stack whose name differs from its id',
      (app) => [new StatusRelay(new Stack(app, 'Theirs', { stackName: 'messaging-prod' }), 'Relay')],
    ],
    ['among things that bear the same names', (app) => [amongNamesakes(new Stack(app, 'Theirs'))]],
  ])('%s, a relay synthesizes, its checks find nothing unexplained, and shares no name', (_, build) => {
    const app = guestApp()
    const relays = build(app)

    const names = synthesize(app, (templates) => templates.flatMap(namesIn))

    expect(names).toHaveLength(new Set(names).size)
    expect(names.length).toBeGreaterThanOrEqual(relays.length * 12)
    expect(new Set(relays.map(({ metricsNamespace }) => metricsNamespace)).size).toBe(relays.length)
  })

  test("what a relay's checks explain is no excuse for the team's own", () => {
    const app = guestApp()
    const stack = new Stack(app, 'Theirs')
    new StatusRelay(stack, 'Relay', { alarmSubscribers: ['ops@example.com'] })
    new Topic(stack, 'Open')

    expect(() => app.synth()).toThrow()
  })

  test('with the feature flags of a new app, and with none, the relay is the same to its tables, queues and secrets', () => {
    const flags = Object.fromEntries(Object.entries(recommendedFlags()).filter(([name]) => !name.includes('policyVal')))
    const lasting = (context: object) => {
      const stack = new Stack(new App({ context: { ...context, 'aws:cdk:bundling-stacks': [] } }), 'Theirs')
      new StatusRelay(stack, 'Relay')
      return Object.entries(Template.fromStack(stack).toJSON()['Resources'] as Record<string, Resource>)
        .filter(([, { Type }]) => /Table|Queue$|Secret$|::Key$/.test(Type))
        .map(([id]) => id)
    }

    expect(Object.keys(flags).length).toBeGreaterThan(30)
    expect(lasting(flags)).toEqual(lasting({}))
  })

  test('two relays tell their operators apart by their names', () => {
    const stack = new Stack(guestApp(), 'Theirs')
    twiceIn(stack)

    const relays = relaysAmong(Template.fromStack(stack).findOutputs('*'))

    expect(relays.map(({ MetricsNamespace }) => MetricsNamespace!['Value'])).toEqual(['Theirs/Sms', 'Theirs/WhatsApp'])
    for (const type of ['AWS::CloudWatch::Alarm', 'AWS::Logs::LogGroup', 'AWS::Lambda::EventSourceMapping'] as const) {
      const ids = Object.keys(Template.fromStack(stack).findResources(type))
      const ofEach = relays.map(({ MetricsNamespace }) =>
        ids.filter((id) => isOwn(id, { type, namespace: MetricsNamespace!['Value'] })),
      )
      expect(ofEach.flat().toSorted()).toEqual(ids.toSorted())
      expect(ofEach[0]!.length).toBe(ofEach[1]!.length)
    }
    for (const { CredentialsTableName, WebhookUrl, HubSpotApiVersion } of relays) {
      expect(CredentialsTableName).toBeDefined()
      expect(HubSpotApiVersion!['Value']).toBe('v3')
      expect(WebhookUrl).toBeDefined()
    }
  })

  test('what a team builds on it, it finds on the construct', () => {
    const relay = new StatusRelay(new Stack(guestApp(), 'Theirs'), 'Relay', {
      publicBaseUrl: 'https://relay.example.com',
      alarmSubscribers: ['ops@example.com'],
    })
    const [sent, told] = [
      relay.metricTimeToTruth('SENT'),
      relay.metric('WebhooksRejected', { dimensions: { reason: 'stale' } }),
    ]

    expect(relay).toMatchObject({
      webhookUrl: 'https://relay.example.com/hubspot/webhook',
      receiptsUrl: 'https://relay.example.com/receipts',
      installUrl: 'https://relay.example.com/oauth/install',
    })
    expect(Object.keys(relay.functions).toSorted()).toEqual([
      'deliver-message',
      'hand-on',
      'hubspot-webhook',
      'oauth-install',
      'provider-receipt',
      'update-status',
    ])
    expect(relay.alarms.length).toBeGreaterThan(15)
    expect(relay.logGroups).toHaveLength(7)
    for (const part of [
      'api',
      'appSecret',
      'ledgerTable',
      'portalsTable',
      'encryptionKey',
      'credentialsTable',
      'credentialsKey',
      'alarmTopic',
    ] as const)
      expect(relay[part]).toBeDefined()
    for (const queue of ['deliveries', 'statusUpdates', 'handOns'] as const) {
      expect(relay[`${queue}Queue`]!.queueArn).toBeDefined()
      expect(relay[`${queue}DeadLetterQueue`]!.queueArn).not.toBe(relay[`${queue}Queue`]!.queueArn)
    }
    expect(sent).toMatchObject({ namespace: 'Theirs', metricName: 'TimeToTruthSENT', statistic: 'p99' })
    expect(told.dimensions).toEqual({ service: 'hubspot-webhook', reason: 'stale' })
  })

  test('each prop says what it means, and what happens without it', () => {
    const sources = ['props', 'message-props', 'hubspot-props'].map((name) =>
      readFileSync(new URL(`../../infra/relay/${name}.ts`, import.meta.url), 'utf8'),
    )
    const [, ...interfaces] = sources
      .join('\n')
      .split(/^(?:export )?interface /m)
      .map((text) => text.split('\n}')[0]!)
    const props = interfaces.flatMap((text) => [
      ...text.matchAll(/(?:\/\*\*((?:(?!\*\/)[\s\S])*)\*\/\n)? {2}readonly (\w+)/g),
    ])

    expect(props.length).toBeGreaterThan(20)
    expect(props.filter(([, comment = '']) => !/@default \S/.test(comment)).map(([, , name]) => name)).toEqual([])
  })

  test('of a smaller form, what is not there is absent', () => {
    const small = { delivery: false, receipts: false, install: false }
    const relay = new StatusRelay(new Stack(guestApp(), 'Theirs'), 'Relay', small)

    const { receiptsUrl, installUrl, deliveriesQueue, handOnsQueue, alarmTopic, domainTarget } = relay
    expect([receiptsUrl, installUrl, deliveriesQueue, handOnsQueue, alarmTopic, domainTarget]).toEqual(
      Array(6).fill(undefined),
    )
  })

  test('outputs can be left out', () => {
    const stack = new Stack(guestApp(), 'Theirs')
    new StatusRelay(stack, 'Relay', { outputs: false })

    expect(Template.fromStack(stack).findOutputs('*')).toEqual({})
  })

  test("on a stage that is thrown away, nothing stays: the team's own policy for all of it holds", () => {
    const stack = new Stack(guestApp(), 'Theirs')
    new StatusRelay(stack, 'Relay')
    RemovalPolicies.of(stack).destroy()
    const resources = Object.values(Template.fromStack(stack).toJSON()['Resources'] as Record<string, Resource>)

    expect(resources.filter(({ DeletionPolicy }) => DeletionPolicy && DeletionPolicy !== 'Delete')).toEqual([])
    expect(JSON.stringify(resources)).not.toContain('"DeletionProtectionEnabled":true')
  })

  test('who is told of alarms may be known to the deployment alone', () => {
    const stack = new Stack(guestApp(), 'Theirs')
    const mail = new CfnParameter(stack, 'Mail').valueAsString
    new StatusRelay(stack, 'Relay', { alarmSubscribers: ['ops@example.com', mail, mail] })

    Template.fromStack(stack).resourceCountIs('AWS::SNS::Subscription', 2)
  })

  test('two relays may share a topic, and each subscribe to it', () => {
    const app = guestApp()
    const stack = new Stack(app, 'Theirs')
    const alarmTopic = new Topic(stack, 'Ops', { enforceSSL: true })
    const props: StatusRelayProps = { alarmTopic, alarmSubscribers: ['ops@example.com', 'ops@example.com'] }
    for (const id of ['Sms', 'WhatsApp']) new StatusRelay(stack, id, props)

    const template = Template.fromStack(stack)

    template.resourceCountIs('AWS::SNS::TopicPolicy', 1)
    template.resourceCountIs('AWS::SNS::Subscription', 2)
  })
})

describe("a relay's name", () => {
  test.each<[string, (app: App) => Construct, string, string]>([
    ['is its stack', (app) => new Stack(app, 'HubSpotStatusRelay'), 'Relay', 'HubSpotStatusRelay'],
    ['has its path, where it is not called Relay', (app) => new Stack(app, 'Theirs'), 'Sms', 'Theirs/Sms'],
    ['has the name of its stage', (app) => new Stack(new Stage(app, 'Prod'), 'Theirs'), 'Relay', 'Prod-Theirs'],
    [
      'is of the outermost stack',
      (app) => new NestedStack(new Stack(app, 'Theirs'), 'Messaging'),
      'Relay',
      'Theirs/Messaging/Relay',
    ],
  ])('%s', (_, build, id, name) => {
    expect(new StatusRelay(build(guestApp()), id).metricsNamespace).toBe(name)
  })

  test.each(["it's", 'a "quote"', 'Ünïcode', '{curly}', 'x'.repeat(300)])(
    'is plain for a construct called %s, and unlike any other',
    (id) => {
      const stack = new Stack(guestApp(), 'Theirs')
      const [name, other] = [id, `${id}!`].map((one) => new StatusRelay(stack, one).metricsNamespace)

      expect(name).toMatch(/^[\w./-]{1,128}$/)
      expect(other).not.toBe(name)
    },
  )

  test('has room in whatever is called by it, at its longest', () => {
    const stack = new Stack(guestApp(), 'Theirs', { stackName: 'S'.repeat(128) })
    new StatusRelay(stack, 'r'.repeat(100))
    const queries = resourcesOf(Template.fromStack(stack), 'AWS::Logs::QueryDefinition')

    expect(queries.length).toBeGreaterThan(5)
    for (const name of namesIn(Template.fromStack(stack))) expect(name.length, name).toBeLessThanOrEqual(255)
  })
})

function guestApp() {
  const app = new App({ context: { 'aws:cdk:bundling-stacks': [] } })
  Validations.of(app).addPlugins(new AwsSolutionsChecks(app), new ServerlessChecks(app))
  return app
}

const twiceIn = (scope: Construct) => ['Sms', 'WhatsApp'].map((id) => new StatusRelay(scope, id))

/** A relay in a stack of a team that called its own things as the relay calls its. */
function amongNamesakes(stack: Stack) {
  for (const name of ['WebhookUrl', 'RelayWebhookUrl', 'MetricsNamespace', 'DomainTarget'])
    new CfnOutput(stack, name, { value: 'https://example.com' })
  for (const name of ['Alarms', 'Dashboard', 'Ledger', 'AlarmTopic', 'Api']) new Construct(stack, name)
  return new StatusRelay(stack, 'Relay')
}

/** Synthesizes, which throws at what the checks find unexplained, and looks at the templates of all stacks. */
function synthesize<T>(app: App, look: (templates: Template[]) => T) {
  const stacks = app.node.findAll().filter((one) => one instanceof Stack)
  const assembly = app.synth()
  try {
    return look(stacks.map((stack) => Template.fromStack(stack)))
  } finally {
    rmSync(assembly.directory, { recursive: true })
  }
}

/** What a template's resources are called in the account: log groups, saved queries, and the metrics of functions. */
function namesIn(template: Template) {
  const groups = resourcesOf(template, 'AWS::Logs::LogGroup').flatMap(
    ([, { Properties }]) => Properties['LogGroupName'] ?? [],
  )
  const queries = resourcesOf(template, 'AWS::Logs::QueryDefinition').map(([, { Properties }]) => Properties['Name'])
  const namespaces = resourcesOf(template, 'AWS::Lambda::Function')
    .map(([, { Properties }]) => Properties['Environment'].Variables)
    .filter(({ POWERTOOLS_SERVICE_NAME }) => POWERTOOLS_SERVICE_NAME === 'hubspot-webhook')
    .map(({ POWERTOOLS_METRICS_NAMESPACE }) => POWERTOOLS_METRICS_NAMESPACE)
  return [...groups, ...queries, ...namespaces].map(nameOf)
}

function recommendedFlags() {
  return JSON.parse(
    readFileSync(new URL('../../node_modules/aws-cdk-lib/recommended-feature-flags.json', import.meta.url), 'utf8'),
  ) as object
}
