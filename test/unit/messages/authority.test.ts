import { describe, expect, test } from 'vitest'
import { authorityOf, withTrustedSecret } from '../../../functions/messages/authority.ts'

const now = { mayWait: false }
const account = { secret: 'account', keys: ['k1'] }

describe('a message trusts a further secret', () => {
  test('beside those that it trusts', () => {
    expect(withTrustedSecret([account], { secret: 'other', keys: ['k2'] })).toEqual([
      account,
      { secret: 'other', keys: ['k2'] },
    ])
  })

  test('which it trusts already, with its new keys and its old ones, each once', () => {
    expect(
      withTrustedSecret([account, { secret: 'other', keys: [] }], { secret: 'account', keys: ['k1', 'k2'] }),
    ).toEqual([
      { secret: 'other', keys: [] },
      { secret: 'account', keys: ['k1', 'k2'] },
    ])
  })
})

describe('an update over the queue counts', () => {
  test.each([
    ['of the account that is known', '3', '3', 'authorized'],
    ['of another', '3', '4', 'not authorized'],
    ['of none that it names', '3', undefined, 'authorized'],
    ['while the account is not known', undefined, '4', 'authorized'],
  ])('%s', (_, known, named, authority) => {
    expect(authorityOf({ channelAccountId: known }, { channelId: '2', channelAccountId: named }, now)).toBe(authority)
  })
})

describe('a receipt counts', () => {
  const by = (secret: string, key = 'k9') => ({ channelId: '2', verifiedBy: { secret, key } })

  test.each([
    ['by the secret that is trusted', by('account'), 'authorized'],
    ['by its key, whatever the secret is called', by('another', 'k1'), 'authorized'],
    ['not by another secret with another key', by('another'), 'not authorized'],
    ['not by the secret of the channel, of which the message says nothing', by('2'), 'not authorized'],
  ])('%s', (_, sender, authority) => {
    expect(authorityOf({ trustedSecrets: [account], channelAccountId: '3' }, sender, { mayWait: true })).toBe(authority)
  })

  test('only when the message is announced, as long as that may come', () => {
    expect(authorityOf({}, by('2'), { mayWait: true })).toBe('not announced')
  })

  test.each([
    ['by any secret of the channel, where the account is not known', undefined, by('anything'), 'authorized'],
    ["by the account's own", '3', by('3'), 'authorized'],
    ["by the channel's", '3', by('2'), 'authorized'],
    ["not by another account's", '3', by('4'), 'not authorized'],
  ])('of a message that is never announced %s', (_, channelAccountId, sender, authority) => {
    expect(authorityOf({ channelAccountId }, sender, now)).toBe(authority)
  })
})
