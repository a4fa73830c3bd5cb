import { DeleteItemCommand } from '@aws-sdk/client-dynamodb'
import type { Command } from 'commander'
import { keyOf, Portal } from '../../../functions/hubspot/portal.ts'
import { confirm, digits } from '../arguments.ts'
import { CommandError } from '../command-error.ts'
import type { Context } from '../context.ts'
import { deleteCredentials, readCredentials } from '../credentials.ts'
import type { Deployment } from '../deployment.ts'
import { createAccess } from '../hubspot-access.ts'
import { isOfMessage, portalOf, scanTable } from '../scan.ts'
import type { Terminal } from '../terminal.ts'
import { look } from './dead-letters.ts'

/**
 * `portal remove <portalId>`: gives back the access to a HubSpot account, and erases what is kept of it. Interrupted, or
 * while jobs of the portal are still under way, it can be run again.
 */
export function addRemoveCommand(portal: Command, { terminal, deployment }: Context) {
  portal
    .command('remove')
    .description("revokes the relay's access to an account at HubSpot, and forgets it")
    .argument('<portalId>', "the HubSpot account's id", digits)
    .option(
      '--purge',
      "erase everything of it: messages in the ledger, threads, channel accounts and their providers' credentials, dead letters",
    )
    .option('--no-revoke', 'forget the access without revoking it at HubSpot')
    .option('--dry-run', 'only say what would be done')
    .option('--yes', 'do not ask')
    .option('--json', 'print what was done as JSON')
    .action(async (portalId: string, options: Options) => {
      const found = await deployment()
      const kept = await createAccess(found).portals.get(keyOf(portalId))
      if (kept === undefined && !options.purge)
        throw new CommandError(
          `The relay has no access to portal ${portalId}.`,
          '--purge erases what may be left of it otherwise.',
        )
      if (!options.dryRun) {
        const what = options.purge ? 'loses its access, and everything that is kept of it' : 'loses its access'
        await confirm(terminal, `Portal ${portalId} ${what}.`, options)
        if (kept !== undefined && options.revoke) await revoke(found, portalId, kept)
      }
      const removed: Removed = {}
      const { PortalsTableName, LedgerTableName } = found.outputs
      await erase(found, terminal, PortalsTableName, { portalId, removed, ...options })
      if (options.purge) {
        await eraseCredentials(found, terminal, { portalId, removed, ...options })
        await erase(found, terminal, LedgerTableName, { portalId, removed, ...options })
        await purgeDeadLetters(found, terminal, { portalId, removed, ...options })
      }
      conclude(terminal, { portalId, removed, ...options })
    })
}

type Options = { purge?: boolean; revoke: boolean; dryRun?: boolean; yes?: boolean; json?: boolean }

/** How many items of which kind. */
type Removed = Record<string, number>
type Work = { portalId: string; removed: Removed } & Options

async function revoke(deployment: Deployment, portalId: string, kept: unknown) {
  const { oauth, appSecret } = createAccess(deployment)
  const portal = Portal.safeParse(kept).data
  if (!portal?.refreshToken) return
  const answer = await oauth.revoke(await appSecret(), portal.refreshToken)
  if (answer.kind === 'revoked') return
  throw new CommandError(
    `HubSpot does not revoke the access to portal ${portalId} (${answer.problem}). Nothing was changed.`,
    'Try again in a while, or forget it with --no-revoke and have an administrator remove the app.',
  )
}

/** Erases the portal's items of a table; each has the portal in its key. */
async function erase(
  deployment: Deployment,
  terminal: Terminal,
  TableName: string,
  { portalId, removed, dryRun }: Work,
) {
  await scanTable(
    deployment,
    terminal,
    { TableName, what: 'Items read', ProjectionExpression: 'pk' },
    async ({ pk }) => {
      if (terminal.signal.aborted) return 'enough'
      const key = String(pk)
      if (portalOf(key) !== portalId) return undefined
      if (!dryRun) await deployment.dynamodb.send(new DeleteItemCommand({ TableName, Key: { pk: { S: key } } }))
      count(removed, isOfMessage(key) ? 'message' : key.slice(0, key.indexOf('#')))
      return undefined
    },
  )
}

/**
 * Erases the credentials of the portal's channel accounts, before the ledger forgets which they are. Those of a channel stay,
 * since other portals use them, and so do those of an account that another portal names as well.
 */
async function eraseCredentials(deployment: Deployment, terminal: Terminal, { portalId, removed, dryRun }: Work) {
  const { LedgerTableName: TableName, CredentialsTableName } = deployment.outputs
  if (!CredentialsTableName) return
  const [own, others] = [new Set<string>(), new Set<string>()]
  const ledger = { TableName, what: 'Items read for channel accounts', ProjectionExpression: 'pk, channelAccountId' }
  await scanTable(deployment, terminal, ledger, ({ pk, channelAccountId }) => {
    const key = String(pk)
    const account = key.startsWith('account#') ? key.split('#')[3] : channelAccountId
    if (typeof account === 'string') (portalOf(key) === portalId ? own : others).add(account)
  })
  for (const account of own) {
    if (terminal.signal.aborted) return
    if (others.has(account) || !(await readCredentials(deployment, account))) continue
    if (!dryRun) await deleteCredentials(deployment, account)
    count(removed, 'credentials')
  }
}

async function purgeDeadLetters(deployment: Deployment, terminal: Terminal, { portalId, removed, dryRun }: Work) {
  if (terminal.signal.aborted) return
  await look(deployment, terminal, { portal: portalId, limit: 1_000_000 }, async ({ meant, remove }) => {
    for (const letter of meant) {
      if (terminal.signal.aborted) return
      if (!dryRun) await remove(letter)
      count(removed, 'dead-letter')
    }
  })
}

function conclude(terminal: Terminal, { portalId, removed, purge, dryRun, json }: Work) {
  const kinds = Object.entries(removed).map(([kind, number]) => `${kind}: ${number}`)
  const what = kinds.length > 0 ? kinds.join(', ') : 'nothing'
  if (json) terminal.print(JSON.stringify({ portalId, dryRun: dryRun === true, removed }, undefined, 2))
  else if (dryRun) terminal.print(`Would erase of portal ${portalId}: ${what}. Nothing was changed.`)
  else terminal.print(`Erased of portal ${portalId}: ${what}.`)
  if (dryRun || !purge) return
  if (terminal.signal.aborted) return terminal.note('Interrupted: the same command goes on where it ended.')
  terminal.note(
    'What may be left: jobs that were under way, for a day at most, and what they write (the same command erases it ' +
      'tomorrow); events that could not be read, among the dead letters, which do not say whose they are; backups, for ' +
      '35 days; logs.',
  )
}

const count = (removed: Removed, kind: string) => {
  removed[kind] = (removed[kind] ?? 0) + 1
}
