import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { noteRunning } from '../../../infra/cli/running.ts'
import { type LocalStack, startLocalStack } from '../../../infra/local/aws/stack.ts'
import { putCredentials, readCredentials } from '../../../infra/local/credentials.ts'
import { type HubSpot, startHubSpot } from '../../../infra/local/hubspot/simulator.ts'
import { startTelegram } from '../../../infra/local/providers/telegram.ts'
import { createLinkBrowser } from '../../support/link-browser.ts'
import { runRelay } from '../../support/relay-terminal.ts'

/** An account in which nothing is filled in, and an administrator who opens links. */
const secret = 'the-client-secret'
const developerApiKey = 'the developer key'
let folder: string
let note: string
let hubspot: HubSpot
let stack: LocalStack
let telegram: Awaited<ReturnType<typeof startTelegram>>

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'relay-'))
  note = join(folder, 'note.json')
  hubspot = await startHubSpot({ clientId: 'client', clientSecrets: [secret], developerApiKey })
  stack = await startLocalStack({
    environment: ({ url }) => ({
      PUBLIC_BASE_URL: url,
      HUBSPOT_BASE_URL: hubspot.url,
      HUBSPOT_APP_BASE_URL: hubspot.url,
    }),
  })
  telegram = await startTelegram()
  noteRunning({ stack, hubspot, accounts: [telegram.account] }, note)
})

afterAll(async () => {
  await telegram?.stop()
  await stack?.stop()
  await hubspot?.stop()
  await rm(folder, { recursive: true })
})

test('from nothing to the first true status, by questions and one link', async () => {
  const { botToken } = telegram.account as { botToken: string }
  const running = runRelay(note, ['setup'], {
    // A wrong client secret, an app id that is none, a misspelt provider and a wrong token are among the answers.
    answers: [
      ...['client', 'a-wrong-secret', '', '', secret, ''],
      ...['my app', '77', developerApiKey, 'Chat'],
      ...['telgram', 'telegram', '110201543:a-wrong-token', 'accepted', ''],
      ...['telegram', botToken, 'accepted', ''],
      ...['', 'Our bot', ''],
    ],
    onPrint: (text) => {
      if (text.includes('opens this link')) void consent(/http\S+/.exec(text)![0])
      if (text.includes('Now have an agent send a message')) void writeMessage()
    },
  })

  const { exitCode, printed, said } = await running

  expect(said).toContain('HubSpot rejects them')
  expect(said).toContain('It must be a number')
  expect(said).toContain('Did you mean telegram? There are: forward, line, telegram, twilio, whatsapp.')
  expect(said).toMatch(/Telegram rejects the bot token of .* They are not kept\./)
  expect(printed).toContain('Portal 1002 gives access.')
  expect(printed).toMatch(/Channel 24\d+ is registered/)
  expect(printed).toMatch(/Our bot is connected, as channel account 31\d+\./)
  expect(printed).not.toContain('✗')
  expect(printed).toMatch(/HubSpot was told that message \w+ is SENT\./)
  expect(exitCode).toBe(0)
  expect([...hubspot.channels.values()]).toMatchObject([{ name: 'Chat', webhookUrl: stack.outputs['WebhookUrl'] }])
  expect(telegram.messages).toMatchObject([{ text: 'The first one' }])
})

describe('a channel without credentials', () => {
  let channelId: string
  beforeEach(async () => {
    channelId = [...hubspot.channels.keys()][0]!
    const kept = await readCredentials(stack, channelId)
    await runRelay(note, ['secret', 'remove', 'channel', channelId, '--yes'])
    return () => putCredentials(stack, channelId, kept!)
  })
  const setUp = (...answers: string[]) =>
    runRelay(note, ['setup', '--app-id', '77', '--no-message'], { answers: [developerApiKey, ...answers] })

  test('keeps nothing that its provider rejects', async () => {
    const { exitCode } = await setUp('telegram', '110201543:a-wrong-token', 'accepted', '', 'telegram', '')

    expect(exitCode).toBe(1)
    expect(await readCredentials(stack, channelId)).toBeUndefined()
  })

  test('keeps what its provider could not be asked about, and setup ends by saying so', async () => {
    const { printed } = await setUp('telegram', '110201543:some-token', 'accepted', 'http://127.0.0.1:1')

    const sentence = /– Telegram could not be asked, .* The secret of channel 24\d+ is kept, not checked\./
    expect(printed.split('\n').at(-1)).toMatch(sentence)
    expect(printed).not.toMatch(/The secret of channel \d+ is complete/)
    expect(await readCredentials(stack, channelId)).toMatchObject({ botToken: '110201543:some-token' })
  })

  test('says what is missing, and that setup goes on from there', async () => {
    const { exitCode, said } = await setUp('telegram', '', 'accepted', '')

    expect(exitCode).toBe(1)
    expect(said).toContain('The secret is not complete, and not kept: botToken')
    expect(said).toContain('What was set up before stays')
  })
})

