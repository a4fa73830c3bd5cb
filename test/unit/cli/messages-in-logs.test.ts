import { expect, test } from 'vitest'
import { type Logs, lookedThrough } from '../../../infra/cli/logs.ts'
import { messagesInLogs, queryForId } from '../../../infra/cli/messages-in-logs.ts'

const { signal } = new AbortController()
const asked: string[] = []
/** Logs Insights that finds these rows. */
const withRows = (...rows: Record<string, string>[]): Logs => ({
  linesSince() {
    throw new Error('No line is read where there is Logs Insights')
  },
  async query(query) {
    asked.push(query)
    return { rows, bytes: 1 }
  },
})
const row = (messageId: string, more: Record<string, string>) => ({ portalId: '1', channelId: '2', messageId, ...more })

test('Logs Insights is asked for a message, a thread and an account by one id', () => {
  expect(queryForId('8812345678', { portal: '1001', channel: '5' })).toBe(
    [
      'filter (messageId = "8812345678" or threadId = "8812345678" or channelAccountId = "8812345678") and ispresent(messageId) and portalId = "1001" and channelId = "5"',
      'stats min(@timestamp) as at, latest(channelAccountId) as account, latest(threadId) as thread by portalId, channelId, messageId',
      'sort at desc',
      'limit 10000',
    ].join(' | '),
  )
})

test('the messages of a thread come the latest first, whatever form Logs Insights gives its times', async () => {
  const logs = withRows(
    row('a', { at: '2026-11-22 12:00:00.000', account: '30', thread: '88' }),
    row('b', { at: String(Date.parse('2026-11-22T12:00:01Z')), account: '30', thread: '88' }),
  )

  const named = await messagesInLogs(logs, '88', {}, signal)

  expect(named?.by).toBe('thread')
  expect(named?.messages.map(({ messageId, at }) => [messageId, at - Date.parse('2026-11-22T12:00:00Z')])).toEqual([
    ['b', 1000],
    ['a', 0],
  ])
})

test('an id that is a message and something else as well is the message', async () => {
  const logs = withRows(row('7', { at: '1', account: '30' }), row('8', { at: '2', account: '30', thread: '7' }))

  const named = await messagesInLogs(logs, '7', {}, signal)

  expect(named).toMatchObject({ by: 'message', messages: [{ messageId: '7' }] })
})

test('an id that could end a string of the query is not asked for', async () => {
  asked.length = 0

  for (const id of ['a" or 1 = 1', 'a\\', "a' | limit 1"])
    expect(await messagesInLogs(withRows(), id, {}, signal)).toBeUndefined()

  expect(asked).toEqual([])
})

test.each([
  [{ age: 30 * 86_400_000, bytes: 1_234_000_000 }, 'the last 30 days (1.2 GB), as'],
  [{ age: 3_600_000, bytes: 5_000_000 }, 'the last hour (0.005 GB), as'],
  [{ age: 90_000 }, 'the last 90 seconds, as'],
])('what was looked through is said: %o', (what, words) => {
  expect(lookedThrough(what)).toContain(words)
})
