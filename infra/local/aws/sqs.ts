import { findPackageJSON } from 'node:module'
import { pathToFileURL } from 'node:url'
import type { Message } from '@aws-sdk/client-sqs'
import { buildApp } from 'fauxqs'
import * as z from 'zod'
import type { AwsAnswer, AwsCall, Emulator } from './aws.ts'
import { deliverFairly, type SqsMessage, type Stores } from './fair-delivery.ts'

/** The properties of `AWS::SQS::Queue` that are run; named as SQS names a queue's attributes. */
export const QueueProperties = z.object({
  VisibilityTimeout: z.coerce.string().optional(),
  DelaySeconds: z.coerce.string().optional(),
  MessageRetentionPeriod: z.coerce.string().optional(),
  ReceiveMessageWaitTimeSeconds: z.coerce.string().optional(),
  MaximumMessageSize: z.coerce.string().optional(),
  RedrivePolicy: z
    .looseObject({})
    .transform((policy) => JSON.stringify(policy))
    .optional(),
})

/** How many messages a queue holds. `dueAt` has the times (ms) at which the delayed ones become visible. */
export type QueueDepth = { name: string; visible: number; inFlight: number; dueAt: number[] }

// fauxqs takes its store as an option, and does not export the class of it.
const storeModule = new URL('dist/sqs/sqsStore.js', pathToFileURL(findPackageJSON('fauxqs', import.meta.url)!))
const { SqsStore }: { SqsStore: new () => Stores['sqsStore'] } = await import(storeModule.href)

/** SQS in memory, by fauxqs. `maxDelaySeconds` stands for each longer delay. */
export function createSqs({ maxDelaySeconds = 900 } = {}) {
  const app = buildApp({ logger: false, stores: { sqsStore: createFairStore() } as Stores })
  const behaviour = { duplicates: false }

  const emulate: Emulator = async (call) => {
    const answer = await take(call)
    if (behaviour.duplicates && call.operation.startsWith('SendMessage')) await take(call)
    return answer
  }

  async function take(call: AwsCall): Promise<AwsAnswer> {
    const { statusCode, headers, body } = await app.inject({
      method: 'POST',
      url: '/',
      headers: {
        host: call.headers.host,
        authorization: call.headers.authorization,
        'content-type': call.headers['content-type'],
        'x-amz-target': call.headers['x-amz-target'],
      },
      payload: rewriteRequest(call, (entry) => packed(sooner(entry, maxDelaySeconds))),
    })
    const queryError = headers['x-amzn-query-error']
    return {
      statusCode,
      headers: { ...(queryError !== undefined && { 'x-amzn-query-error': String(queryError) }) },
      body: statusCode === 200 ? rewriteAnswer(call, body) : body,
    }
  }

  return {
    emulate,
    /** Whether each message that is sent comes twice, as it may on a standard queue. To be set at any time. */
    behaviour,

    /** What each queue holds at this moment. */
    async depths(): Promise<QueueDepth[]> {
      const queues = Queues.parse((await app.inject('/_fauxqs/queues')).json())
      return Promise.all(
        queues.map(async (queue) => ({
          name: queue.name,
          visible: queue.approximateMessageCount,
          inFlight: queue.approximateInflightCount,
          dueAt: queue.approximateDelayedCount === 0 ? [] : await dueTimes(queue.name),
        })),
      )
    },

    /** Every message of a queue, oldest first, as a look from outside: nothing is received, hidden or counted. */
    async contents(name: string): Promise<Message[]> {
      const { messages } = Queue.parse((await app.inject(`/_fauxqs/queues/${name}`)).json())
      const all = [...messages.ready, ...messages.delayed, ...messages.inflight.map(({ message }) => message)]
      return all
        .toSorted((a, b) => a.sentTimestamp - b.sentTimestamp)
        .map(({ messageId, body, sentTimestamp }) => ({
          MessageId: messageId,
          Body: body,
          Attributes: { SentTimestamp: String(sentTimestamp) },
        }))
    },

    /** Ends the long polls under way. */
    close: () => app.close(),
  }

  async function dueTimes(name: string) {
    const queue = Queue.parse((await app.inject(`/_fauxqs/queues/${name}`)).json())
    return queue.messages.delayed.map(({ delayUntil }) => delayUntil)
  }
}

/** A store whose queues deliver fairly. */
function createFairStore() {
  const store = new SqsStore()
  const createQueue = store.createQueue.bind(store)
  store.createQueue = (...options) => {
    const queue = createQueue(...options)
    deliverFairly(queue, groupOf)
    return queue
  }
  return store
}

