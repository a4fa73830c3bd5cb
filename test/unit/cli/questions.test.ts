import { describe, expect, test } from 'vitest'
import * as z from 'zod'
import { AppSecret } from '../../../functions/hubspot/app-secret.ts'
import { senders } from '../../../functions/providers/senders.ts'
import { askFor, rotatingFields } from '../../../infra/cli/questions.ts'
import type { Terminal } from '../../../infra/cli/terminal.ts'

test("the app's secret is asked for, its client secrets unseen", async () => {
  const { document, hidden, open } = await interview(AppSecret, {
    'Client ID': 'client',
    'Client secret': ['current', 'previous'],
  })

  expect(document).toEqual({ clientId: 'client', clientSecrets: ['current', 'previous'] })
  expect(open).toEqual(['Client ID:'])
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
    'API key, yes or no': 'yes',
    'API key SID': 'SK1',
    'API key secret': 's',
    Count: '7',
    Format: 'short',
  })

  expect(document).toEqual({ provider: 'post', format: 'long', count: 3 })
  expect(full).toEqual({ provider: 'post', format: 'short', count: 7, apiKey: { sid: 'SK1', secret: 's' } })
  expect(hidden).toContain('API key secret:')
})

test('of the forms that a secret may have, the one that is wanted is asked for', async () => {
  const { account } = senders.whatsapp
  const { document: meta } = await interview(account, {
    'By ': 'Phone number ID',
    'Phone number ID': '1',
    'Access token': 'a',
    'App secret': 's',
    'Verify token': 'v',
  })
  const { document: dialog360 } = await interview(account, {
    'By ': 'API key',
    'API key': 'k',
    'Webhook header, yes or no': 'yes',
    'Webhook header name': 'authorization',
    'Webhook header secret': 's',
  })

  expect(account.parse(meta)).toMatchObject({ phoneNumberId: '1', accessToken: 'a', appSecrets: ['s'] })
  expect(account.parse(dialog360)).toMatchObject({ apiKey: 'k', webhookHeader: { secrets: ['s'] } })
})

test('a misspelt choice is asked for again, with the one that is probably meant and with all that there are', async () => {
  const schema = z.object({ channel: z.enum(['sms', 'whatsapp', 'rcs']).default('sms') })

  const { document, open, noted } = await interview(schema, { Channel: ['whatsap', 'fax', 'rcs'] })

  expect(document).toEqual({ channel: 'rcs' })
  expect(open).toHaveLength(3)
  expect(noted).toEqual([
    'That is not one of them. Did you mean whatsapp? There are: sms, whatsapp, rcs.',
    'That is not one of them. There are: sms, whatsapp, rcs.',
  ])
})

test('what has not the form of its field is asked for again at once, and is not repeated', async () => {
  const { document, noted } = await interview(senders.twilio.account, {
    'Account SID': ['AC-mistyped', `AC${'1'.repeat(32)}`],
    'Auth token': ['too-short', 'a'.repeat(32)],
  })

  expect(document).toMatchObject({ accountSid: `AC${'1'.repeat(32)}`, authTokens: ['a'.repeat(32)] })
  expect(noted).toHaveLength(2)
  expect(noted.join()).not.toMatch(/mistyped|too-short/)
})

test("a value that is known already stands in place of the schema's default", async () => {
  const { account } = senders.telegram

  const { document } = await interview(account, {}, { baseUrl: 'http://127.0.0.1:4711' })

  expect(document).toMatchObject({ baseUrl: 'http://127.0.0.1:4711' })
})

test("Twilio's fields are called what its console calls them", async () => {
  const { hidden, open } = await interview(senders.twilio.account, {
    'API key, yes or no': 'yes',
    'Auth token': ['a'.repeat(32)],
  })

  expect([...open, ...hidden]).toEqual(
    expect.arrayContaining([
      'Account SID:',
      'Auth token, the current one:',
      'API key SID:',
      'API key secret:',
      'Sender, such as a phone number with its +, or nothing:',
      'Messaging Service SID, or nothing:',
    ]),
  )
})

describe.each(Object.entries(senders))('the account of %s', (provider, { account }) => {
  test('can be asked for, field by field, and nothing that is secret is shown', async () => {
    const { document, open } = await interview(account, {})

    const isAboutSecrets = (question: string) => /secret|token|password|key/i.test(question)
    expect(document).toMatchObject({ provider })
    expect(open.filter((question) => isAboutSecrets(question) && !/^By |yes or no|SID/.test(question))).toEqual([])
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
async function interview(
  schema: z.core.$ZodType,
  answers: Record<string, string | string[]>,
  known?: Record<string, string>,
) {
  const left = Object.entries(answers).map(([question, answer]) => ({ question, answers: [answer].flat() }))
  const hidden: string[] = []
  const open: string[] = []
  const answer = (asked: string[]) => async (question: string) => {
    asked.push(question)
    return left.find((one) => question.startsWith(one.question))?.answers.shift() ?? ''
  }
  const noted: string[] = []
  const note = (text: string) => void noted.push(text)
  const terminal = { ask: answer(open), askHidden: answer(hidden), note } as unknown as Terminal
  return { document: await askFor(schema, terminal, [], known), hidden, open, noted }
}
