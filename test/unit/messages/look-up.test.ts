import { beforeEach, describe, expect, test } from 'vitest'
import { createLedger, type Ledger } from '../../../functions/messages/ledger.ts'
import { type LookUpProgress, lookUp } from '../../../functions/messages/look-up.ts'
import type { OutcomeQueue } from '../../../functions/messages/outcome-queue.ts'
import type { Part, SendOutcome } from '../../../functions/messages/record.ts'
import { Deferred, RetryableError } from '../../../functions/platform/retry.ts'
import { createMemoryTable } from '../../support/memory-table.ts'
import { collectTelemetry } from '../../support/telemetry.ts'
import { delivery } from '../../support/world.ts'

const now = () => Date.parse('2026-11-22T12:00:00Z')
const both = [
  { index: 0, of: 3 },
  { index: 2, of: 3 },
]
const sent = { outcome: 'sent', status: 'sent' } as const

let table: ReturnType<typeof createMemoryTable>
let ledger: Ledger
let told: unknown[]
let asked: Part[]
let progress: LookUpProgress
beforeEach(() => {
  table = createMemoryTable()
  ledger = createLedger(table, now)
  told = []
  asked = []
  progress = { lookUps: 0 }
})

/** Looks the two sends up; answers when it is to be done again, in seconds, or undefined where that was the last time. */
async function look(answer: (send: Part) => SendOutcome | undefined) {
  const outcomes = { queue: async (...all: unknown[]) => void told.push(all.slice(1)) } as unknown as OutcomeQueue
  const ask = async (send: Part) => {
    asked.push(send)
    return answer(send)
  }
  try {
    await lookUp(
      { ledger, outcomes, telemetry: collectTelemetry().telemetry, now },
      delivery(),
      { inDoubt: both, provider: 'twilio', ask },
      {
        progress,
      } as Parameters<typeof lookUp>[3],
    )
    return undefined
  } catch (error) {
    if (error instanceof Deferred) return (error.notBefore! - now()) / 1000
    throw error
  }
}

describe('sends in doubt', () => {
  test.each([
    [undefined, 0, 30],
    [0, 2, 120],
    [1, 2, 600],
    [2, 2, undefined],
  ])('after %s look-ups: %i are asked for, and again in %s seconds', async (lookUps, count, wait) => {
    progress = { lookUps }

    expect(await look(() => undefined)).toBe(wait)
    expect(asked).toEqual(both.slice(0, count))
    expect(progress.lookUps).toBe(wait === undefined ? lookUps : (lookUps ?? -1) + 1)
  })

  test('of which one is found: that is told and recorded as what it is, and the other asked for again', async () => {
    const key = { pk: '1#2#m', version: 1, expiresAt: 0 }
    table.items.set(key.pk, { ...key, sends: { of: 3, outcomes: Array(3).fill({ outcome: 'in doubt' }) } })
    const rejected = { outcome: 'rejected', reason: 'No route to +4915112345678' } as const

    expect(await look(({ index }) => (index === 2 ? rejected : undefined))).toBe(120)

    const found = { outcome: 'rejected', reason: 'No route to [number]' }
    expect(told).toEqual([[{ index: 2, of: 3 }, 'twilio', found]])
    expect((await ledger.read(delivery())).sends?.outcomes[2]).toEqual(found)
  })

  test('that are all found are not asked for again', async () => {
    expect(await look(() => sent)).toBeUndefined()
    expect(told).toHaveLength(2)
  })

  test('of which the provider is no wiser stay in doubt, and nothing is told', async () => {
    expect(await look(() => ({ outcome: 'in doubt' }))).toBe(120)
    expect(told).toEqual([])
  })

  test('are asked for again where the provider does not answer; anything else that goes wrong is no answer', async () => {
    const failing = (error: Error) => () => {
      throw error
    }

    expect(await look(failing(new RetryableError('timeout')))).toBe(120)
    await expect(look(failing(new TypeError('a bug')))).rejects.toThrow('a bug')
  })
})
