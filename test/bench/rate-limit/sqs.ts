import { encodeBody, maxDelaySeconds, type Queue } from '../../../functions/platform/queue.ts'
import { isNoisy, recentMilliseconds } from '../../../infra/local/aws/fair-delivery.ts'
import type { ReceivedMessage } from '../../support/sqs-event.ts'
import type { World } from './world.ts'

/** The queue's side that Lambda sees. */
export type FairQueue = Queue & {
  /** Up to so many messages that are due, those of quiet tenants first. They are in flight until they are removed. */
  receive(limit: number): Message[]
  remove(messages: Message[]): void
  /** Resolves for one of the pollers when something becomes due, and for all at their time. */
  due(poller: number, until?: number): Promise<void>
}

type Message = ReceivedMessage & { group: string; handedOutAt: number }
type Tenant = { due: Message[]; inFlight: number; processingTime: number }

/** A standard queue with fair delivery: noisy neighbours' messages are handed out after everybody else's. */
export function createFairQueue({ clock, draws, latency, count }: World): FairQueue {
  const tenants = new Map<string, Tenant>()
  const pollers = new Map<number, () => void>()
  let sent = 0
  let inFlight = 0
  let processingTime = 0
  let forgottenAt = clock.now()

  function tenantOf(group: string) {
    const tenant = tenants.get(group) ?? { due: [], inFlight: 0, processingTime: 0 }
    tenants.set(group, tenant)
    return tenant
  }

  function becomeDue(message: Message) {
    tenantOf(message.group).due.push(message)
    const fewest = [...pollers.keys()].sort((a, b) => a - b).slice(0, pollersAtRest)
    if (fewest.length > 0) pollers.get(draws.pick('poller', fewest))!()
  }

  function forgetOldTimes() {
    const keep = Math.exp((forgottenAt - clock.now()) / recentMilliseconds)
    forgottenAt = clock.now()
    processingTime *= keep
    for (const tenant of tenants.values()) tenant.processingTime *= keep
  }

  return {
    async send(job, { group, delaySeconds = 0 }) {
      count('sqs')
      await latency('SQS', 10)
      const sentAt = clock.now()
      const message = { id: `${++sent}`, body: encodeBody(job), sentAt, receives: 1, group, handedOutAt: 0 }
      const delay = Math.min(maxDelaySeconds, Math.max(0, Math.ceil(delaySeconds)))
      if (delay === 0) becomeDue(message)
      else clock.after(delay * 1000, () => becomeDue(message))
    },

    receive(limit) {
      forgetOldTimes()
      const oldestFirst = [...tenants.values()]
        .map((tenant) => ({ tenant, noisy: isNoisy(tenant, { inFlight, processingTime }) }))
        .filter(({ tenant }) => tenant.due.length > 0)
        .sort((a, b) => Number(a.noisy) - Number(b.noisy) || Number(a.tenant.due[0]!.id) - Number(b.tenant.due[0]!.id))
      const messages: Message[] = []
      for (const { tenant } of oldestFirst) {
        const taken = tenant.due.splice(0, limit - messages.length)
        for (const message of taken) message.handedOutAt = clock.now()
        tenant.inFlight += taken.length
        messages.push(...taken)
      }
      inFlight += messages.length
      return messages
    },

    remove(messages) {
      for (const { group, handedOutAt } of messages) {
        const tenant = tenantOf(group)
        const time = clock.now() - handedOutAt
        tenant.inFlight--
        tenant.processingTime += time
        processingTime += time
      }
      inFlight -= messages.length
    },

    due: (poller, until) =>
      new Promise((resolve) => {
        function wake() {
          if (pollers.get(poller) === wake) pollers.delete(poller)
          resolve()
        }
        pollers.set(poller, wake)
        if (until !== undefined) clock.at(until, wake)
      }),
  }
}

// Lambda reads a queue with five pollers, and with more only while these find it full.
// https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-scaling.html
const pollersAtRest = 5
