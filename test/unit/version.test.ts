import { expect, test } from 'vitest'
import { relayVersion } from '../../infra/relay/version.ts'
import manifest from '../../package.json' with { type: 'json' }

test('the version that a stack tells is that of the package', () => {
  expect(relayVersion).toBe(manifest.version)
})
