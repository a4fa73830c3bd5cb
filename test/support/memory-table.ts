import type { Table } from '../../functions/platform/table.ts'

/** A table in memory, to the same contract as DynamoDB (test/integration/table.test.ts). */
export function createMemoryTable(): Table & { items: Map<string, Record<string, unknown>> } {
  const items = new Map<string, Record<string, unknown>>()
  return {
    items,
    async get(pk) {
      const item = items.get(pk)
      return item && JSON.parse(JSON.stringify(item))
    },
    async putIfNextVersion(item) {
      if ((items.get(item.pk)?.['version'] ?? 0) !== item.version - 1) return false
      items.set(item.pk, JSON.parse(JSON.stringify(item)))
      return true
    },
    async addFrom(pk, floor, add) {
      const item = items.get(pk) ?? { pk }
      const value = Math.max(floor, Number(item['value'] ?? Number.NEGATIVE_INFINITY)) + add
      items.set(pk, { ...item, value })
      return value
    },
  }
}
