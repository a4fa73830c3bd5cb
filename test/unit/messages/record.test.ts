import { expect, test } from 'vitest'
import { LedgerItem, ledgerKey, messageOf, SendOutcome } from '../../../functions/messages/record.ts'

test.each(['m', 'a#b', '#', 'a##b#'])(
  'the message whose id is %s is found again by the key of its item',
  (messageId) => {
    const message = { portalId: '12', channelId: '34', messageId }

    expect(messageOf(ledgerKey(message))).toEqual(message)
  },
)

test('a key with less in it names no message', () => {
  expect(messageOf('12')).toEqual({ portalId: '12', channelId: '', messageId: '' })
})

test('of an item nothing is lost when it is read', () => {
  const at = '2026-11-22T12:00:00.000Z'
  const knowledge = { known: 'failed', reason: 'No such number', code: '30003', providerMessageId: 'p' }
  const item = {
    ...{ pk: '12#34#m', version: 3, expiresAt: 1, ...knowledge, parts: [knowledge, { known: 'read' }] },
    ...{ createdAt: at, traceId: 't', eventIds: ['e1'], earlierProviderMessageIds: ['p0'], channelAccountId: '3' },
    trustedSecrets: [{ secret: '34', keys: ['k'] }],
    told: { statusType: 'SENT', at, holds: 'holds READ after SENT' },
    rejected: 'FAILED',
    marks: [{ mark: 'failed/1.2#id', by: 'run', until: 7 }],
    send: { by: 'run', until: 7, idempotencyScope: 's', inDoubt: true, result: { outcome: 'in doubt' } },
    plan: { of: 2, digest: 'd', names: ['the text', 'the file'] },
    sends: { of: 2, outcomes: [{ outcome: 'rejected', reason: 'No', code: '1', providerMessageId: 'p' }] },
    received: { delivery: { count: 3, token: 't' } },
    waiting: { what: 'delivery', reason: 'busy', until: at, isAccountError: true },
    givenUp: { what: 'delivery', at },
    timeline: [{ at, what: 'announced', source: 'hubspot' }],
  }

  expect(LedgerItem.parse(item)).toEqual(item)
  const ofStatus = { ...item, waiting: { what: 'status', reason: 'busy', until: at }, givenUp: { what: 'status', at } }
  expect(LedgerItem.parse(ofStatus)).toEqual(ofStatus)
})

test.each(['accepted', 'sent', 'delivered', 'read'])('a provider may say of a send that it is %s', (status) => {
  const outcome = { outcome: 'sent', status, providerMessageId: 'p' }

  expect(SendOutcome.parse(outcome)).toEqual(outcome)
})
