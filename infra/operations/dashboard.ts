import { Duration } from 'aws-cdk-lib'
import {
  type Alarm,
  AlarmStatusWidget,
  Dashboard,
  GraphWidget,
  type IMetric,
  MathExpression,
  Metric,
  PeriodOverride,
} from 'aws-cdk-lib/aws-cloudwatch'
import type { Construct } from 'constructs'
import { type MetricName, metrics } from './metrics.ts'
import { metricOf, nameOf, throttledRequests, type Watched } from './watched.ts'

/** One screen in the order of the journey: each widget answers the question that is its title, which the runbook explains. */
export function createDashboard(scope: Construct, watched: Watched, alarms: readonly Alarm[]) {
  const { namespace, apiId, queues, functions } = watched
  const period = Duration.minutes(5)
  const own = (name: MetricName, options: Partial<Parameters<typeof metricOf>[2]> = {}) =>
    metricOf(namespace, name, { period, label: name, ...options })
  const everyReason = (name: 'WebhooksRejected' | 'ReceiptsRejected', reasons: readonly string[]) =>
    reasons.map((reason) => own(name, { label: `${name}: ${reason}`, dimensions: { reason } }))
  const byDimension = (name: MetricName, dimension: string) =>
    new MathExpression({
      expression: `SEARCH('{"${namespace}",service,${dimension}} MetricName="${name}"', 'Sum', 300)`,
      label: name,
      period,
      usingMetrics: {},
    })
  const ofApi = (metricName: '4xx' | '5xx') =>
    new Metric({
      namespace: 'AWS/ApiGateway',
      metricName,
      dimensionsMap: { ApiId: apiId },
      statistic: 'Sum',
      period,
    })
  const percentiles = (name: MetricName) =>
    ['p50', 'p99'].map((statistic) => own(name, { statistic, label: `${name} ${statistic}` }))

  const graph = (title: string, left: IMetric[], right: IMetric[] = []) =>
    new GraphWidget({ title, left, right, width: 8, height: 5, period })

  new Dashboard(scope, 'Dashboard', {
    periodOverride: PeriodOverride.AUTO,
    defaultInterval: Duration.hours(24),
    widgets: [
      [new AlarmStatusWidget({ title: 'Is anything wrong?', alarms: [...alarms], width: 24, height: 3 })],
      [
        graph(
          "Do HubSpot's messages arrive?",
          [
            own('MessagesAccepted'),
            own('MessagesUndeliverable'),
            own('ChannelAccountEvents'),
            own('UnreadableEvents'),
            byDimension('UnknownEvents', 'type'),
            byDimension('UnexpectedFields', 'field'),
          ],
          [
            ...everyReason('WebhooksRejected', metrics.WebhooksRejected.by.reason),
            throttledRequests(namespace, { period, label: 'RequestsThrottled' }),
            ofApi('5xx'),
            // Beside the functions' own: a path that is no route, a body that is too large.
            ofApi('4xx'),
          ],
        ),
        graph('Do they go out?', [
          byDimension('DeliveriesSent', 'channelId'),
          byDimension('DeliveriesRejected', 'channelId'),
          byDimension('DeliveriesInDoubt', 'channelId'),
        ]),
        graph(
          'Do receipts come in?',
          [own('ReceiptsAccepted'), own('ReceiptsIgnored')],
          [...everyReason('ReceiptsRejected', metrics.ReceiptsRejected.by.reason), own('UpdatesUnauthorized')],
        ),
      ],
      [
        graph('What is HubSpot told?', [own('ToldSENT'), own('ToldFAILED'), own('ToldREAD')]),
        graph('What need not be told?', [
          own('UpdatesDuplicate'),
          own('UpdatesSuperseded'),
          own('UpdatesCoalesced'),
          own('UpdatesIgnored'),
        ]),
        graph(
          "Is HubSpot's limit reached?",
          [own('Deferred'), own('RateLimited')],
          [own('AccessDenied'), own('PortalsRevoked')],
        ),
      ],
      [
        graph(
          'How soon is the status true?',
          (['TimeToTruthSENT', 'TimeToTruthFAILED', 'TimeToTruthREAD'] as const).flatMap(percentiles),
        ),
        graph(
          "What is the relay's part in that?",
          percentiles('TellingDelay'),
          queues.map(({ title, consumer }) =>
            own('WaitedFor', { of: nameOf(consumer!), statistic: 'Maximum', label: `${title} waited` }),
          ),
        ),
        graph(
          'What is stuck?',
          queues.map(({ title, deadLetters }) =>
            deadLetters.metricApproximateNumberOfMessagesVisible({
              period,
              statistic: 'Maximum',
              label: `${title}: dead letters`,
            }),
          ),
          queues.map(({ title, queue }) =>
            queue.metricApproximateAgeOfOldestMessage({ period, statistic: 'Maximum', label: `${title}: age` }),
          ),
        ),
      ],
      [
        graph('Why did work become a dead letter?', [byDimension('DeadLettered', 'reason')]),
        graph(
          'Do the functions keep up?',
          functions.map((one) => one.metricErrors({ period, label: `${nameOf(one)}: errors` })),
          functions.map((one) => one.metricThrottles({ period, label: `${nameOf(one)}: throttles` })),
        ),
        graph(
          'How long do they take?',
          functions.map((one) => one.metricDuration({ period, statistic: 'p99', label: `${nameOf(one)} p99` })),
        ),
      ],
    ],
  })
}
