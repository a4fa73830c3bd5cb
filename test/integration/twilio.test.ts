import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, expect, test } from 'vitest'
import type { DeliveryJob } from '../../functions/messages/jobs.ts'
import { createFetchJson } from '../../functions/platform/fetch-json.ts'
import { RetryableError } from '../../functions/platform/retry.ts'
import type { ReceivedStatus } from '../../functions/providers/provider.ts'
import { TwilioAccount } from '../../functions/providers/twilio/account.ts'
import { twilio as receiptAdapter } from '../../functions/providers/twilio/receipt.ts'
import { twilio as sendAdapter } from '../../functions/providers/twilio/send.ts'
import type { Conduct } from '../../infra/local/providers/simulator.ts'
import { startTwilio, type TwilioOptions } from '../../infra/local/providers/twilio.ts'
import { job, makeSends } from '../support/sends.ts'

const to = ['+1 (555) 010-0002', '+15550100003'].map((value) => ({ deliveryIdentifier: { value } }))
const image = { type: 'FILE', url: 'https://files.example.com/a.png' }
const ids = { portalId: job.portalId, channelAccountId: job.channelAccountId, messageId: job.messageId }
const stops: (() => unknown)[] = []

afterEach(async () => {
  await Promise.all(stops.splice(0).map((stop) => stop()))
})

test('a message reaches the customer once, and its receipts come back with our ids', async () => {
  const { simulator, send, relay } = await setUp()

  const outcomes = await send({ attachments: [image] })
  await simulator.idle()

  expect(outcomes).toEqual([{ outcome: 'sent', status: 'accepted', providerMessageId: expect.stringMatching(/^SM/) }])
  expect(simulator.messages).toMatchObject([{ to: '+15550100002', text: job.text, media: [image.url] }])
  expect(simulator.receptions(job.messageId)).toBe(1)
  expect(relay.statuses.map(({ status }) => status)).toEqual(['sent', 'delivered'])
  expect(relay.statuses[0]).toMatchObject({ ...ids, providerMessageId: simulator.messages[0]!.providerMessageId })
})

test('two customers take two sends, and each receipt says which it is about', async () => {
  const { simulator, send, relay } = await setUp({ receipts: [] })

  await send({ to })
  await simulator.report(job.messageId, { status: 'failed', code: '30006', index: 1 })
  await simulator.report(job.messageId, { status: 'delivered', index: 0 })

  expect(simulator.receptions(job.messageId)).toBe(1)
  expect(relay.statuses).toMatchObject([
    { ...ids, status: 'failed', part: { index: 1, of: 2 }, reason: expect.stringContaining('(30006)') },
    { ...ids, status: 'delivered', part: { index: 0, of: 2 } },
  ])
})

test('over WhatsApp the address has its prefix, files go one by one, and a receipt says read', async () => {
  const { simulator, send, relay } = await setUp({}, { channel: 'whatsapp' })

  await send({ attachments: [image, { type: 'FILE', url: 'https://files.example.com/b.pdf' }] })
  await simulator.idle()

  expect(simulator.messages).toMatchObject([
    { to: '+15550100002', text: job.text, media: [image.url] },
    { to: '+15550100002', text: '', media: ['https://files.example.com/b.pdf'] },
  ])
  expect(relay.statuses.filter(({ status }) => status === 'read').map(({ part }) => part?.index)).toEqual([0, 1])
})

test("each of Twilio's errors has an outcome: another try, doubt, or a reason with its code", async () => {
  const { simulator } = await setUp()
  const notFinal: Record<string, string> = {}

  for (const { code } of simulator.errors.filter(({ at }) => at === 'send')) {
    const { send, simulator } = await setUp({ answers: [{ error: code }] })
    const outcome = await send().catch((error: unknown) => error)

    if (outcome instanceof RetryableError) notFinal[code] = 'RetryableError'
    else if (JSON.stringify(outcome).includes('in doubt')) notFinal[code] = 'in doubt'
    else
      expect(outcome).toEqual([
        { outcome: 'rejected', reason: expect.stringContaining(`(${code})`), code: String(code) },
      ])
    expect(simulator.messages).toEqual([])
  }

  expect(notFinal).toEqual({
    20003: 'RetryableError',
    20404: 'RetryableError',
    20429: 'RetryableError',
    20500: 'in doubt',
    20503: 'in doubt',
    21611: 'RetryableError',
  })
})

test("each of the errors that Twilio's receipts tell has a sentence of its own", async () => {
  const { simulator, send, relay } = await setUp({ receipts: [] })
  await send()

  const told = simulator.errors.filter(({ at }) => at === 'receipt')
  for (const { code } of told) await simulator.report(job.messageId, { status: 'failed', code })

  for (const [index, { code }] of told.entries())
    expect(relay.statuses[index]!.reason).toMatch(
      new RegExp(`^(?!The messaging service reported).{20,} \\(${code}\\)$`),
    )
})

