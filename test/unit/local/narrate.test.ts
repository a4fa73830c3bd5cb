import { stripVTControlCharacters } from 'node:util'
import { expect, test } from 'vitest'
import type { LocalRelay, LocalRelayEvent } from '../../../infra/local/local-relay.ts'
import { narrate } from '../../../infra/local/narrate.ts'

/** What is printed of a call to HubSpot. */
function said(call: Partial<Extract<LocalRelayEvent, { type: 'call' }>['call']>) {
  const lines: string[] = []
  const relay = {
    hubspot: { message: () => ({ channelAccountId: '30' }) },
    onEvent: (tell: (event: object) => void) => tell({ type: 'call', call: { at: 0, path: '/', ...call } }),
  }
  narrate(
    relay as unknown as LocalRelay,
    () => 'Ann',
    (line) => void lines.push(line),
  )
  return stripVTControlCharacters(lines.join('\n'))
}

test('each call to HubSpot is a sentence: what it tells, or that it looks a message up', () => {
  expect(said({ method: 'PATCH', messageId: 'a', statusType: 'SENT', answered: 200 })).toMatch(
    /Relay → HubSpot: PATCH SENT, 200$/,
  )
  expect(said({ method: 'GET', messageId: 'a', answered: 404 })).toMatch(/Relay → HubSpot: GET the message, 404$/)
})
