import { describe, test } from 'vitest'
import { shortWaits } from '../../infra/local/demo/scenarios.ts'
import { ids, startLocalRelay } from '../../infra/local/local-relay.ts'

// Nobody knows whether HubSpot keeps a message's id where an agent sends it again: the simulator does each.

const account = '3000000001'

describe.concurrent('an agent sends again what failed, and HubSpot shows SENT for it', () => {
  test.for([
    { resend: 'ignore', sendsAgain: 'the same message', receptions: 0, shows: ['FAILED'] },
    { resend: 'send', sendsAgain: 'the same message', receptions: 1, shows: ['SENT'] },
    { resend: 'ignore', sendsAgain: 'a new message', receptions: 0, shows: ['FAILED', 'SENT'] },
  ] as const)(
    'as $sendsAgain, with resend "$resend": what HubSpot shows in the end is true',
    async ({ resend, sendsAgain, receptions, shows }, { expect }) => {
      await using relay = await startLocalRelay({
        environment: { ...shortWaits(), RESEND: resend },
        behaviour: { sendsAgain },
      })
      let tries = 0
      const service = await relay.addChannelAccount(account, {
        conduct: () => (tries++ === 0 ? { answers: [{ reply: { status: 400 } }] } : {}),
      })
      const first = await relay.hubspot.sendMessage({ ...ids, channelAccountId: account, text: 'Hello' })
      await expect.poll(() => first.status).toBe('FAILED')
      await relay.stack.idle({ withinSeconds: 1 })

      const second = await relay.hubspot.sendAgain(first.id)

      await expect.poll(() => second.patches.length).toBe(second === first ? 2 : 1)
      await relay.stack.idle({ withinSeconds: 1 })
      expect([...new Set([first, second])].map(({ status }) => status)).toEqual(shows)
      expect(service.receptions(first.id)).toBe(receptions)
    },
  )
})
