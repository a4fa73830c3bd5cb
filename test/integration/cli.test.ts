import { execFile } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { GetItemCommand, PutItemCommand } from '@aws-sdk/client-dynamodb'
import { PurgeQueueCommand, SendMessageCommand } from '@aws-sdk/client-sqs'
import { marshall, unmarshall } from '@aws-sdk/util-dynamodb'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { DeliveryJob } from '../../functions/messages/jobs.ts'
import { createQueue } from '../../functions/platform/queue.ts'
import { noteRunning } from '../../infra/cli/running.ts'
import { type LocalStack, startLocalStack } from '../../infra/local/aws/stack.ts'
import { type HubSpot, startHubSpot } from '../../infra/local/hubspot/simulator.ts'
import type { Message } from '../../infra/local/hubspot/state.ts'
import { type ForwardService, startForward } from '../../infra/local/providers/forward.ts'
import { relayVersion } from '../../infra/relay/version.ts'
import { runRelay, type Session } from '../support/relay-terminal.ts'

const ids = { portalId: '1001', channelId: '2300310', channelAccountId: '3000000001' }
const clientSecret = 'client-secret-of-the-test'
const developerApiKey = 'developer-key-of-the-test'
const channelSecret = `whsec_${Buffer.from('the secret of a channel, tested').toString('base64')}`
const text = 'What the agent wrote'
const phone = '+15550100001'
/** After so many, alike and over a second here, one is final. */
const refusals = 5

let folder: string
let note: string
let hubspot: HubSpot
let stack: LocalStack
let service: ForwardService
/** Everything that any command has said. */
const transcript: string[] = []

/** A stack as it is after its first deployment: no secret is filled in, no portal is known. */
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'relay-'))
  note = join(folder, 'note.json')
  hubspot = await startHubSpot({ clientId: 'client', clientSecrets: [clientSecret], developerApiKey })
  stack = await startLocalStack({
    environment: ({ url }) => ({
      PUBLIC_BASE_URL: url,
      HUBSPOT_BASE_URL: hubspot.url,
      HUBSPOT_REJECTED_FOR_SECONDS: '1',
    }),
    overrides: { visibilityTimeoutSeconds: 1, maxReceiveCount: 5 },
  })
  service = await startForward({
    secrets: [channelSecret],
    clientSecrets: [clientSecret],
    receiptsUrl: stack.outputs['ReceiptsUrl']!,
    takenAs: 'sent',
    conduct: () => ({ receipts: [] }),
  })
  hubspot.registerChannel(ids.channelId, 'https://elsewhere.example.com/hook')
  noteRunning({ stack, hubspot }, note)
})

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
    const { exitCode, printed } = await relay(['doctor'])

    expect(exitCode).toBe(1)
    expect(printed.split('\n')).toEqual([
      `✓ Found the local relay, of version ${relayVersion}.`,
      "✗ The app's secret is still empty: clientId and clientSecrets are missing.",
      '  → npm run relay -- --local secret set app',
      '✗ No HubSpot account gives access yet.',
      `  → An administrator of the account opens ${stack.outputs['InstallUrl']}.`,
      '✗ No channel has the credentials of a provider yet.',
      '  → npm run relay -- --local secret set channel <channelId>',
      '– Where HubSpot posts the messages of the channels is not checked.',
      '  → Give --app-id, and the developer API key in HUBSPOT_DEVELOPER_API_KEY or when asked.',
      `✓ ${stack.outputs['WebhookUrl']} answers, and rejects what HubSpot did not sign.`,
      '– Whether it accepts what is signed shows once the app has its secret.',
      '  → npm run relay -- --local secret set app',
      "✓ This machine's clock agrees with that of HubSpot.",
      "✓ This machine's clock agrees with that of the relay.",
      '– The local relay knows no limit of concurrent functions.',
      '  → An AWS account does.',
      '✓ The queues can be reached, and no jobs wait in them.',
      '✓ There are no dead letters.',
      '– The local relay has no alarms.',
      '  → Deployed, it has.',
    ])
  })

  test('refuses an app secret that the functions could not read, by field, and changes nothing', async () => {
    const file = await fileOf({ clientId: '', clientSecrets: [clientSecret, 7] })

    const { exitCode, said } = await relay(['secret', 'set', 'app', '--file', file])

    expect(exitCode).toBe(1)
    expect(said).toContain('clientId: too small; clientSecrets.1: expected string')
    expect((await relay(['doctor'])).printed).toContain("The app's secret is still empty")
  })

  test.each([['{"clientId": "cl'], [''], ['null']])('refuses %j as a secret', async (content) => {
    const { exitCode, said } = await relay(['secret', 'set', 'app', '--file', '-'], { input: content })

    expect(exitCode).toBe(1)
    expect(said).toMatch(/nothing was changed/i)
  })

  test('cannot try a refresh token before the app secret is there, and says so', async () => {
    const { exitCode, said } = await relay(['portal', 'import', '1001'], { input: 'token' })

    expect(exitCode).toBe(1)
    expect(said).toContain('First: npm run relay -- --local secret set app')
  })
})

