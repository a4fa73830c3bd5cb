import { performance } from 'node:perf_hooks'

// Everything here that has to end after some time asks this file how long that is. A limit is meant for a quiet machine;
// where a machine is busy or slow, it gives by as much as the machine was measured to be slower.

/** What `work` takes on a usual machine that does nothing else, in milliseconds. */
const usualMs = 12
/** How long a measurement counts. */
const freshMs = 10_000
/** How soon the next measurement may be taken: they must cost next to nothing. */
const restMs = 1000

let measured: { at: number; slowness: number }[] = []

/** How many times slower than a usual, quiet machine this one is, at the worst of the last ten seconds; 1 at the least. */
export function slowness() {
  const startedAt = performance.now()
  if (startedAt - (measured.at(-1)?.at ?? Number.NEGATIVE_INFINITY) > restMs) {
    work()
    const at = performance.now()
    measured.push({ at, slowness: (at - startedAt) / usualMs })
    measured = measured.filter((one) => one.at > at - freshMs)
  }
  return Math.max(1, ...measured.map((one) => one.slowness))
}

/**
 * A limit of so many milliseconds that begins now: `isOver` says whether it is over. Of a second in which the machine is
 * four times slower, a quarter counts, so whoever asks often is answered well.
 */
export function startLimit(milliseconds: number) {
  let left = milliseconds
  let lookedAt = performance.now()
  let pace = slowness()
  return {
    isOver() {
      const now = performance.now()
      left -= (now - lookedAt) / pace
      lookedAt = now
      // What was slow since the last look is still among what was measured.
      pace = slowness()
      return left <= 0
    },
    /** How many milliseconds are left, as far as is known now. */
    left: () => left * pace,
  }
}

/** Does something when a limit is over. Returns the way to call it off. */
export function afterLimit(milliseconds: number, act: () => void) {
  const limit = startLimit(milliseconds)
  let timer = setTimeout(look, Math.min(milliseconds, restMs)).unref()
  function look() {
    if (limit.isOver()) act()
    else timer = setTimeout(look, Math.min(Math.max(1, limit.left()), restMs)).unref()
  }
  return () => clearTimeout(timer)
}

/** Aborted with a TimeoutError when a limit is over, as `AbortSignal.timeout` is. */
export function limitSignal(milliseconds: number) {
  const controller = new AbortController()
  afterLimit(milliseconds, () => controller.abort(new DOMException('The time is over.', 'TimeoutError')))
  return controller.signal
}

/**
 * Milliseconds, for what takes a number and cannot be asked again: several times as much, since the machine may slow down
 * only later. What ends when it has what it waits for loses nothing by it.
 */
export const ample = (milliseconds: number) => Math.ceil(milliseconds * slowness() * 4)

/** The same work each time: arithmetic in registers, which nothing but the processor's time can hold up. */
function work() {
  let hash = 1
  for (let round = 0; round < 8_000_000; round++) hash = Math.imul(hash ^ round, 16_777_619)
  return hash
}
