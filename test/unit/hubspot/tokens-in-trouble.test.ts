import { beforeEach, describe, expect, test } from 'vitest'
import { NoAccess } from '../../../functions/hubspot/access-errors.ts'
import type { TokenAnswer } from '../../../functions/hubspot/oauth.ts'
import { createTokens } from '../../../functions/hubspot/tokens.ts'
import { RetryableError } from '../../../functions/platform/retry.ts'
import { createMemoryTable } from '../../support/memory-table.ts'
import { collectTelemetry } from '../../support/telemetry.ts'

// What becomes of a token where the table or the endpoint does not do what it is asked.

const start = Date.parse('2026-11-22T12:00:00Z')
const fresh: TokenAnswer = {
  ...{ kind: 'tokens', accessToken: 'new', refreshToken: 'refresh', expiresInSeconds: 1800, portalId: '1' },
  scopes: [],
}
let time: number
let table: ReturnType<typeof createMemoryTable>
let told: ReturnType<typeof collectTelemetry>
let answer: TokenAnswer | Error

beforeEach(() => {
  time = start
  table = createMemoryTable()
  told = collectTelemetry()
  answer = fresh
  portal({})
})

const portal = (fields: object) =>
  table.items.set('portal#1', { pk: 'portal#1', version: 1, refreshToken: 'refresh', ...fields })
const item = () => table.items.get('portal#1') as Record<string, number>
const endsSoon = { accessToken: 'kept', accessTokenExpiresAt: start + 59_000 }
const tokens = () =>
  createTokens({
    table,
    source: {
      ...{ name: 'HubSpot', restoredBy: 'it is installed again', refreshesByToken: true },
      async renew() {
        if (answer instanceof Error) throw answer
        return answer
      },
    },
    telemetry: told.telemetry,
    now: () => time,
    random: () => 0.5,
  })
const failure = (work: Promise<unknown>) =>
  work.then(
    () => undefined,
    (error: RetryableError) => error,
  )

/** The table's writes, one after another: each is refused, fails, or is done. */
function writes(...fates: ('refused' | 'fails' | 'done')[]) {
  const { putIfNextVersion } = table
  const made: unknown[] = []
  table.putIfNextVersion = async (item) => {
    made.push(item)
    const fate = fates[Math.min(made.length, fates.length) - 1]
    if (fate === 'fails') throw new Error('AWS is down')
    return fate === 'done' ? putIfNextVersion(item) : false
  }
  return made
}

describe('where nobody can be asked for tokens', () => {
  test('for the time being, that is a refresh that failed: it is free again, and said with its reason', async () => {
    answer = new RetryableError('The app secret is out of reach')

    expect(await failure(tokens().get('1'))).toMatchObject({
      name: 'RetryableError',
      message: expect.stringContaining('The app secret is out of reach'),
    })
    expect(item()).toMatchObject({ failedRefreshes: 1, refreshToken: 'refresh' })
    expect(item()['lease']).toBeUndefined()
    expect(item()['problem']).toBeUndefined()
    expect(told.counts).toMatchObject({ TokenRefreshesFailed: 1 })
  })

  test('by a fault of our own, that is said as it is', async () => {
    answer = new TypeError('a bug')

    expect(await failure(tokens().get('1'))).toBe(answer)
  })
})

describe('where a refresh cannot be claimed', () => {
  test.each(['fails', 'refused'] as const)('a token that still lasts is used: the write %s', async (fate) => {
    portal(endsSoon)
    writes(fate)

    expect(await tokens().get('1')).toBe('kept')
  })

  test('because AWS is down, that is the reason where there is no token', async () => {
    writes('fails')

    await expect(tokens().get('1')).rejects.toThrow('AWS is down')
  })

  test.each([
    [0, 2000],
    [1, 2000],
    [2, 10_000],
  ])('because another process was faster, it is waited for: after %i failures', async (failedRefreshes, wait) => {
    portal({ failedRefreshes })
    writes('refused')

    expect(await failure(tokens().get('1'))).toMatchObject({
      message: 'Another process is refreshing the access token',
      notBefore: start + wait,
    })
  })
})

describe('where another process is refreshing it', () => {
  const lasting = { accessTokenExpiresAt: start + 1_800_000 }

  test.each([
    ['usually', undefined, 60_000, 2000],
    ['where the endpoint is down', 3, 60_000, 10_000],
    ['where it has been at it for long', undefined, 50_000, 20_000],
    ['where it has died, and its lease ends', undefined, 10_000, 20_000],
    ['where that ends at once', undefined, 1, 2000],
  ])('it is waited for, as long as that takes %s', async (_, failedRefreshes, left, wait) => {
    portal({ lease: { by: 'another', until: start + left }, failedRefreshes })

    expect(await failure(tokens().get('1'))).toMatchObject({
      message: 'Another process is refreshing the access token',
      notBefore: start + wait,
    })
  })

  test('a token that HubSpot refused is not used again in place of the new one', async () => {
    const one = tokens()
    portal({ accessToken: 'refused', ...lasting })
    await one.get('1')
    portal({ accessToken: 'refused', ...lasting, lease: { by: 'another', until: start + 60_000 } })
    await failure(one.renew('1', 'refused'))
    portal({ accessToken: 'renewed', ...lasting })

    expect(await one.get('1')).toBe('renewed')
  })

  test('the records of a batch ask once', async () => {
    let reads = 0
    const { get } = table
    table.get = (pk) => {
      reads++
      return get(pk)
    }
    const one = tokens()
    await Promise.all([one.get('1'), one.get('1'), one.get('1')])

    expect(reads).toBe(1)
  })
})