const Queues = z.array(
  z.object({
    name: z.string(),
    approximateMessageCount: z.number(),
    approximateInflightCount: z.number(),
    approximateDelayedCount: z.number(),
  }),
)
const Kept = z.object({ messageId: z.string(), body: z.string(), sentTimestamp: z.number() })
const Queue = z.object({
  messages: z.object({
    ready: z.array(Kept),
    delayed: z.array(Kept.extend({ delayUntil: z.number() })),
    inflight: z.array(z.object({ message: Kept })),
  }),
})

// fauxqs drops MessageGroupId on standard queues, and AWSTraceHeader. They ride along as one more message attribute.
const carrier = 'local.SystemAttributes'

const Entry = z.looseObject({
  DelaySeconds: z.number().optional(),
  MessageGroupId: z.string().optional(),
  MessageSystemAttributes: z.object({ AWSTraceHeader: z.object({ StringValue: z.string() }).optional() }).optional(),
  MessageAttributes: z.record(z.string(), z.unknown()).optional(),
})
const SendBatch = z.looseObject({ Entries: z.array(Entry) })
const Receive = z.looseObject({
  AttributeNames: z.array(z.string()).default([]),
  MessageSystemAttributeNames: z.array(z.string()).default([]),
  MessageAttributeNames: z.array(z.string()).default([]),
})
const Received = z.object({
  Messages: z
    .array(
      z.looseObject({
        Attributes: z.record(z.string(), z.string()).optional(),
        MessageAttributes: z.looseObject({ [carrier]: z.object({ StringValue: z.string() }).optional() }).optional(),
      }),
    )
    .optional(),
})

function rewriteRequest({ operation, body }: AwsCall, rewriteEntry: (entry: z.infer<typeof Entry>) => object) {
  const input: unknown = JSON.parse(body)
  switch (operation) {
    case 'SendMessage':
      return rewriteEntry(Entry.parse(input))
    case 'SendMessageBatch': {
      const batch = SendBatch.parse(input)
      return { ...batch, Entries: batch.Entries.map(rewriteEntry) }
    }
    case 'ReceiveMessage': {
      const receive = Receive.parse(input)
      return { ...receive, MessageAttributeNames: [...receive.MessageAttributeNames, carrier] }
    }
    default:
      return body
  }
}

function rewriteAnswer({ operation, body, headers }: AwsCall, answer: string) {
  if (operation === 'ReceiveMessage') {
    const { AttributeNames, MessageSystemAttributeNames } = Receive.parse(JSON.parse(body))
    const wanted = [...AttributeNames, ...MessageSystemAttributeNames]
    return JSON.stringify({
      Messages: Received.parse(JSON.parse(answer)).Messages?.map((message) => unpacked(message, wanted)),
    })
  }
  // fauxqs names a host of its own, which does not resolve.
  if (operation === 'CreateQueue' || operation === 'GetQueueUrl' || operation === 'ListQueues')
    return answer.replaceAll(/http:\/\/sqs\.[^/"]+/g, `http://${headers.host}`)
  return answer
}

const sooner = (entry: z.infer<typeof Entry>, maxDelaySeconds: number) =>
  entry.DelaySeconds === undefined ? entry : { ...entry, DelaySeconds: Math.min(entry.DelaySeconds, maxDelaySeconds) }

function packed(entry: z.infer<typeof Entry>) {
  const attributes = {
    MessageGroupId: entry.MessageGroupId,
    AWSTraceHeader: entry.MessageSystemAttributes?.AWSTraceHeader?.StringValue,
  }
  if (!attributes.MessageGroupId && !attributes.AWSTraceHeader) return entry
  const attribute = { DataType: 'String', StringValue: JSON.stringify(attributes) }
  return { ...entry, MessageAttributes: { ...entry.MessageAttributes, [carrier]: attribute } }
}

const groups = new WeakMap<SqsMessage, string | undefined>()

function groupOf(message: SqsMessage) {
  if (!groups.has(message)) groups.set(message, carriedBy(message.messageAttributes[carrier]).MessageGroupId)
  return groups.get(message)
}

const carriedBy = (attribute: { StringValue?: string } | undefined): Record<string, string> =>
  JSON.parse(attribute?.StringValue ?? '{}')

function unpacked(message: NonNullable<z.infer<typeof Received>['Messages']>[number], wanted: string[]) {
  const { [carrier]: carried, ...own } = message.MessageAttributes ?? {}
  if (!carried) return message
  const attributes = Object.entries(carriedBy(carried))
  const handedOut = attributes.filter(([name]) => wanted.includes('All') || wanted.includes(name))
  return {
    ...message,
    Attributes: { ...message.Attributes, ...Object.fromEntries(handedOut) },
    MessageAttributes: Object.keys(own).length > 0 ? own : undefined,
    // It was taken over the carrier as well.
    MD5OfMessageAttributes: undefined,
  }
}
