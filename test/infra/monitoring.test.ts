import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { Match } from 'aws-cdk-lib/assertions'
import { describe, expect, test } from 'vitest'
import { anchorOf } from '../../infra/alarms.ts'
import { metrics } from '../../infra/metrics.ts'
import { functionsOf, nameOf, type Properties, relayTemplate, resourcesOf } from './relay-template.ts'

const template = relayTemplate()
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

const alarms = resourcesOf(template, 'AWS::CloudWatch::Alarm').map(([, { Properties }]) => Properties)
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

  test('goes nowhere unless somebody says where', () => {
    for (const alarm of alarms) expect(alarm).not.toHaveProperty('AlarmActions')
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
    })
  })

  test("watches every queue's dead letters and age", () => {
    const watched = (metric: string) => alarms.filter(({ MetricName }) => MetricName === metric).length
    const workQueues = resourcesOf(template, 'AWS::SQS::Queue').filter(([, queue]) => queue.Properties['RedrivePolicy'])

    expect(watched('ApproximateNumberOfMessagesVisible')).toBe(workQueues.length)
    expect(watched('ApproximateAgeOfOldestMessage')).toBe(workQueues.length)
  })

  test('watches every function', () => {
    const names = Object.values(functionsOf(template)).map(({ id }) => id)
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

  test('draws no metric that the functions do not emit', () => {
    const drawn = widgets.flatMap(({ properties }) => (properties.metrics ?? []).flatMap(namesOf))

    expect(drawn.length).toBeGreaterThan(20)
    expect(drawn.filter((name) => !(name in metrics))).toEqual([])
  })
})

test('each question of the runbook is a saved query over all functions', () => {
  const queries = resourcesOf(template, 'AWS::Logs::QueryDefinition').map(([, { Properties }]) => Properties)

  expect(queries.map(({ Name }) => Name.split('/')[1]).toSorted()).toEqual(
    firstColumn(chapters['The logs']!).toSorted(),
  )
  for (const { LogGroupNames } of queries) expect(LogGroupNames).toHaveLength(Object.keys(functionsOf(template)).length)
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
    const [family = name] = /^(?:Told|TimeToTruth)(?=[A-Z]+$)/.exec(name) ?? []
    const words = [`'${name}'`, `\`${family}\${`]

    expect(sourcesFrom(`functions/${of}.ts`).some((text) => words.some((word) => text.includes(word)))).toBe(true)
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

const ownMetrics = (all: Properties[]) => all.map(({ MetricStat }) => MetricStat?.Metric.MetricName)

/** The names of our own metrics in a line of a widget, also within a search. */
function namesOf(line: unknown[]) {
  const [first, name] = line
  if (typeof first === 'string') return first === 'HubSpotStatusRelay' ? [String(name)] : []
  const { expression = '' } = (first ?? {}) as { expression?: string }
  return [...expression.matchAll(/MetricName="(\w+)"/g)].map(([, found = '']) => found)
}
