import { expect, test } from 'vitest'
import { catalogue } from '../../../functions/providers/whatsapp/reasons.ts'
import { toChooseFrom } from '../../../infra/local/inbox/sentences.ts'

test('errors to choose from are told apart: by their codes, where their sentences are the same', () => {
  const errors = [
    { code: '80007', title: 'Rate limit issues', at: 'send' as const },
    { code: '130429', title: 'Rate limit hit', at: 'send' as const },
    { code: '131026', title: 'Message undeliverable', at: 'send' as const },
    { code: '131026', title: 'Message undeliverable', at: 'receipt' as const },
  ]

  expect(toChooseFrom('whatsapp', errors).map(({ sentence }) => sentence)).toEqual([
    `${catalogue['80007']} (80007)`,
    `${catalogue['130429']} (130429)`,
    catalogue['131026'],
    catalogue['131026'],
  ])
})
