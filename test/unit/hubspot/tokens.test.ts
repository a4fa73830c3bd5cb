import { setImmediate } from 'node:timers/promises'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { NoAccess } from '../../../functions/hubspot/access-errors.ts'
import type { TokenAnswer } from '../../../functions/hubspot/oauth.ts'
import { keepTokens } from '../../../functions/hubspot/portal.ts'
import { hubSpotAsSource } from '../../../functions/hubspot/token-source.ts'
import { createTokens } from '../../../functions/hubspot/tokens.ts'
import { RetryableError } from '../../../functions/platform/retry.ts'
import type { Table } from '../../../functions/platform/table.ts'
import { createMemoryTable } from '../../support/memory-table.ts'
import { collectTelemetry } from '../../support/telemetry.ts'

const minute = 60_000
const portalId = '1'
const revoked: TokenAnswer = { kind: 'revoked', problem: 'HTTP 400, BAD_REFRESH_TOKEN' }
const unreachable: TokenAnswer = { kind: 'retryable', problem: 'HTTP 503' }

describe('fifty cold Lambdas, whatever the order of their steps', () => {
  test('refresh once, and all have the same token', async () => {
    await inAnyOrder(async (world) => {
      await world.untilAllHaveTokens(50)

      expect(world.refreshes).toBe(1)
      expect(new Set(world.tokens)).toEqual(new Set(['access-1']))
    })
  })

  test('refresh once more where the answer was lost, and never two at a time', async () => {
    await inAnyOrder(async (world) => {
      world.answers.push(unreachable)
      await world.untilAllHaveTokens(50)

      expect(world.refreshes).toBe(2)
      expect(world.mostAtOnce).toBe(1)
    })
  })

  test('wait for one that died while it refreshed, and then one of them does', async () => {
    await inAnyOrder(async (world) => {
      world.answers.push('dies')
      await world.untilAllHaveTokens(49, { of: 50 })

      expect(world.refreshes).toBe(2)
      expect(world.now() - world.startedAt).toBeGreaterThanOrEqual(minute)
    })
  })

  test('ask HubSpot once of a portal that revoked its consent, and count it once', async () => {
    await inAnyOrder(async (world) => {
      world.answers.push(revoked, revoked, revoked)
      await world.attempt(50)
      world.pass(3000)
      await world.attempt(50)

      expect(world.refreshes).toBe(1)
      expect(world.telemetry.counts).toEqual({ PortalsRevoked: 1 })
    })
  })

  test('renew a token that ends soon by one of them, while the others go on with it', async () => {
    await inAnyOrder(async (world) => {
      world.portal({ accessToken: 'ends soon', accessTokenExpiresAt: world.now() + 45_000 })
      await world.attempt(50)

      expect(world.refreshes).toBe(1)
      expect(world.tokens).toHaveLength(50)
      expect(world.tokens.filter((token) => token === 'access-1').length).toBeGreaterThan(0)
    })
  })
})

