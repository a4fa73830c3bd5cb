import { senders } from '../../../functions/providers/senders.ts'
import { startForward } from '../forward.ts'
import type { LocalRelay } from '../local-relay.ts'
import type { ProviderSimulator, SimulatorOptions } from '../provider-simulator.ts'

type Start = (options: SimulatorOptions & { receiptsUrl: string }) => Promise<ProviderSimulator>

/** The providers that are played here, with the channel account that each of them serves. */
const starts: { provider: keyof typeof senders; name: string; channelAccountId: string; start: Start }[] = [
  { provider: 'forward', name: 'Your own service', channelAccountId: '3000000001', start: startForward },
]

/** Starts each provider and connects its channel account. */
export async function startProviders(relay: LocalRelay, options: SimulatorOptions) {
  const receiptsUrl = relay.stack.outputs['ReceiptsUrl']!
  return Promise.all(
    starts.map(async ({ start, ...provider }) => {
      const simulator = await start({ ...options, receiptsUrl })
      relay.addProvider(provider.channelAccountId, simulator)
      return { ...provider, simulator, truth: senders[provider.provider].truth }
    }),
  )
}
