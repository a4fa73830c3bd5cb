import type { Command } from 'commander'
import * as z from 'zod'
import { createFetchJson, type HttpResponse, NoAnswer } from '../../functions/platform/fetch-json.ts'
import { digits, endpoint } from './given.ts'
import type { Context } from './relay.ts'
import { Trouble } from './trouble.ts'

/** `channel set-webhook <channelId>`: has HubSpot post a channel's messages to the relay. */
export function addChannelCommands(program: Command, { terminal, deployment }: Context) {
  program
    .command('channel')
    .description('custom channels at HubSpot')
    .command('set-webhook')
    .description("points a channel's webhook URL at the relay, or back")
    .addHelpText(
      'after',
      '\nThe developer API key is taken from HUBSPOT_DEVELOPER_API_KEY, or asked for. HubSpot shows it under Development, Keys.',
    )
    .argument('<channelId>', "the channel's id", digits)
    .requiredOption('--app-id <id>', 'the id of the app that the channel belongs to', digits)
    .option('--url <url>', "another URL than the relay's, to go back to", endpoint)
    .option('--dry-run', 'only say what would be changed')
    .action(async (channelId: string, { appId, url: other, dryRun }: Options) => {
      const { outputs } = await deployment()
      const webhookUrl = other ?? outputs.WebhookUrl
      const hapikey =
        process.env['HUBSPOT_DEVELOPER_API_KEY'] || (await terminal.askHidden('HubSpot developer API key (hidden):'))
      const query = new URLSearchParams({ hapikey, appId })
      const url = `${outputs.HubSpotBaseUrl}/conversations/v3/custom-channels/${channelId}?${query}`
      const call = async (request: Parameters<typeof fetchJson>[1]) =>
        webhookUrlIn(await fetchJson(url, request).catch(unanswered), channelId)

      const before = await call({ method: 'GET' })
      if (before === webhookUrl) return terminal.print(`Channel ${channelId} posts to ${webhookUrl} already.`)
      const change = `from ${before ?? 'nowhere'} to ${webhookUrl}`
      if (dryRun) return terminal.print(`Would move the webhooks of channel ${channelId} ${change}.`)
      await call({
        method: 'PATCH',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ webhookUrl }),
      })
      terminal.print(`The webhooks of channel ${channelId} are moved ${change}.`)
    })
}

type Options = { appId: string; url?: string; dryRun?: boolean }

const fetchJson = createFetchJson({ timeout: 10_000 })
const Channel = z.object({ webhookUrl: z.string() })

function webhookUrlIn({ status, json }: HttpResponse, channelId: string) {
  if (status >= 200 && status < 300) return Channel.safeParse(json).data?.webhookUrl
  if (status === 401 || status === 403)
    throw new Trouble(
      `HubSpot refuses the developer API key or the app id (HTTP ${status}).`,
      'Both belong to the developer account in which the app was made.',
    )
  if (status === 404)
    throw new Trouble(`The app has no channel ${channelId} (HTTP 404).`, 'Check the channel id and --app-id.')
  // HubSpot's words may quote the request, and the key with it.
  throw new Trouble(`HubSpot does not take it (HTTP ${status}).`, status >= 500 ? 'Try again in a while.' : undefined)
}

function unanswered(error: unknown): never {
  if (!(error instanceof NoAnswer)) throw error
  throw new Trouble(`HubSpot does not answer (${error.message}).`, 'Try again in a while.', { cause: error })
}
