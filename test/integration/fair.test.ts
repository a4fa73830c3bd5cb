import { ScanCommand } from '@aws-sdk/client-dynamodb'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { ids, type LocalRelay, startLocalRelay } from '../../infra/local/local-relay.ts'

// Each customer has a portal and a channel account. What `npm run bench:fair` shows in figures stands here as states.

const others = Array.from({ length: 10 }, (_, n) => String(1002 + n))
const [many, silent] = ['2001', '2002']
let relay: LocalRelay
const lines: string[] = []

beforeAll(async () => {
  relay = await startLocalRelay({ onLog: ({ line }) => lines.push(line) })
  for (const portalId of [...others, many, silent]) await relay.installApp(portalId)
  for (const portalId of others) await relay.addChannelAccount(portalId, { conduct: () => ({}) })
  await relay.addChannelAccount(many, { conduct: () => ({ answers: [{ delayMs: 500 }] }) })
})

afterAll(() => relay?.stop())

const send = (portalId: string) =>
  relay.hubspot.sendMessage({ portalId, channelId: ids.channelId, channelAccountId: portalId, text: 'Hello' })
const isTold = ({ id }: { id: string }) => relay.hubspot.message(id)?.told !== undefined

test('the messages of one who sent hundreds at once are delivered after those of everybody else', async () => {
  const delivered: string[] = []
  const stopListening = relay.onEvent((event) => {
    if (event.type === 'delivery') delivered.push(event.channelAccountId)
  })
  await Promise.all(Array.from({ length: 300 }, () => send(many)))

  const messages = await Promise.all(others.map(send))
  await expect.poll(() => messages.every(isTold)).toBe(true)
  const before = delivered.slice(0, delivered.lastIndexOf(delivered.findLast((account) => account !== many)!))
  stopListening()

  // The webhooks take a while, in which the first of them are delivered.
  const left = 300 - before.filter((account) => account === many).length
  expect(left).toBeGreaterThan(100)
})

test("while one customer's provider does not answer, one Lambda waits for it, and everybody else's messages are told", async () => {
  let answer = () => {}
  const answered = new Promise<void>((resolve) => {
    answer = resolve
  })
  const provider = await relay.addChannelAccount(silent, { conduct: () => ({ answers: [{ after: answered }] }) })
  const waiting = [await send(silent)]
  await expect.poll(openCircuits).toContain(silent)

  for (let n = 0; n < 5; n++) waiting.push(await send(silent))
  const messages = await Promise.all(others.map(send))
  await expect.poll(() => messages.every(isTold)).toBe(true)
  const calls = provider.deliveries.length
  const ended = lines.filter((line) => line.includes('A call was not answered'))
  answer()
  await expect.poll(() => waiting.every(isTold)).toBe(true)

  expect(calls).toBe(1)
  expect(ended).toEqual([])
  for (const { id } of waiting) expect(provider.receptions(id)).toBe(1)
})

/** The channel accounts whose circuits are in the ledger. */
async function openCircuits() {
  const { Items = [] } = await relay.stack.dynamodb.send(
    new ScanCommand({ TableName: relay.stack.tableName('Ledger') }),
  )
  const keys = Items.map(({ pk }) => pk?.S ?? '')
  return keys.filter((key) => key.startsWith('circuit#')).map((key) => key.split('#').at(-1))
}
