import { changeItem, type Table } from '../platform/table.ts'
import { expiryOf } from './record.ts'
import type { ItemChange } from './relay-events.ts'

/**
 * Notes that a portal withdrew its consent, in the ledger's table: events are published from that table, and nothing that
 * publishes may read the portals' own, which holds their tokens.
 */
export const createRevocations = (table: Table, now: () => number) => ({
  async note(portalId: string) {
    const revoked = () => ({ at: new Date(now()).toISOString(), expiresAt: expiryOf(now()) })
    await changeItem(table, `revoked#${portalId}`, revoked)
  },
})

/** The portal whose revocation a change is; undefined for any other change. */
export function portalOfRevocation({ pk, after }: ItemChange) {
  return after === undefined ? undefined : /^revoked#(\d+)$/.exec(pk)?.[1]
}