test('an answer that was lost leaves the outcome open, and a look at the list settles it', async () => {
  const { simulator, send, lookUp } = await setUp({ answers: [{ reply: 'reset', takes: true }], receipts: [] })

  expect(await send()).toEqual([{ outcome: 'in doubt' }])

  expect(await lookUp()).toEqual({
    outcome: 'sent',
    status: 'accepted',
    providerMessageId: simulator.messages[0]!.providerMessageId,
  })
  await simulator.report(job.messageId, { status: 'delivered' })
  expect(await lookUp()).toMatchObject({ outcome: 'sent', status: 'delivered' })
})

test('a look at the list settles nothing where the message is not there, or not alone', async () => {
  const { simulator, send, lookUp } = await setUp()

  expect(await lookUp()).toBeUndefined()
  await send({ text: 'Something else' })
  await send({ to: to.slice(1) })
  expect(await lookUp()).toBeUndefined()
  await send()
  await send({ messageId: 'another' })
  expect(await lookUp()).toBeUndefined()
  expect(simulator.messages).toHaveLength(4)
})

test('a look at the list passes over messages from before the agent pressed Send', async () => {
  const { send, lookUp } = await setUp()
  await send()

  expect(await lookUp({ createdAt: new Date(Date.now() + 2000).toISOString() })).toBeUndefined()
})

test('a receipt that the relay could not take is posted again', async () => {
  const { simulator, send, relay } = await setUp({ receipts: [] }, { receiptRetryDelaysMs: [1, 1] })
  await send()
  relay.answers.push(503, 503)

  expect(await simulator.report(job.messageId, { status: 'delivered' })).toEqual([204])
  expect(relay.posts).toBe(3)
})

test('a forged or unsigned receipt is refused', async () => {
  const { simulator, send, relay } = await setUp({ receipts: [] })
  await send()

  for (const signing of ['forged', 'absent'] as const)
    expect(await simulator.report(job.messageId, { status: 'delivered', signing })).toEqual([401])

  expect(relay.statuses).toEqual([])
})

test('while Twilio is down a message waits', async () => {
  const { simulator, send } = await setUp()
  await simulator.goDown()

  expect(await send().catch((error: unknown) => error)).toBeInstanceOf(RetryableError)

  await simulator.goUp()
  expect(await send()).toMatchObject([{ outcome: 'sent' }])
})

test('with another auth token Twilio takes nothing, and the message waits for the right one', async () => {
  const { simulator, send } = await setUp()

  const failure = await send({}, { ...simulator.account, authTokens: ['f'.repeat(32)] }).catch(
    (error: unknown) => error,
  )

  expect(failure).toBeInstanceOf(RetryableError)
  expect(failure).toMatchObject({
    message: 'Twilio does not accept this account as it is set up (error 20003, HTTP 401)',
  })
  expect(simulator.deliveries).toEqual([])
})

async function setUp(conduct: Conduct = {}, options: TwilioOptions = {}) {
  const relay = await startRelay()
  const simulator = await startTwilio({ conduct: () => conduct, ...options })
  relay.holds = simulator.account
  stops.push(simulator.stop)
  const since = { to: to.slice(0, 1), createdAt: new Date().toISOString() }
  const send = (fields: Partial<DeliveryJob> = {}, holds: object = simulator.account) =>
    makeSends(sendAdapter, holds, { ...since, ...fields }, relay.url)
  const lookUp = (fields: Partial<DeliveryJob> = {}) => {
    const account = TwilioAccount.parse(simulator.account)
    const message = { ...job, ...since, ...fields }
    const plan = sendAdapter.plan(message, account)
    const [part] = 'sends' in plan ? plan.sends : []
    const tools = { fetchJson: createFetchJson({ timeout: 5000 }), now: Date.now, signForHubSpot: async () => '' }
    return sendAdapter.lookUp!({ job: message, part: part!, index: 0, of: 1, receiptsUrl: relay.url }, account, tools)
  }
  return { simulator, send, lookUp, relay }
}

/** What takes the receipts: the adapter that reads them, behind HTTP. */
async function startRelay() {
  const relay = { url: '', holds: {}, posts: 0, answers: [] as number[], statuses: [] as ReceivedStatus[] }
  const server = createServer(async (request, response) => {
    relay.posts++
    const { method = '', url = '', headers } = request
    const body = Buffer.concat(await request.toArray())
    const header = (name: string) => headers[name]?.toString()
    const asked = { method, url: new URL(url, relay.url).href, header, body, now: Date.now() }
    const receipt = receiptAdapter.receive(asked, TwilioAccount.parse(relay.holds))
    if (receipt.kind !== 'statuses') return void response.writeHead(401).end()
    const answer = relay.answers.shift() ?? 204
    if (answer === 204) relay.statuses.push(...receipt.statuses)
    response.writeHead(answer).end()
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  stops.push(() => server.close())
  relay.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/receipts/${job.channelId}`
  return relay
}