describe('where new tokens cannot be kept', () => {
  test('they are kept at the third try', async () => {
    writes('done', 'fails', 'fails', 'done')

    expect(await tokens().get('1')).toBe('new')
    expect(item()).toMatchObject({ accessToken: 'new', version: 3 })
    expect(told.lines).toEqual([])
  })

  test('they serve in this process, and an operator reads it', async () => {
    const made = writes('done', 'fails')
    const one = tokens()

    expect(await one.get('1')).toBe('new')
    expect(made).toHaveLength(4)
    expect(told.lines).toHaveLength(1)
    expect(await one.get('1')).toBe('new')
    expect(made).toHaveLength(4)
  })

  test('because the portal changed meanwhile, what stands there counts', async () => {
    writes('done', 'refused')

    expect(await failure(tokens().get('1'))).toMatchObject({
      message: 'The portal changed while its access token was refreshed',
      notBefore: start + 2000,
    })
  })
})

describe('where the endpoint asks for time', () => {
  test.each([
    ['none', undefined, 0, 1500],
    ['less than our own pause', 1, 0, 1500],
    ['ten minutes, for the first time', 600, 0, 60_000],
    ['ten minutes, again', 600, 1, 600_000],
  ])('%s', async (_, seconds, failedRefreshes, pause) => {
    portal({ failedRefreshes })
    answer = { kind: 'retryable', problem: 'HTTP 503', ...(seconds !== undefined && { retryAfter: { seconds } }) }
    const error = await failure(tokens().get('1'))

    expect(error).toBeInstanceOf(RetryableError)
    expect(error).not.toBeInstanceOf(NoAccess)
    expect(error?.message).toMatch(/HTTP 503$/)
    expect(item()).toMatchObject({ failedRefreshes: failedRefreshes + 1, refreshAgainAt: start + pause })
    expect(item()['lease']).toBeUndefined()
    expect(told.counts).toEqual({ TokenRefreshesFailed: 1 })
  })

  test.each([
    [1, 3000],
    [6, 96_000],
    [7, 192_000],
    [8, 225_000],
    [90, 225_000],
  ])('not, ours grows to minutes: after %i failures', async (failedRefreshes, pause) => {
    portal({ failedRefreshes })
    answer = { kind: 'retryable', problem: 'HTTP 503' }
    await failure(tokens().get('1'))

    expect(item()).toMatchObject({ refreshAgainAt: start + pause })
  })
})

describe('a portal gives no access', () => {
  test.each<[string, (() => void) | undefined, RegExp]>([
    ['that has no entry', () => table.items.clear(), /it has not installed the app$/],
    ['without a refresh token', () => portal({ refreshToken: undefined }), /has no refresh token$/],
    ['whose entry nobody can read', () => portal({ version: 'one' }), /has no refresh token$/],
  ])('%s', async (_, set, message) => {
    set?.()
    const error = await failure(tokens().get('1'))

    expect(error).toBeInstanceOf(NoAccess)
    expect(error?.message).toMatch(message)
  })

  test('that revoked its consent, for a quarter of an hour; with a wrong app secret, for a minute', async () => {
    answer = { kind: 'revoked', problem: 'HTTP 400' }
    await failure(tokens().get('1'))
    expect(item()).toMatchObject({ problemSince: start, askAgainAt: start + 810_000 })

    portal({})
    answer = { kind: 'rejected', problem: 'HTTP 400' }
    await failure(tokens().get('1'))
    expect(item()).toMatchObject({ problemSince: start, askAgainAt: start + 54_000 })
  })
})

