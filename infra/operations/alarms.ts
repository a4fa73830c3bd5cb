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
  /** For how many of the metric's periods, in a row unless `within` says otherwise. Default: 1. */
  periods?: number
  /**
   * In any of this many periods, the last ones: where little happens, most measure nothing, and no two in a row do. It
   * stays raised for about as long, and can be raised again.
   */
  within?: number
  /** The functions that measure it, where a relay may have none of them: then there is no alarm. */
  of?: readonly string[]
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
    this.all = [
      ...watched.queues.flatMap((queue) => ofQueue(queue, watched)),
      ...ofRelay(watched),
      ...ofEvents(watched),
    ].map(({ name, says, metric, ...rule }) => {
      const alarm = new Alarm(
        this,
        name.replaceAll(/\W+(\w)/g, (_, first: string) => first.toUpperCase()),
        {
          alarmDescription: `${says} ${runbookUrl}#${anchorOf(name)}`,
          metric,
          threshold: rule.atLeast,
          evaluationPeriods: rule.within ?? rule.periods ?? 1,
          ...(rule.within && { datapointsToAlarm: rule.periods ?? 1 }),
          comparisonOperator: ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
          treatMissingData: TreatMissingData.NOT_BREACHING,
        },
      )
      if (topic) {
        alarm.addAlarmAction(new SnsAction(topic))
        alarm.addOkAction(new SnsAction(topic))
      }
      return alarm
    })
  }
}

/** A heading's anchor, as GitHub makes it. */
export const anchorOf = (heading: string) =>
  heading
    .toLowerCase()
    .replaceAll(/[^\w -]/g, '')
    .replaceAll(' ', '-')

const minutes = (count: number) => ({ period: Duration.minutes(count) })

function ofQueue(watched: WatchedQueue, { namespace }: Watched): Rule[] {
  const { title, impact, queue, deadLetters, consumer, longestWait } = watched
  const mayWait = longestWait === undefined || longestWait.isUnresolved() || longestWait.toSeconds() > anHour
  const waiting: Rule = {
    name: `${title}: waiting for over an hour`,
    says: `Some jobs have been waiting for over an hour. ${impact} The log says what for: access, a rate limit, or the other side.`,
    metric: metricOf(namespace, 'WaitedFor', { ...minutes(5), of: nameOf(consumer!), statistic: 'Maximum' }),
    atLeast: anHour,
  }
  return [
    {
      name: `${title}: new dead letters`,
      says: `${impact} Each dead letter says why. Fix the cause, then redrive them within 14 days.`,
      metric: arrivalsIn(deadLetters),
      atLeast: 1,
      within: 15,
    },
    {
      name: `${title}: the backlog is not draining`,
      says: `The oldest message has been in the queue for half an hour. ${impact} Check whether its consumer is running.`,
      metric: queue.metricApproximateAgeOfOldestMessage({ ...minutes(1), statistic: 'Maximum' }),
      // Above the longest delay of a job that waits, and a visibility timeout beside it: such jobs count as old, too.
      atLeast: 1800,
      periods: 5,
    },
    // Where all are given up sooner, the dead letters tell.
    ...(mayWait ? [waiting] : []),
  ]
}

// In seconds.
const anHour = 3600

function ofEvents({ events }: Watched): Rule[] {
  if (!events) return []
  return [
    {
      name: 'Events are late',
      says: 'What happens is published more than ten minutes late. Your own systems do not hear of it; statuses are not held up. Find out within a day why the bus does not accept them.',
      metric: events.publisher.metric('IteratorAge', { ...minutes(1), statistic: 'Maximum' }),
      atLeast: 600_000,
      periods: 5,
    },
    {
      name: 'Events given up',
      says: 'Events could not be published for 23 hours, and are no longer retried. Your own systems will not hear of them. Fix what keeps the bus from accepting them, and compare with the ledger.',
      metric: arrivalsIn(events.deadLetters),
      atLeast: 1,
      within: 15,
    },
  ]
}

