import { expect, test } from 'vitest'
import { Provider } from '../../../functions/providers/accounts.ts'
import { playedProviders } from '../../../infra/local/providers.ts'
import { scenarios } from '../../../infra/local/scenarios.ts'

test.each(Provider.options)('%s is played, and the demo sends a message through it', (name) => {
  expect(playedProviders.map(({ provider }) => provider)).toContain(name)
  expect(scenarios.map(({ provider }) => provider?.name ?? 'forward')).toContain(name)
})
