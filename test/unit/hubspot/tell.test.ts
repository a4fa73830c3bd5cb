import { beforeEach, describe, expect, test } from 'vitest'
import { type TellProgress, type TellRequest, tellHubSpot } from '../../../functions/hubspot/tell.ts'
import type { UpdateAnswer } from '../../../functions/hubspot/update-answer.ts'
import { UpdateHistory } from '../../../functions/hubspot/update-outcome.ts'
import { PermanentError, RetryableError } from '../../../functions/platform/retry.ts'
import { collectTelemetry } from '../../support/telemetry.ts'

// What telling does beside the answer's own meaning (update-outcome.test.ts): what it counts, remembers, and says of a reason.

const now = Date.parse('2026-11-22T12:00:00Z')
const message = { portalId: '1', channelId: '2', messageId: 'm' }
const hour = 3_600_000
const taken: UpdateAnswer = { kind: 'taken' }
const rejected = (status = 400): UpdateAnswer => ({
  kind: 'rejected',
  problem: `HTTP ${status}`,
  status,
  alike: 'same',
})
const busy: UpdateAnswer = { kind: 'retryable', problem: 'HTTP 503', status: 503 }

let answers: UpdateAnswer[]
let noted: { isSystematic: boolean; isNews?: boolean }
let notes: object[]
let recovered: object[]
let statuses: object[]
let told: ReturnType<typeof collectTelemetry>

beforeEach(() => {
  answers = []
  noted = { isSystematic: false }
  ;[notes, recovered, statuses] = [[], [], []]
  told = collectTelemetry()
})

/** Tells HubSpot, which gives the answers that are set, the last of them again and again. */
function tell(fields: Partial<TellRequest> = {}, progress: TellProgress = {}) {
  const deps = {
    ...{ now: () => now, random: () => 0, sleep: async () => {}, telemetry: told.telemetry, lateEffectSeconds: 120 },
    hubspot: {
      updateMessage: async (_token: string, _message: object, status: object) => {
        statuses.push(status)
        return answers.length > 1 ? answers.shift()! : answers[0]!
      },
    },
    tokens: {
      get: async () => 'token',
      renew: async () => 'token',
      refuse: () => Promise.reject(new Error('refused')),
      succeeded: () => {},
    },
    channelAccounts: { isPurged: async () => false },
    rateLimit: {
      ...{ takeSlot: async () => 0, pause: async () => {}, observeLimit: async () => {}, succeeded: () => {} },
      noteLimitReached: async () => now,
      rejections: {
        note: async (_message: object, how: object) => {
          notes.push(how)
          return noted
        },
        recovered: async (message: object) => void recovered.push(message),
      },
    },
  }
  const request = {
    message,
    statusType: 'FAILED',
    reason: 'No',
    toldBefore: undefined,
    createdAt: now - hour,
    ...fields,
  }
  return tellHubSpot(deps, request as TellRequest, progress, { onReworded: () => {} })
}

/** An update that was rejected so often before, over five minutes. */
const rejectedBefore = (times: number, fields: object = {}) =>
  UpdateHistory.parse({
    rejected: { since: now - 300_000, at: now - 1000, times, alike: 'same', timesAlike: times },
    ...fields,
  })

describe('a status that is taken', () => {
  test.each([
    ['after rejections shows that others may be, too', rejectedBefore(2), [message]],
    ['at once says nothing of others', undefined, []],
  ])('%s', async (_, history, expected) => {
    answers = [taken]
    await tell({}, { history })

    expect(recovered).toEqual(expected)
  })
})

describe('a rejection', () => {
  test.each([
    ['of a message that was created just now', 404, 0, undefined, true],
    ['of an older one', 404, hour, undefined, false],
    ['of one that was rejected before', 404, 0, rejectedBefore(1), false],
    ['for another reason', 400, 0, undefined, false],
  ])('%s is noted by its age', async (_, status, age, history, isYoung) => {
    answers = [rejected(status)]
    await expect(tell({ createdAt: now - age }, { history })).rejects.toThrow(RetryableError)

    expect(notes).toEqual([{ alike: 'same', isYoung }])
  })

  test.each([
    ['one among others that are taken', { isSystematic: false }, 0, 0],
    ['the one by which it is found systematic', { isSystematic: false, isNews: true }, 1, 1],
    ['one after that', { isSystematic: true }, 1, 0],
  ])('%s: counted and said to operators', async (_, said, count, lines) => {
    noted = said
    answers = [rejected()]
    await expect(tell()).rejects.toThrow(RetryableError)

    expect(told.counts['SystematicRejections'] ?? 0).toBe(count)
    expect(told.lines.filter(({ level }) => level === 'error')).toHaveLength(lines)
  })

  test("is quoted, cut, in the job's error", async () => {
    answers = [{ kind: 'rejected', problem: 'no '.repeat(1000), status: 400, alike: 'same' }]
    const error = await tell().catch((thrown: Error) => thrown)

    expect((error as Error).message).toHaveLength('HubSpot rejects the status ()'.length + 500)
  })

  test('is final after the time that is set', async () => {
    answers = [rejected()]
    const history = UpdateHistory.parse({
      rejected: { since: now - 299_999, at: now - 1000, times: 3, alike: 'same', timesAlike: 3 },
    })

    await expect(tell({ reason: undefined }, { history })).rejects.toThrow(RetryableError)
  })
})

describe('what is remembered of attempts', () => {
  test.each<[string, UpdateAnswer, Partial<TellRequest>]>([
    ['that ended with the status taken', taken, {}],
    ['that ended with a correction rejected', rejected(), { reason: undefined, toldBefore: 'SENT' }],
    ['that ended with nothing told', rejected(), { reason: undefined }],
  ])('%s: nothing', async (_, answer, fields) => {
    answers = [answer]
    const progress: TellProgress = { history: rejectedBefore(3) }
    await tell(fields, progress).catch((error: Error) => expect(error).toBeInstanceOf(PermanentError))

    expect(progress.history).toBeUndefined()
  })

  test('while HubSpot is busy: what was known before', async () => {
    answers = [busy]
    const history = rejectedBefore(3)
    const progress: TellProgress = { history }
    await expect(tell({}, progress)).rejects.toThrow(RetryableError)

    expect(progress.history).toEqual(history)
  })
})

describe('a reason that HubSpot may have rejected', () => {
  test.each([
    ['long', 'x'.repeat(101), 'x'.repeat(100)],
    ['short as it is', 'x'.repeat(100), 'The message could not be delivered'],
  ])('that is %s is told shorter, and then not at all', async (_, reason, shorter) => {
    answers = [rejected(), rejected(), taken]
    await tell({ reason }, { history: rejectedBefore(3) })

    expect(statuses.map((status) => (status as { errorMessage?: string }).errorMessage)).toEqual([
      reason,
      shorter,
      undefined,
    ])
  })

  test('leaves a word without a reason as it is', async () => {
    answers = [taken]
    await tell({ statusType: 'READ', reason: undefined }, { history: rejectedBefore(3, { wording: 'short' }) })

    expect(statuses).toEqual([{ statusType: 'READ', errorMessage: undefined }])
  })
})
