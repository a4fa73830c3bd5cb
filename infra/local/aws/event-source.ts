import { setTimeout as wait } from 'node:timers/promises'
import {
  DeleteMessageBatchCommand,
  type Message,
  type MessageAttributeValue,
  ReceiveMessageCommand,
  type SQSClient,
} from '@aws-sdk/client-sqs'
import type { SQSEvent, SQSRecord } from 'aws-lambda'
import * as z from 'zod'
import { slowness } from '../pace.ts'
import { type LambdaFunction, maxEnvironments, type Outcome } from './lambda.ts'

/** The properties of `AWS::Lambda::EventSourceMapping` that are run; strict, for any other one would change its work. */
export const EventSourceProperties = z.strictObject({
  EventSourceArn: z.string(),
  FunctionName: z.string(),
  BatchSize: z.number().default(10),
  MaximumBatchingWindowInSeconds: z.number().default(0),
  ScalingConfig: z.object({ MaximumConcurrency: z.number().optional() }).default({}),
  FunctionResponseTypes: z.array(z.literal('ReportBatchItemFailures')).default([]),
  Enabled: z.literal(true).default(true),
  Tags: z.unknown().optional(),
})

/** A queue whose messages a function consumes. */
export type EventSource = {
  sqs: SQSClient
  queueUrl: string
  region: string
  properties: z.infer<typeof EventSourceProperties>
  invoke: LambdaFunction['invoke']
  /** Stands for the queue's visibility timeout; of a quiet machine's time. */
  visibilityTimeoutSeconds?: number | undefined
}

/**
 * Lambda's poller for a queue: gathers batches, invokes the function with up to its maximum concurrency at once, and
 * deletes what was done. What was not comes back by itself, after the queue's visibility timeout.
 */
export function startEventSource({ sqs, queueUrl, region, properties, invoke, ...shortened }: EventSource) {
  const stopped = new AbortController()
  const maxConcurrency = Math.min(properties.ScalingConfig.MaximumConcurrency ?? maxEnvironments, maxEnvironments)
  const running = new Set<Promise<void>>()

  void poll()
  async function poll() {
    while (!stopped.signal.aborted) {
      if (running.size >= maxConcurrency) await Promise.race(running)
      const batch = await gather()
      if (batch.length === 0) continue
      const work = workOff(batch).finally(() => running.delete(work))
      running.add(work)
    }
  }

  /** A batch, closed when it is full or its window is over. */
  async function gather() {
    const batch = await receive(properties.BatchSize, 20)
    const closesAt = Date.now() + properties.MaximumBatchingWindowInSeconds * 1000
    while (
      batch.length > 0 &&
      batch.length < properties.BatchSize &&
      Date.now() < closesAt &&
      !stopped.signal.aborted
    ) {
      await wait(50)
      batch.push(...(await receive(properties.BatchSize - batch.length, 0)))
    }
    return batch
  }

  async function receive(atMost: number, waitSeconds: number) {
    try {
      const { Messages = [] } = await sqs.send(
        new ReceiveMessageCommand({
          QueueUrl: queueUrl,
          MaxNumberOfMessages: Math.min(atMost, 10),
          WaitTimeSeconds: waitSeconds,
          ...(shortened.visibilityTimeoutSeconds && {
            VisibilityTimeout: Math.round(shortened.visibilityTimeoutSeconds * slowness()),
          }),
          MessageSystemAttributeNames: ['All'],
          MessageAttributeNames: ['All'],
        }),
        { abortSignal: stopped.signal },
      )
      return Messages
    } catch {
      // SQS refuses for now (a fault), or the stack is being stopped; Lambda's pollers go on asking, too.
      await wait(200, undefined, { signal: stopped.signal }).catch(() => {})
      return []
    }
  }

  async function workOff(batch: Message[]) {
    const Records = batch.map((message) =>
      toRecord(message, { eventSourceARN: properties.EventSourceArn, awsRegion: region }),
    )
    const outcome = await invoke({ Records } satisfies SQSEvent)
    const failed = failedIds(outcome, properties.FunctionResponseTypes.length > 0, batch)
    const done = batch.filter(({ MessageId }) => !failed.has(MessageId))
    for (let at = 0; at < done.length; at += 10) await remove(done.slice(at, at + 10))
  }

  async function remove(done: Message[]) {
    const Entries = done.map(({ ReceiptHandle }, index) => ({ Id: String(index), ReceiptHandle }))
    // Those that cannot be deleted come back: at least once is what SQS promises.
    await sqs.send(new DeleteMessageBatchCommand({ QueueUrl: queueUrl, Entries })).catch(() => {})
  }

  return {
    /** Takes no more messages. Does not wait for invocations under way: they may take long. */
    async close() {
      stopped.abort()
    },
  }
}

const BatchResponse = z
  .object({ batchItemFailures: z.array(z.object({ itemIdentifier: z.string() })).nullish() })
  .nullish()

/**
 * The messages that are not done. Lambda takes the whole batch for failed when the function failed, and when its answer
 * is malformed or names a message that is not in the batch.
 * https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html
 */
function failedIds({ payload, error }: Outcome & { payload?: unknown }, reportsFailures: boolean, batch: Message[]) {
  const all = new Set<string | undefined>(batch.map(({ MessageId }) => MessageId))
  if (error) return all
  if (!reportsFailures) return new Set<string | undefined>()
  const response = BatchResponse.safeParse(payload)
  if (!response.success) return all
  const failures = response.data?.batchItemFailures ?? []
  const ids = failures.map(({ itemIdentifier }) => itemIdentifier)
  return ids.every((id) => all.has(id)) ? new Set(ids) : all
}

function toRecord(message: Message, source: { eventSourceARN: string; awsRegion: string }): SQSRecord {
  const attributes = Object.entries(message.MessageAttributes ?? {}).map(([name, value]) => [name, toAttribute(value)])
  return {
    messageId: message.MessageId ?? '',
    receiptHandle: message.ReceiptHandle ?? '',
    body: message.Body ?? '',
    attributes: message.Attributes as SQSRecord['attributes'],
    messageAttributes: Object.fromEntries(attributes),
    md5OfBody: message.MD5OfBody ?? '',
    ...(message.MD5OfMessageAttributes && { md5OfMessageAttributes: message.MD5OfMessageAttributes }),
    eventSource: 'aws:sqs',
    ...source,
  }
}

const toAttribute = ({ StringValue, BinaryValue, DataType = 'String' }: MessageAttributeValue) => ({
  ...(StringValue !== undefined && { stringValue: StringValue }),
  ...(BinaryValue !== undefined && { binaryValue: Buffer.from(BinaryValue).toString('base64') }),
  stringListValues: [],
  binaryListValues: [],
  dataType: DataType,
})