describe('ahead of its end', () => {
  test.each([
    [61_000, 0],
    [59_000, 1],
  ])('a token that is good for %i ms costs %i refreshes', async (left, refreshes) => {
    const world = createWorld()
    world.portal({ accessToken: 'here already', accessTokenExpiresAt: world.now() + left })

    await world.cold().get(portalId)

    expect(world.refreshes).toBe(refreshes)
  })

  test.each([
    [30, 26],
    [45, 40],
    [300, 269],
    [1800, 1739],
  ])('a token with a life of %i seconds is used for %i of them at least', async (life, used) => {
    const world = createWorld()
    await keepTokens(world.table, portalId, { ...given('short'), expiresInSeconds: life }, { now: world.now() })
    const warm = world.cold()

    for (let second = 0; second <= used; second += 1) {
      expect(await warm.get(portalId)).toBe('short')
      expect(await world.cold().get(portalId)).toBe('short')
      world.pass(1000)
    }
    expect(world.refreshes).toBe(0)

    world.pass((life - used) * 1000)
    expect(await warm.get(portalId)).toBe('access-1')
  })

  test('HubSpot is asked again after a quarter of an hour, however often it says that it takes a day', async () => {
    const world = createWorld()
    const days = { ...unreachable, retryAfter: { seconds: 86_400 } }
    world.answers.push(days, days)
    const get = () => world.cold().get(portalId)

    await expect(get()).rejects.toThrow(RetryableError)
    world.pass(61_000)
    await expect(get()).rejects.toThrow(RetryableError)
    world.pass(880_000)
    await expect(get()).rejects.toThrow(RetryableError)
    world.pass(21_000)
    expect(await get()).toMatch(/^access/)
  })

  test('a token that HubSpot cannot renew just now is used while it lasts', async () => {
    const world = createWorld()
    world.portal({ accessToken: 'here already', accessTokenExpiresAt: world.now() + 45_000 })
    world.answers.push(unreachable, unreachable)

    expect(await world.cold().get(portalId)).toBe('here already')
    world.pass(30_000)
    await expect(world.cold().get(portalId)).rejects.toThrow(RetryableError)
  })
})

describe('a refused token', () => {
  test('is not used again because another record of the batch asks for one at the same time', async () => {
    const world = createWorld()
    world.portal({ accessToken: 'rejected', accessTokenExpiresAt: world.now() + 30 * minute })
    const tokens = world.cold()

    const [, renewed] = await Promise.all([tokens.get(portalId), tokens.renew(portalId, 'rejected')])

    expect(renewed).toBe('access-1')
  })

  test('marks no portal that was given others meanwhile', async () => {
    const world = createWorld()
    const tokens = world.cold()
    await tokens.get(portalId)
    await keepTokens(world.table, portalId, given('of a new installation'), { now: world.now() })

    await expect(tokens.refuse(portalId, 'a scope is missing')).rejects.not.toThrow(NoAccess)

    expect(await world.cold().get(portalId)).toBe('of a new installation')
  })
})

describe('the app secret', () => {
  test('that signs a refresh is the current one, not the previous', async () => {
    const world = createWorld()

    await world.cold().get(portalId)

    expect(world.secretsUsed).toEqual(['current'])
  })

  test('is read again where HubSpot refuses it: it may have been rotated', async () => {
    const world = createWorld()
    world.answers.push({ kind: 'rejected', problem: 'HTTP 400, BAD_CLIENT_SECRET' })
    world.rotateTo('next')

    expect(await world.cold().get(portalId)).toBe('access-2')
    expect(world.secretsUsed).toEqual(['current', 'next'])
  })

  test('that stays wrong makes messages wait a minute, and counts no portal as revoked', async () => {
    const world = createWorld()
    world.answers.push({ kind: 'rejected', problem: 'HTTP 400, BAD_CLIENT_SECRET' })

    await expect(world.cold().get(portalId)).rejects.toThrow(NoAccess)
    await expect(world.cold().get(portalId)).rejects.toThrow(NoAccess)
    expect(world.refreshes).toBe(1)
    world.pass(minute)

    expect(await world.cold().get(portalId)).toBe('access-2')
    expect(world.telemetry.counts).toEqual({ AccessDenied: 1 })
    expect(world.noted).toEqual([])
  })
})

test('a token that HubSpot says is of another portal is not used', async () => {
  const world = createWorld()
  world.answers.push({ ...given('access-of-2'), portalId: '2' })

  await expect(world.cold().get(portalId)).rejects.toThrow(/^No access to portal 1: .*it answers for portal 2/)
  expect(world.item()).toMatchObject({ refreshToken: 'refresh-0', problem: expect.stringContaining('portal 2') })
  expect(world.item()).not.toHaveProperty('accessToken')
  expect(world.telemetry.counts).toEqual({ AccessDenied: 1 })
})