test('what is there already is recognised: nothing is asked but the key, and nothing was changed', async () => {
  const { exitCode, printed } = await runRelay(note, ['setup', '--app-id', '77', '--no-message'], {
    answers: [developerApiKey],
  })

  expect(exitCode).toBe(0)
  expect(printed.split('\n').slice(0, 5)).toEqual([
    "✓ The app's secret is filled in.",
    '✓ Portal 1002 gives access.',
    expect.stringMatching(/^✓ HubSpot posts the messages of channel 24\d+ to the relay\.$/),
    expect.stringMatching(/^✓ The secret of channel 24\d+ is complete \(telegram\)\.$/),
    expect.stringMatching(/^✓ Channel 24\d+ is connected: Our bot \(31\d+\)\.$/),
  ])
  expect(hubspot.channels.size).toBe(1)
})

test("an app's secret that HubSpot could not be asked about is said to be kept, not checked", async () => {
  hubspot.faults.push({ method: 'POST', answer: { status: 503 } })

  const { printed } = await runRelay(note, ['setup', '--app-id', '77', '--no-message'], { answers: [developerApiKey] })

  expect(printed.split('\n')[0]).toMatch(/^– HubSpot does not say .* The app's secret is kept, not checked\.$/)
})

test('accounts are connected in bulk, again without harm, and what fails is said', async () => {
  const channelId = [...hubspot.channels.keys()][0]!
  const file = JSON.stringify([
    {
      portalId: '1002',
      inboxId: '77001',
      name: 'Sales',
      deliveryIdentifier: { type: 'HS_PHONE_NUMBER', value: '+15550100001' },
    },
    {
      portalId: '1002',
      inboxId: '77001',
      name: 'Service',
      deliveryIdentifier: { type: 'HS_PHONE_NUMBER', value: '+15550100002' },
    },
    { portalId: '4711', inboxId: '77001', name: 'Nobody' },
  ])
  const connect = async (...options: string[]) => {
    const run = await runRelay(note, ['channel', 'connect', channelId, '--file', '-', '--json', ...options], {
      input: file,
    })
    return { ...run, results: (JSON.parse(run.printed) as { result: string }[]).map(({ result }) => result) }
  }

  const trial = await connect('--dry-run')
  const first = await connect()
  const again = await connect()
  const { printed } = await runRelay(note, ['channel', 'accounts', channelId])

  expect(trial.results).toEqual(['would connect', 'would connect', 'failed'])
  expect(first).toMatchObject({ exitCode: 1, said: expect.stringContaining('1 of 3 accounts') })
  expect(first.results).toEqual(['connected', 'connected', 'failed'])
  expect(again.results).toEqual(['there already', 'there already', 'failed'])
  expect(printed).toMatch(/Sales +│ \+15550100001 +│ Help desk +│ connected/)
})

test("a connection that began on HubSpot's page is ended by its token, which is good once", async () => {
  const channelId = [...hubspot.channels.keys()][0]!
  const token = hubspot.stageAccount('77001')
  const finish = () =>
    runRelay(note, ['channel', 'finish', channelId, token, '--name', 'By page', '--address', '+15550100009'])

  const first = await finish()
  const second = await finish()

  expect(first).toMatchObject({ exitCode: 0, printed: 'By page is connected in portal 1002.' })
  expect(second).toMatchObject({ exitCode: 1, said: expect.stringContaining('good once') })
})

async function consent(link: string) {
  const browser = createLinkBrowser()
  await browser.follow(await browser.open(link), 'Connect account 1002')
}

async function writeMessage() {
  const channelId = [...hubspot.channels.keys()][0]!
  await hubspot.sendMessage({
    portalId: '1002',
    channelId,
    channelAccountId: '3100000000',
    text: 'The first one',
    to: ['900000004'],
  })
}
