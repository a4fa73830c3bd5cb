import { expect, test } from 'vitest'
import { senders } from '../../../functions/providers/senders.ts'
import { askFor, rotatingFields } from '../../../infra/relay/questions.ts'
import type { Terminal } from '../../../infra/relay/terminal.ts'

const { account } = senders.whatsapp

test('of the forms that a secret may have, the one that is wanted is asked for, and no secret is seen', async () => {
  const meta = { phoneNumberId: '1', accessToken: 'a', appSecrets: ['s'], verifyToken: 'v' }
  const dialog360 = { apiKey: 'k', webhookHeader: { name: 'authorization', secrets: ['s'] } }

  const first = await answer('phoneNumberId', { 'Phone number id:': '1', 'Access token (hidden):': 'a' })
  const second = await answer('apiKey', {
    'Api key (hidden):': 'k',
    'Webhook header, yes or no:': 'yes',
    'Webhook header name:': 'authorization',
  })

  expect(account.parse(first)).toMatchObject(meta)
  expect(account.parse(second)).toMatchObject(dialog360)
})

test('in each of the forms the secrets can be rotated', () => {
  expect(rotatingFields(account)).toEqual(['appSecrets', 'platformSecrets'])
})

/** What comes of these answers, by question; `s` and `v` to what is hidden, and what is suggested to all else. */
function answer(form: string, answers: Record<string, string>) {
  const terminal = {
    ask: async (question: string, suggestion = '') =>
      question.startsWith('By ') ? form : (answers[question] ?? suggestion),
    askHidden: async (question: string) =>
      answers[question] ?? (/another/.test(question) ? '' : question.startsWith('Verify') ? 'v' : 's'),
  }
  return askFor(account, terminal as Terminal)
}
