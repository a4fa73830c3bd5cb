import type { Table } from '../platform/table.ts'

/** HubSpot's limit for one app in one account is a rolling window of this many milliseconds. */
const window = 10_000

/** The limit that all Lambdas share, one for each portal. */
export type RateLimit = {
  /** Takes the portal's next free slot: the time (milliseconds since 1970) from which one request may be made. */
  takeSlot(portalId: string): Promise<number>
  /** Nobody is to call HubSpot for this portal before a time: HubSpot answered 429. */
  pause(portalId: string, until: number): Promise<void>
}

/**
 * A generic cell rate algorithm over one number in the table: the time up to which slots are taken. A tenth of the
 * allowance may be used at once, the rest is spread evenly, so that no rolling window ever holds more than the allowance.
 * Slots that are asked for together are taken with one write.
 */
export function createRateLimit(options: { table: Table; requestsPer10Seconds: number; now(): number }): RateLimit {
  const { table, requestsPer10Seconds, now } = options
  const burst = Math.max(1, Math.floor(requestsPer10Seconds / 10))
  const interval = window / Math.max(1, requestsPer10Seconds - burst)
  const gathering = new Map<string, { count: number; last: Promise<number> }>()

  async function takeAll(portalId: string) {
    // Records of a batch run side by side: within a few milliseconds each that needs a slot has asked.
    await new Promise((resolve) => setTimeout(resolve, 3))
    const { count } = gathering.get(portalId)!
    gathering.delete(portalId)
    return table.addFrom(keyOf(portalId), now() - burst * interval, count * interval)
  }

  return {
    async takeSlot(portalId) {
      const group = gathering.get(portalId) ?? { count: 0, last: Promise.resolve(0) }
      if (group.count === 0) {
        gathering.set(portalId, group)
        group.last = takeAll(portalId)
      }
      const place = group.count++
      const last = await group.last
      return last - (group.count - 1 - place) * interval
    },

    async pause(portalId, until) {
      await table.addFrom(keyOf(portalId), until, 0)
    },
  }
}

const keyOf = (portalId: string) => `rate-limit#${portalId}`
