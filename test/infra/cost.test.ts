import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { prices } from '../bench/bench/cost.ts'
import { type Properties, relayTemplate, resourcesOf } from './relay-template.ts'

test('docs/cost.md counts what the template has, for a month in which nobody writes', () => {
  expect(idleMonthOf(page('A month of an idle relay'))).toEqual(idleMonth())
})

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
    'key of the portals table': [count('AWS::KMS::Key'), usd.keyMonth],
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

function page(heading: string) {
  const text = readFileSync(new URL('../../docs/cost.md', import.meta.url), 'utf8')
  return text.split(`## ${heading}\n`)[1]?.split('\n## ')[0] ?? ''
}
