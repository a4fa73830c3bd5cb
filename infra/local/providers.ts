import { senders } from '../../functions/providers/senders.ts'
import { startForward } from './forward.ts'
import type { Message } from './hubspot.ts'
import { startLine } from './line.ts'
import type { LocalRelay } from './local-relay.ts'
import type { Conduct, ProviderSimulator, SimulatorOptions } from './provider-simulator.ts'
import { startTelegram } from './telegram.ts'
import { startTwilio } from './twilio.ts'
import { startWhatsApp } from './whatsapp.ts'

/** A provider as it is played here: the channel account that it serves, and the customer who is reached over it. */
type Played = {
  provider: keyof typeof senders
  name: string
  channelAccountId: string
  customer: string
  start(options: SimulatorOptions & { receiptsUrl: string }): Promise<ProviderSimulator>
  /** What it could report over another channel, and not over this one. */
  never?: 'read'
}

/** Every provider that is played here. */
export const playedProviders: Played[] = [
  {
    provider: 'forward',
    name: 'Your own service',
    channelAccountId: '3000000001',
    customer: '+15550100001',
    start: startForward,
  },
  {
    provider: 'twilio',
    name: 'Twilio SMS',
    channelAccountId: '3000000002',
    customer: '+15550100002',
    start: startTwilio,
    never: 'read',
  },
  {
    provider: 'whatsapp',
    name: 'WhatsApp',
    channelAccountId: '3000000003',
    customer: '+15550100003',
    start: startWhatsApp,
  },
  {
    provider: 'telegram',
    name: 'Telegram',
    channelAccountId: '3000000004',
    customer: '900000004',
    start: startTelegram,
  },
  {
    provider: 'line',
    name: 'LINE',
    channelAccountId: '3000000005',
    customer: `U${'5'.repeat(32)}`,
    start: startLine,
  },
]

/**
 * Starts each provider and connects its channel account. What becomes of a send goes by HubSpot's id of its message. `truth`
 * is what can be known through a provider.
 */
export function startProviders(relay: LocalRelay, conduct: (messageId: string) => Conduct) {
  const { messages } = relay.hubspot
  const receiptsUrl = relay.stack.outputs['ReceiptsUrl']!
  return Promise.all(
    playedProviders.map(async ({ start, never, ...played }) => {
      const isTheirs = (message: Message) => message.channelAccountId === played.channelAccountId
      const simulator = await start({
        receiptsUrl,
        conduct: ({ messageId }) => conduct(messageId),
        // Not every provider's requests carry it.
        messageIdOf: ({ text }) =>
          [...messages.values()].findLast((message) => isTheirs(message) && message.text === text)?.id,
      })
      relay.addProvider(played.channelAccountId, simulator)
      const { truth } = senders[played.provider]
      return { ...played, simulator, truth: { ...truth, ...(never && { [never]: false }) } }
    }),
  )
}
