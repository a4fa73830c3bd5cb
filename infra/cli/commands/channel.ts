import { setTimeout as sleep } from 'node:timers/promises'
import { type Command, Option } from 'commander'
import { problems } from '../../../functions/platform/problems.ts'
import { inWords, unknownFields } from '../../unknown-fields.ts'
import { digits, endpoint, readDocument } from '../arguments.ts'
import { Capabilities } from '../capabilities.ts'
import { aboutTheKey, type ChannelsOfApp, channelsOfApp, developerApiKey } from '../channels-of-app.ts'
import { CommandError } from '../command-error.ts'
import type { Context } from '../context.ts'
import type { Terminal } from '../terminal.ts'
import { addConnectCommands } from './channel-connect.ts'

/** `channel register | list | set-webhook`: the custom channels of the HubSpot app. */
export function addChannelCommands(program: Command, { terminal, deployment }: Context) {
  const channel = program.command('channel').description('custom channels at HubSpot')
  const ofApp = (command: Command) =>
    command
      .requiredOption('--app-id <id>', 'the id of the app that the channel belongs to', digits)
      .addHelpText('after', aboutTheKey)
  const channelsOf = async (appId: string) =>
    channelsOfApp(await deployment(), { appId, hapikey: await developerApiKey(terminal) })

  ofApp(channel.command('register').description('registers a channel; without --webhook, HubSpot posts nowhere yet'))
    .argument('<name>', 'what administrators see when they connect it')
    .option('--webhook', "have HubSpot post the channel's messages to the relay at once")
    .option('--description <text>', 'what administrators read about it')
    .option('--logo-url <url>', 'its picture', endpoint)
    .option('--redirect-url <url>', 'the page on which administrators connect an account of it', endpoint)
    .addOption(
      new Option(
        '--identifiers <types...>',
        'how customers are addressed: HS_PHONE_NUMBER, CHANNEL_SPECIFIC_OPAQUE_ID, …',
      ),
    )
    .addOption(new Option('--threading <model>', 'DELIVERY_IDENTIFIER, or INTEGRATION_THREAD_ID'))
    .option('--capabilities <path>', "JSON with HubSpot's capabilities; - for the standard input")
    .option('--dry-run', 'only print what would be registered')
    .option('--json', 'print the channel as JSON')
    .action(async (name: string, options: RegisterOptions) => {
      const { outputs } = await deployment()
      const body = {
        name,
        capabilities: await capabilitiesFrom(terminal, options),
        webhookUrl: options.webhook ? outputs.WebhookUrl : undefined,
        channelDescription: options.description,
        channelLogoUrl: options.logoUrl,
        channelAccountConnectionRedirectUrl: options.redirectUrl,
      }
      if (options.dryRun) return terminal.print(JSON.stringify(body, undefined, 2))
      const channels = await channelsOf(options.appId)
      const id = await channels.register(body)
      if (!(await isListed(channels, id, terminal)))
        terminal.note('HubSpot does not list it yet; that can take a minute.')
      if (options.json) return terminal.print(JSON.stringify({ id, ...body }, undefined, 2))
      terminal.print(`Channel ${id} is registered.`)
      if (!options.webhook)
        terminal.print(
          `HubSpot posts its messages nowhere yet: npm run relay -- channel set-webhook ${id} --app-id ${options.appId}`,
        )
    })

  ofApp(channel.command('list').description("lists the app's channels, and where their messages are posted"))
    .option('--json', 'print them as JSON')
    .action(async ({ appId, json }: { appId: string; json?: boolean }) => {
      const { outputs } = await deployment()
      const channels = await (await channelsOf(appId)).list()
      if (json) return terminal.print(JSON.stringify(channels, undefined, 2))
      for (const { id, name, webhookUrl } of channels)
        terminal.print(`${id}  ${name}  ${webhookUrl === outputs.WebhookUrl ? 'the relay' : (webhookUrl ?? 'nowhere')}`)
      if (channels.length === 0) terminal.print('The app has no channel yet.')
    })

  addConnectCommands(channel, { terminal, deployment })

  ofApp(channel.command('set-webhook').description("points a channel's webhook URL at the relay, or back"))
    .argument('<channelId>', "the channel's id", digits)
    .option('--url <url>', "another URL than the relay's, to go back to", endpoint)
    .option('--dry-run', 'only say what would be changed')
    .option('--json', 'print it as JSON')
    .action(async (channelId: string, { appId, url, dryRun, json }: SetWebhookOptions) => {
      const { outputs } = await deployment()
      const webhookUrl = url ?? outputs.WebhookUrl
      const channels = await channelsOf(appId)
      const before = (await channels.get(channelId)).webhookUrl
      if (json) {
        const isMoved = before !== webhookUrl && !dryRun
        if (isMoved) await channels.setWebhook(channelId, webhookUrl)
        return terminal.print(
          JSON.stringify({ channelId, from: before ?? null, to: webhookUrl, isMoved }, undefined, 2),
        )
      }
      if (before === webhookUrl) return terminal.print(`Channel ${channelId} posts to ${webhookUrl} already.`)
      const change = `from ${before ?? 'nowhere'} to ${webhookUrl}`
      if (dryRun) return terminal.print(`Would move the webhooks of channel ${channelId} ${change}.`)
      await channels.setWebhook(channelId, webhookUrl)
      terminal.print(`The webhooks of channel ${channelId} are moved ${change}.`)
    })
}

type SetWebhookOptions = { appId: string; url?: string; dryRun?: boolean; json?: boolean }

type RegisterOptions = {
  appId: string
  webhook?: boolean
  description?: string
  logoUrl?: string
  redirectUrl?: string
  identifiers?: string[]
  threading?: string
  capabilities?: string
  dryRun?: boolean
  json?: boolean
}

async function capabilitiesFrom(terminal: Terminal, { capabilities, identifiers, threading }: RegisterOptions) {
  const given = capabilities === undefined ? {} : await readDocument(terminal, capabilities)
  const result = Capabilities.safeParse({
    ...(given as object),
    ...(identifiers && { deliveryIdentifierTypes: identifiers }),
    ...(threading && { threadingModel: threading }),
  })
  if (result.success) return result.data
  const unknown = unknownFields(Capabilities, given)
  const why = unknown.length > 0 ? `it knows no ${inWords(unknown)}` : problems(result.error)
  throw new CommandError(
    `HubSpot would refuse these capabilities without saying why: ${why}.`,
    'Nothing is registered. The capabilities are in docs/relay.md.',
  )
}

/** Whether HubSpot lists a new channel, which it does not at once. */
async function isListed(channels: ChannelsOfApp, id: string, { progress, signal }: Terminal) {
  for (const seconds of [0, 1, 2, 4, 8, 16]) {
    progress('Waiting until HubSpot lists it')
    await sleep(seconds * 1000, undefined, { signal }).catch(() => {})
    if (signal.aborted) return false
    if ((await channels.list()).some((channel) => channel.id === id)) return true
  }
  return false
}
