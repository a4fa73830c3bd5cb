import { readFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text as readAll } from 'node:stream/consumers'
import { Signature } from '@hubspot/api-client'
import { Ajv2020 } from 'ajv/dist/2020.js'
import addFormats from 'ajv-formats'
import { Webhook } from 'standardwebhooks'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { noteRunning } from '../../infra/cli/running.ts'
import { putCredentials } from '../../infra/local/credentials.ts'
import { type Inbox, shortened, startInbox } from '../../infra/local/inbox/inbox.ts'
import {
  clientSecret,
  ids,
  type LocalRelay,
  type LocalRelayEvent,
  startLocalRelay,
  whsecFor,
} from '../../infra/local/local-relay.ts'
import { freeOrAny } from '../../infra/local/ports.ts'
import { serveTriggers, triggers } from '../../infra/local/trigger.ts'
import { runRelay } from '../support/relay-terminal.ts'

/** A relay to develop against, as npm start runs it, and a service that somebody writes. */
const account = '3000000001'
let folder: string
let note: string
let relay: LocalRelay
let inbox: Inbox
let control: Awaited<ReturnType<typeof serveTriggers>>
let service: Awaited<ReturnType<typeof startService>>
const events: LocalRelayEvent[] = []

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'relay-'))
  note = join(folder, 'note.json')
  relay = await startLocalRelay(shortened)
  inbox = await startInbox(relay)
  control = await serveTriggers({
    relay,
    player: inbox,
    accounts: () => inbox.providers.map(({ channelAccountId }) => channelAccountId),
  })
  service = await startService()
  relay.onEvent((event) => events.push(event))
  noteRunning({ ...relay, controlUrl: control.url }, note)
})
afterAll(async () => {
  await control?.stop()
  await inbox?.stop()
  await relay?.stop()
  await service?.close()
  await rm(folder, { recursive: true })
})
beforeEach(() => {
  service.calls.splice(0)
  service.answer = { status: 200, body: {} }
})

const local = (...args: string[]) => runRelay(note, args)

describe('trigger', () => {
  test('lists what can be made to happen, and suggests what is meant', async () => {
    const { printed } = await local('trigger')
    const misspelt = await local('trigger', 'delivred')

    for (const [name, { says }] of Object.entries(triggers))
      expect(printed).toMatch(new RegExp(`^${name} +${says}`, 'm'))
    expect(misspelt).toMatchObject({ exitCode: 1, said: expect.stringContaining('Did you mean delivered?') })
  })

  test.each([
    ['read', 'READ'],
    ['failed', 'FAILED'],
    ['refused', 'FAILED'],
    ['rate-limited', 'SENT'],
    ['twice', 'SENT'],
  ])('%s ends as %s', async (name, told) => {
    const { printed } = await local('trigger', name, '--account', '3000000002')
    const messageId = /HubSpot sends message (\w+)\./.exec(printed)?.[1] ?? ''

    await expect.poll(() => relay.hubspot.message(messageId)?.told).toBe(told)
  })

  test('a status that HubSpot rejects for good ends among the dead letters', async () => {
    const { messageId } = JSON.parse((await local('trigger', 'status-refused', '--json')).printed)
    const letters = async () =>
      JSON.parse((await local('dead-letters', 'list', '--message', messageId, '--json')).printed)

    await expect.poll(letters).toMatchObject([{ queue: 'status-updates', reason: expect.stringContaining('HTTP 400') }])
    expect(relay.hubspot.message(messageId)?.told).toBeUndefined()
  })

  test('sends events that are no messages, and forged ones', async () => {
    expect((await local('trigger', 'account-created')).printed).toContain('answered HTTP 204')
    expect((await local('trigger', 'unknown')).printed).toContain('answered HTTP 204')
    const { messageId } = JSON.parse((await local('trigger', 'forged', '--json')).printed)
    await expect.poll(() => relay.hubspot.message(messageId)?.webhooks[0]?.answered).toBe(401)
    const { printed } = await local('trigger', 'forged')
    expect(printed).toContain('answers HTTP 401, as it has to')
    expect(printed).not.toContain('message show')
  })
})

test('tail shows what happens, until it is interrupted', async () => {
  const interrupted = new AbortController()
  const following = runRelay(note, ['tail', '--since', '1s'], { signal: interrupted.signal })
  const { messageId } = JSON.parse((await local('trigger', 'delivered', '--account', '3000000002', '--json')).printed)
  await expect.poll(() => relay.hubspot.message(messageId)?.told).toBe('SENT')
  await new Promise((end) => setTimeout(end, 1000))
  interrupted.abort()

  const { printed, exitCode } = await following
  expect(exitCode).toBe(130)
  expect(printed).toMatch(
    new RegExp(`update-status +Told HubSpot +message ${messageId}, portal 1001 +statusType: SENT`),
  )
})

/** The published contract, with its schemas. */
const contract = JSON.parse(readFileSync(new URL('../../docs/openapi.json', import.meta.url), 'utf8'))
const ajv = new Ajv2020({ strict: false })
addFormats.default(ajv)
ajv.addSchema(contract, 'openapi.json')
const fits = (name: string, document: unknown) => ajv.validate(`openapi.json#/components/schemas/${name}`, document)

