import { type Command, Option } from 'commander'
import type { MessageKey } from '../../../functions/messages/jobs.ts'
import { LedgerItem, ledgerKey, messageOf } from '../../../functions/messages/record.ts'
import { allSendsComplete, outcomesOf } from '../../../functions/messages/sending.ts'
import { ofMark, statusToTell } from '../../../functions/messages/telling.ts'
import { createTable } from '../../../functions/platform/table.ts'
import { keptId } from '../../../functions/providers/whatsapp/message-id.ts'
import { digits, messageId, positive } from '../arguments.ts'
import { CommandError } from '../command-error.ts'
import type { Context } from '../context.ts'
import type { Deployment } from '../deployment.ts'
import { driftOf } from '../drift.ts'
import { dynamoDbBySdk } from '../dynamodb-by-sdk.ts'
import { createAccess } from '../hubspot-access.ts'
import type { Letter } from '../letter.ts'
import { messagesInLogs, type Named } from '../messages-in-logs.ts'
import { isWithin, type Narrow } from '../narrow.ts'
import type { QueueName } from '../queues.ts'
import { isOfMessage, scanTable } from '../scan.ts'
import { printSeveral } from '../several-messages.ts'
import { shellWord } from '../shell-word.ts'
import type { Terminal } from '../terminal.ts'
import { look } from './dead-letters.ts'
import { addMessageListCommand } from './message-list.ts'

/** `message show <messageId>`: what became of a message, and whether HubSpot shows it. */
export function addMessageCommands(program: Command, { terminal, deployment }: Context) {
  const message = program.command('message').description('single messages, and which there are')
  addMessageListCommand(message, { terminal, deployment })
  const show = message
    .command('show')
    .description('shows what became of a message, what it waits for, and what HubSpot holds of it')
  narrowed(show, ['<id>', "HubSpot's id of the message or the provider's, of its thread, or of its channel account"])
    .addOption(new Option('--limit <number>', 'of several messages, so many at most').default(50).argParser(positive))
    .option('--json', 'print it as JSON, of several messages an array')
    .action(async (id: string, { json, limit, ...narrow }: Narrow & { json?: boolean; limit: number }) => {
      const found = await deployment()
      const named = (await atOnce(found, id, narrow)) ? undefined : await askLogs(found, terminal, id, narrow)
      if (named && named.messages.length > 1) return printSeveral(found, terminal, id, { ...named, limit, json })
      const item = await requireNamed(found, terminal, id, { ...narrow, named })
      const { portalId, channelId, messageId } = messageOf(item.pk)
      const story = {
        portalId,
        channelId,
        channelAccountId: item.channelAccountId,
        messageId,
        providerMessageId: item.providerMessageId,
        known: item.known,
        reason: item.reason,
        sends: sendsOf(item),
        told: item.told,
        rejected: item.rejected,
        waiting: waitingFor(item, await lettersOf(found, terminal, item), Date.now()),
        hubspot: await askHubSpot(found, item),
        // A provider's times are its own, and receipts overtake each other.
        timeline: item.timeline.toSorted((a, b) => Date.parse(a.at) - Date.parse(b.at)),
      }
      terminal.print(json ? JSON.stringify(story, undefined, 2) : inWords(story))
    })
  return message
}

/** The arguments by which a command finds a message. */
export const narrowed = (
  command: Command,
  [name, description]: [name: string, description: string] = [
    '<messageId>',
    "HubSpot's id of the message, or the provider's",
  ],
) =>
  command
    .argument(name, description, messageId)
    .option('--portal <id>', 'the HubSpot account that it belongs to; with the channel, it is found at once', digits)
    .option('--channel <id>', 'its channel', digits)

/** A message's entry in the ledger, by HubSpot's id or the provider's. Throws CommandError where there is none. */
export async function requireMessage(deployment: Deployment, terminal: Terminal, id: string, narrow: Narrow) {
  const item = await findMessage(deployment, terminal, id, narrow)
  if (item) return item
  throw unknownMessage(id)
}

