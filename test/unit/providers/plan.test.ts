import { describe, expect, test } from 'vitest'
import { maxSends } from '../../../functions/messages/status-update.ts'
import {
  describeAll,
  digestOf,
  idempotencyScopeOf,
  type Planned,
  planSends,
  type Route,
} from '../../../functions/providers/plan.ts'
import { delivery } from '../../support/world.ts'

const now = 0
const job = delivery()
const nobody = { problem: 'A recipient has no address that can be read.' }
const notSent = { problem: 'The message cannot be sent: it has nobody to go to, or too many.' }

/** A route by which a message takes these sends, or none. */
const route = (planned: unknown[] | { problem: string }, adapter: object = {}) =>
  ({
    provider: 'forward',
    account: 'the account',
    adapter: { plan: () => ('problem' in planned ? planned : { sends: planned }), ...adapter },
  }) as unknown as Route
const plan = (planned: unknown[] | { problem: string }, { of = job, adapter = {}, publicBaseUrl = '' } = {}) =>
  planSends(of, route(planned, adapter), { publicBaseUrl: publicBaseUrl || undefined })
const several = (count: number) => Array.from({ length: count }, (_, index) => `part ${index}`)

describe('a message takes', () => {
  test('its sends, each with its place among them', () => {
    expect(plan(['a', 'b'])).toEqual([
      { job, part: 'a', index: 0, of: 2, receiptsUrl: undefined },
      { job, part: 'b', index: 1, of: 2, receiptsUrl: undefined },
    ])
  })

  test('receipts where the relay is reached from outside', () => {
    const [first] = plan(['a'], { publicBaseUrl: 'https://relay.test/' }) as { receiptsUrl: string }[]

    expect(first?.receiptsUrl).toMatch(/^https:\/\/relay\.test\/receipts\/2/)
  })

  test('none that the provider refuses, whose reason agents read', () => {
    expect(plan({ problem: 'Too long.' })).toEqual([{ problem: 'Too long.' }])
  })

  test.each([
    ['nobody', several(0), [notSent]],
    ['too many', several(maxSends + 1), [notSent]],
  ])('none to %s', (_, parts, planned) => {
    expect(plan(parts)).toEqual(planned)
  })

  test('as many as there may be', () => {
    expect(plan(several(maxSends))).toHaveLength(maxSends)
  })

  test('a failure for each recipient who cannot be reached', () => {
    const of = delivery({ unreadableRecipients: 2 })

    expect(plan(['a'], { of })).toEqual([
      { job: of, part: 'a', index: 0, of: 3, receiptsUrl: undefined },
      nobody,
      nobody,
    ])
    expect(plan(several(maxSends - 2), { of })).toHaveLength(maxSends)
    expect(plan(several(maxSends - 1), { of })).toEqual([notSent])
  })

  test('a failure for each without an address, where the provider needs one', () => {
    const of = delivery({ to: [{ deliveryIdentifier: { value: '+15550100' } }, {}] as never })

    expect(plan(['a'], { of })).toHaveLength(2)
    expect(plan(['a'], { of, adapter: { needsAddresses: false } })).toHaveLength(1)
  })
})

describe('a digest', () => {
  test('tells plans apart, whatever differs, in four characters', () => {
    const plans: [Route, Planned[]][] = [
      [route([]), plan(['a'])],
      [route([]), plan(['b'])],
      [route([]), plan(['a', 'b'])],
      [route([]), plan([undefined])],
      [route([]), [notSent]],
      [{ ...route([]), provider: 'twilio' }, plan(['a'])],
    ]
    const digests = plans.map(([route, planned]) => digestOf(route, planned))

    expect(new Set(digests).size).toBe(plans.length)
    for (const digest of digests) expect(digest).toMatch(/^[\w-]{4}$/)
  })

  test('does not depend on how it is said that something cannot be sent', () => {
    expect(digestOf(route([]), [notSent])).toBe(digestOf(route([]), [{ problem: 'Too long.' }]))
  })

  test('does not depend on what is no part of the plan', () => {
    expect(digestOf(route([]), plan(['a'], { of: delivery({ messageId: 'other' }) }))).toBe(
      digestOf(route([]), plan(['a'])),
    )
  })
})

describe('agents read what each of several sends is', () => {
  const adapter = { describe: (part: unknown) => ({ what: 'text', to: part }) }
  const described = (planned: Planned[], adapter: object = {}) => describeAll(route([], adapter), planned)

  test('where that can be said of all', () => {
    expect(described(plan(['a', 'b']), adapter)).toEqual([
      { what: 'text', to: 'a' },
      { what: 'text', to: 'b' },
    ])
  })

  test.each([
    ['of one alone', plan(['a']), adapter],
    ['where one cannot be made', [...plan(['a', 'b']), nobody], adapter],
    ['where the provider has no words for it', plan(['a', 'b']), {}],
  ])('not %s', (_, planned, adapter) => {
    expect(described(planned, adapter)).toBeUndefined()
  })
})

describe('an idempotency scope', () => {
  const scope = (adapter: object) => idempotencyScopeOf(route([], adapter), { job, now })

  test('is kept as a digest that says nothing of it', () => {
    const one = scope({ idempotencyScope: (account: string) => account })

    expect(one).toMatch(/^[\w-]{12}$/)
    expect(one).not.toBe(scope({ idempotencyScope: () => 'another account' }))
  })

  test.each([{}, { idempotencyScope: () => undefined }])('is none where the provider has none: %o', (adapter) => {
    expect(scope(adapter)).toBeUndefined()
  })
})