describe('a portal that refuses fresh tokens', () => {
  test('is left alone for longer each time, and counted from the second on', async () => {
    const pauses: number[] = []
    for (let i = 0; i < 6; i++) {
      const one = tokens()
      await one.get('1')
      expect(await failure(one.refuse('1', 'a scope is missing'))).toBeInstanceOf(NoAccess)
      pauses.push(item()['askAgainAt']! - time)
      time = item()['askAgainAt']!
    }

    expect(pauses).toEqual([4500, 27_000, 108_000, 270_000, 810_000, 810_000])
    expect(told.counts).toEqual({ AccessDenied: 5 })
    expect(item()).toMatchObject({ problem: 'a scope is missing', problemSince: start })
  })

  test('and for another reason than before: since now', async () => {
    for (const problem of ['a scope is missing', 'another problem']) {
      const one = tokens()
      await one.get('1')
      await failure(one.refuse('1', problem))
      time = item()['askAgainAt']!
    }

    expect(item()).toMatchObject({ problem: 'another problem', problemSince: start + 4500 })
  })

  test('is asked for no token by the process that found it out', async () => {
    const one = tokens()
    await one.get('1')
    await failure(one.refuse('1', 'a scope is missing'))

    expect(await failure(one.get('1'))).toBeInstanceOf(NoAccess)
  })

  test('but has got another one meanwhile is asked about again soon', async () => {
    const one = tokens()
    await one.get('1')
    portal({ ...endsSoon, version: 9 })

    expect(await failure(one.refuse('1', 'a scope is missing'))).toMatchObject({
      message: 'The portal has another access token by now, or soon',
      notBefore: start + 2000,
    })
  })

  test('while somebody refreshes them is asked about again soon: the tokens that come must find the portal as it was', async () => {
    const lasting = { accessToken: 'kept', accessTokenExpiresAt: start + 1_800_000 }
    portal(lasting)
    const one = tokens()
    await one.get('1')
    portal({ ...lasting, version: 2, lease: { by: 'another', until: start + 1 } })
    const before = item()

    expect(await failure(one.refuse('1', 'a scope is missing'))).toMatchObject({
      message: 'The portal has another access token by now, or soon',
      notBefore: start + 2000,
    })
    expect(item()).toEqual(before)

    await one.get('1')
    time += 1
    expect(await failure(one.refuse('1', 'a scope is missing'))).toBeInstanceOf(NoAccess)
  })

  test.each([
    ['within an hour of the last time', 3_599_999, 27_000],
    ['an hour after it, from the beginning', 3_600_000, 4500],
  ])('%s', async (_, later, pause) => {
    const one = tokens()
    await one.get('1')
    await failure(one.refuse('1', 'a scope is missing'))
    time += later
    const other = tokens()
    await other.get('1')
    await failure(other.refuse('1', 'a scope is missing'))

    expect(item()['askAgainAt']! - time).toBe(pause)
  })

  test('but took the status of another message since refuses that message alone, and the portal is not silent', async () => {
    portal({ refusals: { times: 3, at: start } })
    const one = tokens()
    await one.get('1')
    time += 1000
    one.succeeded('1')
    time += 1000

    const error = await failure(one.refuse('1', 'HTTP 401'))

    expect(error).toBeInstanceOf(RetryableError)
    expect(error).not.toBeInstanceOf(NoAccess)
    expect(error).toMatchObject({ message: 'HubSpot refuses it: HTTP 401', notBefore: undefined })
    expect(item()).toMatchObject({ refusals: { times: 1, at: time } })
    expect(item()['problem']).toBeUndefined()
    expect(told.counts).toEqual({})
  })

  test('again, with none taken in between, is silent after all', async () => {
    portal({ refusals: { times: 3, at: start } })
    const one = tokens()
    await one.get('1')
    time += 1000
    one.succeeded('1')
    for (const seconds of [1, 1]) {
      time += seconds * 1000
      await one.get('1')
      await failure(one.refuse('1', 'HTTP 401'))
    }

    expect(item()).toMatchObject({ problem: 'HTTP 401', askAgainAt: time + 27_000, refusals: { times: 2, at: time } })
  })

  test.each([
    ['whose first refusal it is', {}],
    ['whose last refusal is long ago', { refusals: { times: 3, at: start - 3_599_000 } }],
  ])('and %s is left alone for some seconds, whatever it took before', async (_, fields) => {
    portal(fields)
    const one = tokens()
    await one.get('1')
    one.succeeded('1')
    time += 1000

    expect(await failure(one.refuse('1', 'HTTP 401'))).toBeInstanceOf(NoAccess)
    expect(item()['askAgainAt']! - time).toBe(4500)
  })

  test('is the reason for each record of a batch, together and afterwards, and counts once', async () => {
    portal({ refusals: { times: 1, at: start } })
    const one = tokens()
    await one.get('1')
    const refuse = () => failure(one.refuse('1', 'a scope is missing'))

    const errors = [...(await Promise.all([refuse(), refuse()])), await refuse()]

    for (const error of errors) expect(error).toBeInstanceOf(NoAccess)
    expect(told.counts).toEqual({ AccessDenied: 1 })
    expect(item()).toMatchObject({ refusals: { times: 2 } })
  })

  test('which somebody has just said: nothing is written', async () => {
    const [one, other] = [tokens(), tokens()]
    await one.get('1')
    await other.get('1')
    await failure(one.refuse('1', 'a scope is missing'))
    const before = item()

    expect(await failure(other.refuse('1', 'another problem'))).toMatchObject({
      message: 'No access to portal 1: a scope is missing',
    })
    expect(item()).toEqual(before)
  })
})
