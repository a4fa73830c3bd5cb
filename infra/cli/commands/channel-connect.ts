import { type Command, Option } from 'commander'
import * as z from 'zod'
import { Digits } from '../../../functions/messages/ids.ts'
import { accountsOfChannel, DeliveryIdentifier, NewAccount } from '../accounts-of-channel.ts'
import { digits, readDocument } from '../arguments.ts'
import { CommandError } from '../command-error.ts'
import type { Context } from '../context.ts'
import type { Deployment } from '../deployment.ts'
import { readPortals, severalPortals } from '../portals.ts'
import { tableOf } from '../table.ts'

/** `channel accounts | connect | finish`: what connects a channel to inboxes, one account for each address. */
export function addConnectCommands(channel: Command, { terminal, deployment }: Context) {
  channel
    .command('accounts')
    .description("lists a channel's accounts in a HubSpot account, and its inboxes")
    .argument('<channelId>', "the channel's id", digits)
    .option('--portal <id>', 'the HubSpot account; needed where there are several', digits)
    .option('--json', 'print them as JSON')
    .action(async (channelId: string, { portal, json }: { portal?: string; json?: boolean }) => {
      const found = await deployment()
      const portalId = portal ?? (await onlyPortal(found))
      const api = accountsOfChannel(found, { portalId, channelId })
      const [accounts, inboxes] = await Promise.all([api.list(), api.inboxes()])
      if (json) return terminal.print(JSON.stringify({ accounts, inboxes }, undefined, 2))
      const nameOf = (id: string | undefined) => inboxes.find((inbox) => inbox.id === id)?.name ?? id ?? ''
      const rows = accounts.map((one) => [
        one.id,
        one.name,
        one.deliveryIdentifier?.value ?? '',
        nameOf(one.inboxId),
        one.authorized ? 'connected' : 'disconnected',
      ])
      if (rows.length > 0)
        terminal.print(tableOf(['Account', 'Name', 'Address', 'Inbox', 'State'], rows, terminal.columns))
      else terminal.print(`Channel ${channelId} has no account in portal ${portalId} yet.`)
      for (const { id, name } of inboxes) terminal.print(`Inbox ${id}  ${name}`)
    })

  withAddress(channel.command('connect').description("connects accounts of a channel to inboxes, one or a file's"))
    .argument('<channelId>', "the channel's id", digits)
    .option('--portal <id>', 'the HubSpot account; needed where there are several', digits)
    .option('--inbox <id>', 'the inbox or help desk; see channel accounts', digits)
    .option('--name <name>', 'what agents see')
    .option('--file <path>', 'many at once: a JSON list of {portalId, inboxId, name, deliveryIdentifier}; - for stdin')
    .option('--dry-run', 'only say what would be connected')
    .option('--json', 'print what was done as JSON')
    .action(async (channelId: string, options: ConnectOptions) => {
      const found = await deployment()
      const wanted = options.file
        ? inFile(await readDocument(terminal, options.file))
        : [asked({ portalId: options.portal ?? (await onlyPortal(found)), channelId }, options)]
      const done: Done[] = []
      for (const [index, { portalId, ...account }] of wanted.entries()) {
        if (terminal.signal.aborted) break
        done.push({
          portalId,
          name: account.name,
          ...(await connect(found, { portalId, channelId }, account, options)),
        })
        if (options.file) terminal.progress('Accounts', index + 1, wanted.length)
        if (!options.json) terminal.print(inWords(done.at(-1)!))
      }
      if (options.json) terminal.print(JSON.stringify(done, undefined, 2))
      const failed = done.filter(({ result }) => result === 'failed').length
      if (failed > 0)
        throw new CommandError(
          `${failed} of ${wanted.length} accounts could not be connected.`,
          'Fix what is said above and run the command again: accounts that are connected stay as they are.',
        )
    })

  withAddress(
    channel
      .command('finish')
      .description("ends a connection that an administrator began on HubSpot's page, by its token"),
  )
    .argument('<channelId>', "the channel's id", digits)
    .argument('<accountToken>', 'what HubSpot handed to the redirect URL as accountToken')
    .requiredOption('--name <name>', 'what agents see')
    .option('--portal <id>', 'the HubSpot account, handed over as portalId; needed where there are several', digits)
    .option('--json', 'print what was done as JSON')
    .action(async (channelId: string, accountToken: string, options: ConnectOptions) => {
      const found = await deployment()
      const portalId = options.portal ?? (await onlyPortal(found))
      const { name, deliveryIdentifier } = asked({ portalId, channelId }, { ...options, inbox: '0' })
      if (!deliveryIdentifier) throw new CommandError('An address is needed: --address. Nothing was changed.')
      await accountsOfChannel(found, { portalId, channelId }).finish(accountToken, { name, deliveryIdentifier })
      if (options.json)
        return terminal.print(JSON.stringify({ portalId, channelId, name, result: 'connected' }, undefined, 2))
      terminal.print(`${name} is connected in portal ${portalId}.`)
    })
}

