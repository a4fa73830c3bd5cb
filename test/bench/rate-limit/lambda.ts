import type { Context, SQSBatchResponse, SQSEvent } from 'aws-lambda'
import { sqsEvent } from '../../support/sqs-event.ts'
import type { FairQueue } from './sqs.ts'
import type { World } from './world.ts'

type Handler = (event: SQSEvent, context: Context) => Promise<SQSBatchResponse | undefined>

const batchSize = 10
const batchingWindow = 1000
const timeout = 60_000
// What a batch takes of a Lambda's processor beside the waits for others.
const overhead = 10

/** Works the queue off as Lambda does: so many invocations at once, batches that wait a second to become full. */
export function feed({ clock, latency, count }: World, queue: FairQueue, handlers: Handler[]) {
  for (const [poller, handler] of handlers.entries()) void consume(poller, handler)

  async function consume(poller: number, handler: Handler) {
    for (;;) {
      const messages = await batch(poller)
      const startedAt = clock.now()
      const context = { getRemainingTimeInMillis: () => timeout - (clock.now() - startedAt) } as Context
      const result = await handler(sqsEvent(messages), context)
      if (result?.batchItemFailures.length !== 0) throw new Error('A batch failed, which no crash explains')
      await pause(overhead)
      count('lambdaMilliseconds', clock.now() - startedAt)
      count('sqs')
      void latency('SQS', 10).then(() => queue.remove(messages))
    }
  }

  async function batch(poller: number) {
    let messages = await receive(batchSize)
    while (messages.length === 0) {
      await queue.due(poller)
      messages = await receive(batchSize)
    }
    const closesAt = clock.now() + batchingWindow
    while (messages.length < batchSize && clock.now() < closesAt) {
      await queue.due(poller, closesAt)
      messages.push(...(await receive(batchSize - messages.length)))
    }
    return messages
  }

  async function receive(limit: number) {
    await latency('SQS', 10)
    const messages = queue.receive(limit)
    // Long polls that found nothing are not counted: they cost the same however the relay limits itself.
    if (messages.length > 0) count('sqs')
    return messages
  }

  const pause = (milliseconds: number) => new Promise<void>((resolve) => clock.after(milliseconds, resolve))
}
