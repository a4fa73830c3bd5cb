import { expect, test } from 'vitest'
import { queryFor } from '../../../infra/cli/commands/message-list.ts'

test('Logs Insights is asked for the last status of each message, and by ids that are numbers alone', () => {
  expect(queryFor({ failed: true, portal: '1001', channel: '5' })).toBe(
    [
      'fields @timestamp',
      'filter message = "HubSpot told" and portalId = "1001" and channelId = "5"',
      'stats max(@timestamp) as at, latest(statusType) as word, latest(reason) as why, latest(source) as by by portalId, channelId, messageId',
      'filter word = "FAILED"',
      'sort at desc',
      'limit 10000',
    ].join(' | '),
  )
  expect(queryFor({ status: 'read' })).toContain('filter word = "READ"')
})