describe('a portal that revoked its consent', () => {
  test('is asked about again after a quarter of an hour, and counted once all the same', async () => {
    const world = createWorld()
    world.answers.push(revoked, revoked)

    await expect(world.cold().get(portalId)).rejects.toThrow(NoAccess)
    const { problemSince } = world.item()
    world.pass(15 * minute)
    await expect(world.cold().get(portalId)).rejects.toThrow(/No access to portal 1: HubSpot refuses to refresh/)

    expect(world.refreshes).toBe(2)
    expect(world.item()).toMatchObject({ problemSince, problem: expect.stringContaining('BAD_REFRESH_TOKEN') })
    expect(world.telemetry.counts).toEqual({ PortalsRevoked: 1 })
  })

  test('is noted before it is marked, so that no revocation goes unnoted, and once', async () => {
    const world = createWorld()
    world.answers.push(revoked, revoked, revoked)
    world.notesFail = true
    await expect(world.cold().get(portalId)).rejects.toThrow('DynamoDB is down')
    expect(world.item()).not.toHaveProperty('problem')

    world.notesFail = false
    for (const wait of [15, 15]) {
      world.pass(wait * minute)
      await expect(world.cold().get(portalId)).rejects.toThrow(NoAccess)
    }

    expect(world.noted).toEqual([{ id: portalId, problem: undefined }])
  })

  test('is asked by its waiting messages within a quarter of an hour', async () => {
    const world = createWorld()
    world.answers.push(revoked)

    const error = await world
      .cold()
      .get(portalId)
      .catch((thrown: NoAccess) => thrown)

    expect((error as NoAccess).notBefore).toBeLessThanOrEqual(world.now() + 15 * minute)
  })

  test('has access at once when it is installed again, and counts again if it revokes that', async () => {
    const world = createWorld()
    world.answers.push(revoked)
    await expect(world.cold().get(portalId)).rejects.toThrow(NoAccess)

    await keepTokens(world.table, portalId, given('of a new installation'), { now: world.now() })

    expect(await world.cold().get(portalId)).toBe('of a new installation')
    expect(world.item()).not.toHaveProperty('problem')
    world.pass(30 * minute)
    world.answers.push(revoked)
    await expect(world.cold().get(portalId)).rejects.toThrow(NoAccess)
    expect(world.telemetry.counts).toEqual({ PortalsRevoked: 2 })
  })

  test('and one whose tokens are kept while another process refreshes the old ones: the new ones stand', async () => {
    const world = createWorld()
    world.duringRefresh = () => keepTokens(world.table, portalId, given('of a new installation'), { now: world.now() })

    await expect(world.cold().get(portalId)).rejects.toThrow(RetryableError)

    expect(world.item()).toMatchObject({
      accessToken: 'of a new installation',
      refreshToken: 'refresh of a new installation',
    })
    expect(world.item()).not.toHaveProperty('lease')
  })
})

test('neither tokens nor secrets are logged', async () => {
  const world = createWorld()
  world.answers.push(revoked)

  await world
    .cold()
    .get(portalId)
    .catch(() => {})

  expect(world.telemetry.lines).toHaveLength(1)
  expect(world.telemetry.everything()).not.toMatch(/refresh-0|current/)
})

const given = (accessToken: string) =>
  ({
    kind: 'tokens',
    accessToken,
    refreshToken: `refresh ${accessToken}`,
    expiresInSeconds: 1800,
    portalId,
    scopes: undefined,
  }) as const

type World = ReturnType<typeof createWorld>

/** The same in many worlds, in each of which another order of steps is taken. */
function inAnyOrder(check: (world: World) => Promise<void>) {
  const draws = fc.infiniteStream(fc.nat())
  return fc.assert(
    fc.asyncProperty(draws, (order) => check(createWorld(createTurns(order)))),
    { numRuns: 50 },
  )
}

/** Has steps wait for their turn, and gives turns in an order that is drawn. */
function createTurns(order: Iterator<number>) {
  const waiting: (() => void)[] = []
  return {
    inTurn:
      <Args extends unknown[], Result>(step: (...args: Args) => Promise<Result>) =>
      async (...args: Args) => {
        await new Promise<void>((resolve) => waiting.push(resolve))
        return step(...args)
      },
    /** Gives turns until nobody waits for one. */
    async run() {
      for (await setImmediate(); waiting.length > 0; await setImmediate())
        waiting.splice(order.next().value % waiting.length, 1)[0]!()
    },
  }
}

