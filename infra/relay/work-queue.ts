import { Duration } from 'aws-cdk-lib'
import { EventSourceMapping, type IFunction } from 'aws-cdk-lib/aws-lambda'
import { Queue, QueueEncryption } from 'aws-cdk-lib/aws-sqs'
import { Construct } from 'constructs'
import { acknowledge } from './acknowledge.ts'
import type { Chosen } from './defaults.ts'
import { maxReceiveCount } from './max-receive-count.ts'

/** The timeout of every function that consumes a queue. */
export const consumerTimeout = Duration.seconds(60)

/** How a queue is consumed. */
export interface WorkQueueProps {
  /** What is in it, as alarms and the dashboard call it. */
  readonly title: string
  /** Who is hurt if its work is not done, in a sentence. */
  readonly impact: string
  /** How long an incomplete batch waits for more messages. Whole seconds; zero: not at all. */
  readonly batchingWindow: Duration
  /** How many of the consumer's invocations may run at once, 2 to 1000. */
  readonly maxConcurrency: number
  /** After which no job waits any longer, where there is such a time. */
  readonly longestWait?: Duration
}

/**
 * The queues of a relay. What providers post other than receipts, hand-ons, goes on to the team's own application. A second's
 * wait fills the batches of status updates, which spares invocations; messages to customers go at once.
 */
export function createQueues(
  scope: Construct,
  chosen: Pick<Chosen, 'maxConcurrency' | 'delivery' | 'receipts' | 'deliverWithin' | 'giveUpAfter'>,
) {
  const { maxConcurrency, delivery, receipts, deliverWithin, giveUpAfter } = chosen
  const statusUpdates = new WorkQueue(scope, 'StatusUpdates', {
    title: 'Status updates',
    impact: 'Agents see an outdated status on some messages.',
    batchingWindow: Duration.seconds(1),
    maxConcurrency,
  })
  const deliveries = delivery
    ? new WorkQueue(scope, 'Deliveries', {
        title: 'Deliveries',
        impact: 'Some messages have not reached their customers.',
        batchingWindow: Duration.seconds(0),
        maxConcurrency,
        longestWait: deliverWithin,
      })
    : undefined
  const handOns = receipts
    ? new WorkQueue(scope, 'HandOns', {
        title: 'Hand-ons',
        impact: "Some customers' messages have not reached your application.",
        batchingWindow: Duration.seconds(0),
        maxConcurrency,
        longestWait: giveUpAfter,
      })
    : undefined
  return { statusUpdates, deliveries, handOns }
}

/** A queue with its dead letters. Made fair between portals by the `MessageGroupId` that senders give. */
export class WorkQueue extends Construct {
  readonly queue: Queue
  readonly deadLetters: Queue
  readonly title: string
  readonly impact: string
  readonly longestWait: Duration | undefined
  readonly maxReceiveCount = maxReceiveCount
  /** The function that consumes it. */
  consumer: IFunction | undefined
  mapping: EventSourceMapping | undefined
  readonly #props: WorkQueueProps

  constructor(scope: Construct, id: string, props: WorkQueueProps) {
    super(scope, id)
    this.#props = props
    this.title = props.title
    this.impact = props.impact
    this.longestWait = props.longestWait
    this.deadLetters = new Queue(this, 'DeadLetters', common)
    acknowledge(this.deadLetters, {
      id: 'Serverless::Serverless-SQSRedrivePolicy',
      reason: 'These are the dead letters, which operators send back.',
    })
    this.queue = new Queue(this, 'Queue', {
      ...common,
      visibilityTimeout: visibilityTimeout(props.batchingWindow),
      deadLetterQueue: { queue: this.deadLetters, maxReceiveCount: this.maxReceiveCount },
    })
  }

  /** Has a function consume this queue. Its timeout must be `consumerTimeout`. */
  feed(consumer: IFunction) {
    const { batchingWindow, maxConcurrency } = this.#props
    this.consumer = consumer
    this.mapping = new EventSourceMapping(this, 'Consumer', {
      target: consumer,
      eventSourceArn: this.queue.queueArn,
      batchSize: 10,
      maxBatchingWindow: batchingWindow,
      // Not reserved concurrency, by which throttled messages would end as dead letters.
      maxConcurrency,
      reportBatchItemFailures: true,
    })
    acknowledge(this.mapping, {
      id: 'Serverless::Serverless-LambdaEventSourceMappingDestination',
      reason: "Lambda offers that for streams; what fails from an SQS queue goes to that queue's dead letters.",
    })
    // Lambda refuses to set up a mapping whose function may not read the queue yet.
    this.queue
      .grant(consumer, 'sqs:ReceiveMessage', 'sqs:DeleteMessage', 'sqs:GetQueueAttributes')
      .applyBefore(this.mapping)
  }
}

const common = {
  encryption: QueueEncryption.SQS_MANAGED,
  enforceSSL: true,
  // The longest that SQS offers, for both queues: SQS drops what is older without a word, even where its consumer
  // stood still, and a message keeps its age when it becomes a dead letter.
  retentionPeriod: Duration.days(14),
  maxMessageSizeBytes: 1024 * 1024,
}

/**
 * By AWS's rule for Lambda: six times the function's timeout, and the batching window.
 * https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html
 */
const visibilityTimeout = (batchingWindow: Duration) =>
  Duration.seconds(6 * consumerTimeout.toSeconds() + batchingWindow.toSeconds())
