import { slowRetry } from './access-errors.ts'
import type { Portal } from './portal.ts'

// One refusal of a fresh token may be a slip of HubSpot's; only one that is repeated makes a portal silent.
const pausesWhenRefused = [5000, 30_000, 120_000, 300_000, slowRetry]
const refusalsForgottenAfter = 3_600_000

/**
 * A portal's refusals with one more, and how long it is left alone by that. `isOfOne`: whether HubSpot took
 * another message's status since the last one. Times are in milliseconds since 1970.
 */
export function afterRefusal({ refusals: last }: Portal, now: number, lastSuccess = 0) {
  const isRepeated = last !== undefined && now - last.at < refusalsForgottenAfter
  const isOfOne = isRepeated && lastSuccess > last.at
  const before = isRepeated && !isOfOne ? last.times : 0
  return { refusals: { times: before + 1, at: now }, isOfOne, pause: pausesWhenRefused[before] ?? slowRetry }
}
