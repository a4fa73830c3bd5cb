import fc from 'fast-check'
import { expect, test } from 'vitest'
import {
  isAbove,
  readsTheSame,
  Status,
  StatusType,
  statusOrder,
  statusTypeOf,
} from '../../../functions/messages/status.ts'

const status = fc.constantFrom(...statusOrder)

test('the order is unconfirmed, sent, failed, delivered, read', () => {
  expect(statusOrder).toEqual(['unconfirmed', 'sent', 'failed', 'delivered', 'read'])
  expect(Status.options).toEqual(statusOrder)
})

test.each([
  ['unconfirmed', 'FAILED'],
  ['sent', 'SENT'],
  ['failed', 'FAILED'],
  ['delivered', 'SENT'],
  ['read', 'READ'],
] as const)("HubSpot's word for %s is %s", (status, word) => {
  expect(statusTypeOf(status)).toBe(word)
  expect(StatusType.options).toContain(word)
})

test('every status is above nothing', () => {
  expect(statusOrder.every((status) => isAbove(status, undefined))).toBe(true)
})

test('of two statuses one is above the other, unless they are the same', () => {
  fc.assert(
    fc.property(status, status, (a, b) => {
      expect(Number(isAbove(a, b)) + Number(isAbove(b, a))).toBe(a === b ? 0 : 1)
    }),
  )
})

test('what is above a status is above all below it', () => {
  fc.assert(
    fc.property(status, status, status, (a, b, c) => {
      fc.pre(isAbove(a, b) && isAbove(b, c))

      expect(isAbove(a, c)).toBe(true)
    }),
  )
})

test('in whatever order and however often statuses arrive, the highest is known in the end', () => {
  const arrivals = fc
    .array(status, { minLength: 1 })
    .chain((statuses) => fc.tuple(fc.constant(statuses), fc.shuffledSubarray(statuses, { minLength: statuses.length })))

  fc.assert(
    fc.property(arrivals, ([statuses, shuffled]) => {
      const highest = statuses.toSorted((a, b) => statusOrder.indexOf(b) - statusOrder.indexOf(a))[0]

      expect(known(statuses)).toBe(highest)
      expect(known([...shuffled, ...statuses])).toBe(highest)
    }),
  )
})

test('an agent reads the same for sent and delivered, and for no other two', () => {
  const pairs = statusOrder.flatMap((a) => statusOrder.map((b) => [a, b] as const))

  const same = pairs.filter(([a, b]) => a !== b && readsTheSame(a, b))

  expect(same).toEqual([
    ['sent', 'delivered'],
    ['delivered', 'sent'],
  ])
})

test('nothing reads the same as nothing known', () => {
  expect(statusOrder.some((status) => readsTheSame(status, undefined))).toBe(false)
})

test('reading the same is an equivalence', () => {
  fc.assert(
    fc.property(status, status, status, (a, b, c) => {
      expect(readsTheSame(a, a)).toBe(true)
      expect(readsTheSame(a, b)).toBe(readsTheSame(b, a))
      if (readsTheSame(a, b) && readsTheSame(b, c)) expect(readsTheSame(a, c)).toBe(true)
    }),
  )
})

test('where HubSpot has different words an agent never reads the same', () => {
  fc.assert(
    fc.property(status, status, (a, b) => {
      fc.pre(statusTypeOf(a) !== statusTypeOf(b))

      expect(readsTheSame(a, b)).toBe(false)
    }),
  )
})

const known = (arrived: Status[]) =>
  arrived.reduce<Status | undefined>((known, status) => (isAbove(status, known) ? status : known), undefined)
