import { randomUUID } from 'node:crypto'
import { Argument, type Command } from 'commander'
import { version } from '../../../functions/messages/job-version.ts'
import { messageOf } from '../../../functions/messages/record.ts'
import { isAbove, type Status, statusOrder } from '../../../functions/messages/status.ts'
import type { StatusUpdate } from '../../../functions/messages/status-update.ts'
import { createQueue } from '../../../functions/platform/queue.ts'
import { CommandError } from '../command-error.ts'
import type { Context } from '../context.ts'
import type { Narrow } from '../narrow.ts'
import { narrowed, requireMessage } from './message.ts'

/** `status set <messageId>`: an operator's word about a message, through the queue like any other. */
export function addStatusCommands(program: Command, { terminal, deployment }: Context) {
  const set = program
    .command('status')
    .description('statuses by hand')
    .command('set')
    .description("queues a status of the operator's; what is known of a message only rises")
  narrowed(set)
    .addArgument(new Argument('<status>', 'what to say of it').choices(statusOrder.slice(1)))
    .option('--reason <text>', 'why it failed, for the agent to read')
    .option('--json', 'print the update as JSON')
    .action(async (id: string, status: Status, { reason, json, ...narrow }: Options) => {
      if (reason !== undefined && status !== 'failed')
        throw new CommandError('A reason is for failed alone. Nothing was changed.')
      const found = await deployment()
      const item = await requireMessage(found, terminal, id, narrow)
      const update: StatusUpdate = {
        v: version,
        type: 'status',
        ...messageOf(item.pk),
        status,
        ...(reason !== undefined && { reason }),
        source: 'operator',
        id: `operator-${randomUUID()}`,
        occurredAt: new Date().toISOString(),
      }
      await createQueue(found.sqs, found.outputs.StatusUpdatesQueueUrl).send(update, { group: update.portalId })
      if (json) return terminal.print(JSON.stringify(update, undefined, 2))
      terminal.print(
        isAbove(status, item.known)
          ? `Queued: HubSpot is told that message ${update.messageId} is ${status}.`
          : `Queued. Of message ${update.messageId} "${item.known}" is known, which stands above "${status}": HubSpot is told that again.`,
      )
    })
}

type Options = Narrow & { reason?: string; json?: boolean }
