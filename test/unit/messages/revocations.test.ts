import { expect, test } from 'vitest'
import { createRevocations, portalOfRevocation } from '../../../functions/messages/revocations.ts'
import { createMemoryTable } from '../../support/memory-table.ts'

const at = '2026-11-28T09:00:00.000Z'
const portalOf = (pk: string, after: unknown) => portalOfRevocation({ id: 'e1', pk, before: undefined, after, at })

test('each time that a portal withdraws its consent is a change of its item', async () => {
  const table = createMemoryTable()
  const revocations = createRevocations(table, () => Date.parse(at))
  for (const version of [1, 2, 3]) {
    await revocations.note('12')

    const [[pk, item]] = [...table.items] as [[string, object]]
    expect(item).toMatchObject({ version, at })
    expect(portalOf(pk, item)).toBe('12')
  }
})

test.each([
  ['an item that expired', 'revoked#12', undefined],
  ['a message with such an id', '1#2#revoked#12', {}],
  ['another item', 'account#12', {}],
])('%s is no revocation', (_, pk, after) => {
  expect(portalOf(pk, after)).toBeUndefined()
})
