import { beforeEach, describe, expect, test } from 'vitest'
import { type UpdateProgress, updateMessage, waitForSlot } from '../../../functions/hubspot/update-message.ts'
import { Deferred } from '../../../functions/platform/retry.ts'
import { collectTelemetry } from '../../support/telemetry.ts'

const now = Date.parse('2026-11-22T12:00:00Z')
const message = { portalId: '1', channelId: '2', messageId: 'm' }
let slept: number[]
let observed: unknown[]
let succeeded: string[]
const noteSuccess = (of: string) => (portalId: string) => void succeeded.push(`${of}: ${portalId}`)

beforeEach(() => {
  ;[slept, observed, succeeded] = [[], [], []]
})

/** A portal whose next slot lies so many milliseconds ahead, and HubSpot, which gives an answer. */
const deps = (ahead: number, answer: object = {}) => ({
  ...{ now: () => now, sleep: async (milliseconds: number) => void slept.push(milliseconds) },
  telemetry: collectTelemetry().telemetry,
  hubspot: { updateMessage: async () => answer as never },
  tokens: {
    ...{ get: async () => 'token', renew: async () => 'token', refuse: () => Promise.reject(new Error('refused')) },
    succeeded: noteSuccess('access'),
  },
  rateLimit: {
    takeSlot: async (_portalId: string, kept?: number) => kept ?? now + ahead,
    ...{ pause: async () => {}, noteLimitReached: async () => now },
    observeLimit: async (_portalId: string, allowance: unknown) => void observed.push(allowance),
    succeeded: noteSuccess('limit'),
    rejections: undefined as never,
  },
})

describe('a slot', () => {
  test.each([
    ['that is due', -1, []],
    ['that is due now', 0, []],
    ['that is near is waited for', 1, [1]],
    ['half a second ahead is, too', 500, [500]],
  ])('%s', async (_, ahead, waits) => {
    const kept: UpdateProgress = {}
    await waitForSlot(deps(ahead), '1', kept)

    expect(slept).toEqual(waits)
    expect(kept).toEqual({ slot: undefined })
  })

  test.each([
    ['just over half a second', 501, now],
    ['further', 5000, now + 3100],
  ])('%s ahead is kept, and the job comes back shortly before it', async (_, ahead, notBefore) => {
    const kept: UpdateProgress = {}
    const waiting = waitForSlot(deps(ahead), '1', kept)

    await expect(waiting).rejects.toThrow(Deferred)
    await expect(waiting).rejects.toMatchObject({ notBefore })
    expect(kept).toEqual({ slot: now + ahead })
    expect(slept).toEqual([])
  })

  test('that was kept is waited for as soon as the job comes back early', async () => {
    await waitForSlot(deps(0), '1', { slot: now + 2400 })
    expect(slept).toEqual([2400])

    await expect(waitForSlot(deps(0), '1', { slot: now + 2401 })).rejects.toThrow(Deferred)
  })
})

describe('what an answer says beside its own meaning', () => {
  const status = { statusType: 'SENT' } as const

  test.each([
    ['taken', { kind: 'taken' }, ['limit: 1', 'access: 1']],
    ['rejected', { kind: 'rejected', problem: 'HTTP 400', status: 400, alike: '400' }, []],
  ])('where the status is %s', async (_, answer, expected) => {
    expect(await updateMessage(deps(0, answer), message, status, {})).toEqual(answer)

    expect(succeeded).toEqual(expected)
    expect(observed).toEqual([])
  })

  test("of HubSpot's limit is noted", async () => {
    await updateMessage(deps(0, { kind: 'taken', allowance: { max: 110 } }), message, status, {})

    expect(observed).toEqual([{ max: 110 }])
  })
})
