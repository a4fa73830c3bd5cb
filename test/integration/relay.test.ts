import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { GetItemCommand, PutItemCommand } from '@aws-sdk/client-dynamodb'
import { unmarshall } from '@aws-sdk/util-dynamodb'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type ForwardReceiver, startForwardReceiver } from '../../infra/local/forward-receiver.ts'
import { type HubSpot, startHubSpot } from '../../infra/local/hubspot.ts'
import { noteRunning } from '../../infra/local/running.ts'
import { type LocalStack, startLocalStack } from '../../infra/local/stack.ts'
import { runRelay, type Session } from '../support/relay-terminal.ts'

const ids = { portalId: '1001', channelId: '2300310', channelAccountId: '3000000001' }
const clientSecret = 'client-secret-of-the-test'
const developerApiKey = 'developer-key-of-the-test'
const channelSecret = `whsec_${Buffer.from('the secret of a channel, tested').toString('base64')}`
const text = 'What the agent wrote'
const phone = '+15550100001'

let folder: string
let note: string
let hubspot: HubSpot
let stack: LocalStack
let service: ForwardReceiver
/** Everything that any command has said. */
const transcript: string[] = []

/** A stack as it is after its first deployment: no secret is filled in, no portal is known. */
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'relay-'))
  note = join(folder, 'note.json')
  hubspot = await startHubSpot({ clientId: 'client', clientSecrets: [clientSecret], developerApiKey })
  stack = await startLocalStack({
    environment: ({ url }) => ({ PUBLIC_BASE_URL: url, HUBSPOT_BASE_URL: hubspot.url }),
    overrides: { visibilityTimeoutSeconds: 1 },
  })
  service = await startForwardReceiver({
    secrets: [channelSecret],
    clientSecrets: [clientSecret],
    receiptsUrl: stack.outputs['ReceiptsUrl']!,
    conduct: () => ({}),
  })
  hubspot.registerChannel(ids.channelId, 'https://elsewhere.example.com/hook')
  noteRunning({ outputs: { ...stack.outputs, HubSpotBaseUrl: hubspot.url }, environment: stack.environment }, note)
}, 60_000)

afterAll(async () => {
  await stack?.stop()
  await service?.stop()
  await hubspot?.stop()
  await rm(folder, { recursive: true })
})

async function relay(args: string[], session?: Session) {
  const run = await runRelay(note, args, session)
  transcript.push(run.all)
  return run
}

async function fileOf(content: unknown) {
  const file = join(folder, `${Math.random()}.json`)
  await writeFile(file, typeof content === 'string' ? content : JSON.stringify(content))
  return file
}

describe('an empty deployment', () => {
  test('is healthy, and says what is missing and which command brings it', async () => {
    const { exitCode, printed } = await relay(['check'])

    expect(exitCode).toBe(1)
    expect(printed.split('\n')).toEqual([
      '✓ Found the local relay.',
      "✗ The app's secret is still empty: clientId and clientSecrets are missing.",
      '  → npm run relay -- secret set app',
      '✗ No HubSpot account gives access yet.',
      '  → npm run relay -- portal import <portalId>',
      '✗ No channel has the credentials of a provider yet.',
      '  → npm run relay -- secret set channel <channelId>',
      `✓ ${stack.outputs['WebhookUrl']} answers, and refuses what HubSpot did not sign.`,
      '✓ The queues can be reached (about 0 jobs in them).',
      '✓ There are no dead letters.',
    ])
  })

  test('refuses an app secret that the functions could not read, by field, and changes nothing', async () => {
    const file = await fileOf({ clientId: '', clientSecrets: [clientSecret, 7] })

    const { exitCode, said } = await relay(['secret', 'set', 'app', '--file', file])

    expect(exitCode).toBe(1)
    expect(said).toContain('clientId: too small; clientSecrets.1: expected string')
    expect((await relay(['check'])).printed).toContain("The app's secret is still empty")
  })

  test.each([['{"clientId": "cl'], [''], ['null']])('refuses %j as a secret', async (content) => {
    const { exitCode, said } = await relay(['secret', 'set', 'app', '--file', '-'], { input: content })

    expect(exitCode).toBe(1)
    expect(said).toMatch(/nothing is changed/i)
  })

  test('cannot try a refresh token before the app secret is there, and says so', async () => {
    const { exitCode, said } = await relay(['portal', 'import', '1001'], { input: 'token' })

    expect(exitCode).toBe(1)
    expect(said).toContain('First: npm run relay -- secret set app')
  })
})

