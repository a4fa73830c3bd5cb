import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, expect, test } from 'vitest'
import type { DeliveryJob } from '../../functions/messages/jobs.ts'
import { RetryableError } from '../../functions/platform/retry.ts'
import type { ReceivedStatus } from '../../functions/providers/provider.ts'
import { WhatsAppAccount } from '../../functions/providers/whatsapp/account.ts'
import { keptId } from '../../functions/providers/whatsapp/message-id.ts'
import { verdicts } from '../../functions/providers/whatsapp/reasons.ts'
import { whatsapp as receiptAdapter } from '../../functions/providers/whatsapp/receipt.ts'
import { whatsapp as sendAdapter } from '../../functions/providers/whatsapp/send.ts'
import type { Conduct } from '../../infra/local/providers/simulator.ts'
import { startWhatsApp } from '../../infra/local/providers/whatsapp.ts'
import { job, makeSends } from '../support/sends.ts'

const to = [{ deliveryIdentifier: { type: 'HS_PHONE_NUMBER', value: '+1 555 010-0002' } }]
const channelAccount = { channelId: job.channelId, channelAccountId: job.channelAccountId }
const ids = { portalId: job.portalId, channelAccountId: job.channelAccountId, messageId: job.messageId }
const stops: (() => unknown)[] = []

afterEach(async () => {
  await Promise.all(stops.splice(0).map((stop) => stop()))
})

test('a message reaches the customer once, and its statuses come back with our ids', async () => {
  const { simulator, send, relay } = await setUp()

  const outcomes = await send({ attachments: [{ type: 'FILE', url: 'https://files.example.com/a.png' }] })
  await simulator.idle()

  expect(outcomes).toEqual([
    { outcome: 'sent', status: 'accepted', providerMessageId: expect.stringMatching(/^wamid#/) },
  ])
  expect(simulator.messages).toMatchObject([
    { to: '15550100002', text: job.text, media: ['https://files.example.com/a.png'] },
  ])
  expect(relay.statuses.map(({ status }) => status)).toEqual(['sent', 'delivered', 'read'])
  expect(relay.statuses[0]).toMatchObject({
    ...ids,
    providerMessageId: keptId(simulator.messages[0]!.providerMessageId),
  })
})

test('the statuses of each part say which part it is, also several in one webhook', async () => {
  const { simulator, send, relay } = await setUp({ receipts: [] })
  await send({ attachments: [{ type: 'FILE', fileUsageType: 'AUDIO', url: 'https://files.example.com/a.ogg' }] })

  const [text, audio] = simulator.messages
  await simulator.reportTogether([
    { send: audio!, status: 'read' },
    { send: text!, status: 'failed', code: '131026' },
  ])

  expect(relay.statuses).toMatchObject([
    { status: 'read', part: { index: 1, of: 2 } },
    {
      status: 'failed',
      part: { index: 0, of: 2 },
      reason: expect.stringMatching(/number may not be on WhatsApp.*\(131026\)/),
    },
  ])
  expect(relay.posts).toBe(1)
})

test('quick replies are buttons that Meta takes', async () => {
  const quickReplies = ['Yes', 'No'].map((label) => ({ label, value: label, valueType: 'TEXT' }))
  const { simulator, send } = await setUp()

  await send({ attachments: [{ type: 'QUICK_REPLIES', quickReplies }] })

  expect(simulator.messages).toMatchObject([{ text: job.text }])
})

test("each of Meta's errors has an outcome: another try, or a reason", async () => {
  const { simulator } = await setUp()

  for (const { code } of simulator.errors.filter(({ at }) => at === 'send')) {
    const { send, simulator } = await setUp({ answers: [{ error: code }] })
    const outcome = await send().catch((error: unknown) => error)

    const verdict = verdicts.get(code)
    if (verdict === 'in doubt') expect(outcome).toEqual([{ outcome: 'in doubt' }])
    else if (verdict !== 'final') expect(outcome).toBeInstanceOf(RetryableError)
    else
      expect(outcome).toEqual([
        { outcome: 'rejected', reason: expect.stringContaining(`(${code})`), code: String(code) },
      ])
    expect(simulator.messages).toEqual([])
  }
})

test('an answer that was lost leaves the outcome open, and the receipts settle it', async () => {
  const { simulator, send, relay } = await setUp({ answers: [{ reply: 'reset', takes: true }] })

  expect(await send()).toEqual([{ outcome: 'in doubt' }])

  await simulator.idle()
  expect(simulator.receptions(job.messageId)).toBe(1)
  expect(relay.statuses.at(-1)).toMatchObject({ ...ids, status: 'read' })
})

test('while Meta is down a message waits', async () => {
  const { simulator, send } = await setUp()
  await simulator.goDown()

  expect(await send().catch((error: unknown) => error)).toBeInstanceOf(RetryableError)

  await simulator.goUp()
  expect(await send()).toMatchObject([{ outcome: 'sent' }])
})

test('a forged or unsigned webhook is refused', async () => {
  const { simulator, send, relay } = await setUp({ receipts: [] })
  await send()

  for (const signing of ['forged', 'absent'] as const)
    expect(await simulator.report(job.messageId, { status: 'read', signing })).toEqual([401])

  expect(relay.statuses).toEqual([])
})

test('Meta finds that the URL is ours, and nobody with another token does', async () => {
  const { simulator } = await setUp()

  expect(await simulator.verify(channelAccount)).toBe(true)
  expect(await simulator.verify(channelAccount, 'another token')).toBe(false)
})

test("a customer's message is handed on, and is no status", async () => {
  const { simulator, relay } = await setUp()

  await simulator.write(channelAccount, { from: '15550100002', text: 'Grüße 👋' })

  expect(relay).toMatchObject({ statuses: [], handedOn: 1, posts: 1 })
})

test('with another token Meta takes nothing, and the message waits for the right one', async () => {
  const { simulator, send } = await setUp()

  const failure = await send({}, { ...simulator.account, accessToken: 'EAA-another' }).catch((error: unknown) => error)

  expect(failure).toBeInstanceOf(RetryableError)
  expect(simulator.deliveries).toEqual([])
  expect(await send()).toMatchObject([{ outcome: 'sent' }])
})

async function setUp(conduct: Conduct = {}) {
  const relay = await startRelay()
  const simulator = await startWhatsApp({ conduct: () => conduct, receiptsUrl: relay.url })
  relay.holds = simulator.account
  stops.push(simulator.stop)
  const send = (fields: Partial<DeliveryJob> = {}, holds: object = simulator.account) =>
    makeSends(sendAdapter, holds, { to, ...fields })
  return { simulator, send, relay }
}

/** What takes the webhooks: the adapter that reads them, behind HTTP. */
async function startRelay() {
  const relay = { url: '', holds: {}, posts: 0, handedOn: 0, statuses: [] as ReceivedStatus[] }
  const server = createServer(async (request, response) => {
    const { method = '', url = '', headers } = request
    const body = Buffer.concat(await request.toArray())
    const header = (name: string) => headers[name]?.toString()
    const account = WhatsAppAccount.parse(relay.holds)
    const receipt = receiptAdapter.receive(
      { method, url: `https://relay.example.com${url}`, header, body, now: Date.now() },
      account,
    )
    if (receipt.kind === 'handshake') return void response.end(receipt.answer)
    if (receipt.kind !== 'statuses') return void response.writeHead(401).end()
    relay.posts++
    relay.handedOn += receipt.handOn?.entries ?? 0
    relay.statuses.push(...receipt.statuses)
    response.writeHead(204).end()
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  stops.push(() => server.close())
  relay.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/receipts`
  return relay
}
