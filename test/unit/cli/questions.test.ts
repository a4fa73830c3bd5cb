import { describe, expect, test } from 'vitest'
import * as z from 'zod'
import { AppSecret } from '../../../functions/hubspot/app-secret.ts'
import { senders } from '../../../functions/providers/senders.ts'
import { askFor, rotatingFields } from '../../../infra/cli/questions.ts'
import type { Terminal } from '../../../infra/cli/terminal.ts'

test("the app's secret is asked for, its client secrets unseen", async () => {
  const { document, hidden, open } = await interview(AppSecret, {
    'Client id': 'client',
    'Client secrets': ['current', 'previous'],
  })

  expect(document).toEqual({ clientId: 'client', clientSecrets: ['current', 'previous'] })
  expect(open).toEqual(['Client id:'])
  expect(hidden).toHaveLength(3)
})

test('an empty answer takes the default, or leaves out what need not be there', async () => {
  const schema = z.object({
    provider: z.literal('post'),
    format: z.enum(['short', 'long']).default('long'),
    name: z.string().optional(),
    count: z.number().default(3),
    sentences: z.record(z.string(), z.string()).default({}),
    apiKey: z.object({ sid: z.string(), secret: z.string() }).optional(),
  })

  const { document } = await interview(schema, {})
  const { document: full, hidden } = await interview(schema, {
    'Api key, yes or no': 'yes',
    'Api key sid': 'SK1',
    'Api key secret': 's',
    Count: '7',
    Format: 'short',
  })

  expect(document).toEqual({ provider: 'post', format: 'long', count: 3 })
  expect(full).toEqual({ provider: 'post', format: 'short', count: 7, apiKey: { sid: 'SK1', secret: 's' } })
  expect(hidden).toContain('Api key secret (hidden):')
})

test('of the forms that a secret may have, the one that is wanted is asked for', async () => {
  const { account } = senders.whatsapp
  const { document: meta } = await interview(account, {
    'By ': 'phoneNumberId',
    'Phone number id': '1',
    'Access token': 'a',
    'App secrets': 's',
    'Verify token': 'v',
  })
  const { document: dialog360 } = await interview(account, {
    'By ': 'apiKey',
    'Api key': 'k',
    'Webhook header, yes or no': 'yes',
    'Webhook header name': 'authorization',
    'Webhook header secrets': 's',
  })

  expect(account.parse(meta)).toMatchObject({ phoneNumberId: '1', accessToken: 'a', appSecrets: ['s'] })
  expect(account.parse(dialog360)).toMatchObject({ apiKey: 'k', webhookHeader: { secrets: ['s'] } })
})

describe.each(Object.entries(senders))('the account of %s', (provider, { account }) => {
  test('can be asked for, field by field, and nothing that is secret is shown', async () => {
    const { document, open } = await interview(account, {})

    const isAboutSecrets = (question: string) => /secret|token|password|key/i.test(question)
    expect(document).toMatchObject({ provider })
    expect(open.filter((question) => isAboutSecrets(question) && !/^By |yes or no/.test(question))).toEqual([])
  })
})

test.each([
  ['forward' as const, ['secrets']],
  ['twilio' as const, ['authTokens']],
  ['whatsapp' as const, ['appSecrets', 'platformSecrets']],
  ['telegram' as const, []],
])('the secrets of %s that can be rotated side by side are %j', (provider, fields) => {
  expect(rotatingFields(senders[provider].account)).toEqual(fields)
})

/** Answers by the beginning of the question, and notes what was asked where it can be seen, and where not. */
async function interview(schema: z.core.$ZodType, answers: Record<string, string | string[]>) {
  const left = Object.entries(answers).map(([question, answer]) => ({ question, answers: [answer].flat() }))
  const hidden: string[] = []
  const open: string[] = []
  const answer = (asked: string[]) => async (question: string) => {
    asked.push(question)
    return left.find((one) => question.startsWith(one.question))?.answers.shift() ?? ''
  }
  const terminal = { ask: answer(open), askHidden: answer(hidden) } as unknown as Terminal
  return { document: await askFor(schema, terminal), hidden, open }
}