type ConnectOptions = {
  portal?: string
  inbox?: string
  name?: string
  address?: string
  addressType: z.infer<typeof DeliveryIdentifier>['type']
  file?: string
  dryRun?: boolean
  json?: boolean
}

type Done = {
  portalId: string
  name: string
  result: 'connected' | 'there already' | 'would connect' | 'failed'
  id?: string
  problem?: string
}

const withAddress = (command: Command) =>
  command
    .option('--address <address>', 'what customers write to: a phone number, with its +')
    .addOption(
      new Option('--address-type <type>', 'what kind of address it is')
        .choices(DeliveryIdentifier.shape.type.options)
        .default('HS_PHONE_NUMBER'),
    )

const Wanted = NewAccount.extend({ portalId: Digits })

function inFile(document: unknown) {
  const result = z.array(Wanted).safeParse(document)
  if (result.success) return result.data
  throw new CommandError(`Nothing was changed. The file is invalid:\n${z.prettifyError(result.error)}`)
}

function asked(
  { portalId, channelId }: { portalId: string; channelId: string },
  { inbox, name, address, addressType }: ConnectOptions,
): z.infer<typeof Wanted> {
  if (!inbox || !name)
    throw new CommandError(
      '--inbox and --name are needed, or a --file.',
      `The inboxes: npm run relay -- channel accounts ${channelId}`,
    )
  const deliveryIdentifier = address === undefined ? undefined : { type: addressType, value: address }
  return { portalId, inboxId: inbox, name, deliveryIdentifier }
}

/** Connects one account, unless one of the same inbox and address, or name, is there: the same file can be given again. */
async function connect(
  deployment: Deployment,
  channel: { portalId: string; channelId: string },
  account: NewAccount,
  { dryRun, file }: ConnectOptions,
): Promise<Pick<Done, 'result' | 'id' | 'problem'>> {
  try {
    const api = accountsOfChannel(deployment, channel)
    const same = (await api.list()).find(
      ({ inboxId, name, deliveryIdentifier, authorized }) =>
        authorized &&
        inboxId === account.inboxId &&
        (account.deliveryIdentifier
          ? deliveryIdentifier?.value === account.deliveryIdentifier.value
          : name === account.name),
    )
    if (same) return { result: 'there already', id: same.id }
    if (dryRun) return { result: 'would connect' }
    return { result: 'connected', id: (await api.connect(account)).id }
  } catch (error) {
    if (!file || !(error instanceof CommandError)) throw error
    return { result: 'failed', problem: error.message }
  }
}

function inWords({ portalId, name, result, id, problem }: Done) {
  if (result === 'failed') return `Portal ${portalId}: ${name} is not connected. ${problem}`
  if (result === 'would connect') return `Portal ${portalId}: would connect ${name}.`
  return `Portal ${portalId}: ${name} is ${result === 'connected' ? 'connected' : 'connected already'}, as channel account ${id}.`
}

/** The portal, where there is only one. */
async function onlyPortal(deployment: Deployment) {
  const [first, ...others] = await readPortals(deployment)
  if (!first)
    throw new CommandError('No HubSpot account gives access yet.', 'npm run relay -- setup, or npm run relay -- doctor')
  if (others.length > 0) throw severalPortals()
  return first[0]
}
