import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { GetItemCommand, PutItemCommand, ScanCommand } from '@aws-sdk/client-dynamodb'
import { GetSecretValueCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager'
import { marshall, unmarshall } from '@aws-sdk/util-dynamodb'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import * as z from 'zod'
import { verify } from '../../../functions/hubspot/signature.ts'
import { noteRunning } from '../../../infra/cli/running.ts'
import { putCredentials, readCredentials } from '../../../infra/local/credentials.ts'
import type { Behaviour } from '../../../infra/local/hubspot/behaviour.ts'
import type { NewMessage } from '../../../infra/local/hubspot/state.ts'
import { clientSecret, ids, type LocalRelay, startLocalRelay } from '../../../infra/local/local-relay.ts'
import type { ForwardService } from '../../../infra/local/providers/forward.ts'
import { runRelay, type Session } from '../../support/relay-terminal.ts'

const account = '3000000001'
const developerApiKey = 'developer-key-of-the-test'
const text = 'What the agent wrote'
const phone = '+15550100001'

let folder: string
let note: string
let local: LocalRelay
let service: ForwardService
/** Everything that any command has said. */
const transcript: string[] = []

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'relay-'))
  note = join(folder, 'note.json')
  local = await startLocalRelay({
    behaviour: { requestsPer10Seconds: 1000 },
    environment: { HUBSPOT_REJECTED_FOR_SECONDS: '1' },
    overrides: { visibilityTimeoutSeconds: 1 },
  })
  service = await local.addChannelAccount(account, { conduct: () => ({}) })
  noteRunning(local, note)
})

afterAll(async () => {
  await local?.stop()
  await rm(folder, { recursive: true })
})

async function relay(args: string[], session?: Session) {
  const run = await runRelay(note, args, session)
  transcript.push(run.all)
  return run
}

async function send(message: Pick<Partial<NewMessage>, 'portalId' | 'faults'> = {}) {
  const sent = await local.hubspot.sendMessage({ ...ids, channelAccountId: account, text, to: [phone], ...message })
  await local.stack.idle()
  return sent
}

async function fileOf(content: unknown) {
  const file = join(folder, `${Math.random()}.json`)
  await writeFile(file, typeof content === 'string' ? content : JSON.stringify(content))
  return file
}

