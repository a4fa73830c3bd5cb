import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { GetItemCommand } from '@aws-sdk/client-dynamodb'
import { unmarshall } from '@aws-sdk/util-dynamodb'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { LogEntry } from '../../infra/local/aws/stack.ts'
import { ids, type LocalRelay, startLocalRelay } from '../../infra/local/local-relay.ts'
import { createLinkBrowser } from '../support/link-browser.ts'
import { readLogs } from '../support/logs.ts'

const [connected, disconnected] = ['3000000001', '3000000002']
let folder: string
let relay: LocalRelay
const entries: LogEntry[] = []

/** A relay whose functions' clocks can be set forward, with a service that is down for one of the channel accounts. */
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'relay-'))
  await setClocksForward(0)
  await writeFile(join(folder, 'clock.mjs'), clock)
  relay = await startLocalRelay({
    environment: { NODE_OPTIONS: `--import=${join(folder, 'clock.mjs')}` },
    overrides: { maxDelaySeconds: 1 },
    onLog: (entry) => entries.push(entry),
  })
  await relay.addChannelAccount(connected, { conduct: () => ({}) })
  await relay.addChannelAccount(disconnected, { conduct: () => ({ answers: [{ reply: { status: 503 } }] }) })
})

afterAll(async () => {
  await relay?.stop()
  await rm(folder, { recursive: true })
})

test('what HubSpot says of a channel account is kept, without its address, the latest word whatever comes last', async () => {
  const account = { ...ids, channelAccountId: '3000000003' }
  await relay.hubspot.sendAccountEvent({ ...account, type: 'CHANNEL_ACCOUNT_CREATED' })
  await expect.poll(() => keptOf(account.channelAccountId)).toMatchObject({ state: 'created' })

  await relay.hubspot.sendAccountEvent({ ...account, type: 'CHANNEL_ACCOUNT_PURGED' })
  await expect.poll(() => keptOf(account.channelAccountId)).toMatchObject({ state: 'purged' })
  const late = { ...account, type: 'CHANNEL_ACCOUNT_UPDATED', eventTimestamp: '2026-01-01T00:00:00Z' }
  const answered = await relay.hubspot.sendEvent(
    { ...late, channelAccountDeliveryIdentifier: '+15550100000' },
    { channelId: ids.channelId },
  )
  await relay.stack.idle()

  expect(answered).toBe(204)
  expect(await keptOf(account.channelAccountId)).toMatchObject({ state: 'purged' })
  expect(JSON.stringify(await keptOf(account.channelAccountId))).not.toContain('5550100000')
})

test("a purged account's message is not tried on: the agent reads why", async () => {
  const message = await send(disconnected)
  await relay.hubspot.sendAccountEvent({ ...ids, channelAccountId: disconnected, type: 'CHANNEL_ACCOUNT_PURGED' })

  await expect.poll(() => relay.hubspot.message(message.id)?.told).toBe('FAILED')

  expect(relay.hubspot.message(message.id)?.patches.at(-1)).toMatchObject({
    errorMessage: expect.stringContaining('disconnected in HubSpot'),
  })
  await relay.stack.idle()
})

test('a revoked portal is marked once, its messages wait, and a new installation releases them', async () => {
  relay.hubspot.uninstallApp(ids.portalId)
  relay.hubspot.expireAccessTokens(ids.portalId)
  const first = await send(connected)
  await expect.poll(waiting).toEqual([first.id])
  const refreshes = tokenCalls()
  const second = await send(connected)
  await expect.poll(waiting).toEqual([first.id, second.id])

  expect(tokenCalls()).toBe(refreshes)
  expect(logs().sumOf('update-status', 'PortalsRevoked')).toBe(1)

  const browser = createLinkBrowser()
  const consent = await browser.open(relay.stack.outputs['InstallUrl']!)
  const page = await browser.follow(consent, `Connect account ${ids.portalId}`)
  await setClocksForward(minutes(15))

  expect(page).toMatchObject({ status: 200, text: expect.stringContaining('connected again') })
  await expect.poll(() => [first, second].map(({ told }) => told)).toEqual(['SENT', 'SENT'])
})

const minutes = (number: number) => number * 60_000
const logs = () => readLogs(entries)
const tokenCalls = () => relay.hubspot.calls.filter(({ path }) => path.includes('/oauth/')).length

/** The messages of which a status waits for access. */
function waiting() {
  const lines = logs().lines.filter(
    ({ service, reason }) => service === 'update-status' && /No access/.test(`${reason}`),
  )
  return [...new Set(lines.map(({ messageId }) => messageId))]
}

const send = (channelAccountId: string) => relay.hubspot.sendMessage({ ...ids, channelAccountId, text: 'Hello' })

async function keptOf(channelAccountId: string) {
  const TableName = relay.stack.tableName('Ledger')
  const Key = { pk: { S: `account#${ids.portalId}#${ids.channelId}#${channelAccountId}` } }
  const { Item } = await relay.stack.dynamodb.send(new GetItemCommand({ TableName, Key }))
  return Item && unmarshall(Item)
}

/** What each function loads first: a clock that is ahead by what a file says. */
const clock = `
import { readFileSync } from 'node:fs'
const { now } = Date
Date.now = () => now() + Number(readFileSync(new URL('ahead', import.meta.url), 'utf8'))
`

// Replaced as a whole: a function may read it at any moment.
async function setClocksForward(milliseconds: number) {
  await writeFile(join(folder, 'ahead-next'), String(milliseconds))
  await rename(join(folder, 'ahead-next'), join(folder, 'ahead'))
}
