import { CircuitState, closed, missed, opened, patience, spread, whenToLookAgain } from './circuit.ts'
import type { RetryableError } from './retry.ts'
import type { Table } from './table.ts'
import type { Telemetry } from './telemetry.ts'

/** Makes calls to others, and keeps those who do not answer from holding up what is done for everybody else. */
export type CircuitBreaker = {
  /**
   * Makes a call, unless another one of its circuit has been waiting for a second, or was not answered: then it throws
   * an error.
   */
  call<Answer>(circuit: Circuit, make: () => Promise<Answer>, about: About<Answer>): Promise<Answer>
}

/** Whose calls stand and fall together: a key, and what a log line says of it. */
export type Circuit = { key: string; about: object }

/** When a call has surely ended, in milliseconds since 1970; and whether what came of it shows that the other side works. */
type About<Answer> = { until: number; isAnswer(answer: Answer): boolean }

/**
 * A circuit breaker that all processes share, in items of a table. A call that has waited for a second opens its circuit
 * until it ends, and for a pause after that; an answer closes it. After the pause one call is a trial, of one circuit
 * at a time: whoever is down keeps one process waiting, not all of them. Calls that are answered within a second cost a read.
 * What cannot be read stops no call; where a trial cannot be written down, its call waits. Why: docs/decisions/0036-each-customer-alone.md.
 */
export function createCircuitBreaker(options: {
  table: Table
  /** What is thrown in the place of a call, which may be made at that time (milliseconds since 1970). */
  postponed(notBefore: number): RetryableError
  telemetry: Pick<Telemetry, 'warn' | 'count'>
  now(): number
  random(): number
  /** Does something after so many milliseconds. Returns the way to call it off. */
  after?(milliseconds: number, act: () => void): () => void
}): CircuitBreaker {
  const { table, postponed, telemetry, now, random, after = afterTimeout } = options
  /** By key, what this process wrote of circuits that it opened. */
  const own = new Map<string, Promise<CircuitState | undefined>>()

  async function read(pk: string) {
    const item = await table.get(pk).catch(() => undefined)
    return CircuitState.parse(item ?? { pk })
  }

  /** What was written; undefined where somebody was quicker, or the table took nothing. */
  async function write(state: CircuitState) {
    const next = { ...state, version: state.version + 1, expiresAt: Math.ceil(now() / 1000) + keptForSeconds }
    return (await table.putIfNextVersion(next).catch(() => false)) ? next : undefined
  }

  /** Takes the turn to find out whether the other side answers again. Returns the way to pass it on. */
  async function beginTrial(state: CircuitState, until: number) {
    const turn = await read(trialKey)
    if (now() < turn.until) throw postponed(turn.until + random() * spread)
    const taken = await write({ ...turn, until })
    const begun = taken && (await write(opened(state, { since: now(), until })))
    const passOn = async () => void (taken && (await write({ ...taken, until: 0 })))
    if (begun) {
      own.set(state.pk, Promise.resolve(begun))
      return passOn
    }
    await passOn()
    throw postponed(now() + random() * spread)
  }

  /** `isLate`: another call of this process may have ended in vain by now, and be noted in the table alone. */
  async function close(pk: string, isLate: boolean) {
    const state = (await own.get(pk)) ?? (isLate ? await read(pk) : undefined)
    if (state && state.missed > 0) await write(closed(state))
  }

  async function pause(pk: string, about: object) {
    const state = await own.get(pk)
    if (state) await write(missed(state, now()))
    telemetry.warn('A call was not answered', { ...about, ...(state && { inARow: state.missed }) })
    telemetry.count('CallsUnanswered')
  }

  return {
    async call({ key, about }, make, { until, isAnswer }) {
      const pk = keyOf(key)
      const state = await read(pk)
      if (now() < state.until) throw postponed(whenToLookAgain(state, { now: now(), random }))
      const endTrial = state.missed > 0 ? await beginTrial(state, until) : undefined
      const since = now()
      const callOff = after(patience, () => {
        // If this process dies, its call was not answered.
        if (!own.has(pk)) own.set(pk, write(opened(state, { since, until })))
      })
      let isWell = false
      try {
        const answer = await make()
        isWell = isAnswer(answer)
        return answer
      } finally {
        callOff()
        const isLate = now() - since >= patience
        // A call that fails at once holds up nobody.
        await (isWell || !isLate ? close(pk, isLate) : pause(pk, about))
        own.delete(pk)
        await endTrial?.()
      }
    },
  }
}

function afterTimeout(milliseconds: number, act: () => void) {
  const timer = setTimeout(act, milliseconds)
  return () => clearTimeout(timer)
}

const keyOf = (key: string) => `circuit#${key}`
const trialKey = 'circuit-trial'
const keptForSeconds = 86_400
