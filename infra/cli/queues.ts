import { GetQueueAttributesCommand } from '@aws-sdk/client-sqs'
import type { Deployment } from './deployment.ts'

/** The queues that have dead letters. */
export const queueNames = ['deliveries', 'status-updates', 'hand-ons'] as const
export type QueueName = (typeof queueNames)[number]

/** A queue of a deployment, and its dead letters, by their URLs. */
export type WorkQueue = { name: QueueName; source: string; deadLetters: string }

/** The queues that a deployment has; which they are depends on its form. */
export function queuesOf({ outputs }: Pick<Deployment, 'outputs'>): WorkQueue[] {
  return queueNames.flatMap((name) => {
    const source = outputs[`${outputNames[name]}QueueUrl`]
    const deadLetters = outputs[`${outputNames[name]}DeadLettersUrl`]
    return source && deadLetters ? [{ name, source, deadLetters }] : []
  })
}

/** The part of the outputs' names that says which queue they are of. */
const outputNames = { deliveries: 'Deliveries', 'status-updates': 'StatusUpdates', 'hand-ons': 'HandOns' } as const

/** About how many jobs a queue holds. SQS counts by its servers: a change shows within a minute. */
export type QueueDepth = {
  queue: QueueName
  /** To be taken at once. */
  due: number
  /** Waiting for their next try, by a delay. */
  delayed: number
  /** Taken by a function, and not yet done. */
  inFlight: number
  deadLetters: number
}

/** What each queue holds. */
export async function depthsOf(deployment: Deployment): Promise<QueueDepth[]> {
  const { sqs } = deployment
  const count = async (QueueUrl: string) => {
    const { Attributes = {} } = await sqs.send(new GetQueueAttributesCommand({ QueueUrl, AttributeNames: [...counts] }))
    const [due = 0, delayed = 0, inFlight = 0] = counts.map((name) => Number(Attributes[name] ?? 0))
    return { due, delayed, inFlight }
  }
  return Promise.all(
    queuesOf(deployment).map(async ({ name, source, deadLetters }) => {
      const [waiting, dead] = await Promise.all([count(source), count(deadLetters)])
      // Out of sight of others, a dead letter is still there.
      return { queue: name, ...waiting, deadLetters: dead.due + dead.delayed + dead.inFlight }
    }),
  )
}

const counts = [
  'ApproximateNumberOfMessages',
  'ApproximateNumberOfMessagesDelayed',
  'ApproximateNumberOfMessagesNotVisible',
] as const

/** How many jobs a queue has still to do. */
export const jobsIn = ({ due, delayed, inFlight }: QueueDepth) => due + delayed + inFlight

/** A queue's jobs in words: `2 (1 in progress, 1 delayed until the next try)`. */
export function jobsInWords(depth: QueueDepth) {
  const kinds = [
    depth.due > 0 && `${depth.due} due`,
    depth.inFlight > 0 && `${depth.inFlight} in progress`,
    depth.delayed > 0 && `${depth.delayed} delayed until the next try`,
  ].filter(Boolean)
  return `${jobsIn(depth)}${kinds.length > 0 ? ` (${kinds.join(', ')})` : ''}`
}
