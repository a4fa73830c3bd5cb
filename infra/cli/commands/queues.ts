import { setTimeout as sleep } from 'node:timers/promises'
import { type Command, Option } from 'commander'
import { CommandError } from '../command-error.ts'
import type { Context } from '../context.ts'
import { depthsOf, jobsIn, jobsInWords, type QueueDepth, type QueueName, queueNames } from '../queues.ts'
import type { Terminal } from '../terminal.ts'

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
