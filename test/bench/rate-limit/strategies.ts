import type { HubSpot } from '../../../functions/hubspot/client.ts'
import { createRateLimit, type RateLimit } from '../../../functions/hubspot/rate-limit.ts'
import type { Table } from '../../../functions/platform/table.ts'
import { createMemoryTable } from '../../support/memory-table.ts'
import { requestLimit, type World } from './world.ts'

/** A way to live with HubSpot's limit: what one Lambda's handler is given. */
export type Strategy = (world: World, shared: Shared) => Ports
type Shared = { table: Table; hubspot: HubSpot }
type Ports = { rateLimit: RateLimit; hubspot: HubSpot }

/** The strategies that are compared; the relay's own, one limiter for all Lambdas, comes first. */
export const strategies = {
  'shared limiter': sharedLimiter,
  'back-off': backOff,
  'bucket per Lambda': bucketPerLambda,
} satisfies Record<string, Strategy>

// All of HubSpot's limit, so that every strategy is measured against the same.
const all = { limit: requestLimit, share: 1 }

function sharedLimiter({ clock, sleep }: World, { table, hubspot }: Shared): Ports {
  return { rateLimit: createRateLimit({ ...all, table, now: clock.now, sleep }), hubspot }
}

/** No limiter: every PATCH at once, and after a 429 exponential back-off with full jitter. */
function backOff({ clock }: World, { hubspot }: Shared): Ports {
  const rateLimit = { ...unlimited(clock.now), takeSlot: async () => clock.now() }
  return { rateLimit, hubspot: withoutPauses(hubspot) }
}

/** A token bucket in each Lambda's memory, which waits there; after a 429 the same back-off. */
function bucketPerLambda({ clock, sleep }: World, { hubspot }: Shared): Ports {
  const table = createMemoryTable()
  const bucket = createRateLimit({ ...all, table, now: clock.now, sleep })
  return {
    rateLimit: {
      ...unlimited(clock.now),
      async takeSlot(portalId) {
        await sleep((await bucket.takeSlot(portalId)) - clock.now())
        return clock.now()
      },
    },
    hubspot: withoutPauses(hubspot),
  }
}

/** Nothing is shared, and nobody pauses. */
const unlimited = (now: () => number) => ({
  pause: async () => {},
  observeLimit: async () => {},
  noteLimitReached: async () => now(),
  succeeded: () => {},
  rejections: { note: async () => ({ isSystematic: false }), recovered: async () => {} },
})

/** For update-status a 429 moves the shared limiter. Without one, it is busy like any other server. */
function withoutPauses(hubspot: HubSpot): HubSpot {
  return {
    async updateMessage(...call) {
      const answer = await hubspot.updateMessage(...call)
      return answer.kind === 'retryable' ? { ...answer, status: 503 } : answer
    },
  }
}