const unknownMessage = (id: string) =>
  new CommandError(
    `The ledger knows no message ${id}.`,
    `Its webhook may not have come, or wait among the dead letters (npm run relay -- dead-letters show ${shellWord(id)}), or it is older than 180 days.`,
  )

/** What the logs say that an id is. An operator who may not read them is left with the ledger. */
async function askLogs({ logs }: Deployment, terminal: Terminal, id: string, narrow: Narrow) {
  try {
    return await messagesInLogs(logs, id, narrow, terminal.signal)
  } catch (error) {
    if (!(error instanceof Error) || !/AccessDenied|NotAuthorized/.test(error.name)) throw error
    terminal.note(`AWS does not let the logs be read (${error.name}): the ledger is, for a message's id alone.`)
    return undefined
  }
}

/** The one message that the logs name, or else what the ledger has by this id. */
async function requireNamed(
  deployment: Deployment,
  terminal: Terminal,
  id: string,
  { named, ...narrow }: Narrow & { named: Named | undefined },
) {
  const [only] = named?.messages ?? []
  if (!only) return requireMessage(deployment, terminal, id, narrow)
  const item = await itemOf(deployment, only)
  if (item) return item
  throw unknownMessage(only.messageId)
}

async function itemOf({ outputs, dynamodb }: Deployment, key: MessageKey) {
  const item = await createTable(dynamoDbBySdk(dynamodb), outputs.LedgerTableName).get(ledgerKey(key))
  return item === undefined ? undefined : LedgerItem.parse(item)
}

/** The item that is named in full: its entry is read without reading the whole ledger. */
async function atOnce(deployment: Deployment, messageId: string, { portal, channel }: Narrow) {
  return portal && channel ? itemOf(deployment, { portalId: portal, channelId: channel, messageId }) : undefined
}

async function findMessage(deployment: Deployment, terminal: Terminal, given: string, narrow: Narrow) {
  const { outputs } = deployment
  const id = keptId(given)
  const item = await atOnce(deployment, given, narrow)
  if (item) return item
  let found: LedgerItem | undefined
  await scanTable(
    deployment,
    terminal,
    {
      TableName: outputs.LedgerTableName,
      what: 'Messages read',
      FilterExpression: 'contains(pk, :id) OR providerMessageId = :id OR attribute_exists(parts)',
      ExpressionAttributeValues: { ':id': { S: id } },
    },
    (item) => {
      if (!isOfMessage(String(item['pk']))) return
      const message = LedgerItem.safeParse(item).data
      if (!message) return
      const key = messageOf(message.pk)
      const names = [
        key.messageId,
        ...[message, ...(message.parts ?? [])].map(({ providerMessageId }) => providerMessageId),
      ]
      if (!names.includes(id) || !isWithin(key, narrow)) return
      found = message
      return 'enough'
    },
  )
  return found
}

/** The dead letters about a message. They are only looked for where something of it is unfinished. */
async function lettersOf(deployment: Deployment, terminal: Terminal, item: LedgerItem): Promise<Letter[]> {
  const isFinished = item.marks.length === 0 && !item.waiting && (!item.send || allSendsComplete(item))
  if (isFinished) return []
  const { messageId } = messageOf(item.pk)
  let found: Letter[] = []
  await look(deployment, terminal, { message: messageId, limit: 10_000 }, async ({ meant }) => {
    found = meant
  })
  return found
}

