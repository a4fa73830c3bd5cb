import { expect, test } from 'vitest'
import { ledgerKey, messageOf } from '../../../functions/messages/record.ts'

test.each(['m', 'a#b', '#', 'a##b#'])(
  'the message whose id is %s is found again by the key of its item',
  (messageId) => {
    const message = { portalId: '12', channelId: '34', messageId }

    expect(messageOf(ledgerKey(message))).toEqual(message)
  },
)
