import { expect, test } from 'vitest'
import { ofApp, requireUnused } from '../../../infra/cli/commands/secret-rotate.ts'

const twoDaysAgo = () => Date.now() - 2 * 86_400_000

test.each([
  ['while it verifies webhooks', { VerifiedByPreviousSecret: 2, MessagesAccepted: 9 }, twoDaysAgo(), 'has verified'],
  [
    'where no message came to show it',
    { VerifiedByPreviousSecret: 0, MessagesAccepted: 0 },
    twoDaysAgo(),
    'Nothing came',
  ],
  ['within a day of the rotation', { VerifiedByPreviousSecret: 0, MessagesAccepted: 9 }, Date.now(), '24 hours ago'],
])('the previous client secret stays %s', async (_when, metrics, since, why) => {
  await expect(requireUnused(counting(metrics), since, ofApp)).rejects.toThrow(why)
})

test('it may go a day after the rotation, when messages came and none was signed with it', async () => {
  const metrics = { VerifiedByPreviousSecret: 0, MessagesAccepted: 9 }

  await expect(requireUnused(counting(metrics), twoDaysAgo(), ofApp)).resolves.toBeUndefined()
})

function counting(metrics: Record<string, number>) {
  const sumSince = async (_functionName: string, metric: string) => metrics[metric] ?? 0
  return { monitoring: { sumSince, alarms: async () => ({ count: 0, raised: [] }) } }
}
