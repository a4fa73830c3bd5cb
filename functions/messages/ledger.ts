import type { Table } from '../platform/table.ts'
import type { MessageKey } from './jobs.ts'
import { type Decision, expiryOf, LedgerItem, ledgerKey } from './record.ts'

/** What is known of every message, one item each. */
export type Ledger = ReturnType<typeof createLedger>

/** The ledger in its table. */
export function createLedger(table: Table, now: () => number) {
  /**
   * Reads an item, decides by it, and writes what was decided unless somebody was quicker: then once more. Returns what was
   * decided, the item on which it was, and the item as it stands.
   */
  async function change<Answer>(
    key: MessageKey,
    decide: (item: LedgerItem) => Decision<Answer>,
    seen?: LedgerItem,
  ): Promise<{ answer: Answer; decidedOn: LedgerItem; item: LedgerItem }> {
    for (let decidedOn = seen ?? (await read(key)); ; decidedOn = await read(key)) {
      const { next, answer } = decide(decidedOn)
      if (!next) return { answer, decidedOn, item: decidedOn }
      const written = { ...next, version: decidedOn.version + 1, expiresAt: expiryOf(now()) }
      if (await table.putIfNextVersion(written)) return { answer, decidedOn, item: written }
    }
  }

  async function read(key: MessageKey): Promise<LedgerItem> {
    const pk = ledgerKey(key)
    return LedgerItem.parse((await table.get(pk)) ?? { pk, version: 0, expiresAt: 0 })
  }

  return { change, read }
}
