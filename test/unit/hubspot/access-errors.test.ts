import { describe, expect, test } from 'vitest'
import { createAccessErrors, NoAccess, slowRetry } from '../../../functions/hubspot/access-errors.ts'
import type { RetryableError } from '../../../functions/platform/retry.ts'

// When an access token is asked for again: many jobs wait for the same, so they come spread over a time.

const now = 1_000_000
const at = (random: number) => createAccessErrors({ now: () => now, random: () => random })
const spread = (wait: (errors: ReturnType<typeof at>) => RetryableError) =>
  [0, 0.5, 1].map((random) => wait(at(random)).notBefore! - now)

test('somebody else is refreshing it: after one to three times as long as that takes', () => {
  expect(spread((errors) => errors.inProgress('Another process is at it', 1000))).toEqual([1000, 2000, 3000])
})

describe('it cannot be refreshed now', () => {
  const portal = (failedRefreshes?: number, refreshAgainAt?: number) =>
    ({ pk: 'portal#1', failedRefreshes, refreshAgainAt }) as never

  test.each([
    [1, [500, 1000, 1500]],
    [2, [500, 1500, 2500]],
    [4, [500, 4500, 8500]],
    [5, [500, 5500, 10_500]],
    [50, [500, 5500, 10_500]],
  ])('after %i failures: from when it may be tried, within seconds', (failed, waits) => {
    expect(spread((errors) => errors.refreshLater(portal(failed, now + 500)))).toEqual(waits)
  })

  test('of a portal that says nothing: at once', () => {
    expect(at(0).refreshLater(portal()).notBefore).toBe(0)
    expect(at(1).refreshLater(portal()).notBefore).toBe(500)
  })

  test('the reason is what was answered, or how often it failed', () => {
    expect(at(0).refreshLater(portal(3), 'HTTP 503').message).toMatch(/HTTP 503$/)
    expect(at(0).refreshLater(portal(3)).message).toMatch(/it failed 3 times$/)
  })
})

describe('the portal gives no access', () => {
  test('it is left alone for seven and a half to fifteen minutes', () => {
    expect(spread((errors) => errors.noAccess('1', 'none'))).toEqual([slowRetry / 2, (slowRetry * 3) / 4, slowRetry])
    expect(slowRetry).toBe(900_000)
  })

  test.each([
    ['a long time ahead', 600_000, [600_000, 630_000, 660_000]],
    ['near', 1000, [1000, 1250, 1500]],
    ['over', 0, [0, 250, 500]],
  ])('the time at which it is asked again is %s: from then on, within a tenth', (_, ahead, waits) => {
    const again = { problem: 'revoked', askAgainAt: now + ahead }

    expect(spread((errors) => errors.stillNoAccess('1', again))).toEqual(waits)
  })

  test('whoever reads the reason knows of which portal, and why', () => {
    const error = at(0).stillNoAccess('7', { problem: 'revoked', askAgainAt: now })

    expect(error).toBeInstanceOf(NoAccess)
    expect(error.message).toBe('No access to portal 7: revoked')
    expect(at(0).noAccess('7', 'not installed').message).toBe('No access to portal 7: not installed')
  })
})