/**
 * How many messages came into a queue of dead letters in a minute, however many are in it: those that were sent there are
 * counted by SQS, and those that SQS moved there, which it does not count, raise the level. A queue that has been empty
 * for hours measures nothing. Why so: docs/decisions/0033-what-a-team-is-told.md.
 */
function arrivalsIn(deadLetters: IQueue) {
  const level = (name: string) => `FILL(FILL(${name}, REPEAT), 0)`
  return new MathExpression({
    ...minutes(1),
    expression: `MAX([FILL(sent, 0), DIFF(${level('visible')} + ${level('inFlight')})])`,
    label: 'Dead letters that arrived',
    usingMetrics: {
      sent: deadLetters.metricNumberOfMessagesSent({ ...minutes(1), statistic: 'Sum' }),
      visible: deadLetters.metricApproximateNumberOfMessagesVisible({ ...minutes(1), statistic: 'Maximum' }),
      inFlight: deadLetters.metricApproximateNumberOfMessagesNotVisible({ ...minutes(1), statistic: 'Maximum' }),
    },
  })
}

function ofRelay({ namespace, functions, queues, apiId, unconfirmedAfter }: Watched): Rule[] {
  const own = (name: MetricName, options: Partial<Parameters<typeof metricOf>[2]> = {}) =>
    metricOf(namespace, name, { ...minutes(5), ...options })
  const isDeployed = (of: string) => functions.some((one) => nameOf(one) === of)
  const ofAll = (name: MetricName) =>
    new MathExpression({
      ...minutes(5),
      expression: 'SUM(METRICS())',
      label: name,
      usingMetrics: Object.fromEntries(
        metrics[name].of.filter(isDeployed).map((of, index) => [`m${index}`, own(name, { of })]),
      ),
    })
  const forReasons = (name: 'WebhooksRejected' | 'ReceiptsRejected', reasons: readonly string[]) =>
    new MathExpression({
      ...minutes(5),
      expression: 'SUM(METRICS())',
      label: name,
      usingMetrics: Object.fromEntries(
        reasons.map((reason, index) => [`r${index}`, own(name, { dimensions: { reason } })]),
      ),
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

  // Later than where no receipt comes: those that are SENT only then are in time.
  const silent = unconfirmedAfter.isUnresolved() ? 0 : Math.ceil(unconfirmedAfter.toSeconds() / 60)
  const slow = Math.max(15, silent + 5)

  const rules: Rule[] = [
    {
      name: 'Requests answered with a server error',
      says: 'HubSpot, a provider or an admin got a server error. HubSpot may not send the webhook again, and then the customer never gets the message. Find out why at once.',
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
      name: 'Requests throttled',
      says: 'API Gateway answered 429 to requests above the limit before any function saw them. HubSpot may not send a webhook again, and then the customer never gets the message. Raise throttle, or find out who is flooding the API.',
      metric: throttledRequests(namespace, minutes(5)),
      atLeast: 1,
    },
    {
      name: 'Jobs from a newer version',
      says: 'The queues hold jobs that a newer version wrote, after a rollback for instance, and this version cannot process them. Customers get no message, or agents no status, and after four days the jobs are dead letters. Fix the newer version and deploy it again.',
      metric: new MathExpression({
        ...minutes(15),
        expression: 'SUM(METRICS())',
        label: 'Jobs from a newer version',
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
      name: 'Webhook signatures rejected',
      says: "A webhook arrived whose signature does not match, or is of another time or version. If it is HubSpot's, a customer does not get a message: the client secret was rotated there but not here, as a rule. Find out why at once.",
      // Who sends nothing that looks like HubSpot's signature is not HubSpot.
      metric: forReasons('WebhooksRejected', ['old version', 'stale', 'mismatch']),
      atLeast: 1,
    },
    {
      name: 'Receipts rejected',
      says: "Providers' receipts are rejected, since their signature does not match or they cannot be read. What became of those messages is not known: agents see SENT also where they failed. Compare the account's secret with the provider's.",
      metric: forReasons('ReceiptsRejected', ['signature', 'unreadable']),
      of: metrics.ReceiptsRejected.of,
      atLeast: 1,
      // Anybody may call a URL once.
      periods: 2,
      within: 12,
    },
    {
      name: 'Status updates are slow',
      says: `Again and again within an hour, a message showed SENT more than ${slow} minutes after the agent pressed Send. Check whether the provider or HubSpot is slow.`,
      metric: own('TimeToTruthSENT', { statistic: 'p99' }),
      atLeast: slow * 60_000,
      periods: 3,
      within: 12,
    },
    {
      name: 'A portal revoked access',
      says: 'HubSpot no longer accepts the refresh token of a portal, or your own token endpoint does not know it. Its status updates wait for a day, then become dead letters. Have the app installed again, or remove the portal.',
      metric: own('PortalsRevoked'),
      atLeast: 1,
    },
    {
      name: 'HubSpot denies access',
      says: "HubSpot rejects the app's credentials or a fresh access token, or a scope is missing. Status updates wait until that is fixed.",
      metric: own('AccessDenied'),
      atLeast: 1,
    },
    {
      name: 'Access tokens cannot be refreshed',
      says: 'Access tokens cannot be refreshed for a quarter of an hour: HubSpot, or your own token endpoint, gives no usable answer. Status updates wait, for a day at most. Find out which one does not answer.',
      metric: own('TokenRefreshesFailed'),
      atLeast: 1,
      periods: 3,
      // Attempts may be a quarter of an hour apart.
      within: 12,
    },
    {
      name: 'HubSpot rejects every status of a channel',
      says: 'HubSpot rejects the status of message after message of a channel in the same way. Agents see SENT, whatever became of the messages, and new status updates are tried only twice. Read what HubSpot says.',
      metric: own('SystematicRejections'),
      atLeast: 1,
    },
    {
      name: 'HubSpot shows a different status',
      says: 'HubSpot accepted a status twice, and its answers show a different one. Agents see the wrong status. Find the messages and compare.',
      metric: own('HeldOtherwise'),
      atLeast: 1,
    },
    {
      name: 'Secrets cannot be refreshed',
      says: "Secrets Manager, or DynamoDB for the providers' credentials, does not answer. Cached secrets are used for a day at most; a new execution environment has none, and a rotation goes unnoticed. Check the health of both.",
      metric: ofAll('StaleSecretsServed'),
      atLeast: 1,
      periods: 2,
      within: 12,
    },
    {
      name: 'A provider rejects an account',
      says: 'A messaging service rejects an account as it is set up: its credentials, number, bot or plan. Its messages wait, and then fail. The log names the account.',
      metric: ofAll('AccountErrors'),
      of: metrics.AccountErrors.of,
      atLeast: 1,
    },
    {
      name: 'Functions throttled',
      says: "The account's concurrency is used up, so webhooks may be rejected and jobs wait. Raise the account's concurrency, or lower maxConcurrency.",
      metric: ofFunctions('Throttles'),
      atLeast: 1,
      periods: 2,
    },
    {
      name: 'Function errors',
      says: 'A function crashed, timed out or ran out of memory. SQS redelivers its messages for ten hours, then they are dead letters; a webhook is lost unless its sender retries.',
      metric: ofFunctions('Errors'),
      atLeast: 1,
    },
    {
      name: 'Functions near their timeout',
      says: 'A function used nine tenths of its timeout. Soon it will be cut off half-way and its work delayed. Find out what it is waiting for.',
      metric: shareOfTimeout,
      atLeast: 0.9,
      periods: 3,
    },
  ]
  return rules.filter(({ of }) => !of || of.some(isDeployed))
}
