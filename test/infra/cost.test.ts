import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { prices } from '../bench/bench/cost.ts'
import { type Properties, relayTemplate, resourcesOf } from './relay-template.ts'

test('docs/cost.md counts what the template has, for a month in which nobody writes', () => {
  expect(idleMonthOf(page('A month of an idle relay'))).toEqual(idleMonth())
})

test('docs/cost.md counts a month of 1, 40 and 400 accounts', () => {
  const idle = Number(idleMonth()['in all']![1])
  const perMillion = Number(/([\d.]+) \|$/.exec(rowOf('three requests, three queued jobs'))?.[1])
  const { usd } = prices

  expect(rowsOf(page('A month of many accounts'))).toEqual(
    [1, 40, 400].map((accounts) => {
      const messages = accounts * 1000
      const parts = [
        idle,
        metricsOfADay * usd.metricMonth,
        (messages * perMillion) / 1e6,
        readsOfCredentials * messages * usd.dynamoDbReadUnit + rolesThatRead * keyRequestsOfARole * usd.keyRequest,
      ]
      const total = parts.reduce((sum, part) => sum + part)
      return [String(accounts), ...parts.map(dollars), dollars(total), dollars(accounts * usd.secretMonth)]
    }),
  )
})

// What the functions measure on a day on which all goes well.
const metricsOfADay = 16
// A delivery and two receipts, if nobody remembers them: a process does for five minutes.
const readsOfCredentials = 3
const rolesThatRead = 3
// DynamoDB keeps a key for five minutes, for each role that uses it.
const keyRequestsOfARole = 12 * 24 * 30

/** What is paid by the month, whether or not anybody writes: how many of each thing, and at what price. */
function idleMonth() {
  const template = relayTemplate({ alarmSubscribers: ['ops@example.com'] })
  const count = (type: string) => resourcesOf(template, type).length
  const alarmMetrics = resourcesOf(template, 'AWS::CloudWatch::Alarm').reduce(
    (sum, [, { Properties }]) => sum + metricsWatched(Properties),
    0,
  )
  const { usd } = prices
  const rows: Record<string, [count: number, each: number]> = {
    'metrics that alarms watch': [alarmMetrics, usd.alarmMetricMonth],
    dashboard: [count('AWS::CloudWatch::Dashboard'), usd.dashboardMonth],
    'keys of the portals and the credentials': [count('AWS::KMS::Key'), usd.keyMonth],
    "the app's secret": [count('AWS::SecretsManager::Secret'), usd.secretMonth],
    'long polls of empty queues, in millions': [
      count('AWS::Lambda::EventSourceMapping') * millionsOfPolls,
      usd.sqsRequest * 1e6,
    ],
  }
  const total = Object.values(rows).reduce((sum, [howMany, each]) => sum + howMany * each, 0)
  return {
    ...Object.fromEntries(
      Object.entries(rows).map(([what, [howMany, each]]) => [what, [rounded(howMany), dollars(howMany * each)]]),
    ),
    'in all': ['', dollars(total)],
  }
}

// Five pollers, each of which waits for twenty seconds at most.
const millionsOfPolls = (5 * 30 * 86_400) / 20 / 1e6

/** An alarm on a sum is paid by each metric in it. */
const metricsWatched = ({ Metrics = [{ MetricStat: {} }] }: Properties) =>
  Metrics.filter(({ MetricStat }: Properties) => MetricStat !== undefined).length

const dollars = (value: number) => value.toFixed(2)
const rounded = (value: number) => String(Math.round(value * 100) / 100)

/** The rows of a chapter's first table: what, how many, and dollars. */
const idleMonthOf = (chapter: string) =>
  Object.fromEntries(
    [...chapter.matchAll(/^\| (?!---)(.+?) \| (.*?) ?\| (?:.*?\| )?\**([\d.]+)\** \|$/gm)].map(
      ([, what = '', howMany, usd]) => [what.replaceAll('*', ''), [howMany, usd]],
    ),
  )

/** The cells of a chapter's table, without its head. */
const rowsOf = (chapter: string) =>
  [...chapter.matchAll(/^\| (\d.*) \|$/gm)].map(([, cells = '']) => cells.replaceAll('*', '').split(' | '))

const rowOf = (beginning: string) => text.split('\n').find((line) => line.startsWith(`| ${beginning}`)) ?? ''

const text = readFileSync(new URL('../../docs/cost.md', import.meta.url), 'utf8')

function page(heading: string) {
  return text.split(`## ${heading}\n`)[1]?.split('\n## ')[0] ?? ''
}