describe('message show', () => {
  test("tells a message's story by HubSpot's id, and that HubSpot agrees", async () => {
    const { id } = await send()

    const { exitCode, printed } = await relay(['message', 'show', id])

    expect(exitCode).toBe(0)
    expect(printed).toContain(`Message ${id} of portal 1001, channel 2300310`)
    expect(printed).toMatch(/Known +sent\nTold +SENT, 2/)
    expect(printed).toContain('holds SENT, which agrees')
    expect(printed).toContain('told HubSpot SENT (relay)')
  })

  test("finds it by the provider's id, and at once where portal and channel are given", async () => {
    const { id } = await send()
    await put('Ledger', { ...(await itemOf(id)), providerMessageId: 'SM123' })
    const narrow = ['--portal', ids.portalId, '--channel', ids.channelId]

    const byProvider = await relay(['message', 'show', 'SM123', '--json'])
    const atOnce = await relay(['message', 'show', id, '--json', ...narrow])
    const elsewhere = await relay(['message', 'show', id, '--portal', '1002'])

    expect(JSON.parse(byProvider.printed)).toMatchObject({ messageId: id, waiting: [], hubspot: { agrees: true } })
    expect(JSON.parse(atOnce.printed)).toMatchObject({ messageId: id, known: 'sent' })
    expect(elsewhere).toMatchObject({ exitCode: 1, said: expect.stringContaining('knows no message') })
  })

  test('says that HubSpot holds something else', async () => {
    const { id } = await send()
    Object.assign(local.hubspot.message(id)!, { status: 'FAILED', errorMessage: 'by somebody else' })

    const { printed } = await relay(['message', 'show', id])

    expect(printed).toContain('holds FAILED (by somebody else), which does not agree')
  })

  test('says where its job is now, in words, and its times in their order', async () => {
    const { id } = await send({ faults: [{ method: 'PATCH', answer: { status: 400 }, times: 5 }] })
    const item = await itemOf(id)
    const timeline = [
      { at: '2026-11-22T12:00:09Z', what: 'delivered', source: 'twilio' },
      { at: '2026-11-22T13:00:05+01:00', what: 'sent', source: 'twilio' },
    ]
    const past = item.marks.map((mark: object) => ({ ...mark, until: 1 }))
    await put('Ledger', { ...item, marks: [...past, { mark: 'failed/0.2#operator-1', by: 'a', until: 1 }], timeline })

    const story = JSON.parse((await relay(['message', 'show', id, '--json'])).printed)
    await relay(['dead-letters', 'purge', '--message', id, '--yes'])
    const purged = JSON.parse((await relay(['message', 'show', id, '--json'])).printed)

    expect(story.waiting).toEqual([
      expect.stringMatching(/^HubSpot has to be told "sent"; its job lies among the dead letters \(.*HTTP 400/),
      expect.stringMatching(/^HubSpot has to be told "failed of send 1 of 2"; its job lies/),
      expect.stringContaining('HubSpot was not told'),
    ])
    expect(story.timeline.map(({ what }: { what: string }) => what)).toEqual(['sent', 'delivered'])
    expect(purged.waiting[0]).toBe('HubSpot has to be told "sent"; its job waits in the queue for its next try')
  })

  test('says what it waits for', async () => {
    const { id } = await send()
    await put('Ledger', {
      pk: `${ids.portalId}#${ids.channelId}#waiting`,
      version: 1,
      known: 'failed',
      reason: 'The handset is switched off',
      marks: [{ mark: 'failed', by: 'a run', until: Date.now() + 60_000 }],
      waiting: { what: 'status', reason: 'HubSpot cannot take it now', until: '2999-01-01T00:00:00.000Z' },
      timeline: [],
      expiresAt: Math.ceil(Date.now() / 1000) + 1000,
    })

    const { waiting } = JSON.parse((await relay(['message', 'show', 'waiting', '--json'])).printed)
    const nothing = JSON.parse((await relay(['message', 'show', id, '--json'])).printed)

    expect(waiting).toEqual([
      expect.stringMatching(/^HubSpot is being told "failed"; if that try died, another may be made from 2/),
      'the next try of its status, at 2999-01-01T00:00:00.000Z: HubSpot cannot take it now',
    ])
    expect(nothing.waiting).toEqual([])
  })
})

describe("message show by other ids than a message's", () => {
  test("takes a thread's id: its one message is shown, the second time a line for each, the latest first", async () => {
    const { id, conversationsThreadId } = await send()

    const one = await relay(['message', 'show', conversationsThreadId, '--json'])
    const next = await local.hubspot.sendMessage({
      ...{ ...ids, channelAccountId: account, text, to: [phone], conversationsThreadId },
    })
    await local.stack.idle()
    const both = await relay(['message', 'show', conversationsThreadId, '--json'])
    const inWords = await relay(['message', 'show', conversationsThreadId])

    expect(JSON.parse(one.printed)).toMatchObject({ messageId: id, known: 'sent' })
    expect(JSON.parse(both.printed)).toMatchObject([
      { messageId: next.id, threadId: conversationsThreadId, told: 'SENT', waiting: false },
      { messageId: id },
    ])
    expect(inWords.printed).toContain(
      `2 messages of thread ${conversationsThreadId} in the logs of the last 30 days. ` +
        `One of them: npm run relay -- --local message show ${next.id} --portal 1001 --channel 2300310`,
    )
  })

  test("takes a channel account's id, and finds no message of another portal", async () => {
    const { id } = await send()

    const ofAccount = await relay(['message', 'show', account, '--limit', '1', '--json'])
    const elsewhere = await relay(['message', 'show', account, '--portal', '1002'])

    expect(JSON.parse(ofAccount.printed)).toMatchObject([{ messageId: id, channelAccountId: account }])
    expect(elsewhere).toMatchObject({ exitCode: 1, said: expect.stringContaining('knows no message') })
  })
})

describe('message list', () => {
  const list = async (...options: string[]) =>
    JSON.parse((await relay(['message', 'list', '--json', ...options])).printed) as Record<string, unknown>[]

  test('finds what HubSpot was told of without an id: failed ones, of a portal, since when, by their reason', async () => {
    const { id } = await send()
    await relay(['status', 'set', id, 'failed', '--reason', 'The customer called'])
    await local.stack.idle()

    const failed = await list('--failed', '--since', '1h')
    const others = await list('--failed', '--portal', '1002')
    const byReason = await list('--reason', 'CUSTOMER CALLED')
    const { printed, said } = await relay(['message', 'list', '--failed', '--limit', '1'])

    expect(failed).toContainEqual({
      at: expect.stringMatching(/^2/),
      ...ids,
      channelAccountId: expect.any(String),
      messageId: id,
      statusType: 'FAILED',
      reason: 'The customer called',
      source: 'operator',
    })
    expect(others).toEqual([])
    expect(byReason.map(({ messageId }) => messageId)).toContain(id)
    expect(printed).toContain('The customer called')
    expect(printed).toContain('1 message')
    expect(said).toContain('Looked through the logs of the last 30 days, as far as they are kept.')
  })

  test('shows what is last: a message that was told READ since is not among the failed', async () => {
    const { id } = await send()
    for (const status of ['failed', 'read']) {
      await relay(['status', 'set', id, status])
      await local.stack.idle()
    }

    expect((await list('--failed')).map(({ messageId }) => messageId)).not.toContain(id)
    expect((await list('--status', 'read')).map(({ messageId }) => messageId)).toContain(id)
  })
})

describe('status set', () => {
  test('goes through the queue to HubSpot, with its reason', async () => {
    const { id } = await send()

    const { exitCode, printed } = await relay(['status', 'set', id, 'failed', '--reason', 'The customer called'])
    await local.stack.idle()

    expect(exitCode).toBe(0)
    expect(printed).toBe(`Queued: HubSpot is told that message ${id} is failed.`)
    expect(local.hubspot.message(id)).toMatchObject({ told: 'FAILED', errorMessage: 'The customer called' })
    const { timeline } = JSON.parse((await relay(['message', 'show', id, '--json'])).printed)
    expect(timeline).toContainEqual(expect.objectContaining({ what: 'failed', source: 'operator' }))
  })

  test('lowers nothing, and says so', async () => {
    const { id } = await send()
    await relay(['status', 'set', id, 'read'])
    await local.stack.idle()

    const { printed } = await relay(['status', 'set', id, 'failed'])
    await local.stack.idle()

    expect(printed).toContain('"read" is known, which stands above "failed"')
    expect(local.hubspot.message(id)).toMatchObject({ told: 'READ' })
  })

  test('tells HubSpot again, on purpose, what somebody else has changed there', async () => {
    const { id } = await send()
    Object.assign(local.hubspot.message(id)!, { status: 'FAILED' })

    await relay(['status', 'set', id, 'sent'])
    await local.stack.idle()

    expect(local.hubspot.message(id)).toMatchObject({ status: 'SENT' })
  })
})

describe('sign', () => {
  test('prints headers that HubSpot could have sent', async () => {
    const file = await fileOf({ type: 'ANYTHING' })

    const { printed } = await relay(['sign', file, '--json'])

    const { url, headers, body } = JSON.parse(printed)
    const request = { method: 'POST', url, body, timestamp: headers['x-hubspot-request-timestamp'] }
    expect(body).toBe('{"type":"ANYTHING"}')
    expect(verify(request, headers['x-hubspot-signature-v3'], clientSecret)).toBe(true)
  })

  test('sends a message, or an event that goes nowhere; with a foreign secret it is refused', async () => {
    const message = {
      type: 'OUTGOING_CHANNEL_MESSAGE_CREATED',
      ...ids,
      message: {
        id: 'signed-by-hand',
        channelAccountId: account,
        text,
        recipients: [],
        createdAt: '2026-01-01T00:00:00Z',
      },
    }

    const sent = await relay(['sign', await fileOf(message), '--send'])
    const nowhere = await relay(['sign', '--send', '--json'])
    const foreign = await relay(['sign', '--send', '--secret-stdin'], { input: 'not the secret\n' })
    await local.stack.idle()

    expect(sent).toMatchObject({ exitCode: 0, printed: expect.stringContaining('HTTP 204') })
    expect(JSON.parse(nowhere.printed)).toMatchObject({ answer: 'HTTP 204' })
    expect(foreign).toMatchObject({ exitCode: 1, printed: expect.stringContaining('HTTP 401') })
    expect(service.receptions('signed-by-hand')).toBe(1)
  })
})

describe('channel', () => {
  const app = ['--app-id', '77']
  const key = { answers: [developerApiKey] }

  test('register sends capabilities that HubSpot takes, and waits until HubSpot lists the channel', async () => {
    local.hubspot.behaviour.channelListedAfterMs = 500

    const { exitCode, printed } = await relay(['channel', 'register', 'SMS', ...app], key)

    local.hubspot.behaviour.channelListedAfterMs = 0
    const [, id = ''] = /^Channel (\d+) is registered\.$/m.exec(printed) ?? []
    expect(exitCode).toBe(0)
    expect(printed).toContain(`channel set-webhook ${id} --app-id 77`)
    expect(local.hubspot.channels.get(id)).toMatchObject({
      name: 'SMS',
      capabilities: { allowOutgoingMessages: true, deliveryIdentifierTypes: ['HS_PHONE_NUMBER'] },
    })
    expect(local.hubspot.webhookUrl(id)).toBeUndefined()
  })

  test.each([
    [{ allowOutgoingMessages: false }, 'allowOutgoingMessages'],
    [{ threadingModel: 'BY_NAME' }, 'threadingModel'],
    [{ outgoingAttachmentTypes: ['FILE'] }, 'document: '],
    [{ allowedFiles: ['image/png'] }, 'it knows no allowedFiles.'],
    [{ alowInlineImages: true }, 'it knows no alowInlineImages (did you mean allowInlineImages?).'],
  ])('register refuses capabilities that HubSpot would refuse without a word: %j', async (capabilities, what) => {
    const before = local.hubspot.channels.size
    const args = ['channel', 'register', 'SMS', ...app, '--capabilities', await fileOf(capabilities)]

    const { exitCode, said } = await relay(args, key)

    expect(exitCode).toBe(1)
    expect(said).toContain(what)
    expect(local.hubspot.channels.size).toBe(before)
  })

  test('list says whose messages come to the relay, and doctor whose do not', async () => {
    const { printed } = await relay(['channel', 'list', ...app], key)
    const { printed: findings } = await relay(['doctor', ...app, '--json'], key)

    expect(printed).toMatch(/^2300310 {2}Channel 2300310 {2}the relay$/m)
    expect(printed).toMatch(/SMS {2}nowhere$/m)
    expect(JSON.parse(findings)).toContainEqual({
      result: 'wrong',
      sentence: expect.stringMatching(/^HubSpot posts the messages of channel 24\d+ nowhere\.$/),
      remedy: expect.stringMatching(/^npm run relay -- --local channel set-webhook 24\d+ --app-id 77$/),
    })
  })

  test('doctor says what it cannot see without the key', async () => {
    const { printed } = await relay(['doctor', ...app, '--json'])

    expect(JSON.parse(printed)).toContainEqual(
      expect.objectContaining({ result: 'skipped', remedy: expect.stringContaining('HUBSPOT_DEVELOPER_API_KEY') }),
    )
  })
})

describe('secret', () => {
  test('check says that each secret is what it should be, without its values', async () => {
    const { exitCode, printed } = await relay(['secret', 'check'])

    expect(exitCode).toBe(0)
    expect(printed).toContain('The secret of channel or channel account 3000000001 is complete (forward)')
  })

  test('set here counts at once, since nobody waits for minutes on this machine', async () => {
    const current = await secretOf('AppSecret')
    const signed = async (secret: string) =>
      (await relay(['sign', '--send', '--secret-stdin'], { input: secret })).printed
    expect(await signed(clientSecret)).toContain('HTTP 204')

    const set = await relay(['secret', 'set', 'app', '--file', '-'], {
      input: JSON.stringify({ ...current, clientSecrets: ['another-client-secret'] }),
    })

    expect(set.printed).toContain('The functions use it from now on.')
    expect(await signed('another-client-secret')).toContain('HTTP 204')
    expect(await signed(clientSecret)).toContain('HTTP 401')
    await relay(['secret', 'set', 'app', '--file', '-'], { input: JSON.stringify(current) })
  })

  test('set refuses a misspelt optional field, and names the one that is meant', async () => {
    const account = { provider: 'telegram', botToken: '1:a', sentOm: 'accepted' }
    const { exitCode, said } = await relay(['secret', 'set', 'channel', '3000000099', '--file', '-'], {
      input: JSON.stringify(account),
    })

    expect(exitCode).toBe(1)
    expect(said).toContain('sentOm (did you mean sentOn?)')
  })

  test('rotate puts the new client secret before the previous one, and both count', async () => {
    local.hubspot.rotateClientSecret('the-next-client-secret')

    const rotated = await relay(['secret', 'rotate', 'app'], { answers: ['the-next-client-secret'] })
    const twice = await relay(['secret', 'rotate', 'app'], { answers: ['one more'] })

    expect(rotated.exitCode).toBe(0)
    expect(await secretOf('AppSecret')).toMatchObject({ clientSecrets: ['the-next-client-secret', clientSecret] })
    expect(twice).toMatchObject({ exitCode: 1, said: expect.stringContaining('not finished') })
    const answerTo = async (secret: string) =>
      (await relay(['sign', '--send', '--secret-stdin'], { input: secret })).printed
    // The function looks for another secret than it remembers once in ten seconds.
    for (const secret of [clientSecret, 'the-next-client-secret'])
      await expect.poll(() => answerTo(secret)).toContain('HTTP 204')
  })

  test('rotate --finish does not guess whether the previous one is in use', async () => {
    const unknown = await relay(['secret', 'rotate', 'app', '--finish'])
    const forced = await relay(['secret', 'rotate', 'app', '--finish', '--force'])

    expect(unknown).toMatchObject({ exitCode: 1, said: expect.stringContaining('cannot be known') })
    expect(forced.exitCode).toBe(0)
    expect(await secretOf('AppSecret')).toMatchObject({ clientSecrets: ['the-next-client-secret'] })
  })

  test("rotate does the same for a channel account's secrets, whatever its provider calls them", async () => {
    const next = `whsec_${Buffer.from('the next secret of the account').toString('base64')}`
    const { secrets: before } = await credentialsOf(account)

    const refused = await relay(['secret', 'rotate', 'channel', account], { answers: ['no secret of that form'] })
    const rotated = await relay(['secret', 'rotate', 'channel', account, '--file', '-'], { input: `${next}\n` })
    const during = await credentialsOf(account)
    const unknown = await relay(['secret', 'rotate', 'channel', account, '--finish'])
    const finished = await relay(['secret', 'rotate', 'channel', account, '--finish', '--force'])

    expect(refused.exitCode).toBe(1)
    expect([rotated.exitCode, finished.exitCode]).toEqual([0, 0])
    expect(during).toMatchObject({ secrets: [next, ...before] })
    expect(unknown).toMatchObject({ exitCode: 1, said: expect.stringContaining('cannot be known') })
    expect(await credentialsOf(account)).toMatchObject({ secrets: [next] })
    await putCredentials(local.stack, account, { ...during, secrets: before })
    local.stack.killEnvironments()
  })
})

describe('probe', () => {
  const found = async (behaviour: Partial<Behaviour>) => {
    const usual = { ...local.hubspot.behaviour }
    const message = await send()
    Object.assign(local.hubspot.behaviour, behaviour)
    const run = await relay(['probe', message.id, '--yes', '--json'])
    Object.assign(local.hubspot.behaviour, usual)
    return { ...run, message: local.hubspot.message(message.id), ...JSON.parse(run.printed || '{}') }
  }

  test('finds an account that takes everything, and leaves the message as it was', async () => {
    const { exitCode, found: answers, limits, message } = await found({ requestsPer10Seconds: 500 })

    expect(exitCode).toBe(0)
    expect(answers).toMatchObject({
      SENT: 'taken (HTTP 200)',
      'SENT once more': 'taken (HTTP 200)',
      'SENT after FAILED': 'taken (HTTP 200)',
      'SENT after READ': 'taken (HTTP 200)',
      errorMessage: { longest: 65_536, beyond: 'not tried' },
    })
    expect(limits).toMatchObject({ max: '500', intervalMilliseconds: '10000' })
    expect(message).toMatchObject({ status: 'SENT' })
  })

  test('finds that statuses cannot be taken back', async () => {
    const { found: answers, settings, said } = await found({ transitions: 'forward', repeatedStatus: 'refused' })

    expect(answers).toMatchObject({
      'SENT once more': 'refused (HTTP 400)',
      'FAILED after SENT': 'taken (HTTP 200)',
      'SENT after FAILED': 'refused (HTTP 400)',
    })
    expect(settings).toContainEqual(expect.stringMatching(/^unconfirmedAfter/))
    expect(said).toContain('does not take the message back to SENT')
  })

  test('finds that READ stays, whatever the answer says', async () => {
    const { found: answers } = await found({ transitions: 'read stays' })

    expect(answers).toMatchObject({ READ: 'taken (HTTP 200)', 'SENT after READ': 'ignored (HTTP 200)' })
  })

  test.each([
    ['cut' as const, 255],
    ['refused' as const, 1000],
  ])('finds where a long reason is %s', async (longErrorMessage, errorMessageMaxLength) => {
    const { found: answers, settings } = await found({
      longErrorMessage,
      errorMessageMaxLength,
    })

    expect(answers.errorMessage).toEqual({ longest: errorMessageMaxLength, beyond: longErrorMessage })
    expect(settings.some((setting: string) => setting.startsWith('Reasons'))).toBe(errorMessageMaxLength < 500)
  })

  test('reports what HubSpot did without ids or content, after asking, and only on a message of the last hour', async () => {
    const { id } = await send()
    const before = local.hubspot.message(id)!.patches.length

    const no = await relay(['probe', id, '--report'], { answers: ['no'] })
    expect(no).toMatchObject({ exitCode: 1 })
    expect(local.hubspot.message(id)!.patches).toHaveLength(before)
    const { exitCode, printed } = await relay(['probe', id, '--report', '--yes'])

    expect(exitCode).toBe(0)
    expect(printed).toMatch(/^What HubSpot does with statuses[^\n]*\n\n```json\n\{/)
    expect(JSON.parse(printed.slice(printed.indexOf('{'), printed.lastIndexOf('}') + 1))).toMatchObject({
      apiVersion: 'v3',
      found: { SENT: 'taken (HTTP 200)' },
    })
    for (const secret of [id, ids.portalId, ids.channelId, account, text, phone]) expect(printed).not.toContain(secret)

    await put('Ledger', { ...(await itemOf(id)), createdAt: '2026-01-01T12:00:00Z' })
    expect(await relay(['probe', id, '--report', '--yes'])).toMatchObject({
      exitCode: 1,
      said: expect.stringContaining('older than an hour'),
    })
  })

  test('asks before it begins, and changes nothing without a yes', async () => {
    const { id } = await send()
    const patches = () => local.hubspot.message(id)!.patches.length
    const before = patches()

    const no = await relay(['probe', id], { answers: ['no'] })
    const nobody = await relay(['probe', id])

    expect([no.exitCode, nobody.exitCode]).toEqual([1, 1])
    expect(patches()).toBe(before)
  })

  test('says who can help where the portal gives no access', async () => {
    const { id } = await local.hubspot.sendMessage({ ...ids, portalId: '1009', channelAccountId: account, text })
    await expect.poll(async () => (await relay(['message', 'show', id])).exitCode).toBe(0)

    const { exitCode, said } = await relay(['probe', id, '--yes'])

    expect(exitCode).toBe(1)
    expect(said).toMatch(/^No access to portal 1009: it has not installed the app\.\n.*doctor/)
  })
})

describe('message erase', () => {
  const erased = (messageId: string) => `1001#2300310#${messageId}`
  const old = { version: 3, open: [], timeline: [], createdAt: '2026-01-01T12:00:00Z', expiresAt: 1 }

  test('forgets a message, and says what it cannot', async () => {
    await put('Ledger', { pk: erased('to-be-erased'), ...old })

    const trial = await relay(['message', 'erase', 'to-be-erased', '--dry-run'])
    const unasked = await relay(['message', 'erase', 'to-be-erased'])
    const before = await keysOf('1001')
    const done = await relay(['message', 'erase', 'to-be-erased', '--yes', '--json'])

    expect(trial.printed).toBe('Would erase of message to-be-erased: its record in the ledger.')
    expect(unasked).toMatchObject({ exitCode: 1, said: expect.stringContaining('--yes') })
    expect(before).toContain(erased('to-be-erased'))
    expect(JSON.parse(done.printed)).toMatchObject({ portalId: '1001', erased: { record: 1, 'dead-letter': 0 } })
    expect(done.said).toMatch(/^Not erased: log lines.*logRetention.*queue.*backups/)
    expect(await keysOf('1001')).not.toContain(erased('to-be-erased'))
    expect((await relay(['message', 'erase', 'to-be-erased', '--yes'])).exitCode).toBe(1)
  })

  test('leaves one alone that HubSpot may still repeat, unless it is forced, and takes its dead letters along', async () => {
    const { id } = await send({ faults: [{ method: 'PATCH', answer: { status: 400 }, times: 5 }] })
    const letters = async () => JSON.parse((await relay(['dead-letters', 'list', '--message', id, '--json'])).printed)

    const refused = await relay(['message', 'erase', id, '--yes'])
    const lettersBefore = await letters()
    const forced = await relay(['message', 'erase', id, '--yes', '--force'])

    expect(refused).toMatchObject({ exitCode: 1, said: expect.stringContaining('within the last day') })
    expect(lettersBefore).toHaveLength(1)
    expect(forced.printed).toBe(`Erased of message ${id}: its record in the ledger, dead letters: 1.`)
    expect(await letters()).toEqual([])
    expect(await keysOf('1001')).not.toContain(erased(id))
  })
})

describe('portal', () => {
  test('list and show tell who gives access, and no token', async () => {
    const list = await relay(['portal', 'list', '--json'])
    const show = await relay(['portal', 'show', ids.portalId])

    expect(JSON.parse(list.printed)).toEqual([expect.objectContaining({ portalId: '1001', access: 'given' })])
    expect(show.printed).toContain('access: given')
    expect((await relay(['portal', 'show', '5'])).exitCode).toBe(1)
  })

  test('doctor says which scope one has not granted', async () => {
    local.hubspot.installApp(ids.portalId, { scopes: ['oauth', 'conversations.custom_channels.read'] })
    const lacking = await relay(['doctor', '--json'])
    local.hubspot.installApp(ids.portalId)
    const granted = await relay(['doctor', '--json'])

    const about = ({ printed }: { printed: string }) =>
      JSON.parse(printed).filter(({ sentence }: { sentence: string }) => sentence.includes('granted'))
    expect(about(lacking)).toEqual([
      expect.objectContaining({
        result: 'wrong',
        sentence: 'Portal 1001 has not granted conversations.custom_channels.write.',
      }),
    ])
    expect(about(granted)).toEqual([])
  })

  test('remove --purge leaves nothing of a portal, and everything of the others', async () => {
    await local.installApp('1002')
    await send({ portalId: '1002' })
    await send({ portalId: '1002', faults: [{ method: 'PATCH', answer: { status: 400 }, times: 5 }] })
    await send({ faults: [{ method: 'PATCH', answer: { status: 400 }, times: 5 }] })
    const letters = async (portalId: string) =>
      JSON.parse((await relay(['dead-letters', 'list', '--portal', portalId, '--json'])).printed).length
    for (const portalId of ['1001', '1002']) {
      await put('Ledger', { pk: `account#${portalId}#2300310#${account}`, version: 1, state: 'created' })
      await put('Ledger', { pk: `thread#${portalId}#2300310#1`, version: 1 })
    }
    await put('Ledger', { pk: 'account#1002#2300310#3000000077', version: 1, state: 'created' })
    await putCredentials(local.stack, '3000000077', await credentialsOf(account))
    const others = { keys: await keysOf('1001'), letters: await letters('1001') }

    const trial = await relay(['portal', 'remove', '1002', '--purge', '--dry-run'])
    const refused = await relay(['portal', 'remove', '1002', '--purge'])
    const untouched = await keysOf('1002')
    const removed = await relay(['portal', 'remove', '1002', '--purge', '--yes', '--json'])

    expect(trial.printed).toMatch(/^Would erase of portal 1002: .*message: 2/)
    expect(refused).toMatchObject({ exitCode: 1, said: expect.stringContaining('--yes') })
    expect(untouched.length).toBeGreaterThan(4)
    expect(removed.exitCode).toBe(0)
    expect(JSON.parse(removed.printed)).toMatchObject({
      removed: { portal: 1, message: 2, account: 2, credentials: 1, 'dead-letter': 1 },
    })
    expect(await keysOf('1002')).toEqual([])
    expect(await readCredentials(local.stack, '3000000077')).toBeUndefined()
    expect(await readCredentials(local.stack, account)).toBeDefined()
    expect(await letters('1002')).toBe(0)
    expect({ keys: await keysOf('1001'), letters: await letters('1001') }).toEqual(others)
    expect(others.letters).toBeGreaterThan(0)
    expect(local.hubspot.portal('1002')).toMatchObject({ refreshToken: '' })
  })

  test('remove, interrupted, has erased nothing by halves: run again, it erases the rest', async () => {
    await local.installApp('1004')
    await put('Ledger', { pk: '1004#2300310#one', version: 1, marks: [], timeline: [], expiresAt: 1 })

    const remove = ['portal', 'remove', '1004', '--purge', '--yes']
    const interrupted = await relay(remove, { signal: AbortSignal.abort() })
    const left = await keysOf('1004')
    const again = await relay(remove)

    expect(interrupted.exitCode).toBe(130)
    expect(left).toContain('1004#2300310#one')
    expect(again.exitCode).toBe(0)
    expect(await keysOf('1004')).toEqual([])
  })

  test('remove can be run again, and ends what was interrupted', async () => {
    await put('Ledger', { pk: '1002#2300310#late', version: 1, marks: [], timeline: [], expiresAt: 1 })

    const again = await relay(['portal', 'remove', '1002', '--purge', '--yes'])
    const plain = await relay(['portal', 'remove', '1002', '--yes'])

    expect(again).toMatchObject({ exitCode: 0, printed: 'Erased of portal 1002: message: 1.' })
    expect(plain).toMatchObject({ exitCode: 1, said: expect.stringContaining('no access to portal 1002') })
    expect(await keysOf('1002')).toEqual([])
  })

  test('remove changes nothing where HubSpot cannot be asked', async () => {
    await local.installApp('1003')
    local.hubspot.faults.push({ method: 'POST', answer: { status: 503 } })

    const { exitCode, said } = await relay(['portal', 'remove', '1003', '--yes'])

    expect(exitCode).toBe(1)
    expect(said).toContain('Nothing was changed')
    expect(await keysOf('1003')).toEqual(['portal#1003'])
  })
})

test('no command says a secret, a token, a text or a phone number', () => {
  const said = transcript.join('\n')
  const { refreshToken } = local.hubspot.portal(ids.portalId)!
  const secrets = [clientSecret, 'the-next-client-secret', developerApiKey, refreshToken, text, phone]

  expect(said).toContain('npm run relay')
  // Signing prints the body that it was given.
  expect(secrets.filter((secret) => said.includes(secret))).toEqual([])
})

const put = (table: string, item: object) =>
  local.stack.dynamodb.send(new PutItemCommand({ TableName: local.stack.tableName(table), Item: marshall(item) }))

async function itemOf(messageId: string) {
  const Key = { pk: { S: `${ids.portalId}#${ids.channelId}#${messageId}` } }
  const { Item = {} } = await local.stack.dynamodb.send(
    new GetItemCommand({ TableName: local.stack.tableName('Ledger'), Key }),
  )
  return unmarshall(Item)
}

/** The keys of everything that is kept of a portal, in either table. */
async function keysOf(portalId: string) {
  const pages = await Promise.all(
    ['Ledger', 'Portals'].map((name) =>
      local.stack.dynamodb.send(new ScanCommand({ TableName: local.stack.tableName(name) })),
    ),
  )
  return pages
    .flatMap(({ Items = [] }) => Items.map((item) => String(unmarshall(item)['pk'])))
    .filter((pk) => pk.split('#').slice(0, 2).includes(portalId))
    .toSorted()
}

const credentialsOf = async (id: string) =>
  z.looseObject({ secrets: z.array(z.string()) }).parse(await readCredentials(local.stack, id))

async function secretOf(name: string) {
  const { AWS_ENDPOINT_URL: endpoint, AWS_REGION: region } = local.stack.environment
  const credentials = { accessKeyId: local.stack.environment.AWS_ACCESS_KEY_ID, secretAccessKey: 'local' }
  const client = new SecretsManagerClient({ endpoint, region, credentials })
  const SecretId = name === 'AppSecret' ? local.stack.outputs['AppSecretArn']! : name
  return JSON.parse((await client.send(new GetSecretValueCommand({ SecretId }))).SecretString ?? '')
}
