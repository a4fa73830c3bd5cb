import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DeleteItemCommand, PutItemCommand, ScanCommand } from '@aws-sdk/client-dynamodb'
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest'
import { noteRunning } from '../../infra/cli/running.ts'
import type { LogEntry } from '../../infra/local/aws/stack.ts'
import type { Message } from '../../infra/local/hubspot/state.ts'
import { clientSecret, ids, type LocalRelay, startLocalRelay } from '../../infra/local/local-relay.ts'
import type { ForwardService } from '../../infra/local/providers/forward.ts'
import { readLogs } from '../support/logs.ts'
import { runRelay } from '../support/relay-terminal.ts'

const account = { ...ids, channelAccountId: '3000000001' }
const nextSecret = 'the-client-secret-after-the-rotation'

let folder: string
let relay: LocalRelay
let service: ForwardService
const entries: LogEntry[] = []

/** The procedures of docs/runbook.md, on a relay that speaks a dated version of HubSpot's API. */
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'relay-'))
  relay = await startLocalRelay({
    settings: { hubspot: { apiVersion: '2026-03' } },
    behaviour: { redeliveryDelaysMs: Array(30).fill(1000) },
    onLog: (entry) => entries.push(entry),
  })
  noteRunning(relay, note())
  service = await relay.addChannelAccount(account.channelAccountId, { conduct: () => ({}) })
})

afterAll(async () => {
  await relay?.stop()
  await rm(folder, { recursive: true })
})

test('the client secret is rotated while agents write: no message is lost, whichever secret signs meanwhile', async () => {
  const { hubspot } = relay
  const sent: Promise<Message>[] = []
  const agents = setInterval(() => sent.push(send()), 300)
  onTestFinished(() => clearInterval(agents))
  await nextIsAccepted()

  hubspot.rotateClientSecret(nextSecret)
  await expect.poll(() => counted('WebhooksRejected')).toBeGreaterThan(0)
  expect(await rotate({ answers: [nextSecret] })).toBe(0)
  await nextIsAccepted()
  hubspot.rotateClientSecret(clientSecret)
  await expect.poll(() => counted('VerifiedByPreviousSecret')).toBeGreaterThan(0)
  hubspot.rotateClientSecret(nextSecret)
  await nextIsAccepted()
  expect(await rotate({ finish: true })).toBe(0)
  await nextIsAccepted()
  await expect.poll(() => sent.length).toBeGreaterThan(10)
  clearInterval(agents)

  const messages = await Promise.all(sent)
  await expect.poll(() => messages.filter(({ told }) => told !== 'SENT').length).toBe(0)
  for (const { id } of messages) expect(service.receptions(id)).toBe(1)
})

test('once the rotation is finished, the previous secret is worth nothing', async () => {
  await relay.stack.idle()
  relay.stack.killEnvironments('hubspot-webhook')
  relay.hubspot.rotateClientSecret(clientSecret)
  const message = await send()

  expect(message.webhooks[0]?.answered).toBe(401)
  relay.hubspot.rotateClientSecret(nextSecret)
  await expect.poll(() => message.told).toBe('SENT')
})

test('HubSpot is told by the paths of the version that is set', async () => {
  const patches = relay.hubspot.calls.filter(({ method }) => method === 'PATCH')

  expect(patches.length).toBeGreaterThan(10)
  for (const { path, answered } of patches)
    expect({ path, answered }).toEqual({
      path: expect.stringMatching(/^\/conversations\/custom-channels\/2026-03\//),
      answered: 200,
    })
})

test('without the ledger statuses are told, and what is restored takes no place of what is newer', async () => {
  const [known, newer] = [await send(), await send()]
  await expect.poll(() => [known.told, newer.told]).toEqual(['SENT', 'SENT'])
  await relay.stack.idle()
  const backup = await items()
  for (const { pk } of backup)
    await relay.stack.dynamodb.send(new DeleteItemCommand({ TableName: table(), Key: { pk: pk! } }))

  await service.report(newer.id, { status: 'read' })
  await expect.poll(() => newer.told).toBe('READ')
  await relay.stack.idle()
  for (const Item of backup) await restore(Item)
  await service.report(newer.id, { status: 'read' })
  await service.report(known.id, { status: 'sent' })
  await service.report(known.id, { status: 'read' })
  await expect.poll(() => known.told).toBe('READ')
  await relay.stack.idle()

  for (const { patches } of [known, newer])
    expect(patches.map(({ statusType }) => statusType)).toEqual(['SENT', 'READ'])
  expect((await runRelay(note(), ['reconcile'])).exitCode).toBe(0)
})

const note = () => join(folder, 'note.json')
const send = () => relay.hubspot.sendMessage({ ...account, text: 'Hello' })
const counted = (metric: string) => readLogs(entries).sumOf('hubspot-webhook', metric)

/** An agent sends one more message; resolves when its webhook was taken, be it the second or third time. */
async function nextIsAccepted() {
  const { webhooks } = await send()
  await expect.poll(() => webhooks.at(-1)?.answered).toBe(204)
}

async function rotate({ answers = [], finish = false }: { answers?: string[]; finish?: boolean }) {
  const options = finish ? ['--finish', '--force'] : []
  const { exitCode } = await runRelay(note(), ['secret', 'rotate', 'app', ...options], { answers })
  return exitCode
}

const table = () => relay.stack.tableName('Ledger')

async function items() {
  const { Items = [] } = await relay.stack.dynamodb.send(new ScanCommand({ TableName: table() }))
  return Items
}

/** As the runbook says: where the ledger has no such item. */
async function restore(Item: Awaited<ReturnType<typeof items>>[number]) {
  const command = new PutItemCommand({ TableName: table(), Item, ConditionExpression: 'attribute_not_exists(pk)' })
  await relay.stack.dynamodb.send(command).catch((error: Error) => {
    if (error.name !== 'ConditionalCheckFailedException') throw error
  })
}
