import type { Duration } from 'aws-cdk-lib'
import { Metric, type MetricOptions } from 'aws-cdk-lib/aws-cloudwatch'
import type { IFunction, Function as LambdaFunction } from 'aws-cdk-lib/aws-lambda'
import { FilterPattern, type LogGroup, MetricFilter } from 'aws-cdk-lib/aws-logs'
import type { IQueue } from 'aws-cdk-lib/aws-sqs'
import type { Construct } from 'constructs'
import { type MetricName, metrics } from './metrics.ts'

/** The parts of a relay that are watched. */
export interface Watched {
  /** The CloudWatch namespace of the functions' own metrics. */
  readonly namespace: string
  readonly functions: LambdaFunction[]
  readonly apiId: string
  readonly queues: WatchedQueue[]
  /** After how long without a receipt agents see SENT. */
  readonly unconfirmedAfter: Duration
  /** Absent where nothing is published. */
  readonly events: WatchedEvents | undefined
}

/** What publishes events, and where it leaves what it could not publish. */
interface WatchedEvents {
  readonly publisher: IFunction
  readonly deadLetters: IQueue
}

/** A queue, its dead letters, and the function that consumes it. */
export interface WatchedQueue {
  /** What is in it, as alarms and the dashboard call it. */
  readonly title: string
  /** Who is hurt if its work is not done, in a sentence. */
  readonly impact: string
  readonly queue: IQueue
  readonly deadLetters: IQueue
  readonly consumer: IFunction | undefined
  /** After which no job of it waits any longer, where there is such a time. */
  readonly longestWait: Duration | undefined
}

/**
 * Requests that API Gateway refused by itself, since they were too many. It measures no such thing: its `4xx` has the
 * functions' own refusals as well. So they are counted in the access log: no function answers 429.
 */
export function countThrottledRequests(scope: Construct, accessLogs: LogGroup, namespace: string) {
  new MetricFilter(scope, 'ThrottledRequests', {
    logGroup: accessLogs,
    filterPattern: FilterPattern.literal('{ $.status = "429" }'),
    metricNamespace: namespace,
    metricName: throttledRequestsName,
  })
}

const throttledRequestsName = 'RequestsThrottled'

/** The metric that `countThrottledRequests` makes. */
export const throttledRequests = (namespace: string, options: { period: Duration; label?: string }) =>
  new Metric({ namespace, metricName: throttledRequestsName, statistic: 'Sum', ...options })

/** A function's name, by which its metrics are found. */
export const nameOf = ({ node }: IFunction) => node.scope!.node.id

/** How a metric is looked at: as CDK has it, and by which function and further dimensions. */
export interface MetricChoice extends Omit<MetricOptions, 'dimensionsMap'> {
  /**
   * The function that writes it.
   *
   * @default - the first that does
   */
  readonly of?: string
  /** What a metric that is split is split by: `{ reason: 'mismatch' }`. */
  readonly dimensions?: Record<string, string>
}

/** A metric of one function, as CloudWatch finds it. */
export function metricOf(namespace: string, name: MetricName, options: MetricChoice) {
  const { of = metrics[name].of[0], statistic = 'Sum', dimensions, ...rest } = options
  // As Powertools names the function.
  return new Metric({ namespace, metricName: name, dimensionsMap: { service: of, ...dimensions }, statistic, ...rest })
}
