import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { senders } from '../../../functions/providers/senders.ts'
import { askProvider } from '../../../infra/cli/ask-provider.ts'
import { serve } from '../../../infra/local/loopback.ts'
import { startLine } from '../../../infra/local/providers/line.ts'
import type { ProviderSimulator } from '../../../infra/local/providers/simulator.ts'
import { startTelegram } from '../../../infra/local/providers/telegram.ts'
import { startTwilio } from '../../../infra/local/providers/twilio.ts'
import { startWhatsApp } from '../../../infra/local/providers/whatsapp.ts'

const receiptsUrl = 'https://relay.example.com/receipts'
const about = { id: '3000000001', receiptsUrl }
const simulators: ProviderSimulator[] = []
const closes: (() => Promise<unknown>)[] = []
beforeAll(async () => {
  simulators.push(await startTwilio(), await startTelegram(), await startLine(), await startWhatsApp({ receiptsUrl }))
})
afterAll(() => Promise.all([...simulators.map((one) => one.stop()), ...closes.map((close) => close())]))

type Name = 'twilio' | 'telegram' | 'line' | 'whatsapp'
const simulated = (name: string) => simulators.find(({ provider }) => provider === name)!

const wrongCredentials: Record<Name, object> = {
  twilio: { authTokens: ['f'.repeat(32)] },
  telegram: { botToken: '110201543:another-token' },
  line: { channelAccessToken: 'another-token' },
  whatsapp: { accessToken: 'EAAanother' },
}

describe.each(Object.entries(wrongCredentials))('%s', (name, wrong) => {
  const ask = async (changes: object) => {
    const { provider, account } = simulated(name)
    const parsed = senders[provider as Name].account.parse({ ...account, ...changes })
    return askProvider(provider as Name, parsed, about)
  }

  test('takes the right credentials, and nothing is sent', async () => {
    expect(await ask({})).toEqual([{ result: 'well', sentence: expect.stringContaining('of 3000000001.') }])
    expect(simulated(name).deliveries).toEqual([])
  })

  test('wrong credentials are found out, with the remedy', async () => {
    expect(await ask(wrong)).toEqual([
      {
        result: 'wrong',
        sentence: expect.stringMatching(/rejects the .* of 3000000001 \(HTTP 4\d\d\)\./),
        remedy: 'npm run relay -- secret set channel 3000000001',
      },
    ])
  })

  test.each([500, 503, 429])('HTTP %i says nothing of the credentials', async (status) => {
    expect(await ask({ baseUrl: await answering(status, {}) })).toMatchObject([{ result: 'skipped' }])
  })

  test('no answer says nothing of the credentials, and does not name them', async () => {
    const findings = await ask({ baseUrl: 'http://127.0.0.1:1' })

    expect(findings).toMatchObject([{ result: 'skipped' }])
    expect(JSON.stringify(findings)).not.toMatch(/110201543|EAA|token-that/)
  })
})

test('an own service is not asked, and that is said', async () => {
  expect(await askProvider('forward', {}, about)).toMatchObject([
    { result: 'skipped', sentence: expect.stringContaining('is not asked') },
  ])
})

test("a suspended Twilio account is found out, and an API key's own refusal", async () => {
  const { account } = simulated('twilio')
  const suspended = await answering(200, { status: 'suspended' })
  const apiKey = { sid: `SK${'0'.repeat(32)}`, secret: 'not-the-right-one' }
  const secret = (changes: object) => senders.twilio.account.parse({ ...account, ...changes })

  expect(await askProvider('twilio', secret({ baseUrl: suspended }), about)).toMatchObject([
    { result: 'wrong', sentence: expect.stringContaining('is suspended') },
  ])
  expect(await askProvider('twilio', secret({ apiKey: { ...apiKey, secret: 'f'.repeat(20) } }), about)).toMatchObject([
    { result: 'well' },
    { result: 'wrong', sentence: expect.stringContaining('API key') },
  ])
})

test('a wrong phoneNumberId is told from a wrong token', async () => {
  const { account } = simulated('whatsapp')
  const parsed = senders.whatsapp.account.parse({ ...account, phoneNumberId: '42' })

  expect(await askProvider('whatsapp', parsed, about)).toMatchObject([
    { result: 'wrong', sentence: expect.stringContaining('phoneNumberId') },
  ])
})

test.each<[string, number, unknown, RegExp]>([
  [
    "the business account's id for the number's",
    400,
    { error: { code: 100, message: '(#100) Tried accessing nonexisting field (display_phone_number)' } },
    /no phone number/,
  ],
  [
    'an app that asks for more than a token',
    400,
    { error: { code: 100, message: 'API calls from the server require an appsecret_proof argument' } },
    /asks for a proof by its secret/,
  ],
  ['an expired token, its code in quotes', 400, { error: { code: '190' } }, /rejects the access token/],
  ['a token that is nobody’s', 401, {}, /rejects the access token/],
  ['an address that may not call', 400, { error: { code: 5 } }, /rejects the access token/],
  ['an account that Meta has blocked', 403, { error: { code: 368 } }, /rejects the access token/],
])('what Meta says of %s is no word of praise', async (_, status, body, sentence) => {
  const { account } = simulated('whatsapp')
  const parsed = senders.whatsapp.account.parse({ ...account, baseUrl: await answering(status, body as object) })

  expect(await askProvider('whatsapp', parsed, about)).toMatchObject([
    { result: 'wrong', sentence: expect.stringMatching(sentence) },
  ])
})

test('a number is asked for by what only a number has', async () => {
  let asked = ''
  const server = await serve(async ({ url = '' }, response) => {
    asked = url
    response.writeHead(200, { 'content-type': 'application/json' }).end('{}')
  })
  closes.push(server.close)
  const { account } = simulated('whatsapp')

  await askProvider('whatsapp', senders.whatsapp.account.parse({ ...account, baseUrl: server.url }), about)

  expect(asked).toMatch(/\?fields=display_phone_number$/)
})

test.each([400, 421])('a bot that was logged out (HTTP %i) is found out', async (status) => {
  const baseUrl = await answering(status, { ok: false, error_code: status, description: 'Logged out' })
  const parsed = senders.telegram.account.parse({ ...simulated('telegram').account, baseUrl })

  expect(await askProvider('telegram', parsed, about)).toMatchObject([{ result: 'wrong' }])
})

test.each([
  [`${receiptsUrl}/2300310`, 'well'],
  ['https://elsewhere.example.com/hook', 'wrong'],
])('360dialog is asked for its webhook: %s', async (url, result) => {
  const baseUrl = await answering(200, { url, headers: { 'x-secret': 'not to be told' } })
  const account = senders.whatsapp.account.parse({
    provider: 'whatsapp',
    apiKey: 'key',
    webhookHeader: { name: 'x-secret', secrets: ['not to be told'] },
    baseUrl,
  })

  const findings = await askProvider('whatsapp', account, about)

  expect(findings).toMatchObject([{ result: 'well' }, { result }])
  expect(JSON.stringify(findings)).not.toContain('not to be told')
})

async function answering(status: number, body: object) {
  const server = await serve(async (_request, response) => {
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
  })
  closes.push(server.close)
  return server.url
}
