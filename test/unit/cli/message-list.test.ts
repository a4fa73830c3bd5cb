import { expect, test } from 'vitest'
import { lastOfEach, queryFor, toldMessageFrom } from '../../../infra/cli/commands/message-list.ts'

test('Logs Insights is asked for the last status of each message, and by ids that are numbers alone', () => {
  expect(queryFor({ failed: true, portal: '1001', channel: '5', account: '30' })).toBe(
    [
      'fields @timestamp, toMillis(@timestamp) * strcontains(message, "Told HubSpot") as toldAt',
      'filter message in ["Told HubSpot","Waiting","Send outcome queued","Nothing new","Dead-lettered"] and ispresent(messageId) and portalId = "1001" and channelId = "5"',
      'stats max(@timestamp) as at, max(toldAt) as told, latest(message) as last, latest(statusType) as word, latest(reason) as why, latest(source) as by, latest(channelAccountId) as account by portalId, channelId, messageId',
      'filter ispresent(word) or last = "Waiting"',
      'filter word = "FAILED" and last != "Waiting"',
      'filter account = "30"',
      'sort at desc',
      'limit 10000',
    ].join(' | '),
  )
  expect(queryFor({ status: 'read' })).toContain('filter word = "READ"')
})

test('a message whose last line says that it waits is one that waits, by the account that an earlier line names', async () => {
  const ids = { portalId: '1', channelId: '2' }
  const lines = [
    { at: 1, message: 'Send outcome queued', ...ids, messageId: 'a', channelAccountId: '30' },
    { at: 3, message: 'Told HubSpot', ...ids, messageId: 'b', statusType: 'SENT', channelAccountId: '31' },
    { at: 2, message: 'Waiting', ...ids, messageId: 'a', reason: 'No access' },
    { at: 2, message: 'Waiting', ...ids, messageId: 'b', reason: 'No access' },
    { at: 4, message: 'Send outcome queued', ...ids, messageId: 'c' },
    { at: 5, message: 'Something else', ...ids, messageId: 'd' },
  ]

  const found = await lastOfEach(
    (async function* () {
      yield* lines
    })(),
  )

  expect(found.map(({ messageId, statusType, channelAccountId }) => [messageId, statusType, channelAccountId])).toEqual(
    [
      ['a', 'WAITING', '30'],
      ['b', 'SENT', '31'],
    ],
  )
})

test('a message is listed by when HubSpot was told of it, whatever came after that and changed nothing', async () => {
  const ids = { portalId: '1', channelId: '2', messageId: 'a' }
  const lines = [
    { at: 1, message: 'Send outcome queued', ...ids },
    { at: 3, message: 'Nothing new', ...ids },
    { at: 2, message: 'Told HubSpot', ...ids, statusType: 'SENT' },
  ]

  const found = await lastOfEach(
    (async function* () {
      yield* lines
    })(),
  )

  expect(found).toMatchObject([{ at: 2, statusType: 'SENT' }])
})

test('so it is by a row of Logs Insights; one that waits is listed by its last try', () => {
  const row = { at: '2026-11-28 13:49:15.000', portalId: '1', channelId: '2', messageId: 'a', word: 'SENT' }
  const told = '1796132926000'

  expect(toldMessageFrom({ ...row, told, last: 'Nothing new' })).toMatchObject({ at: Number(told), statusType: 'SENT' })
  expect(toldMessageFrom({ ...row, told, last: 'Waiting' })).toMatchObject({
    at: Date.parse('2026-11-28T13:49:15Z'),
    statusType: 'WAITING',
  })
})
