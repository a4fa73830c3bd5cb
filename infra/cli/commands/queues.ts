import { setTimeout as sleep } from 'node:timers/promises'
import { GetQueueAttributesCommand } from '@aws-sdk/client-sqs'
import { type Command, Option } from 'commander'
import { CommandError } from '../command-error.ts'
import type { Deployment } from '../deployment.ts'
import type { Context } from '../relay.ts'
import type { Terminal } from '../terminal.ts'

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

/** `queues`: what waits in them, and whether they are empty, before a part of the relay is removed. */
export function addQueuesCommand(program: Command, { terminal, deployment }: Context) {
  program
    .command('queues')
    .description('says what waits in the queues, delayed jobs included; fails unless they are empty')
    .addOption(new Option('--queue <name>', 'only one queue').choices(queueNames))
    .option('--wait', 'wait until they are empty, and have been for a minute')
    .option('--json', 'print the counts as JSON')
    .action(async ({ queue, wait, json }: { queue?: QueueName; wait?: boolean; json?: boolean }) => {
      const found = await deployment()
      const look = async () => (await depthsOf(found)).filter((depth) => (queue ?? depth.queue) === depth.queue)
      const depths = wait ? await untilEmpty(look, terminal, found.isLocal ? 2 : 60) : await look()
      if (depths.length === 0) throw new CommandError(`This relay has no queue ${queue}.`)
      if (json) terminal.print(JSON.stringify(depths, undefined, 2))
      else
        for (const depth of depths)
          terminal.print(
            `${depth.queue.padEnd(14)} jobs: ${jobsInWords(depth)}; dead letters: ${depth.deadLetters || 'none'}`,
          )
      const jobs = depths.reduce((sum, depth) => sum + jobsIn(depth), 0)
      const dead = depths.reduce((sum, depth) => sum + depth.deadLetters, 0)
      if (jobs > 0)
        throw new CommandError(
          'Not empty: removing a queue removes what waits in it.',
          'npm run relay -- queues --wait',
        )
      if (dead > 0)
        throw new CommandError(
          'No jobs wait, but there are dead letters.',
          'npm run relay -- dead-letters list; then redrive or purge them.',
        )
      if (!json) terminal.print('Empty.')
    })
}

/** Looks again until no queue has had a job for so many seconds: SQS's counts may lag. Ends early at Ctrl-C. */
async function untilEmpty(look: () => Promise<QueueDepth[]>, { progress, signal }: Terminal, quietSeconds: number) {
  for (let emptySince: number | undefined; ; ) {
    const depths = await look()
    const jobs = depths.reduce((sum, depth) => sum + jobsIn(depth), 0)
    emptySince = jobs > 0 ? undefined : (emptySince ?? Date.now())
    const isOver = emptySince !== undefined && Date.now() - emptySince >= quietSeconds * 1000
    if (isOver || signal.aborted) return depths
    progress('Jobs that wait', jobs)
    await sleep(Math.min(5, quietSeconds / 4) * 1000, undefined, { signal }).catch(() => {})
  }
}
