import { setTimeout as sleep } from 'node:timers/promises'
import { type Command, Option } from 'commander'
import type * as z from 'zod'
import { AppSecret } from '../../../functions/hubspot/app-secret.ts'
import { Digits } from '../../../functions/messages/ids.ts'
import { problems } from '../../../functions/platform/problems.ts'
import { Provider } from '../../../functions/providers/accounts.ts'
import { senders } from '../../../functions/providers/senders.ts'
import { accountsOfChannel, DeliveryIdentifier } from '../accounts-of-channel.ts'
import { confirm, digits } from '../arguments.ts'
import { askProvider } from '../ask-provider.ts'
import { Capabilities } from '../capabilities.ts'
import { type ChannelsOfApp, channelsOfApp, developerApiKey } from '../channels-of-app.ts'
import { checkAppSecret } from '../checks.ts'
import { CommandError } from '../command-error.ts'
import type { Context } from '../context.ts'
import { putCredentials, readCredentials } from '../credentials.ts'
import type { Deployment } from '../deployment.ts'
import type { Finding } from '../findings.ts'
import { createAccess } from '../hubspot-access.ts'
import { readPortals, severalPortals } from '../portals.ts'
import { askFor } from '../questions.ts'
import { scopeOf } from '../scope.ts'
import { put } from '../secret-values.ts'
import type { Terminal } from '../terminal.ts'
import { inOrder, report } from './doctor.ts'
import { askForAccount } from './secret.ts'

/** `setup`: does one after the other what a relay needs, from an empty account to the first true status. */
export function addSetupCommand(program: Command, { terminal, deployment }: Context) {
  program
    .command('setup')
    .description('does what doctor would name next, until nothing is left; what is there already stays as it is')
    .option('--app-id <id>', "the HubSpot app's id; asked for when absent", digits)
    .option('--portal <id>', 'the HubSpot account; the one that is connected when absent', digits)
    .option('--channel <id>', 'a channel of the app; the first one, or a new one, when absent', digits)
    .addOption(new Option('--provider <name>', 'who delivers; asked for when absent').choices(Provider.options))
    .option('--no-message', 'end without waiting for a first message')
    .option('--yes', 'do not ask before a webhook is moved')
    .action(async (options: Options) => {
      const work = { terminal, found: await deployment(), options }
      await fillInAppSecret(work)
      const portalId = await waitForPortal(work)
      const channels = await channelsOf(work)
      const channelId = await pointChannel(work, channels)
      const unchecked = await fillInChannelSecret(work, channelId)
      await connectAccount(work, { portalId, channelId })
      terminal.print('\nChecking everything:')
      await report(terminal, work.found, inOrder({ channels, scope: await scopeOf(work.found, terminal, {}) }), {})
      for (const sentence of unchecked) terminal.print(`\n– ${sentence}`)
      if (options.message) await waitForTruth(work, channelId)
    })
}

type Options = {
  appId?: string
  portal?: string
  channel?: string
  provider?: Provider
  message: boolean
  yes?: boolean
}
type Work = { terminal: Terminal; found: Deployment; options: Options }

const done = ({ print, colors }: Terminal, sentence: string) => print(`${colors.green('✓')} ${sentence}`)

/** What nobody could say of a secret that is kept all the same. */
const notChecked = (findings: Finding[], secret: string) =>
  findings
    .filter(({ result }) => result === 'skipped')
    .map(({ sentence }) => `${sentence} ${secret} is kept, not checked.`)

/** The app's secret, until HubSpot does not refuse it. */
async function fillInAppSecret({ terminal, found }: Work) {
  for (;;) {
    const findings = await checkAppSecret(found)
    const wrong = findings.find(({ result }) => result === 'wrong')
    if (!wrong) {
      const unchecked = notChecked(findings, "The app's secret")
      for (const sentence of unchecked) terminal.print(`– ${sentence}`)
      if (unchecked.length === 0) done(terminal, "The app's secret is filled in.")
      return
    }
    terminal.note(`${wrong.sentence} Both are on the app's page at HubSpot, under Auth.`)
    let known = {}
    for (;;) {
      const app = checkedHere(AppSecret, await askFor(AppSecret, terminal, [], known))
      const { isTaken, problem } = await createAccess(found).tryCredentials(app)
      if (isTaken !== false) {
        await put(found.secretsManager, found.outputs.AppSecretArn, app)
        break
      }
      known = { clientId: app.clientId }
      terminal.note(`HubSpot rejects them (${problem}), and they are not kept. Once more:`)
    }
  }
}

