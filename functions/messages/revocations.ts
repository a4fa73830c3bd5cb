import type { Table } from '../platform/table.ts'
import { expiryOf } from './record.ts'
import type { ItemChange } from './relay-events.ts'

/**
 * Notes that a portal withdrew its consent, in the ledger's table: events are published from that table, and nothing that
 * publishes may read the portals' own, which holds their tokens.
 */
export const createRevocations = (table: Table, now: () => number) => ({
  async note(portalId: string) {
    const pk = `revoked#${portalId}`
    for (;;) {
      const item = await table.get(pk)
      const version = (typeof item === 'object' && item && 'version' in item ? Number(item.version) : 0) + 1
      const revoked = { pk, version, at: new Date(now()).toISOString(), expiresAt: expiryOf(now()) }
      if (await table.putIfNextVersion(revoked)) return
    }
  },
})

/** The portal whose revocation a change is; undefined for any other change. */
export function portalOfRevocation({ pk, after }: ItemChange) {
  return after === undefined ? undefined : /^revoked#(\d+)$/.exec(pk)?.[1]
}
