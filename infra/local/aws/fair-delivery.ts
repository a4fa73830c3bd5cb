import type { buildApp } from 'fauxqs'

/** What a tenant holds of a queue's consumers: messages in flight, and the time that its messages took lately. */
export type Load = { inFlight: number; processingTime: number }

/**
 * Whether SQS takes a tenant of a standard queue for a noisy neighbour: more than a tenth of the messages in flight and at
 * least 30 of them are its own, or more than a tenth of the recent processing time.
 * https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-fair-queues-detailed.html
 */
export const isNoisy = (tenant: Load, all: Load) =>
  (tenant.inFlight >= 30 && tenant.inFlight > all.inFlight / 10) || tenant.processingTime > all.processingTime / 10

/** How long after a moment what was processed then counts e times less, in milliseconds. AWS does not say what "recent" is. */
export const recentMilliseconds = 60_000

export type Stores = NonNullable<NonNullable<Parameters<typeof buildApp>[0]>['stores']>

type SqsQueue = ReturnType<Stores['sqsStore']['createQueue']>
export type SqsMessage = SqsQueue['messages'][number]

/**
 * Has a queue of fauxqs deliver as SQS does: messages of noisy neighbours after everybody else's, and among those first whose
 * tenant has the fewest in flight. A tenant whose backlog is gone is quiet again. One without a group is a tenant of its own.
 */
export function deliverFairly(queue: SqsQueue, groupOf: (message: SqsMessage) => string | undefined, now = Date.now) {
  const receivedAt = new Map<string, number>()
  const times = createProcessingTimes(now)
  const tenantOf = (message: SqsMessage) => groupOf(message) ?? message.messageId
  const dequeue = queue.dequeue.bind(queue)
  const deleteMessage = queue.deleteMessage.bind(queue)

  queue.dequeue = (...options) => {
    queue.processTimers()
    for (const handle of receivedAt.keys()) if (!queue.inflightMessages.has(handle)) receivedAt.delete(handle)
    const waiting = Map.groupBy(queue.messages, tenantOf)
    times.forgetAllBut(waiting)
    queue.messages = [...Map.groupBy(queue.messages, rankOf(queue, waiting))]
      .sort(([one], [other]) => one - other)
      .flatMap(([, messages]) => messages)
    const received = dequeue(...options)
    for (const { ReceiptHandle } of received) receivedAt.set(ReceiptHandle, now())
    return received
  }

  queue.deleteMessage = (handle) => {
    const message = queue.inflightMessages.get(handle)?.message
    if (message) times.add(tenantOf(message), now() - (receivedAt.get(handle) ?? now()))
    return deleteMessage(handle)
  }

  /** 0 for whoever is quiet; a noisy neighbour's rank rises with what it has in flight. */
  function rankOf({ inflightMessages }: SqsQueue, waiting: Map<string, SqsMessage[]>) {
    const inFlight = Map.groupBy(inflightMessages.values(), ({ message }) => tenantOf(message))
    const all = { inFlight: inflightMessages.size, processingTime: times.ofAll() }
    const ranks = new Map<string, number>()
    for (const tenant of waiting.keys()) {
      const load = { inFlight: inFlight.get(tenant)?.length ?? 0, processingTime: times.of(tenant) }
      ranks.set(tenant, isNoisy(load, all) ? 1 + load.inFlight : 0)
    }
    return (message: SqsMessage) => ranks.get(tenantOf(message)) ?? 0
  }
}

/** Processing times of tenants, of which the older ones count less. */
function createProcessingTimes(now: () => number) {
  const times = new Map<string, number>()
  let all = 0
  let lookedAt = now()

  function forget() {
    const keep = Math.exp((lookedAt - now()) / recentMilliseconds)
    lookedAt = now()
    all *= keep
    for (const [tenant, time] of times) times.set(tenant, time * keep)
  }

  return {
    add(tenant: string, milliseconds: number) {
      forget()
      all += milliseconds
      times.set(tenant, (times.get(tenant) ?? 0) + milliseconds)
    },
    of: (tenant: string) => times.get(tenant) ?? 0,
    /** Begins anew with tenants that have nothing waiting. */
    forgetAllBut(waiting: Map<string, unknown>) {
      for (const tenant of times.keys()) if (!waiting.has(tenant)) times.delete(tenant)
    },
    ofAll() {
      forget()
      return all
    },
  }
}
