import { describe, expect, test } from 'vitest'
import { details, eventsOfMessage, messageChangeOf } from '../../../functions/messages/relay-events.ts'

const at = '2026-11-28T09:00:00.000Z'
const told = (statusType: string) => ({ told: { statusType, at } })
const change = (before: object, after: object | undefined, pk = '12#34#m') => ({ id: 'e1', pk, before, after, at })

function eventsOf(before: object, after: object) {
  const one = change(before, after)
  return eventsOfMessage(one, messageChangeOf(one)!, 'Relay')
}

test.each(['m', 'a#b', 'revoked#1', 'two\nlines'])('a change of the message %j is known by its key', (messageId) => {
  const found = messageChangeOf(change({}, { channelAccountId: '56' }, `12#34#${messageId}`))

  expect(found?.ids).toEqual({ portalId: '12', channelId: '34', channelAccountId: '56', messageId })
})

test.each(['12#34', '12#34#', 'revoked#12', 'thread#12#34#m', '12#a#m'])('%s is the key of no message', (pk) => {
  expect(messageChangeOf(change({}, {}, pk))).toBeUndefined()
})

describe('the events of a change', () => {
  test('have an id each, by which they are told apart', () => {
    const events = eventsOf({}, { known: 'failed', ...told('FAILED'), givenUp: { what: 'status', at } })

    expect(events.map(({ type, detail }) => [type, detail.id])).toEqual([
      ['message.failed', 'e1-failed'],
      ['message.told', 'e1-told'],
      ['message.given-up', 'e1-given-up'],
    ])
  })

  test('of an item whose timeline nobody can read happened when it changed', () => {
    expect(eventsOf({}, { known: 'failed', timeline: 7 })).toMatchObject([{ detail: { status: 'failed', at } }])
  })

  test('are read again as they are', () => {
    const after = { known: 'failed', ...told('FAILED'), givenUp: { what: 'delivery', at }, code: '7' }
    const timeline = [{ at, what: 'failed', source: 'twilio' }]
    const events = eventsOf({}, { ...after, timeline, channelAccountId: '56', createdAt: at })

    expect(events).toHaveLength(3)
    for (const { type, detail } of events) expect(details[type].parse(detail)).toEqual(detail)
  })

  test.each<[string, object, object, string[]]>([
    ['a failure that is known', { known: 'failed' }, { known: 'failed', code: '7' }, []],
    ['another word at the same time', told('SENT'), told('READ'), ['message.told']],
    ['a word that was told', told('SENT'), { ...told('SENT'), known: 'delivered' }, []],
  ])('of which the news is %s', (_, before, after, types) => {
    expect(eventsOf(before, after).map(({ type }) => type)).toEqual(types)
  })

  test('of a failure of one of several sends say who said so, and when', () => {
    const timeline = [
      { at: '2026-11-28T08:00:00.000Z', what: 'failed 2 of 3', source: 'twilio' },
      { at, what: 'told FAILED', source: 'hubspot' },
    ]

    expect(eventsOf({}, { known: 'failed', timeline })).toMatchObject([
      { detail: { status: 'failed', source: 'twilio', at: '2026-11-28T08:00:00.000Z' } },
    ])
  })
})