describe('filling it in', () => {
  test('the app secret, from prompts', async () => {
    const { exitCode } = await relay(['secret', 'set', 'app'], { answers: ['client', clientSecret, ''] })

    expect(exitCode).toBe(0)
    expect((await relay(['check'])).printed).toContain("✓ The app's secret is filled in.")
  })

  test("a portal's refresh token, tried at HubSpot, beside what else is kept of the portal", async () => {
    const { refreshToken } = hubspot.installApp(ids.portalId)
    hubspot.behaviour.rotatesRefreshTokens = true
    await putPortal({
      pk: { S: 'portal#1001' },
      note: { S: 'kept' },
      problem: { S: 'revoked' },
      refreshToken: { S: 'old' },
    })

    const { exitCode } = await relay(['portal', 'import', ids.portalId], { input: `${refreshToken}\n` })

    expect(exitCode).toBe(0)
    expect(await portal()).toEqual({
      pk: 'portal#1001',
      note: 'kept',
      version: 1,
      refreshToken: hubspot.portal(ids.portalId)!.refreshToken,
      accessToken: expect.any(String),
      accessTokenExpiresAt: expect.any(Number),
    })
  })

  test.each([
    [
      'a revoked token',
      'not-a-token',
      '1001',
      'HubSpot refuses this refresh token (HTTP 400, invalid_grant, BAD_REFRESH_TOKEN)',
    ],
    ["another portal's token", undefined, '1002', 'belongs to portal 1001, not 1002'],
    ['no token', '  \n', '1001', 'no refresh token'],
  ])('%s is not imported', async (_name, token, portalId, problem) => {
    const before = await portal()

    const { exitCode, said } = await relay(['portal', 'import', portalId], {
      answers: [token ?? hubspot.portal(ids.portalId)!.refreshToken],
    })

    expect(exitCode).toBe(1)
    expect(said).toContain(problem)
    expect(await portal()).toEqual(before)
    // Trying it has replaced it; what HubSpot gave last is what counts.
    await relay(['portal', 'import', ids.portalId], { input: hubspot.portal(ids.portalId)!.refreshToken })
  })

  test("a channel's credentials, created and then set, and checked by its provider's schema", async () => {
    const account = { provider: 'forward', url: service.url, format: 'job', secrets: [channelSecret] }
    const wrong = await fileOf({ ...account, url: 'http://example.com', secrets: ['a-secret-value'] })

    const refused = await relay(['secret', 'set', 'channel', ids.channelAccountId, '--file', wrong])
    const created = await relay(['secret', 'set', 'channel', ids.channelAccountId, '--file', await fileOf(account)])
    const set = await relay(['secret', 'set', 'channel', ids.channelAccountId], {
      answers: [service.url, 'job', channelSecret],
    })

    expect(refused).toMatchObject({ exitCode: 1, said: expect.stringMatching(/url: .*; secrets\.0: invalid format/) })
    expect(created).toMatchObject({ exitCode: 0, printed: expect.stringContaining('(forward) is created') })
    expect(set).toMatchObject({ exitCode: 0, printed: expect.stringContaining('(forward) is set') })
  })

  test("a channel's webhook URL, first on trial", async () => {
    const setWebhook = ['channel', 'set-webhook', ids.channelId, '--app-id', '77']

    const wrongKey = await relay(setWebhook, { answers: ['wrong-key'] })
    const noChannel = await relay(['channel', 'set-webhook', '5', '--app-id', '77'], { answers: [developerApiKey] })
    const trial = await relay([...setWebhook, '--dry-run'], { answers: [developerApiKey] })
    expect(hubspot.webhookUrl(ids.channelId)).toBe('https://elsewhere.example.com/hook')
    const moved = await relay(setWebhook, { answers: [developerApiKey] })
    const again = await relay(setWebhook, { answers: [developerApiKey] })

    expect(wrongKey).toMatchObject({ exitCode: 1, said: expect.stringContaining('refuses the developer API key') })
    expect(noChannel).toMatchObject({ exitCode: 1, said: expect.stringContaining('no channel 5') })
    expect(trial).toMatchObject({ exitCode: 0, printed: expect.stringContaining('Would move') })
    expect(moved.exitCode).toBe(0)
    expect(again.printed).toContain('already')
    expect(hubspot.webhookUrl(ids.channelId)).toBe(stack.outputs['WebhookUrl'])
  })

  test('then it is able to work, and works', async () => {
    const { exitCode, printed } = await relay(['check'])
    // They remember secrets for minutes, also empty ones.
    stack.killEnvironments()
    const message = await hubspot.sendMessage({ ...ids, text, to: [phone] })
    await stack.idle()

    expect(printed).not.toContain('✗')
    expect(exitCode).toBe(0)
    expect(hubspot.message(message.id)).toMatchObject({ told: 'SENT' })
  })
})

test.each([
  [['chekc'], 'Did you mean check'],
  [[], 'Usage: relay'],
  [['portal', 'import', 'abc'], 'It must be a number'],
  [['channel', 'set-webhook', '5'], '--app-id'],
])('a command that does not exist like that says what does: %j', async (args, help) => {
  const { exitCode, all } = await relay(args)

  expect(exitCode).toBe(2)
  expect(all).toContain(help)
})

test('no command says a secret, a token, a text or a phone number', () => {
  const said = transcript.join('\n')
  const { refreshToken } = hubspot.portal(ids.portalId)!
  const secrets = [
    clientSecret,
    developerApiKey,
    'wrong-key',
    channelSecret,
    'a-secret-value',
    refreshToken,
    'not-a-token',
    text,
    phone,
  ]

  expect(said).toContain('npm run relay')
  expect(secrets.filter((secret) => said.includes(secret))).toEqual([])
})

const putPortal = (Item: PutItemCommand['input']['Item']) =>
  stack.dynamodb.send(new PutItemCommand({ TableName: stack.tableName('Portals'), Item }))

async function portal() {
  const Key = { pk: { S: `portal#${ids.portalId}` } }
  const { Item } = await stack.dynamodb.send(new GetItemCommand({ TableName: stack.tableName('Portals'), Key }))
  return Item && unmarshall(Item)
}