/** A HubSpot account that gives access; it comes in by a link that its administrator opens. */
async function waitForPortal({ terminal, found, options }: Work) {
  const { InstallUrl, AccessTokensUrl } = found.outputs
  for (let isSaid = false; ; isSaid = true) {
    const portals = await readPortals(found)
    const meant = portals.filter(([id, portal]) => id === (options.portal ?? id) && portal && !portal.problem)
    const [first, ...others] = meant.map(([id]) => id)
    if (others.length > 0) throw severalPortals()
    if (first) {
      done(terminal, `Portal ${first} gives access.`)
      return first
    }
    if (AccessTokensUrl) return askForAccess(found, options.portal)
    if (!InstallUrl)
      throw new CommandError('No HubSpot account gives access yet.', 'npm run relay -- portal import <portalId>')
    if (!isSaid) {
      terminal.print(`An administrator of the HubSpot account opens this link and consents:\n  ${InstallUrl}`)
      terminal.note(`The app has to have this redirect URL: ${InstallUrl.replace(/install$/, 'callback')}`)
    }
    terminal.progress('Waiting for the consent')
    await sleep(found.isLocal ? 200 : 3000, undefined, { signal: terminal.signal }).catch(() => {})
    if (terminal.signal.aborted) throw new CommandError('Interrupted.')
  }
}

/** Where the team's own endpoint gives access, a portal is known once it was asked for. */
async function askForAccess(found: Deployment, portalId: string | undefined) {
  if (portalId === undefined) throw new CommandError('No HubSpot account was asked for yet.', '--portal says which.')
  await createAccess(found).tokens.get(portalId)
  return portalId
}

async function channelsOf({ terminal, found, options }: Work) {
  const appId = options.appId ?? (await askForAppId(terminal))
  return channelsOfApp(found, { appId, hapikey: await developerApiKey(terminal) })
}

/** Asks until it is a number. Throws CommandError where nothing is answered. */
async function askForAppId(terminal: Terminal) {
  for (;;) {
    const answer = (await terminal.ask("The app's id:")).trim()
    if (answer === '')
      throw new CommandError("The app's id is needed.", "It is in the address of the app's page at HubSpot.")
    if (Digits.safeParse(answer).success) return answer
    terminal.note('It must be a number, as HubSpot shows it. Once more:')
  }
}

/** A channel of the app whose messages HubSpot posts to the relay. */
async function pointChannel({ terminal, found, options }: Work, channels: ChannelsOfApp) {
  const { WebhookUrl } = found.outputs
  const listed = await channels.list()
  const channel = options.channel
    ? await channels.get(options.channel)
    : (listed.find(({ webhookUrl }) => webhookUrl === WebhookUrl) ?? listed[0])
  if (!channel) {
    const name = (await terminal.ask("The channel's name, which administrators see:", 'Messages')).trim() || 'Messages'
    const capabilities = Capabilities.parse({})
    const id = await channels.register({ name, capabilities, webhookUrl: WebhookUrl })
    done(terminal, `Channel ${id} is registered, and HubSpot posts its messages to the relay.`)
    return id
  }
  if (channel.webhookUrl !== WebhookUrl) {
    const from = channel.webhookUrl ?? 'nowhere'
    await confirm(
      terminal,
      `HubSpot posts the messages of channel ${channel.id} to ${from}; from now on, to the relay.`,
      options,
    )
    await channels.setWebhook(channel.id, WebhookUrl)
  }
  done(terminal, `HubSpot posts the messages of channel ${channel.id} to the relay.`)
  return channel.id
}

/**
 * The provider's credentials: those that it rejects are not kept, and are asked for again. Returns a sentence for each that
 * is kept though nobody could say whether it is accepted.
 */
