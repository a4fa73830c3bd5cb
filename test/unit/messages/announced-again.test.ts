import { describe, expect, test } from 'vitest'
import { announcedAgain } from '../../../functions/messages/announced-again.ts'
import { LedgerItem } from '../../../functions/messages/record.ts'

// The rules on a message's item; what becomes of such a message: ../announced-again.test.ts.

const at = '2026-11-22T12:00:00.000Z'
const item = (fields: object = {}) =>
  LedgerItem.parse({
    pk: '1#2#m',
    version: 1,
    expiresAt: 1,
    told: { statusType: 'FAILED', at },
    eventIds: ['e1'],
    ...fields,
  })
const again = (
  fields: object,
  { eventId = 'new', resend = 'send' }: { eventId?: string; resend?: 'ignore' | 'send' } = {},
) => announcedAgain(item(fields), { eventId }, resend === 'send' ? at : undefined)
const rejected = (providerMessageId?: string) => ({ outcome: 'rejected', reason: 'No', providerMessageId })
const claim = { by: 'a', until: 0 }

describe('a message is announced again only', () => {
  test.each([
    ['where it was told FAILED', { told: { statusType: 'SENT', at } }],
    ['where it was told at all', { told: undefined }],
    ['where its first event is known', { eventIds: undefined }],
    ['where its first event is named', { eventIds: [] }],
    ['by another event', { eventIds: ['e1', 'new'] }],
  ])('%s', (_, fields) => {
    expect(again(fields)).toBeUndefined()
  })

  test('by an event that has an id', () => {
    expect(announcedAgain(item(), {}, at)).toBeUndefined()
  })
})

test('where it is not to be sent again, its item stays', () => {
  expect(again({}, { resend: 'ignore' })).toEqual({ firstEventId: 'e1', becomes: 'ignored', item: item() })
})

describe('it is kept where a send of it', () => {
  test.each([
    ['is in doubt', { send: { ...claim, result: { outcome: 'in doubt' } } }],
    ['was sent', { send: { ...claim, result: { outcome: 'sent', status: 'sent' } } }],
    ['may be made just now', { send: claim }],
    [
      'is next to be made',
      { send: claim, plan: { of: 3, digest: 'd' }, sends: { of: 3, outcomes: [rejected(), rejected()] } },
    ],
    [
      'arrived, though another failed',
      {
        ...{ known: 'failed', sends: { of: 2, outcomes: [rejected(), { outcome: 'sent', status: 'sent' }] } },
        parts: [{ known: 'failed' }, { known: 'delivered' }],
      },
    ],
  ])('%s', (_, fields) => {
    expect(again(fields)).toEqual({ firstEventId: 'e1', becomes: 'withheld', item: item(fields) })
  })
})

describe('it is sent again', () => {
  test.each([
    ['as one that was never sent', { known: 'unconfirmed', reason: 'Not sent' }],
    ['where its provider refused it, whatever else is known', { send: { ...claim, result: rejected() } }],
    [
      'where its provider refused each send',
      { send: claim, plan: { of: 2, digest: 'd' }, sends: { of: 2, outcomes: [rejected(), rejected()] } },
    ],
    [
      'where a receipt says that it failed',
      { known: 'failed', send: { ...claim, result: { outcome: 'sent', status: 'accepted' } } },
    ],
  ])('%s, and nothing is left of the first time', (_, fields) => {
    const { becomes, item: renewed } = again(fields)!

    expect(becomes).toBe('sent')
    expect(renewed).toEqual({
      ...item(),
      ...{ eventIds: ['e1', 'new'], earlierProviderMessageIds: [], received: {} },
      timeline: [{ at, what: 'announced again', source: 'hubspot' }],
    })
  })

  test('its deliveries are told apart from earlier copies still, and statuses are not', () => {
    const copy = { count: 3, token: 't' }
    const received = { delivery: copy, 'delivery#e2': copy, sent: copy, 'no delivery': copy }

    expect(again({ received })!.item.received).toEqual({ delivery: copy, 'delivery#e2': copy })
  })

  test("the provider's ids of its earlier sends are kept, each once, the last ten", () => {
    const fields = (earlierProviderMessageIds: string[]) => ({
      ...{ known: 'failed', earlierProviderMessageIds, providerMessageId: undefined },
      sends: { of: 2, outcomes: [rejected('a'), rejected()] },
      parts: [
        { known: 'failed', providerMessageId: 'a' },
        { known: 'failed', providerMessageId: 'b' },
      ],
    })

    expect(again(fields(['x']))!.item.earlierProviderMessageIds).toEqual(['x', 'a', 'b'])
    const many = Array.from({ length: 10 }, (_, index) => `x${index}`)
    expect(again(fields(many))!.item.earlierProviderMessageIds).toEqual([...many.slice(2), 'a', 'b'])
  })

  test('of its events the first is kept, and the last nine', () => {
    const eventIds = Array.from({ length: 10 }, (_, index) => `e${index}`)

    expect(again({ eventIds })!.item.eventIds).toEqual(['e0', ...eventIds.slice(2), 'new'])
  })
})
