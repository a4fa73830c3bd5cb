import * as z from 'zod'
import { readCredentials } from './credentials.ts'
import type { NewMessage } from './hubspot/state.ts'
import type { LocalRelay } from './local-relay.ts'
import { playedProviders } from './providers/all.ts'
import type { Conduct } from './providers/simulator.ts'

/** The app as HubSpot's page for developers would show it. The simulated HubSpot takes any app id and developer key. */
export const appToEnter = { appId: '77', developerApiKey: 'any' }

/**
 * Providers that are played, and that no channel of the relay knows yet: what a new account has. Connected by what
 * `credentials` says, they carry what agents write.
 */
export async function startUnconnected(relay: LocalRelay) {
  const { hubspot, stack } = relay
  const fates = new Map<string, Conduct>()
  const connected = new Map<string, { portalId: string; channelId: string }>()
  const providers = await Promise.all(
    playedProviders.map(async ({ start, ...played }) => {
      const simulator = await start({
        receiptsUrl: stack.outputs['ReceiptsUrl']!,
        conduct: ({ messageId }) => fates.get(hubspot.message(messageId)?.text ?? '') ?? {},
        messageIdOf: ({ text }) => [...hubspot.messages.values()].findLast((one) => one.text === text)?.id,
      })
      relay.watch('', simulator)
      return { ...played, account: simulator.account }
    }),
  )
  hubspot.onEvent((event) => {
    const account = event.type === 'webhook' ? Connected.safeParse(event.event).data : undefined
    if (account) connected.set(account.channelAccountId, account)
  })

  /** A customer whom the provider of this channel reaches. */
  async function customerOf(id: string) {
    const { provider } = z.object({ provider: z.string() }).parse(await readCredentials(stack, id))
    return providers.find((one) => one.provider === provider)!.customer
  }

  return {
    /** What each provider's customers are given to fill in. */
    credentials: providers.map(({ name, account }) => ({ name, account })),
    /** The channel accounts that were connected so far. */
    accounts: () => [...connected.keys()],
    idsOf: (channelAccountId: string) => connected.get(channelAccountId),
    /** An agent writes by a connected account; what becomes of it is settled. */
    async play(channelAccountId: string, text: string, fate: Conduct, more: Partial<NewMessage> = {}) {
      const about = connected.get(channelAccountId)
      if (!about) throw new Error('No channel account is connected yet')
      fates.set(text, fate)
      const to = [await customerOf(channelAccountId).catch(() => customerOf(about.channelId))]
      return hubspot.sendMessage({ ...about, channelAccountId, to, text, ...more })
    },
  }
}

const Connected = z.object({
  type: z.literal('CHANNEL_ACCOUNT_CREATED'),
  portalId: z.string(),
  channelId: z.string(),
  channelAccountId: z.string(),
})