describe('the published contract', () => {
  test('holds what the relay sends', async () => {
    await relay.addLiveService(account, { url: service.url })

    const { id } = await relay.hubspot.sendMessage({ ...ids, channelAccountId: account, text: 'Hello' })
    await expect.poll(() => relay.hubspot.message(id)?.told).toBe('SENT')

    const { body, headers } = service.calls[0]!
    const required = contract.webhooks.delivery.post.parameters.map(({ name }: { name: string }) => name)
    expect(fits('Job', JSON.parse(body)), JSON.stringify(ajv.errors)).toBe(true)
    expect(Object.keys(headers)).toEqual(expect.arrayContaining(required))
  })

  test.each([
    ['a status', { status: 'delivered' }, 204],
    ['a failure with its reason', { status: 'failed', reason: 'No such number' }, 204],
    ['a status that there is not', { status: 'bounced' }, 400],
    ['no message', { messageId: undefined }, 400],
    ['a portal that is no number', { portalId: 'mine' }, 400],
  ])('and what it takes: %s', async (_name, change, statusCode) => {
    const secret = whsecFor('3000000009')
    await putCredentials(relay.stack, '3000000009', {
      provider: 'forward',
      url: 'http://127.0.0.1:1/',
      secrets: [secret],
    })
    const timestamp = new Date()
    const data = { portalId: '1001', messageId: 'm', status: 'sent', ...change }
    const body = JSON.stringify({ type: 'message.status', timestamp: timestamp.toISOString(), data })

    const { status } = await fetch(`${relay.stack.outputs['ReceiptsUrl']}/${ids.channelId}/3000000009`, {
      method: 'POST',
      headers: {
        'webhook-id': 'msg_1',
        'webhook-timestamp': String(Math.floor(timestamp.getTime() / 1000)),
        'webhook-signature': new Webhook(secret).sign('msg_1', timestamp, body),
      },
      body,
    })

    expect(status).toBe(statusCode)
    expect(fits('Receipt', JSON.parse(body))).toBe(statusCode === 204)
    const { responses } = contract.paths['/receipts/{channelId}/{channelAccountId}'].post
    expect(Object.keys(responses)).toContain(String(status))
  })
})

describe('a service that is being written', () => {
  test('gets the messages, signed by Standard Webhooks, and its answer is told', async () => {
    await relay.addLiveService(account, { url: service.url })
    service.answer = { status: 422, body: { reason: 'No such customer' } }

    const { id } = await relay.hubspot.sendMessage({ ...ids, channelAccountId: account, text: 'Hello' })
    await expect.poll(() => relay.hubspot.message(id)?.told).toBe('FAILED')

    const [call] = service.calls
    expect(new Webhook(whsecFor(account)).verify(call!.body, call!.headers)).toMatchObject({ messageId: id })
    expect(relay.hubspot.message(id)).toMatchObject({ errorMessage: 'No such customer' })
    expect(events).toContainEqual(
      expect.objectContaining({
        type: 'delivery',
        delivery: expect.objectContaining({ messageId: id, answered: 422 }),
      }),
    )
  })

  test("gets HubSpot's own webhook where it wants that, signed for its own URL", async () => {
    await relay.addLiveService(account, { url: service.url, format: 'hubspot' })

    const { id } = await relay.hubspot.sendMessage({ ...ids, channelAccountId: account, text: 'Hello' })
    await expect.poll(() => relay.hubspot.message(id)?.told).toBe('SENT')

    const { body, headers } = service.calls[0]!
    const isValid = Signature.isValid({
      signatureVersion: 'v3',
      signature: headers['x-hubspot-signature-v3']!,
      clientSecret,
      requestBody: body,
      url: service.url,
      method: 'POST',
      timestamp: Number(headers['x-hubspot-request-timestamp']),
    })
    expect(isValid).toBe(true)
    expect(JSON.parse(body)).toMatchObject({ type: 'OUTGOING_CHANNEL_MESSAGE_CREATED', message: { id } })
    expect(fits('HubSpotEvent', JSON.parse(body)), JSON.stringify(ajv.errors)).toBe(true)
  })

  test('is waited for while it is not running', async () => {
    await relay.addLiveService(account, { url: 'http://127.0.0.1:1/' })

    const { id } = await relay.hubspot.sendMessage({ ...ids, channelAccountId: account, text: 'Hello' })
    await expect
      .poll(() => events.some((event) => event.type === 'delivery' && event.delivery.messageId === id))
      .toBe(true)

    expect(relay.hubspot.message(id)?.told).not.toBe('FAILED')
  })
})

test('a port that is taken is not insisted on', async () => {
  const { port } = new URL(service.url)

  expect(await freeOrAny(Number(port))).toBe(0)
})

async function startService() {
  const calls: { body: string; headers: Record<string, string> }[] = []
  const made = { calls, answer: { status: 200, body: {} as object }, url: '', close: () => {} }
  const server = createServer(async (request, response) => {
    calls.push({ body: await readAll(request), headers: request.headers as Record<string, string> })
    response.writeHead(made.answer.status, { 'content-type': 'application/json' }).end(JSON.stringify(made.answer.body))
  })
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  made.url = `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}/hubspot`
  made.close = () => void server.close()
  return made
}
