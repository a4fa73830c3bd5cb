import * as z from 'zod'
import { NoAccess } from '../../functions/hubspot/access-errors.ts'
import { channelsPath } from '../../functions/hubspot/client.ts'
import type { HttpRequest } from '../../functions/platform/fetch-json.ts'
import { CommandError } from './command-error.ts'
import type { Deployment } from './deployment.ts'
import { createAccess, fetchHubSpot } from './hubspot-access.ts'
import { parseAnswer } from './hubspot-answer.ts'

/** How customers reach a channel account: HubSpot's `PublicDeliveryIdentifier`. */
export const DeliveryIdentifier = z.strictObject({
  type: z.enum(['HS_PHONE_NUMBER', 'HS_EMAIL_ADDRESS', 'HS_SHORT_CODE', 'CHANNEL_SPECIFIC_OPAQUE_ID']),
  value: z.string().min(1),
})

/** A channel account that is to be connected to an inbox. */
export const NewAccount = z.strictObject({
  inboxId: z.string().regex(/^\d+$/),
  name: z.string().min(1),
  deliveryIdentifier: DeliveryIdentifier.optional(),
})
export type NewAccount = z.infer<typeof NewAccount>

const id = z.union([z.string(), z.number()]).transform(String)
const ChannelAccount = z.object({
  id,
  name: z.string().default(''),
  inboxId: id.optional(),
  active: z.boolean().default(true),
  authorized: z.boolean().default(true),
  deliveryIdentifier: z.object({ type: z.string(), value: z.string() }).nullish().catch(undefined),
})
const Inbox = z.object({ id, name: z.string().default('') })

/** A portal's accounts of a channel, and its inboxes, by the portal's own access. What HubSpot says is not quoted. */
export function accountsOfChannel(
  deployment: Deployment,
  { portalId, channelId }: { portalId: string; channelId: string },
) {
  const { HubSpotBaseUrl, HubSpotApiVersion } = deployment.outputs
  const ofChannel = `${channelsPath(HubSpotApiVersion)}/${channelId}`

  async function call(path: string, { body, ...request }: Omit<HttpRequest, 'body'> & { body?: object }) {
    const token = await createAccess(deployment)
      .tokens.get(portalId)
      .catch((error) => {
        if (!(error instanceof NoAccess)) throw error
        throw new CommandError(`${error.message}.`, 'npm run relay -- doctor says how to fix it.', { cause: error })
      })
    const answer = await fetchHubSpot(HubSpotBaseUrl + path, {
      ...request,
      headers: { authorization: `Bearer ${token}`, ...(body && { 'content-type': 'application/json' }) },
      ...(body && { body: JSON.stringify(body) }),
    })
    if (answer.status >= 200 && answer.status < 300) return answer.json
    throw errorFor(answer.status, { portalId, channelId })
  }

  return {
    /** Those that there are. */
    async list() {
      return parseAnswer(
        z.object({ results: z.array(ChannelAccount) }),
        await call(`${ofChannel}/channel-accounts`, get),
        inboxSettings,
      ).results
    },
    /** Connects one to an inbox; HubSpot calls the webhook then. */
    async connect(account: NewAccount) {
      const body = { ...account, authorized: true }
      return parseAnswer(
        ChannelAccount,
        await call(`${ofChannel}/channel-accounts`, { method: 'POST', body }),
        inboxSettings,
      )
    },
    /** Ends what an administrator began on HubSpot's own page, which handed over a token. */
    async finish(accountToken: string, account: Required<Pick<NewAccount, 'name' | 'deliveryIdentifier'>>) {
      const { name: accountName, deliveryIdentifier } = account
      const path = `${ofChannel}/channel-account-staging-tokens/${encodeURIComponent(accountToken)}`
      await call(path, { method: 'PATCH', body: { accountName, deliveryIdentifier } })
    },
    /** The portal's inboxes and help desks. */
    async inboxes() {
      const path = '/conversations/v3/conversations/inboxes'
      return parseAnswer(z.object({ results: z.array(Inbox) }), await call(path, get), inboxSettings).results
    },
  }
}

const get = { method: 'GET' }

const inboxSettings = 'the inbox settings'

function errorFor(status: number, { portalId, channelId }: { portalId: string; channelId: string }) {
  if (status === 403)
    return new CommandError(
      `Portal ${portalId} does not let the app do this (HTTP 403).`,
      'The app needs conversations.custom_channels.read and .write, and conversations.read: npm run relay -- doctor',
    )
  if (status === 404)
    return new CommandError(
      `Portal ${portalId} has nothing like that in channel ${channelId} (HTTP 404).`,
      'Is the channel one of this app? A token of HubSpot’s page is good once, and for a short time.',
    )
  return new CommandError(
    `HubSpot rejected the request (HTTP ${status}).`,
    status >= 500 || status === 429 ? 'Try again in a while.' : 'Check the inbox, the channel and the identifier.',
  )
}