/** A portals table with one portal, a HubSpot that counts refreshes, and a clock that only moves when told. */
function createWorld(turns?: ReturnType<typeof createTurns>) {
  const memory = createMemoryTable()
  memory.items.set('portal#1', { pk: 'portal#1', refreshToken: 'refresh-0' })
  const inOrder = <Args extends unknown[], Result>(step: (...args: Args) => Promise<Result>) =>
    turns ? turns.inTurn(step) : step
  const table = {
    ...memory,
    get: inOrder(memory.get),
    putIfNextVersion: inOrder(memory.putIfNextVersion) as Table['putIfNextVersion'],
  }
  const startedAt = Date.parse('2026-11-22T12:00:00Z')
  let time = startedAt
  let atOnce = 0
  let secret: [string, ...string[]] = ['current', 'previous']
  let latestSecret = secret

  const world = {
    table: memory as Table,
    telemetry: collectTelemetry(),
    startedAt,
    now: () => time,
    pass: (milliseconds: number) => {
      time += milliseconds
    },
    refreshes: 0,
    mostAtOnce: 0,
    secretsUsed: [] as string[],
    /** What HubSpot answers first; after that, tokens. */
    answers: [] as (TokenAnswer | 'dies')[],
    notesFail: false,
    /** The revocations that were noted, and what stood in the portal's item by then. */
    noted: [] as { id: string; problem: unknown }[],
    duringRefresh: undefined as (() => Promise<unknown>) | undefined,
    /** The tokens that Lambdas have got. */
    tokens: [] as string[],
    portal: (fields: object) => memory.items.set('portal#1', { ...world.item(), ...fields }),
    item: () => memory.items.get('portal#1')!,
    rotateTo(next: string) {
      latestSecret = [next, 'current']
    },
    /** A Lambda that remembers nothing. */
    cold: () =>
      createTokens({
        table,
        source: hubSpotAsSource({
          oauth: { refresh: inOrder(refresh) },
          appSecret: async ({ fresh = false } = {}) => {
            if (fresh) secret = latestSecret
            return { clientId: 'client', clientSecrets: secret }
          },
        }),
        telemetry: world.telemetry.telemetry,
        async noteRevoked(id) {
          if (world.notesFail) throw new RetryableError('DynamoDB is down')
          world.noted.push({ id, problem: world.item()['problem'] })
        },
        now: world.now,
        random: () => 0.5,
      }),
    /** So many cold Lambdas try at the same time. Returns how many have to try later. */
    async attempt(count: number) {
      let later = 0
      for (let i = 0; i < count; i++)
        world
          .cold()
          .get(portalId)
          .then(
            (token) => world.tokens.push(token),
            (error) => {
              if (!(error instanceof RetryableError)) throw error
              later++
            },
          )
      await turns?.run()
      return later
    },
    async untilAllHaveTokens(count: number, { of = count } = {}) {
      for (let waiting = of; waiting > 0 && time < startedAt + 5 * minute; world.pass(3000))
        waiting = await world.attempt(waiting)
      expect(world.tokens).toHaveLength(count)
    },
  }

  async function refresh({ clientSecrets }: { clientSecrets: string[] }): Promise<TokenAnswer> {
    const number = ++world.refreshes
    world.secretsUsed.push(clientSecrets[0]!)
    world.mostAtOnce = Math.max(world.mostAtOnce, ++atOnce)
    const answer = world.answers.shift()
    if (answer === 'dies') {
      atOnce--
      return new Promise(() => {})
    }
    await inOrder(async () => world.duringRefresh?.())()
    atOnce--
    return answer ?? { ...given(`access-${number}`), refreshToken: `refresh-${number}` }
  }

  return world
}
