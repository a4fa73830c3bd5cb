import { expect, test } from 'vitest'
import { NoAccess } from '../../../functions/hubspot/access-errors.ts'
import { createTokens } from '../../../functions/hubspot/tokens.ts'
import { createMemoryTable } from '../../support/memory-table.ts'

// What a Lambda that remembers nothing does for a token, by what the portal's item says.

const now = Date.parse('2026-11-22T12:00:00Z')
const hour = 3_600_000

type Kept = {
  /** Milliseconds until the token ends, and how long it lived from the beginning. */
  left?: number
  life?: number
  /** Milliseconds until others may refresh: a lease, a pause after a failure, a problem. */
  leased?: number
  paused?: number
  problem?: number
}

async function askFor({ left, life, leased, paused, problem }: Kept, { refused = false } = {}) {
  const table = createMemoryTable()
  table.items.set('portal#1', {
    ...{ pk: 'portal#1', version: 1, refreshToken: 'refresh', accessTokenLife: life },
    ...(left !== undefined && { accessToken: 'kept', accessTokenExpiresAt: now + left }),
    ...(leased !== undefined && { lease: { by: 'another', until: now + leased } }),
    ...(paused !== undefined && { failedRefreshes: 3, refreshAgainAt: now + paused }),
    ...(problem !== undefined && { problem: 'revoked', askAgainAt: now + problem }),
  })
  const tokens = createTokens({
    table,
    source: {
      name: 'HubSpot',
      restoredBy: 'the app is reinstalled',
      refreshesByToken: true,
      renew: async () => ({
        kind: 'tokens',
        accessToken: 'new',
        refreshToken: 'refresh',
        expiresInSeconds: 1800,
        portalId: '1',
        scopes: [],
      }),
    },
    now: () => now,
    random: () => 0.5,
  })
  const token = refused ? tokens.renew('1', 'kept') : tokens.get('1')
  return token.then(
    (token) => `uses ${token}`,
    (error) => (error instanceof NoAccess ? 'has no access' : 'waits'),
  )
}

test.each<[string, Kept, string]>([
  ['none', {}, 'uses new'],
  ['one that is good for an hour', { left: hour }, 'uses kept'],
  ['one that is good for more than a minute', { left: 60_001 }, 'uses kept'],
  ['one that ends in a minute', { left: 60_000 }, 'uses new'],
  ['one that has ended', { left: -1 }, 'uses new'],
  ['one that ends soon, while another refreshes', { left: 59_000, leased: 1 }, 'uses kept'],
  ['one that ends soon, while nobody can refresh', { left: 59_000, paused: 1 }, 'uses kept'],
  ['one with hardly more than 20 seconds left, while another refreshes', { left: 20_001, leased: 1 }, 'uses kept'],
  ['one with 20 seconds left, while another refreshes', { left: 20_000, leased: 1 }, 'waits'],
  ['one with 20 seconds left, while nobody can refresh', { left: 20_000, paused: 1 }, 'waits'],
  ['none, while another refreshes', { leased: 1 }, 'waits'],
  ['none, where another died while it refreshed', { leased: 0 }, 'uses new'],
  ['none, where the pause after a failure is over', { paused: 0 }, 'uses new'],
  ['one that lives 30 seconds, with more than 3 left', { left: 3001, life: 30_000 }, 'uses kept'],
  ['one that lives 30 seconds, with 3 left', { left: 3000, life: 30_000 }, 'uses new'],
  ['one that lives 30 seconds, 1.5 left, while another refreshes', { left: 1500, life: 30_000, leased: 1 }, 'waits'],
  ['one that is good, of a portal with a problem', { left: hour, problem: 1 }, 'has no access'],
  ['none, of a portal whose problem may have passed', { problem: 0 }, 'uses new'],
])('finds %s: %s', async (_, kept, does) => {
  expect(await askFor(kept)).toBe(does)
})

test.each<[string, Kept, string]>([
  ['the same', { left: hour }, 'uses new'],
  ['the same, while another refreshes', { left: hour, leased: 1 }, 'waits'],
  ['the same, while nobody can refresh', { left: hour, paused: 1 }, 'waits'],
])('after HubSpot refused its token, it finds %s: %s', async (_, kept, does) => {
  expect(await askFor(kept, { refused: true })).toBe(does)
})
