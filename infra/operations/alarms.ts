import { Duration } from 'aws-cdk-lib'
import {
  Alarm,
  ComparisonOperator,
  type IMetric,
  MathExpression,
  Metric,
  TreatMissingData,
} from 'aws-cdk-lib/aws-cloudwatch'
import { SnsAction } from 'aws-cdk-lib/aws-cloudwatch-actions'
import type { ITopic } from 'aws-cdk-lib/aws-sns'
import type { IQueue } from 'aws-cdk-lib/aws-sqs'
import { Construct } from 'constructs'
import { type MetricName, metrics } from './metrics.ts'
import { metricOf, nameOf, throttledRequests, type Watched, type WatchedQueue } from './watched.ts'

/** What raises an alarm: its name is its heading in the runbook. */
type Rule = {
  name: string
  /** What happens, who is hurt, and what to do next. */
  says: string
  metric: IMetric
  /** Raised at this value, or above. */
  atLeast: number
  /** For how many of the metric's periods in a row. Default: 1. */
  periods?: number
  /** In any one of this many periods, the last ones; then it stays raised for as long, and can ring anew. */
  within?: number
}

/** The alarms of a relay: one for each thing that an operator has to do something about. */
export class Alarms extends Construct {
  readonly all: readonly Alarm[]

  constructor(
    scope: Construct,
    id: string,
    { watched, topic, runbookUrl }: { watched: Watched; topic: ITopic | undefined; runbookUrl: string },
  ) {
    super(scope, id)
    this.all = [...watched.queues.flatMap((queue) => ofQueue(queue, watched)), ...ofRelay(watched)].map(
      ({ name, says, metric, ...rule }) => {
        const alarm = new Alarm(
          this,
          name.replaceAll(/\W+(\w)/g, (_, first: string) => first.toUpperCase()),
          {
            alarmDescription: `${says} ${runbookUrl}#${anchorOf(name)}`,
            metric,
            threshold: rule.atLeast,
            evaluationPeriods: rule.within ?? rule.periods ?? 1,
            ...(rule.within && { datapointsToAlarm: 1 }),
            comparisonOperator: ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
            treatMissingData: TreatMissingData.NOT_BREACHING,
          },
        )
        if (topic) {
          alarm.addAlarmAction(new SnsAction(topic))
          alarm.addOkAction(new SnsAction(topic))
        }
        return alarm
      },
    )
  }
}

/** A heading's anchor, as GitHub makes it. */
export const anchorOf = (heading: string) =>
  heading
    .toLowerCase()
    .replaceAll(/[^\w -]/g, '')
    .replaceAll(' ', '-')

const minutes = (count: number) => ({ period: Duration.minutes(count) })

function ofQueue({ title, impact, queue, deadLetters, consumer }: WatchedQueue, { namespace }: Watched): Rule[] {
  return [
    {
      name: `${title} among the dead letters`,
      says: `${impact} The dead letters say why; mend it, then send them back within 14 days.`,
      metric: arrivalsIn(deadLetters),
      atLeast: 1,
      within: 15,
    },
    {
      name: `${title} not worked off`,
      says: `Work lies in the queue for half an hour, and nobody takes it. ${impact} See whether its function runs.`,
      metric: queue.metricApproximateAgeOfOldestMessage({ ...minutes(1), statistic: 'Maximum' }),
      // Above the longest delay of a job that waits, and a visibility timeout beside it: such jobs count as old, too.
      atLeast: 1800,
      periods: 5,
    },
    {
      name: `${title} wait for long`,
      says: `Some have been waiting for over an hour. ${impact} The log says what for: access, a rate limit, the other side.`,
      metric: metricOf(namespace, 'WaitedFor', { ...minutes(5), of: nameOf(consumer!), statistic: 'Maximum' }),
      atLeast: 3600,
    },
  ]
}

/**
 * How many messages came into a queue of dead letters in a minute, whatever lies in it: those that were sent there are
 * counted by SQS, and those that SQS moved there, which it does not count, raise the level. A queue that has been empty
 * for hours measures nothing. Why so: docs/decisions/0034-what-a-team-is-told.md.
 */
function arrivalsIn(deadLetters: IQueue) {
  const level = (name: string) => `FILL(FILL(${name}, REPEAT), 0)`
  return new MathExpression({
    ...minutes(1),
    expression: `MAX([FILL(sent, 0), DIFF(${level('visible')} + ${level('inFlight')})])`,
    label: 'Letters that came',
    usingMetrics: {
      sent: deadLetters.metricNumberOfMessagesSent({ ...minutes(1), statistic: 'Sum' }),
      visible: deadLetters.metricApproximateNumberOfMessagesVisible({ ...minutes(1), statistic: 'Maximum' }),
      inFlight: deadLetters.metricApproximateNumberOfMessagesNotVisible({ ...minutes(1), statistic: 'Maximum' }),
    },
  })
}

