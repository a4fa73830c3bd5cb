import { senders } from '../../../functions/providers/senders.ts'
import type { LocalRelay } from '../local-relay.ts'
import { startForward } from './forward.ts'
import { startLine } from './line.ts'
import type { ProviderSimulator, SimulatorOptions } from './simulator.ts'
import { startTelegram } from './telegram.ts'
import { startTwilio } from './twilio.ts'
import { startWhatsApp } from './whatsapp.ts'

/** A provider as it is played here: the channel account that it serves, and the customer who is reached over it. */
type Played = {
  provider: keyof typeof senders
  name: string
  channelAccountId: string
  customer: string
  start(options: SimulatorOptions & { receiptsUrl: string }): Promise<Simulator>
  /** What it could report over another channel, and not over this one. */
  never?: 'read'
}

/** A simulated provider; over some of them, a customer can write. */
type Simulator = ProviderSimulator & Partial<Pick<Awaited<ReturnType<typeof startWhatsApp>>, 'write'>>

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

/** Starts a provider and connects a channel account to it. `truth` is what can be known through it. */
export async function startProvider(
  relay: LocalRelay,
  name: Played['provider'],
  { channelAccountId, conduct }: { channelAccountId: string; conduct: NonNullable<SimulatorOptions['conduct']> },
) {
  const { start, never, ...played } = playedProviders.find(({ provider }) => provider === name)!
  const { messages } = relay.hubspot
  const simulator = await start({
    receiptsUrl: relay.stack.outputs['ReceiptsUrl']!,
    conduct,
    // Not every provider's requests carry it.
    messageIdOf: ({ text }) =>
      [...messages.values()].findLast((one) => one.channelAccountId === channelAccountId && one.text === text)?.id,
  })
  await relay.addProvider(channelAccountId, simulator)
  const { truth } = senders[name]
  return { ...played, simulator, truth: { ...truth, ...(never && { [never]: false }) } }
}