describe('filling it in', () => {
  test('the app secret, from prompts', async () => {
    const { exitCode } = await relay(['secret', 'set', 'app'], { answers: ['client', clientSecret, ''] })

    // They remember secrets for minutes, also empty ones.
    stack.killEnvironments()
    expect(exitCode).toBe(0)
    expect((await relay(['doctor'])).printed).toContain("✓ The app's secret is filled in.")
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
      askAgainAt: 0,
      importedAs: expect.any(String),
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
    const account = { provider: 'forward', url: service.messagesUrl, format: 'job', secrets: [channelSecret] }
    const wrong = await fileOf({ ...account, url: 'http://example.com', secrets: ['a-secret-value'] })

    const refused = await relay(['secret', 'set', 'channel', ids.channelAccountId, '--file', wrong])
    const created = await relay(['secret', 'set', 'channel', ids.channelAccountId, '--file', await fileOf(account)])
    const set = await relay(['secret', 'init', 'channel', ids.channelAccountId, '--provider', 'forward'], {
      answers: [service.messagesUrl, 'job', channelSecret],
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

    expect(wrongKey).toMatchObject({ exitCode: 1, said: expect.stringContaining('rejects the developer API key') })
    expect(noChannel).toMatchObject({ exitCode: 1, said: expect.stringContaining('no channel 5') })
    expect(trial).toMatchObject({ exitCode: 0, printed: expect.stringContaining('Would move') })
    expect(moved.exitCode).toBe(0)
    expect(again.printed).toContain('already')
    expect(hubspot.webhookUrl(ids.channelId)).toBe(stack.outputs['WebhookUrl'])
  })

  test('and back, and to the relay once more', async () => {
    const setWebhook = ['channel', 'set-webhook', ids.channelId, '--app-id', '77']

    const back = await relay([...setWebhook, '--url', 'https://elsewhere.example.com/hook'], {
      answers: [developerApiKey],
    })
    expect(hubspot.webhookUrl(ids.channelId)).toBe('https://elsewhere.example.com/hook')
    const plain = await relay([...setWebhook, '--url', 'http://elsewhere.example.com/hook'])
    await relay(setWebhook, { answers: [developerApiKey] })

    expect(back.exitCode).toBe(0)
    expect(plain).toMatchObject({ exitCode: 2, all: expect.stringContaining('It must be an https:// URL') })
    expect(hubspot.webhookUrl(ids.channelId)).toBe(stack.outputs['WebhookUrl'])
  })

  test('then it is able to work, and works', async () => {
    stack.killEnvironments()
    const { exitCode, printed } = await relay(['doctor', '--app-id', '77'], { answers: [developerApiKey] })
    const message = await hubspot.sendMessage({ ...ids, text, to: [phone] })
    await stack.idle()

    expect(printed).not.toContain('✗')
    expect(exitCode).toBe(0)
    expect(hubspot.message(message.id)).toMatchObject({ told: 'SENT' })
  })
})

describe('what is wrong with a portal', () => {
  test('is told with its remedy, and gone once it is fixed', async () => {
    const { refreshToken } = hubspot.portal(ids.portalId)!
    hubspot.uninstallApp(ids.portalId)
    const uninstalled = await relay(['doctor'])
    hubspot.portal(ids.portalId)!.refreshToken = refreshToken
    const fixed = await relay(['doctor', '--json'])

    expect(uninstalled).toMatchObject({ exitCode: 1, said: expect.stringMatching(/^Not able to work: 1 of/) })
    expect(uninstalled.printed).toContain(
      '✗ No access to portal 1001: HubSpot refuses to refresh its access token (HTTP 400, invalid_grant, BAD_REFRESH_TOKEN).',
    )
    expect(uninstalled.printed).toContain(`→ An administrator of the account opens ${stack.outputs['InstallUrl']}.`)
    expect(fixed.exitCode).toBe(0)
    expect(JSON.parse(fixed.printed)).toContainEqual({
      result: 'well',
      sentence: expect.stringMatching(/^Portal 1001 gives access\. Until now it did not: HubSpot refuses/),
    })
  })
})

describe('dead letters', () => {
  const list = async (...filters: string[]) =>
    JSON.parse((await relay(['dead-letters', 'list', '--json', ...filters])).printed) as Record<string, unknown>[]
  const reasons = async (...filters: string[]) => (await list(...filters)).map(({ reason }) => reason)
  let refused: Message
  let crashed: Message
  let givenUp: Message

  /** Four ways to get there: HubSpot refuses a status, sends an event that cannot be read, a function dies at a message, and the service is down. */
  beforeAll(async () => {
    refused = await hubspot.sendMessage({
      ...ids,
      text,
      to: [phone],
      faults: [{ method: 'PATCH', answer: { status: 400 }, times: refusals }],
    })
    await hubspot.sendEvent({ type: 'OUTGOING_CHANNEL_MESSAGE_CREATED', portalId: '1001', message: text }, ids)
    await stack.idle()

    await service.goDown()
    givenUp = await hubspot.sendMessage({ ...ids, text, to: [phone], times: 0 })
    await sendDelivery(givenUp, { attempt: 30, since: Date.now() - 2 * 86_400_000, notBefore: Date.now() })
    // expect.poll is for tests alone.
    while (hubspot.message(givenUp.id)?.told !== 'FAILED') await sleep(50)
    await service.goUp()

    crashed = await hubspot.sendMessage({ ...ids, text, to: [phone], times: 0 })
    await sendDelivery(crashed)
    const killing = setInterval(() => stack.killEnvironments('deliver-message'), 20)
    while ((await list()).length !== 4) await sleep(500)
    clearInterval(killing)
  })

  test('carry why, how often, since when, and the ids', async () => {
    expect(await list()).toEqual([
      {
        ...letter(givenUp),
        queue: 'deliveries',
        attempts: 31,
        reason: expect.stringMatching(/^Given up after 15 minutes: .*ECONNREFUSED/),
        givenUp: true,
      },
      {
        ...common,
        queue: 'deliveries',
        reason: expect.stringMatching(/^Unreadable event: /),
        traceId: expect.any(String),
      },
      {
        ...letter(refused),
        queue: 'status-updates',
        status: 'sent',
        attempts: expect.any(Number),
        reason: expect.stringMatching(/HTTP 400/),
      },
      { ...letter(crashed), queue: 'deliveries', attempts: 5, reason: 'Received 5 times without success' },
    ])
  })

  test('are found by queue, portal and reason', async () => {
    expect(await reasons('--queue', 'status-updates')).toEqual([expect.stringMatching(/HTTP 400/)])
    expect(await reasons('--portal', '1001', '--reason', 'WITHOUT SUCCESS')).toEqual([
      'Received 5 times without success',
    ])
  })

  test('are listed as a table, and shown one by one, without texts', async () => {
    const table = await relay(['dead-letters', 'list'])
    const shown = await relay(['dead-letters', 'show', crashed.id])

    expect(table.printed).toContain('4 dead letters.')
    expect(JSON.parse(shown.printed)).toMatchObject({
      messageId: crashed.id,
      job: { text: '(hidden)', to: '(hidden)' },
    })
  })

  test('show their text to who asks for it', async () => {
    const { printed } = await runRelay(note, ['dead-letters', 'show', crashed.id, '--with-text'])

    expect(JSON.parse(printed)).toMatchObject({ job: { text } })
  })

  test('stay as they are while nobody says --yes, and after Ctrl-C', async () => {
    const trial = await relay(['dead-letters', 'redrive'])
    const purge = await relay(['dead-letters', 'purge'])
    const interrupted = await relay(['dead-letters', 'redrive', '--yes'], { signal: AbortSignal.abort() })

    expect(trial.printed).toBe(
      'Would send back 3 dead letters (deliveries: 2, status-updates: 1). Nothing was changed; --yes does it.',
    )
    expect(trial.said).toContain('1 message given up')
    expect(purge.printed).toContain('Would delete 4 dead letters')
    expect(interrupted.exitCode).toBe(130)
    expect(await list()).toHaveLength(4)
  })

  test('redriven, end as they must: told, delivered once, or back with their reason', async () => {
    await letClaimsEnd(crashed)

    const { exitCode, printed } = await relay(['dead-letters', 'redrive', '--yes'])
    await stack.idle()

    expect(printed).toBe('Sent back: 3, skipped: 1, failed: 0.')
    expect(exitCode).toBe(0)
    expect(hubspot.message(refused.id)).toMatchObject({ told: 'SENT' })
    expect(hubspot.message(crashed.id)).toMatchObject({ told: 'SENT' })
    expect([refused, crashed].map(({ id }) => service.receptions(id))).toEqual([1, 1])
    // On a busy machine SQS may bring the event twice, as it is allowed to.
    expect([...new Set(await reasons())]).toEqual([
      expect.stringMatching(/^Given up/),
      expect.stringMatching(/^Still unreadable: /),
    ])
  })

  test('sent back twice, reach no customer twice', async () => {
    await sendDelivery(crashed)
    await stack.idle()

    expect(service.receptions(crashed.id)).toBe(1)
  })

  test('that were given up are redriven on demand, and their success corrects the status', async () => {
    expect(hubspot.message(givenUp.id)).toMatchObject({ told: 'FAILED' })

    const { printed } = await relay(['dead-letters', 'redrive', '--given-up', '--reason', 'given up', '--yes'])
    await stack.idle()

    expect(printed).toBe('Sent back: 1, skipped: 0, failed: 0.')
    expect(service.receptions(givenUp.id)).toBe(1)
    expect(hubspot.message(givenUp.id)).toMatchObject({ told: 'SENT' })
  })

  test('are deleted for good', async () => {
    const { printed } = await relay(['dead-letters', 'purge', '--reason', 'still unreadable', '--yes'])

    expect(printed).toMatch(/^Deleted: [1-9]\d*, skipped: 0, failed: 0\.$/)
    expect(await list()).toEqual([])
  })

  const common = { id: expect.any(String), attempts: 1, since: expect.stringMatching(/^2\d{3}-/), givenUp: false }
  const letter = ({ id: messageId }: Message) => ({ ...ids, ...common, messageId, traceId: expect.any(String) })

  /** A message on its way to the service, as the webhook queues it. */
  async function sendDelivery(message: Message, waiting?: object) {
    const job: DeliveryJob = {
      v: 1,
      type: 'message',
      ...ids,
      messageId: message.id,
      integrationThreadIds: [],
      to: [{ deliveryIdentifier: { value: phone } }],
      text,
      attachments: [],
      createdAt: new Date(message.createdAt).toISOString(),
      traceId: 'trace',
      original: '{}',
    }
    await createQueue(stack.sqs, stack.queueUrl('Deliveries')).send(
      { ...job, ...(waiting && { waiting }) },
      { group: '1001' },
    )
  }
})

describe('reconciling', () => {
  const reconcile = (...options: string[]) => relay(['reconcile', ...options])
  let untold: Message

  test('finds nothing where everything is told', async () => {
    const { exitCode, printed } = await reconcile()

    expect(exitCode).toBe(0)
    expect(printed).toMatch(
      /^Of 4 messages HubSpot knows of 4, is being told of 0, and was not told of 0; of 0 nothing/,
    )
  })

  test('finds a message whose dead letter was purged, and changes nothing', async () => {
    const faults = [{ method: 'PATCH' as const, answer: { status: 400 }, times: refusals }]
    untold = await hubspot.sendMessage({ ...ids, text, to: [phone], faults })
    await stack.idle()
    await relay(['dead-letters', 'purge', '--yes'])

    const { exitCode, printed, said } = await reconcile()

    expect(exitCode).toBe(1)
    expect(printed).toContain(`1001 2300310 ${untold.id}: sent, and HubSpot was told nothing`)
    expect(said).toContain('--yes tells HubSpot')
    expect(hubspot.message(untold.id)).not.toHaveProperty('told')
  })

  test('tells HubSpot, once', async () => {
    const { exitCode, printed } = await reconcile('--yes', '--json', '--portal', ids.portalId)
    await stack.idle()

    expect(exitCode).toBe(0)
    expect(JSON.parse(printed)).toMatchObject({
      untold: 1,
      told: 4,
      messages: [{ messageId: untold.id, known: 'sent' }],
    })
    expect(hubspot.message(untold.id)).toMatchObject({ told: 'SENT' })
    expect(hubspot.message(untold.id)!.patches.map(({ answered }) => answered)).toEqual([400, 400, 400, 400, 400, 200])
    expect((await reconcile()).exitCode).toBe(0)
  })

  test('at HubSpot finds what somebody else made of a message, within its share, and tells it again', async () => {
    const since = '2026-01-01'
    const at = (...options: string[]) =>
      reconcile('--at-hubspot', '--portal', ids.portalId, '--since', since, '--share', '0.9', ...options)
    expect(await at()).toMatchObject({
      exitCode: 0,
      printed: expect.stringMatching(/HubSpot shows \d+ as they are and 0/),
    })
    Object.assign(hubspot.message(untold.id)!, { status: 'FAILED', told: 'FAILED' })

    const looked = await at()
    const fixed = await at('--fix', '--json')
    await stack.idle()

    expect(looked).toMatchObject({ exitCode: 1, said: expect.stringContaining('--fix tells it again') })
    expect(looked.printed).toContain(`2300310 ${untold.id}: sent, so SENT; HubSpot shows FAILED`)
    expect(JSON.parse(fixed.printed)).toMatchObject({ differences: [{ messageId: untold.id, shows: 'FAILED' }] })
    expect(hubspot.message(untold.id)).toMatchObject({ status: 'SENT' })
    expect((await at()).exitCode).toBe(0)
  })

  test.each([
    [['--at-hubspot', '--portal', '1001'], '--at-hubspot needs --portal and --since'],
    [['--fix'], '--since and --fix go with --at-hubspot'],
    [['--at-hubspot', '--portal', '1001', '--since', 'soon'], 'It must be a date'],
  ])('refuses %j with what is missing', async (options, says) => {
    expect(await reconcile(...options)).toMatchObject({ said: expect.stringContaining(says) })
  })
})

describe('queues', () => {
  test('are not called empty while a job is delayed until its next try', async () => {
    const delayed = JSON.stringify({ v: 1, portalId: '1001', note: 'not before its time' })
    const QueueUrl = stack.queueUrl('StatusUpdates')
    await stack.sqs.send(new SendMessageCommand({ QueueUrl, MessageBody: delayed, DelaySeconds: 900 }))

    const { exitCode, printed, said } = await relay(['queues'])
    const doctor = await relay(['doctor'])

    expect(exitCode).toBe(1)
    expect(printed).toContain('status-updates jobs: 1 (1 delayed until the next try); dead letters: none')
    expect(said).toContain('Not empty')
    expect(said).toContain('npm run relay -- --local queues --wait')
    expect(doctor.printed).toContain('Jobs in them, about: status-updates 1 (1 delayed until the next try).')
    await stack.sqs.send(new PurgeQueueCommand({ QueueUrl }))
  })

  test('are waited for until they are empty', async () => {
    const QueueUrl = stack.queueUrl('StatusUpdates')
    const body = JSON.stringify({
      v: 1,
      type: 'announcement',
      portalId: '1001',
      channelId: '5',
      messageId: 'm',
      createdAt: now(),
      channelAccountId: '1',
      traceId: 't',
    })
    await stack.sqs.send(new SendMessageCommand({ QueueUrl, MessageBody: body, DelaySeconds: 1 }))

    const { exitCode, printed } = await relay(['queues', '--wait'])
    const one = await relay(['queues', '--queue', 'deliveries', '--json'])

    expect(exitCode).toBe(0)
    expect(printed).toContain('Empty.')
    expect(JSON.parse(one.printed)).toEqual([{ queue: 'deliveries', due: 0, delayed: 0, inFlight: 0, deadLetters: 0 }])
  })

  const now = () => new Date().toISOString()
})

test.each([
  [['docter'], 'Did you mean doctor'],
  [[], 'Usage: relay'],
  [['portal', 'import', 'abc'], 'It must be a number'],
  [['channel', 'set-webhook', '5'], '--app-id'],
  [['dead-letters', 'list', '--older-than', 'soon'], '90s, 15m, 2h or 3d'],
  [['dead-letters', 'purge', '--queue', 'other'], 'Allowed choices are deliveries, status-updates'],
])('a command that does not exist like that says what does: %j', async (args, help) => {
  const { exitCode, all } = await relay(args)

  expect(exitCode).toBe(2)
  expect(all).toContain(help)
})

test('as a process it says the same, and by its exit code', async () => {
  const run = (...args: string[]) =>
    promisify(execFile)(process.execPath, [
      fileURLToPath(new URL('../../infra/cli/relay.ts', import.meta.url)),
      ...args,
    ])

  await expect(run('dead-letters', '--help')).resolves.toMatchObject({
    stdout: expect.stringContaining('redrive'),
    stderr: '',
  })
  await expect(run('portal', 'show')).rejects.toMatchObject({ code: 2, stdout: '' })
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

/** Time passes for a message: its try is over, and so is what HubSpot could still be doing for it. */
async function letClaimsEnd({ id }: Message) {
  const TableName = stack.tableName('Ledger')
  const Key = { pk: { S: `${ids.portalId}#${ids.channelId}#${id}` } }
  const { Item } = await stack.dynamodb.send(new GetItemCommand({ TableName, Key }))
  // A message whose function died early has left nothing.
  if (!Item) return
  const { marks = [], send, ...item } = unmarshall(Item)
  const ended = {
    ...item,
    marks: marks.map((mark: object) => ({ ...mark, until: 0 })),
    ...(send && { send: { ...send, until: 0 } }),
  }
  await stack.dynamodb.send(new PutItemCommand({ TableName, Item: marshall(ended) }))
}
