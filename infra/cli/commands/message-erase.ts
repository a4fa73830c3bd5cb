import { ConditionalCheckFailedException, DeleteItemCommand } from '@aws-sdk/client-dynamodb'
import type { Command } from 'commander'
import { type LedgerItem, messageOf } from '../../../functions/messages/record.ts'
import { confirm } from '../arguments.ts'
import { CommandError } from '../command-error.ts'
import type { Context } from '../context.ts'
import type { Deployment } from '../deployment.ts'
import type { Narrow } from '../narrow.ts'
import { look } from './dead-letters.ts'
import { narrowed, requireMessage } from './message.ts'

type Options = Narrow & { force?: boolean; dryRun?: boolean; yes?: boolean; json?: boolean }

/** `message erase <messageId>`: what is kept of one message, in the ledger and among the dead letters. */
export function addMessageEraseCommand(message: Command, { terminal, deployment }: Context) {
  narrowed(
    message
      .command('erase')
      .description("erases a message's record in the ledger, and its dead letters; says what it cannot erase"),
  )
    .option('--force', 'also within a day of its sending, when HubSpot may repeat its webhook')
    .option('--dry-run', 'only say what would be erased')
    .option('--yes', 'do not ask')
    .option('--json', 'print what was done as JSON')
    .action(async (id: string, { force, dryRun, yes, json, ...narrow }: Options) => {
      const found = await deployment()
      const item = await requireMessage(found, terminal, id, narrow)
      const { portalId, messageId } = messageOf(item.pk)
      if (!force && Date.now() - lastHeardOf(item) < day)
        throw new CommandError(
          `Message ${messageId} was under way within the last day. Nothing is changed.`,
          'Without its record it would be sent again if HubSpot repeated its webhook: wait a day, or --force.',
        )
      if (!dryRun)
        await confirm(terminal, `What is kept of message ${messageId} of portal ${portalId} is erased.`, { yes })

      let letters = 0
      await look(
        found,
        terminal,
        { message: messageId, portal: portalId, limit: 1_000_000 },
        async ({ meant, remove }) => {
          for (const letter of meant) {
            if (terminal.signal.aborted) return
            if (!dryRun) await remove(letter)
            letters++
          }
        },
      )
      // The record goes last: while it is there, the command finds what is left.
      if (!dryRun && !terminal.signal.aborted) await erase(found, item)
      conclude({ portalId, messageId, letters })

      function conclude({ letters, ...which }: { portalId: string; messageId: string; letters: number }) {
        const erased = { record: 1, 'dead-letter': letters }
        if (json) terminal.print(JSON.stringify({ ...which, dryRun: dryRun === true, erased }, undefined, 2))
        else {
          const what = `its record in the ledger${letters > 0 ? `, dead letters: ${letters}` : ''}`
          terminal.print(`${dryRun ? 'Would erase' : 'Erased'} of message ${messageId}: ${what}.`)
        }
        terminal.note(cannotBeErased)
      }
    })
}

const day = 86_400_000

const cannotBeErased =
  'Not erased: log lines, which name its ids, until they expire (logRetention); a job of it that is still in a queue, for a ' +
  'day at most, and what that writes (the same command erases it then); backups of the ledger, for 35 days; what HubSpot ' +
  'and the provider hold.'

/** When the last thing happened to a message, in milliseconds since 1970. */
const lastHeardOf = ({ createdAt, timeline }: LedgerItem) =>
  Math.max(0, ...[createdAt, ...timeline.map(({ at }) => at)].map((at) => (at ? Date.parse(at) : 0)))

async function erase({ dynamodb, outputs }: Deployment, { pk, version }: LedgerItem) {
  try {
    await dynamodb.send(
      new DeleteItemCommand({
        TableName: outputs.LedgerTableName,
        Key: { pk: { S: pk } },
        ConditionExpression: '#version = :seen',
        ExpressionAttributeNames: { '#version': 'version' },
        ExpressionAttributeValues: { ':seen': { N: String(version) } },
      }),
    )
  } catch (error) {
    if (!(error instanceof ConditionalCheckFailedException)) throw error
    throw new CommandError(
      'Something has just happened to the message, and its record is still there.',
      'Run the command again.',
    )
  }
}
