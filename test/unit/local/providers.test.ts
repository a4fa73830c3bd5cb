import { expect, test } from 'vitest'
import { Provider } from '../../../functions/providers/accounts.ts'
import { scenarios } from '../../../infra/local/demo/scenarios.ts'
import { playedProviders } from '../../../infra/local/providers/all.ts'

test.each(Provider.options)('%s is played, and the demo sends a message through it', (name) => {
  expect(playedProviders.map(({ provider }) => provider)).toContain(name)
  expect(scenarios.map(({ provider }) => provider?.name ?? 'forward')).toContain(name)
})
