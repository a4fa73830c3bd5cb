import * as z from 'zod'
import type { HttpRequest } from '../../functions/platform/fetch-json.ts'
import { CommandError } from './command-error.ts'
import type { Deployment } from './deployment.ts'
import { fetchHubSpot } from './hubspot-access.ts'
import { parseAnswer } from './hubspot-answer.ts'
import type { Terminal } from './terminal.ts'

const Channel = z.object({
  id: z.coerce.string(),
  name: z.string().default(''),
  webhookUrl: z.string().nullish(),
})

/** A custom channel as HubSpot lists it. */
type Channel = z.infer<typeof Channel>

/** The custom channels of a HubSpot app, as whoever has the developer API key sees them. */
export type ChannelsOfApp = {
  appId: string
  list(): Promise<Channel[]>
  get(channelId: string): Promise<Channel>
  /** Registers a channel; returns its id. */
  register(channel: object): Promise<string>
  setWebhook(channelId: string, webhookUrl: string): Promise<void>
}

/** The developer API key, from the environment or else asked for. */
export const developerApiKey = async ({ askHidden }: Terminal) =>
  process.env['HUBSPOT_DEVELOPER_API_KEY'] || askHidden('HubSpot developer API key:')

/** Said in the help of each command that takes the key. */
export const aboutTheKey =
  '\nThe developer API key is taken from HUBSPOT_DEVELOPER_API_KEY, or\nasked for. HubSpot shows it under Development, Keys.'

/** The channels of an app. What goes wrong is said without HubSpot's words, which may quote the request, and the key with it. */
export function channelsOfApp(
  { outputs }: Deployment,
  { appId, hapikey }: { appId: string; hapikey: string },
): ChannelsOfApp {
  async function call(path: string, { body, ...request }: Omit<HttpRequest, 'body'> & { body?: object }) {
    const url = `${outputs.HubSpotBaseUrl}/conversations/v3/custom-channels${path}?${new URLSearchParams({ hapikey, appId })}`
    const answer = await fetchHubSpot(url, {
      ...request,
      ...(body && { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }),
    })
    if (answer.status >= 200 && answer.status < 300) return answer.json
    throw errorFor(answer.status, path)
  }

  return {
    appId,
    async list() {
      return parseAnswer(Listed, await call('', { method: 'GET' }), developerPages).results
    },
    async get(channelId) {
      return parseAnswer(Channel, await call(`/${channelId}`, { method: 'GET' }), developerPages)
    },
    async register(channel) {
      return parseAnswer(Channel, await call('', { method: 'POST', body: channel }), developerPages).id
    },
    async setWebhook(channelId, webhookUrl) {
      await call(`/${channelId}`, { method: 'PATCH', body: { webhookUrl } })
    },
  }
}

const Listed = z.object({ results: z.array(Channel) })

const developerPages = 'its developer pages'

function errorFor(status: number, path: string) {
  if (status === 401 || status === 403)
    return new CommandError(
      `HubSpot rejects the developer API key or the app id (HTTP ${status}).`,
      'Both belong to the developer account in which the app was made.',
    )
  if (status === 404 && path)
    return new CommandError(`The app has no channel ${path.slice(1)} (HTTP 404).`, 'Check the channel id and --app-id.')
  return new CommandError(
    `HubSpot rejected the request (HTTP ${status}).`,
    status >= 500 ? 'Try again in a while.' : undefined,
  )
}