function ofRelay({ namespace, functions, queues, apiId }: Watched): Rule[] {
  const own = (name: MetricName, options: Partial<Parameters<typeof metricOf>[2]> = {}) =>
    metricOf(namespace, name, { ...minutes(5), ...options })
  const ofAll = (name: MetricName) =>
    new MathExpression({
      ...minutes(5),
      expression: 'SUM(METRICS())',
      label: name,
      usingMetrics: Object.fromEntries(metrics[name].of.map((of, index) => [`m${index}`, own(name, { of })])),
    })
  const ofFunctions = (kind: 'Errors' | 'Throttles') =>
    new MathExpression({
      ...minutes(5),
      expression: `SUM(METRICS())`,
      label: kind,
      usingMetrics: Object.fromEntries(
        functions.map((one, index) => [`f${index}`, one.metric(kind, { statistic: 'Sum', ...minutes(5) })]),
      ),
    })
  const shareOfTimeout = new MathExpression({
    ...minutes(5),
    // Each function's longest run, as a share of what it may take.
    expression: `MAX([${functions.map(({ timeout }, index) => `f${index}/${timeout!.toMilliseconds()}`).join(', ')}])`,
    label: 'Share of the timeout',
    usingMetrics: Object.fromEntries(
      functions.map((one, index) => [`f${index}`, one.metricDuration({ statistic: 'Maximum', ...minutes(5) })]),
    ),
  })

  return [
    {
      name: 'Webhooks answered with an error',
      says: 'HubSpot, a provider or an admin was answered with a server error. HubSpot may not send a message again, and then no customer gets it. See why at once.',
      metric: new Metric({
        namespace: 'AWS/ApiGateway',
        metricName: '5xx',
        dimensionsMap: { ApiId: apiId },
        statistic: 'Sum',
        ...minutes(5),
      }),
      atLeast: 1,
    },
    {
      name: 'Requests refused by the throttle',
      says: 'More requests came than the HTTP API takes, and were answered 429 before any function saw them. HubSpot may not send a message again, and then no customer gets it. Raise throttle, or find who floods it.',
      metric: throttledRequests(namespace, minutes(5)),
      atLeast: 1,
    },
    {
      name: 'Jobs of a newer version',
      says: 'Jobs wait that a newer version wrote, after a rollback for instance, and nobody does them: customers get no message, or agents no status, and after four days they are dead letters. Deploy the newer version again, mended.',
      metric: new MathExpression({
        ...minutes(15),
        expression: 'SUM(METRICS())',
        label: 'Jobs of a newer version',
        usingMetrics: Object.fromEntries(
          queues.map(({ consumer }, index) => [
            `q${index}`,
            metricOf(namespace, 'WrittenByNewerVersion', { ...minutes(15), of: nameOf(consumer!) }),
          ]),
        ),
      }),
      atLeast: 1,
      // While a release replaces one function after the other, some are met.
      periods: 2,
    },
    {
      name: 'Signatures refused',
      says: "Webhooks come whose signature does not match: HubSpot's if the client secret was rotated there and not here, and then messages are lost. Compare the secrets.",
      metric: own('WebhooksRefused', { dimensions: { reason: 'mismatch' } }),
      atLeast: 5,
    },
    {
      name: 'The truth is late',
      says: 'One message in a hundred shows SENT later than fifteen minutes after the agent pressed Send. See whether the provider or HubSpot holds it up.',
      metric: own('TimeToTruthSENT', { statistic: 'p99' }),
      atLeast: 15 * 60_000,
      periods: 3,
    },
    {
      name: 'A portal took its consent back',
      says: 'HubSpot refuses to refresh the tokens of a portal. Its messages keep the status that they have, for a day, then become dead letters. Have the app installed again, or remove the portal.',
      metric: own('PortalsRevoked'),
      atLeast: 1,
    },
    {
      name: 'HubSpot refuses access',
      says: "HubSpot refuses the app's credentials, a fresh token, or a scope. Statuses wait until that is mended.",
      metric: own('AccessRefused'),
      atLeast: 1,
    },
    {
      name: 'HubSpot refuses the statuses of a channel',
      says: 'HubSpot refuses message after message of a channel in the same way. Agents see SENT, whatever became of the messages, and new statuses are tried only twice. See what HubSpot says.',
      metric: own('RefusedAlike'),
      atLeast: 1,
    },
    {
      name: 'HubSpot holds another status',
      says: 'HubSpot took a status twice, and answers that it holds another one. Agents see what is not true. See which messages, and compare.',
      metric: own('HeldOtherwise'),
      atLeast: 1,
    },
    {
      name: 'Secrets cannot be read anew',
      says: 'Secrets Manager does not answer, and the secrets that were read before serve, for a day at most. A new function instance has none, and a rotation goes unseen. See how Secrets Manager fares.',
      metric: ofAll('SecretsNotReadAnew'),
      atLeast: 1,
      periods: 2,
    },
    {
      name: 'A provider refuses an account',
      says: 'A messaging service does not accept an account as it is set up: its credentials, its number, its bot, its plan. Its messages wait, and then count as failed. The log names the account.',
      metric: ofAll('SetUpFaults'),
      atLeast: 1,
    },
    {
      name: 'Functions throttled',
      says: "Lambda has no room for the relay's functions, so webhooks may be refused and work waits. Raise the account's concurrency, or lower maxConcurrency.",
      metric: ofFunctions('Throttles'),
      atLeast: 1,
      periods: 2,
    },
    {
      name: 'Functions fail',
      says: 'A function died, or ran out of time or memory. SQS will redeliver its work, for ten hours, then it is among the dead letters; a webhook is lost unless its sender tries again.',
      metric: ofFunctions('Errors'),
      atLeast: 1,
    },
    {
      name: 'Functions near their timeout',
      says: 'A function took nine tenths of its time. Soon it will be ended half-way, and work is done late. See what it waits for.',
      metric: shareOfTimeout,
      atLeast: 0.9,
      periods: 3,
    },
  ]
}
