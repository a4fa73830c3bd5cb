import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { App, ArnFormat, Duration, Stack } from 'aws-cdk-lib'
import { Match, Template } from 'aws-cdk-lib/assertions'
import { EventBus } from 'aws-cdk-lib/aws-events'
import { Key } from 'aws-cdk-lib/aws-kms'
import { Topic } from 'aws-cdk-lib/aws-sns'
import { describe, expect, test } from 'vitest'
import { matches } from '../../infra/local/aws/iam.ts'
import { anchorOf } from '../../infra/operations/alarms.ts'
import { metrics } from '../../infra/operations/metrics.ts'
import { StatusRelay, type StatusRelayProps } from '../../infra/relay/status-relay.ts'
import { functionsOf, nameOf, type Properties, type Resource, relayTemplate, resourcesOf } from './relay-template.ts'

const template = relayTemplate()
/** With every alarm. */
const publishing = relayTemplate((stack) => ({
  eventBus: EventBus.fromEventBusName(stack, 'Bus', 'default'),
  deliverWithin: Duration.hours(2),
}))
const runbook = readFileSync(new URL('../../docs/runbook.md', import.meta.url), 'utf8')
const chapters = Object.fromEntries(
  runbook
    .split(/^## /m)
    .slice(1)
    .map((text) => [text.split('\n')[0]!, text]),
)
const headings = (text: string) => [...text.matchAll(/^### (.*)$/gm)].map(([, heading = '']) => heading)
const firstColumn = (text: string) =>
  [...text.matchAll(/^\| (?!---)([^|]+?) \|/gm)].map(([, cell = '']) => cell).slice(1)

const alarms = resourcesOf(publishing, 'AWS::CloudWatch::Alarm').map(([, { Properties }]) => Properties)
const [dashboard = ''] = resourcesOf(template, 'AWS::CloudWatch::Dashboard').map(([, { Properties }]) =>
  flat(Properties['DashboardBody']),
)
const widgets = (JSON.parse(dashboard) as { widgets: { properties: { title: string; metrics?: unknown[][] } }[] })
  .widgets

describe('an alarm', () => {
  test('has a heading in the runbook, and each heading an alarm', () => {
    const anchors = alarms.map(({ AlarmDescription }) => AlarmDescription.split('#')[1])

    expect(anchors.toSorted()).toEqual(headings(chapters['Alarms']!).map(anchorOf).toSorted())
  })

  test.each(alarms.map((alarm) => [alarm['AlarmDescription'] as string]))(
    'says what happens, who is hurt, what to do, and where to read on: %s',
    (description) => {
      expect(description).toMatch(/^[A-Z].*\. .*\. docs\/runbook\.md#[\w-]+$/)
      // CloudWatch's limit.
      expect(description.length).toBeLessThanOrEqual(1024)
    },
  )

  test('is quiet while nothing is measured', () => {
    for (const alarm of alarms) expect(alarm).toMatchObject({ TreatMissingData: 'notBreaching' })
  })

  // What is measured in each five minutes of an hour; most measure nothing.
  const ___ = undefined
  test.each([
    ['one webhook of HubSpot that is rejected', 'webhook-signatures-rejected', [1]],
    [
      'refreshes that fail every quarter of an hour',
      'access-tokens-cannot-be-refreshed',
      [1, ___, ___, 1, ___, ___, 1],
    ],
    ['three late statuses in an hour', 'status-updates-are-slow', [1e6, ___, ___, ___, 2e6, ___, 1e4, ___, ___, 1e6]],
    ['two receipts in an hour that are rejected', 'receipts-rejected', [1, ___, ___, ___, ___, ___, ___, ___, 1]],
    ['two looks at a secret in an hour that fail', 'secrets-cannot-be-refreshed', [2, ___, ___, ___, ___, ___, ___, 1]],
  ])('is raised where little happens: %s', (_, anchor, measured) => {
    expect(isRaised(alarmOf(anchor), measured)).toBe(true)
  })

  test.each([
    ['refreshes that fail for five minutes', 'access-tokens-cannot-be-refreshed', [3, 1]],
    ['late statuses for five minutes', 'status-updates-are-slow', [1e6, 1e6, 1e4, 1e4]],
    ['one receipt that is rejected', 'receipts-rejected', [1]],
    ['one look at a secret that fails', 'secrets-cannot-be-refreshed', [1]],
  ])('is quiet about what passes: %s', (_, anchor, measured) => {
    expect(isRaised(alarmOf(anchor), measured)).toBe(false)
  })

  test.each([
    [{}, ['HandOns', 'StatusUpdates']],
    [{ deliverWithin: Duration.minutes(60), giveUpAfter: Duration.minutes(60) }, ['StatusUpdates']],
    [{ deliverWithin: Duration.minutes(61) }, ['Deliveries', 'HandOns', 'StatusUpdates']],
  ])('of an hour of waiting is there where a job may wait for so long: %j', (props, queues) => {
    const waiting = resourcesOf(relayTemplate(props), 'AWS::CloudWatch::Alarm').flatMap(
      ([id]) => /RelayAlarms(\w+)WaitingForOverAnHour/.exec(id)?.[1] ?? [],
    )

    expect(waiting.toSorted()).toEqual(queues)
  })

  test.each([
    [1, 15],
    [10, 15],
    [45, 50],
  ])('calls nothing slow that is SENT since no receipt came in %i minutes, but what takes %i', (silent, slow) => {
    const [, { Properties: alarm }] = resourcesOf(
      relayTemplate(() => ({ unconfirmedAfter: Duration.minutes(silent) })),
      'AWS::CloudWatch::Alarm',
    ).find(([, { Properties }]) => Properties['AlarmDescription'].endsWith('#status-updates-are-slow'))!

    expect(alarm).toMatchObject({
      Threshold: slow * 60_000,
      AlarmDescription: expect.stringContaining(`${slow} minutes after the agent pressed Send`),
    })
  })

  test.each([
    [
      'a webhook that bears a signature of HubSpot',
      'webhook-signatures-rejected',
      ['mismatch', 'old version', 'stale'],
    ],
    ['a receipt for a channel of ours', 'receipts-rejected', ['signature', 'unreadable']],
  ])('is raised for what is rejected: %s, and no other', (_, anchor, reasons) => {
    const watched = alarmOf(anchor)['Metrics'].flatMap(({ MetricStat }: Properties) =>
      (MetricStat?.Metric.Dimensions ?? []).flatMap(({ Name, Value }: Properties) =>
        Name === 'reason' ? [Value] : [],
      ),
    )

    expect(watched.toSorted()).toEqual(reasons)
  })

  test('goes nowhere unless somebody says where', () => {
    for (const alarm of alarms) expect(alarm).not.toHaveProperty('AlarmActions')
    for (const alarm of alarms) expect(alarm).not.toHaveProperty('OKActions')
    expect(resourcesOf(template, 'AWS::SNS::Topic')).toEqual([])
  })

  test('goes to the subscribers that the settings name, by a topic of its own', () => {
    const told = relayTemplate({ alarmSubscribers: ['night@example.com', 'https://pager.example.com/relay'] })

    told.hasResourceProperties('AWS::SNS::Subscription', { Protocol: 'email', Endpoint: 'night@example.com' })
    told.hasResourceProperties('AWS::SNS::Subscription', {
      Protocol: 'https',
      Endpoint: 'https://pager.example.com/relay',
    })
    told.allResourcesProperties('AWS::CloudWatch::Alarm', {
      AlarmActions: [{ Ref: Match.stringLikeRegexp('AlarmTopic') }],
      OKActions: [{ Ref: Match.stringLikeRegexp('AlarmTopic') }],
    })
  })

  describe('reaches its topic', () => {
    const alarmsOf = { service: 'cloudwatch', resource: 'alarm', resourceName: 'Relay-AlarmsSignaturesRefused-1' }

    test.each<[string, (stack: Stack) => StatusRelayProps]>([
      ["of the relay's own", () => ({ alarmSubscribers: ['night@example.com'] })],
      ["of the team's, in the same stack", (stack) => ({ alarmTopic: new Topic(stack, 'Ops') })],
      ['that lets nobody in without TLS', (stack) => ({ alarmTopic: new Topic(stack, 'Ops', { enforceSSL: true }) })],
      ['that is encrypted', (stack) => ({ alarmTopic: new Topic(stack, 'Ops', { masterKey: new Key(stack, 'Key') }) })],
      [
        'that is encrypted, and has subscribers',
        (stack) => ({
          alarmTopic: new Topic(stack, 'Ops', { masterKey: new Key(stack, 'Key') }),
          alarmSubscribers: ['night@example.com'],
        }),
      ],
    ])('%s', (_, propsFor) => {
      const app = new App({ context: { 'aws:cdk:bundling-stacks': [] } })
      const stack = new Stack(app, 'Theirs', { env: { account: '123456789012', region: 'eu-west-1' } })
      new StatusRelay(stack, 'Relay', propsFor(stack))
      const told = Template.fromStack(stack)
      const policies = resourcesOf(told, 'AWS::SNS::TopicPolicy').map(([, { Properties }]) => Properties)
      const topics = Object.fromEntries(resourcesOf(told, 'AWS::SNS::Topic'))
      const keys = Object.fromEntries(resourcesOf(told, 'AWS::KMS::Key'))
      const allAlarms = resourcesOf(told, 'AWS::CloudWatch::Alarm').map(([, { Properties }]) => Properties)
      const source = { account: '123456789012', arn: stack.resolve(stack.formatArn({ ...alarmsOf, arnFormat })) }

      for (const { AlarmActions } of allAlarms) {
        expect(AlarmActions).toHaveLength(1)
        const topic = AlarmActions[0].Ref
        const statements = policies.filter(({ Topics }) => Topics[0].Ref === topic).flatMap(statementsOf)
        expect(statements.filter((one) => lets(one, 'sns:Publish', source))).toHaveLength(1)
        const key = topics[topic]!.Properties?.['KmsMasterKeyId']?.['Fn::GetAtt'][0]
        if (!key) continue
        for (const action of ['kms:Decrypt', 'kms:GenerateDataKey*'])
          expect(keyStatements(keys[key]!).filter((one) => lets(one, action, source))).toHaveLength(1)
      }
    })

    test('and nobody else does: other accounts, other services, other sources, or without TLS', () => {
      const told = relayTemplate({ alarmSubscribers: ['night@example.com'] })
      const [policy] = resourcesOf(told, 'AWS::SNS::TopicPolicy').map(([, { Properties }]) => Properties)

      const [allow, deny, ...others] = statementsOf(policy!).toSorted((a, b) => (a['Effect'] < b['Effect'] ? -1 : 1))

      expect(others).toEqual([])
      expect(deny).toMatchObject({ Effect: 'Deny', Condition: { Bool: { 'aws:SecureTransport': 'false' } } })
      expect(allow).toMatchObject({
        Principal: { Service: 'cloudwatch.amazonaws.com' },
        Condition: {
          StringEquals: { 'aws:SourceAccount': { Ref: 'AWS::AccountId' } },
          ArnLike: { 'aws:SourceArn': expect.anything() },
        },
      })
      expect(flat(allow!['Condition'].ArnLike['aws:SourceArn'])).toBe(
        'arn:AWS::Partition:cloudwatch:AWS::Region:AWS::AccountId:alarm:*',
      )
    })

    test('that is imported, whose policy is left to its owner', () => {
      const app = new App({ context: { 'aws:cdk:bundling-stacks': [] } })
      const stack = new Stack(app, 'Theirs')
      const alarmTopic = Topic.fromTopicArn(stack, 'Ops', 'arn:aws:sns:eu-west-1:123456789012:ops')
      new StatusRelay(stack, 'Relay', { alarmTopic })

      Template.fromStack(stack).resourceCountIs('AWS::SNS::TopicPolicy', 0)
    })
  })

  test('has those affected named by the first query that the runbook refers to', () => {
    const whose = Object.fromEntries(
      chapters['Alarms']!.split(/^### /m)
        .slice(1)
        .map((text) => [text.split('\n')[0]!, /\*\*Look here\.\*\*.*?\*([A-Z][^*]+)\*/.exec(text)?.[1] ?? '']),
    )
    const nameless = Object.keys(whose).filter((heading) => !/portalId|channelAccountId/.test(queryOf(whose[heading]!)))

    // No account's own: what never came to a function, what nobody signed, what stands still for all of them alike.
    expect(nameless).toEqual([
      'Requests throttled',
      'Webhook signatures rejected',
      ...['Deliveries', 'Status updates', 'Hand-ons'].map((title) => `${title}: the backlog is not draining`),
      'Secrets cannot be refreshed',
      'Events are late',
      'Events given up',
      'Functions throttled',
      'Functions near their timeout',
    ])
  })

  test("watches every queue's dead letters and age", () => {
    const watched = (metric: string) =>
      alarms.filter(({ MetricName, Metrics = [] }) => [MetricName, ...ownMetrics(Metrics)].includes(metric)).length
    const workQueues = resourcesOf(template, 'AWS::SQS::Queue').filter(([, queue]) => queue.Properties['RedrivePolicy'])
    // Those of the events, which no queue feeds, come on top.
    const sources = workQueues.length + 1

    expect(watched('ApproximateNumberOfMessagesVisible')).toBe(sources)
    expect(watched('NumberOfMessagesSent')).toBe(sources)
    expect(watched('ApproximateAgeOfOldestMessage')).toBe(workQueues.length)
  })

  test('watches every function', () => {
    const names = Object.values(functionsOf(publishing)).map(({ id }) => id)
    for (const metric of ['Errors', 'Throttles', 'Duration']) {
      const alarm = alarms.find(({ Metrics = [] }) => ownMetrics(Metrics).includes(metric))
      const watched = alarm?.['Metrics'].flatMap((one: Properties) =>
        one['MetricStat'] ? [one['MetricStat'].Metric.Dimensions[0].Value.Ref] : [],
      )

      expect(watched.toSorted(), metric).toEqual(names.toSorted())
    }
  })
})

describe('the dashboard', () => {
  test('asks the questions that the runbook answers, in its order', () => {
    expect(widgets.map(({ properties }) => properties.title)).toEqual(firstColumn(chapters['The dashboard']!))
  })

  test('shows what API Gateway refuses without asking a function', () => {
    const [arrivals] = widgets.filter(({ properties }) => /arrive/.test(properties.title))
    const drawn = arrivals!.properties.metrics!.map(([namespace, name]) => `${namespace} ${name}`)

    expect(drawn).toEqual(expect.arrayContaining(['AWS/ApiGateway 4xx', 'HubSpotStatusRelay RequestsThrottled']))
  })

  test('draws no metric that the functions do not emit', () => {
    const drawn = widgets.flatMap(({ properties }) => (properties.metrics ?? []).flatMap(namesOf))

    expect(drawn.length).toBeGreaterThan(20)
    // What API Gateway refuses by itself is counted in its access log.
    expect(drawn.filter((name) => !(name in metrics))).toEqual(['RequestsThrottled'])
  })
})

const alarmOf = (anchor: string) => alarms.find(({ AlarmDescription }) => AlarmDescription.endsWith(`#${anchor}`))!

/** Whether an alarm is raised at any of the periods in which this is measured. */
function isRaised(
  { EvaluationPeriods, DatapointsToAlarm = EvaluationPeriods, Threshold }: Properties,
  measured: Measured,
) {
  return measured.some((_, end) => {
    const lately = measured.slice(Math.max(0, end + 1 - EvaluationPeriods), end + 1)
    return lately.filter((value) => value !== undefined && value >= Threshold).length >= DatapointsToAlarm
  })
}
type Measured = (number | undefined)[]

const arnFormat = ArnFormat.COLON_RESOURCE_NAME
const statementsOf = ({ PolicyDocument }: Properties) => PolicyDocument.Statement as Properties[]
const keyStatements = ({ Properties: { KeyPolicy } }: Resource) => KeyPolicy.Statement as Properties[]

/** Whether a statement lets CloudWatch do something for an alarm of an account. */
function lets(statement: Properties, action: string, source: { account: string; arn: unknown }) {
  const { Effect, Principal, Action, Condition = {} } = statement
  if (Effect !== 'Allow' || Principal?.Service !== 'cloudwatch.amazonaws.com') return false
  const pattern = Condition.ArnLike?.['aws:SourceArn']
  const isSource = !pattern || matches(flat(pattern), flat(source.arn))
  const isAccount = [undefined, source.account].includes(Condition.StringEquals?.['aws:SourceAccount'])
  return [Action].flat().includes(action) && isSource && isAccount
}

test('each question of the runbook is a saved query over all functions', () => {
  const queries = resourcesOf(template, 'AWS::Logs::QueryDefinition').map(([, { Properties }]) => Properties)

  expect(queries.map(({ Name }) => Name.split('/')[1]).toSorted()).toEqual(
    firstColumn(chapters['The logs']!).toSorted(),
  )
  for (const { LogGroupNames } of queries) expect(LogGroupNames).toHaveLength(Object.keys(functionsOf(template)).length)
})

test('whatever is put among the dead letters is found by its line', () => {
  const query = queryOf('What became a dead letter')
  const senders = ['functions/platform/dead-letter.ts', 'functions/hubspot-webhook.ts'].map((path) =>
    readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8'),
  )
  const lines = senders.map((text) => /'(Dead-lettered|[^'\n]* among the dead letters)'/.exec(text)?.[1])

  for (const line of lines) expect(query).toContain(`"${line}"`)
})

test('what went wrong shows each line that the runbook looks for there', () => {
  const query = queryOf('What went wrong')
  const lines = [...runbook.matchAll(/\*What went wrong\*: `([^`]+)`/g)].map(([, line = '']) => line)
  const sources = Object.keys(functionsOf(publishing)).flatMap((name) => sourcesFrom(`functions/${name}.lambda.ts`))

  expect(lines.length).toBeGreaterThan(2)
  for (const line of lines) {
    const isError = sources.some((text) => text.includes(`.error('${line}`))
    expect(isError || query.includes(`message like /^${line}/`), line).toBe(true)
  }
})

test('what the runbook refers to is there', () => {
  const anchors = [...runbook.matchAll(/^#+ (.*)$/gm)].map(([, heading = '']) => anchorOf(heading))
  const links = [...runbook.matchAll(/\]\(#([\w-]+)\)/g)].map(([, anchor = '']) => anchor)
  const queries = firstColumn(chapters['The logs']!)
  const questions = [...chapters['Alarms']!.matchAll(/(?<!\*)\*(W[^*]+)\*(?!\*)/g)].map(([, question = '']) => question)

  expect(links.filter((anchor) => !anchors.includes(anchor))).toEqual([])
  expect(questions.length).toBeGreaterThan(8)
  expect(questions.filter((question) => !queries.includes(question))).toEqual([])
})

test('docs/metrics.md lists every metric with its functions, unit and dimension', () => {
  const text = readFileSync(new URL('../../docs/metrics.md', import.meta.url), 'utf8')
  const rows = [...text.matchAll(/^\| (`.+?) \| (.+?) \| (.+?) \|/gm)].flatMap(([, names = '', of, unit]) => {
    const by = /by `(\w+)`/.exec(names)?.[1]
    return [...names.replace(/by .*/, '').matchAll(/`(\w+)`/g)].map(([, name]) => [name, { of, unit, by }])
  })
  const known = Object.entries(metrics).map(([name, metric]) => [
    name,
    { of: metric.of.join(', '), unit: metric.unit, by: 'by' in metric ? Object.keys(metric.by)[0] : undefined },
  ])

  expect(Object.fromEntries(rows)).toEqual(Object.fromEntries(known))
})

test.each(Object.entries(metrics).flatMap(([name, { of }]) => of.map((one) => [name, one] as const)))(
  '%s is emitted by %s',
  (name, of) => {
    const [family = name] =
      /^(?:Told|TimeToTruth)(?=[A-Z]+$)|^Updates(?=(?:Duplicate|Superseded|Coalesced)$)/.exec(name) ?? []
    const words = [`'${name}'`, `\`${family}\${`]

    expect(sourcesFrom(`functions/${of}.lambda.ts`).some((text) => words.some((word) => text.includes(word)))).toBe(
      true,
    )
  },
)

/** The texts of a file of this project, and of all that it imports. */
function sourcesFrom(path: string, texts = new Map<string, string>()) {
  const text = readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8')
  texts.set(path, text)
  for (const [, imported = ''] of text.matchAll(/from '(\..+)'/g)) {
    const next = join(dirname(path), imported)
    if (!texts.has(next)) sourcesFrom(next, texts)
  }
  return [...texts.values()]
}

/** A value of the template as text, its references as words. */
function flat(value: unknown): string {
  const join = (value as { 'Fn::Join'?: [string, unknown[]] })['Fn::Join']
  return join ? join[1].map(flat).join('') : nameOf(value)
}

const queryOf = (question: string) =>
  flat(
    resourcesOf(template, 'AWS::Logs::QueryDefinition').find(([, { Properties }]) =>
      flat(Properties['Name']).endsWith(`/${question}`),
    )?.[1].Properties['QueryString'] ?? '',
  )

const ownMetrics = (all: Properties[]) => all.map(({ MetricStat }) => MetricStat?.Metric.MetricName)

/** The names of our own metrics in a line of a widget, also within a search. */
function namesOf(line: unknown[]) {
  const [first, name] = line
  if (typeof first === 'string') return first === 'HubSpotStatusRelay' ? [String(name)] : []
  const { expression = '' } = (first ?? {}) as { expression?: string }
  return [...expression.matchAll(/MetricName="(\w+)"/g)].map(([, found = '']) => found)
}
