import { expect, test } from 'vitest'
import { keepTokens } from '../../../functions/hubspot/portal.ts'
import { createMemoryTable } from '../../support/memory-table.ts'

const now = Date.parse('2026-11-22T12:00:00Z')
const tokens = {
  ...{ kind: 'tokens' as const, accessToken: 'access', refreshToken: 'refresh', expiresInSeconds: 1800 },
  ...{ portalId: '1', scopes: [] },
}

test('what was imported is known by it, after the portal is installed as well', async () => {
  const table = createMemoryTable()
  const kept = () => table.items.get('portal#1')

  expect(await keepTokens(table, '1', tokens, { now, importedAs: 'fingerprint' })).toEqual({ isNew: true })
  expect(kept()).toMatchObject({ importedAs: 'fingerprint', refreshToken: 'refresh' })
  expect(await keepTokens(table, '1', { ...tokens, refreshToken: 'newer' }, { now })).toEqual({ isNew: false })
  expect(kept()).toMatchObject({ importedAs: 'fingerprint', refreshToken: 'newer' })
})

test.each([
  [1800, undefined],
  [3600, 3_600_000],
  [60, 60_000],
])('a token of %i seconds ends after them; its life is kept where it is unusual', async (expiresInSeconds, life) => {
  const table = createMemoryTable()
  await keepTokens(table, '1', { ...tokens, expiresInSeconds }, { now })

  const { accessTokenExpiresAt, accessTokenLife } = table.items.get('portal#1') as Record<string, unknown>
  expect([accessTokenExpiresAt, accessTokenLife]).toEqual([now + expiresInSeconds * 1000, life])
})
