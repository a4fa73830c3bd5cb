import { type Command, InvalidArgumentError } from 'commander'
import { LedgerItem, messageOf } from '../../../functions/messages/record.ts'
import { createQueue } from '../../../functions/platform/queue.ts'
import { ageInMilliseconds, digits } from '../arguments.ts'
import { reconcileAtHubSpot } from '../at-hubspot.ts'
import { CommandError } from '../command-error.ts'
import type { Context } from '../context.ts'
import type { Deployment } from '../deployment.ts'
import { type Drift, driftOf } from '../drift.ts'
import { isOfMessage, scanTable } from '../scan.ts'
import type { Terminal } from '../terminal.ts'

/** `reconcile`: finds messages of which HubSpot was not told what is known, and tells it. */
export function addReconcileCommand(program: Command, { terminal, deployment }: Context) {
  program
    .command('reconcile')
    .description('finds messages of which HubSpot was not told what is known; reads the whole ledger')
    .option('--yes', 'tell HubSpot; without this, only say what would be told')
    .option('--portal <id>', 'only the messages of one HubSpot account', digits)
    .option('--segments <number>', 'how many parts of the ledger are read side by side', segments, 4)
    .option(
      '--at-hubspot',
      "ask HubSpot what it shows of one account's messages, and compare; needs --portal and --since",
    )
    .option('--since <time>', 'only messages that changed since then: a date, or an age like 3d', sinceWhen)
    .option('--share <number>', "with --at-hubspot: the share of HubSpot's limit that may be used", shareOfLimit, 0.2)
    .option('--fix', 'with --at-hubspot: tell HubSpot again where it shows another status')
    .option('--json', 'print the messages and the counts as JSON')
    .action(async (options: Options) => {
      const found = await deployment()
      const { atHubspot, portal, since, fix } = options
      if (atHubspot) {
        if (!portal || since === undefined) throw new CommandError('--at-hubspot needs --portal and --since.')
        return reconcileAtHubSpot(found, terminal, { ...options, portal, since })
      }
      if (since !== undefined || fix) throw new CommandError('--since and --fix go with --at-hubspot.')
      const account: Account = { 'nothing known': 0, told: 0, 'under way': 0, untold: 0, unreadable: 0, messages: [] }
      await scan(found, terminal, options, account)
      conclude(terminal, account, options)
    })
}

type Options = {
  yes?: boolean
  portal?: string
  segments: number
  json?: boolean
  atHubspot?: boolean
  since?: number
  share: number
  fix?: boolean
}

type Account = Record<Drift['kind'] | 'unreadable', number> & {
  /** Those that HubSpot was not told of. */
  messages: {
    portalId: string
    channelId: string
    messageId: string
    known?: string | undefined
    told?: string | undefined
  }[]
}

/** Reads the ledger, and queues what HubSpot was not told. */
async function scan(deployment: Deployment, terminal: Terminal, { yes, portal, segments }: Options, account: Account) {
  const { sqs, outputs } = deployment
  const id = `reconcile-${new Date().toISOString().slice(0, 10)}`
  const queue = createQueue(sqs, outputs.StatusUpdatesQueueUrl)
  const ofPortal = portal && {
    FilterExpression: 'begins_with(pk, :portal)',
    ExpressionAttributeValues: { ':portal': { S: `${portal}#` } },
  }
  const ledger = { TableName: outputs.LedgerTableName, what: 'Messages read', segments, ...ofPortal }
  await scanTable(deployment, terminal, ledger, async (item) => {
    if (!isOfMessage(String(item['pk']))) return
    const { data } = LedgerItem.safeParse(item)
    if (!data) return account.unreadable++
    const now = Date.now()
    // DynamoDB deletes what has expired within days.
    if (data.expiresAt * 1000 < now) return
    const drift = driftOf(data, { now, id })
    account[drift.kind]++
    if (drift.kind !== 'untold') return
    if (yes) for (const update of drift.updates) await queue.send(update, { group: update.portalId })
    account.messages.push({
      ...messageOf(data.pk),
      known: data.known ?? drift.updates[0]?.status,
      told: data.told?.statusType,
    })
  })
}

const read = (account: Account) => account.told + account.untold + account['under way'] + account['nothing known']

function conclude(terminal: Terminal, account: Account, { yes, json }: Options) {
  const { messages, ...counts } = account
  if (json) terminal.print(JSON.stringify({ ...counts, messages }, undefined, 2))
  else {
    for (const { portalId, channelId, messageId, known, told } of messages.slice(0, maxListed))
      terminal.print(`${portalId} ${channelId} ${messageId}: ${known}, and HubSpot was told ${told ?? 'nothing'}`)
    if (messages.length > maxListed) terminal.print(`… and ${messages.length - maxListed} more, see --json`)
    terminal.print(
      `Of ${read(account)} messages HubSpot knows of ${counts.told}, is being told of ${counts['under way']}, and was not told of ${counts.untold}; ` +
        `of ${counts['nothing known']} nothing is known yet.`,
    )
  }
  if (terminal.signal.aborted) terminal.note('Interrupted: these are not all.')
  if (counts.unreadable > 0)
    throw new CommandError(
      `Entries of the ledger that this version does not read: ${counts.unreadable}.`,
      'Use the command line of the version that is deployed.',
    )
  if (counts.untold === 0) return
  if (!yes) throw new CommandError('HubSpot shows an outdated status. Nothing was changed.', '--yes tells HubSpot.')
  terminal.note('Queued: HubSpot is told within minutes.')
}

const maxListed = 20

function sinceWhen(text: string) {
  const time = /^\d+[smhd]$/.test(text) ? Date.now() - ageInMilliseconds(text) : Date.parse(text)
  if (!Number.isFinite(time)) throw new InvalidArgumentError('It must be a date, like 2026-11-22, or an age, like 3d.')
  return time
}

function shareOfLimit(text: string) {
  if (!/^0?\.\d{1,3}$/.test(text) || Number(text) === 0) throw new InvalidArgumentError('It must be 0.001 to 0.999.')
  return Number(text)
}

function segments(text: string) {
  if (!/^[1-9]\d?$/.test(text)) throw new InvalidArgumentError('It must be 1 to 99.')
  return Number(text)
}