/** What still has to happen, when, and where its job is: among the dead letters, or else in the queue, which nobody can look into. */
function waitingFor(item: LedgerItem, letters: Letter[], now: number): string[] {
  const time = (at: number) => new Date(at).toISOString()
  const { messageId } = messageOf(item.pk)
  const jobIs = (queue: QueueName) => {
    const letter = letters.find((one) => one.queue === queue)
    return letter
      ? `its job lies among the dead letters (${letter.reason}): npm run relay -- dead-letters redrive --message ${shellWord(messageId)} --yes`
      : 'its job waits in the queue for its next try'
  }
  const waiting = item.marks.map(({ mark, until }) => {
    const { status, part } = ofMark(mark)
    const what = `${status}${part ? ` of send ${part.index + 1} of ${part.of}` : ''}`
    return until > now
      ? `HubSpot is being told "${what}"; if that try died, another may be made from ${time(until)}`
      : `HubSpot has to be told "${what}"; ${jobIs('status-updates')}`
  })
  if (item.waiting && Date.parse(item.waiting.until) > now) {
    const { what, reason, until } = item.waiting
    waiting.push(`the next try of its ${what}, at ${until}: ${reason}`)
  }
  const { send } = item
  if (send && !allSendsComplete(item))
    waiting.push(
      send.until > now
        ? `it is being sent, until ${time(send.until)} at the latest`
        : `a send began and did not end; ${jobIs('deliveries')}`,
    )
  if (send && allSendsComplete(item) && item.known === undefined)
    waiting.push(
      'a receipt of the provider; without one, the status for silence stands in for it when unconfirmedAfter is over',
    )
  if (driftOf(item, { now, id: 'look' }).kind === 'untold')
    waiting.push('HubSpot was not told: npm run relay -- reconcile')
  return waiting
}

/** Where a message takes several sends: what came of each, and what is known of it. */
function sendsOf(item: LedgerItem) {
  if (!item.sends && !item.parts) return undefined
  const outcomes = outcomesOf(item)
  const of = item.sends?.of ?? item.parts?.length ?? 0
  return Array.from({ length: of }, (_, index) => ({
    outcome: outcomes[index]?.outcome ?? 'not made yet',
    ...item.parts?.[index],
  }))
}

/** What HubSpot holds now, and whether that is what the ledger says that it was told. */
async function askHubSpot(deployment: Deployment, item: LedgerItem) {
  try {
    const { status, statusType, errorMessage } = await createAccess(deployment).readMessage(messageOf(item.pk))
    if (!statusType) return { unknown: `HTTP ${status}` }
    // HubSpot calls a message SENT before anybody told it anything.
    const expected = statusToTell(item)?.statusType ?? item.told?.statusType ?? 'SENT'
    return { statusType, errorMessage, agrees: statusType === expected }
  } catch (error) {
    return { unknown: error instanceof Error ? error.message : 'unknown error' }
  }
}

type Story = Pick<LedgerItem, 'providerMessageId' | 'known' | 'reason' | 'told' | 'timeline'> & {
  portalId: string
  channelId: string
  sends: ReturnType<typeof sendsOf>
  messageId: string
  waiting: string[]
  hubspot: Awaited<ReturnType<typeof askHubSpot>>
}

function inWords({ hubspot, timeline, waiting, sends = [], ...story }: Story) {
  const { portalId, channelId, messageId, providerMessageId, known, reason, told } = story
  const holds =
    'unknown' in hubspot
      ? `cannot be asked (${hubspot.unknown})`
      : `holds ${hubspot.statusType}${hubspot.errorMessage ? ` (${hubspot.errorMessage})` : ''}, which ${hubspot.agrees ? 'agrees' : 'does not agree'}`
  return [
    `Message ${messageId} of portal ${portalId}, channel ${channelId}`,
    providerMessageId && `Provider  ${providerMessageId}`,
    `Known     ${known ?? 'nothing yet'}${reason ? `: ${reason}` : ''}`,
    ...sends.map(
      ({ outcome, known, reason }, index) =>
        `Send ${String(index + 1).padEnd(4)} ${outcome}${known ? `, ${known}` : ''}${reason ? `: ${reason}` : ''}`,
    ),
    `Told      ${told ? `${told.statusType}, ${told.at}${told.holds ? `: ${told.holds}` : ''}` : 'nothing yet'}`,
    `HubSpot   ${holds}`,
    ...waiting.map((what) => `Waits     ${what}`),
    ...timeline.map(({ at, what, source }) => `${at}  ${what} (${source})`),
  ]
    .filter(Boolean)
    .join('\n')
}
