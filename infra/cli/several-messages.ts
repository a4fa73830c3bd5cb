import { LedgerItem, ledgerKey } from '../../functions/messages/record.ts'
import { createTable } from '../../functions/platform/table.ts'
import type { Deployment } from './deployment.ts'
import { dynamoDbBySdk } from './dynamodb-by-sdk.ts'
import type { Named, NamedMessage } from './messages-in-logs.ts'
import { shellWord } from './shell-word.ts'
import { tableOf } from './table.ts'
import type { Terminal } from './terminal.ts'

/** Prints the messages that an id stands for, a line each, with what the ledger holds of them, and how one is shown. */
export async function printSeveral(
  { outputs, dynamodb }: Deployment,
  terminal: Terminal,
  id: string,
  { by, messages, limit, json }: Named & { limit: number; json: boolean | undefined },
) {
  const table = createTable(dynamoDbBySdk(dynamodb), outputs.LedgerTableName)
  const lines = await Promise.all(
    messages
      .slice(0, limit)
      .map(async (message) => lineOf(message, LedgerItem.safeParse(await table.get(ledgerKey(message))).data)),
  )
  const more = messages.length > lines.length ? ` (shown: ${lines.length}; --limit shows more)` : ''
  if (json) return terminal.print(JSON.stringify(lines, undefined, 2))
  terminal.print(asTable(lines, terminal))
  const [{ messageId, portalId, channelId } = lines[0]!] = lines
  terminal.print(
    `${messages.length} messages of ${by} ${id} in the logs of the last 30 days${more}. ` +
      `One of them: npm run relay -- message show ${shellWord(messageId)} --portal ${portalId} --channel ${channelId}`,
  )
}

function lineOf({ at, ...ids }: NamedMessage, item: LedgerItem | undefined) {
  return {
    at: item?.createdAt ?? new Date(at).toISOString(),
    ...ids,
    known: item?.known,
    told: item?.told?.statusType,
    waiting: item?.waiting !== undefined && Date.parse(item.waiting.until) > Date.now(),
    reason: item?.waiting?.reason ?? item?.reason,
  }
}

type Line = ReturnType<typeof lineOf>

const asTable = (lines: Line[], { columns }: Terminal) =>
  tableOf(
    ['Sent', 'Portal', 'Channel', 'Message', 'Told', 'Reason'],
    lines.map(({ at, portalId, channelId, messageId, told, waiting, reason = '' }) => [
      `${new Date(at).toISOString().slice(0, 19)}Z`,
      portalId,
      channelId,
      messageId,
      waiting ? 'WAITING' : (told ?? 'nothing'),
      waiting || told === 'FAILED' ? reason : '',
    ]),
    columns,
  )