async function fillInChannelSecret({ terminal, found, options }: Work, channelId: string): Promise<string[]> {
  const { CredentialsTableName, ReceiptsUrl } = found.outputs
  if (!CredentialsTableName) return []
  const kept = await readCredentials(found, channelId)
  let held = accountIn(kept?.document)
  for (let isNew = false; ; isNew = true) {
    if (held) {
      const { provider, account } = held
      const findings = await askProvider(provider, account, { id: channelId, receiptsUrl: ReceiptsUrl })
      const rejection = findings.find(isRejection)
      if (!rejection) {
        if (isNew) await putCredentials(found, channelId, account, kept)
        const unchecked = notChecked(findings, `The secret of channel ${channelId}`)
        for (const sentence of unchecked) terminal.print(`– ${sentence}`)
        if (unchecked.length === 0) done(terminal, `The secret of channel ${channelId} is complete (${provider}).`)
        return unchecked
      }
      terminal.note(`${rejection.sentence} ${isNew ? 'They are not kept. ' : ''}Once more:`)
    }
    const asked = await askForAccount(terminal, found, options.provider)
    held = accountIn(checkedHere(senders[Provider.parse(Object(asked).provider)].account, asked))
  }
}

/** An account that the functions could read. */
function accountIn(document: unknown) {
  const provider = Provider.safeParse(Object(document).provider).data
  const account: unknown = provider && senders[provider].account.safeParse(document).data
  return provider && account ? { provider, account } : undefined
}

/** What other credentials would mend; all else that is wrong at the provider, the closing check names. */
const isRejection = ({ result, remedy }: Finding) => result === 'wrong' && remedy?.includes('secret set channel')

/** What was answered, as the functions could read it. Throws CommandError, which names the field and never the value. */
function checkedHere<Schema extends z.ZodType>(schema: Schema, document: unknown): z.infer<Schema> {
  const result = schema.safeParse(document)
  if (result.success) return result.data
  throw new CommandError(
    `The secret is not complete, and not kept: ${problems(result.error)}.`,
    'What was set up before stays, and this goes on from there: npm run relay -- setup',
  )
}

/** An account of the channel, connected to an inbox. */
async function connectAccount({ terminal, found }: Work, channel: { portalId: string; channelId: string }) {
  const api = accountsOfChannel(found, channel)
  const connected = (await api.list()).filter(({ authorized }) => authorized)
  if (connected.length > 0)
    return done(
      terminal,
      `Channel ${channel.channelId} is connected: ${connected.map(({ name, id }) => `${name} (${id})`).join(', ')}.`,
    )
  const inboxes = await api.inboxes()
  if (inboxes.length === 0)
    throw new CommandError(`Portal ${channel.portalId} has no inbox.`, 'Make one in its settings.')
  for (const { id, name } of inboxes) terminal.note(`Inbox ${id}: ${name}`)
  const inboxId =
    (await terminal.ask('The inbox or help desk that agents write from:', inboxes[0]!.id)).trim() || inboxes[0]!.id
  const name = (await terminal.ask('The name of the account, which agents see:', 'Messages')).trim() || 'Messages'
  const value = (await terminal.ask('What customers write to, a phone number with its + (or nothing):', '')).trim()
  const deliveryIdentifier = value === '' ? undefined : DeliveryIdentifier.parse({ type: 'HS_PHONE_NUMBER', value })
  const { id } = await api.connect({ inboxId, name, deliveryIdentifier })
  done(terminal, `${name} is connected, as channel account ${id}.`)
}

/** Waits for what an agent sends from now on, until HubSpot is told what became of it. */
async function waitForTruth({ terminal, found }: Work, channelId: string) {
  const since = Date.now()
  const how = found.isLocal
    ? 'Now have an agent send a message: npm run relay -- --local trigger delivered'
    : 'Now send a message from the inbox.'
  terminal.print(`\n${how} (Ctrl-C ends the waiting; all is set up.)`)
  while (!terminal.signal.aborted) {
    for await (const { message, messageId, statusType, reason, ...line } of found.logs.linesSince(since)) {
      if (message !== 'Told HubSpot' || line.channelId !== channelId) continue
      done(terminal, `HubSpot was told that message ${messageId} is ${statusType}${reason ? `: ${reason}` : ''}.`)
      return
    }
    terminal.progress('Waiting for a message')
    await sleep(found.isLocal ? 200 : 3000, undefined, { signal: terminal.signal }).catch(() => {})
  }
}
