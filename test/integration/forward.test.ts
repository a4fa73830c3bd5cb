import { createServer, type IncomingHttpHeaders } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Webhook } from 'standardwebhooks'
import { afterEach, expect, test } from 'vitest'
import { sign } from '../../functions/hubspot/signature.ts'
import { secretOf, startForward } from '../../infra/local/providers/forward.ts'
import type { Conduct } from '../../infra/local/providers/simulator.ts'

const secret = secretOf('a secret of twenty-four b')
const oldSecret = secretOf('another secret, the old one')
const clientSecret = 'client-secret'
const message = { portalId: '1001', channelId: '2300310', channelAccountId: '3000000001', messageId: 'm1' }
const stops: (() => Promise<unknown>)[] = []

afterEach(async () => {
  await Promise.all(stops.splice(0).map((stop) => stop()))
})

test('a delivery signed with the current or the old secret is taken, and receipts follow in order', async () => {
  const { service, deliver, receipts } = await setUp()

  const answers = [await deliver('d1'), await deliver('d2', { messageId: 'm2', secret: oldSecret })]

  expect(answers.map(({ status }) => status)).toEqual([202, 202])
  expect(await answers[0]!.json()).toEqual({ status: 'sent', providerMessageId: expect.any(String) })
  await expect
    .poll(() => receipts.filter(({ messageId }) => messageId === 'm1').map(({ status }) => status))
    .toEqual(['delivered', 'read'])
  expect(receipts[0]).toMatchObject({ url: '/receipts/2300310/3000000001', genuine: true, portalId: '1001' })
  expect(service.receptions('m1')).toBe(1)
})

test('a delivery in the hubspot format is verified for the URL it was sent to', async () => {
  const { service, deliverEvent } = await setUp()

  const genuine = await deliverEvent(service.messagesUrl)
  const otherUrl = await deliverEvent('https://elsewhere.example/messages')

  expect([genuine.status, otherUrl.status]).toEqual([202, 401])
  expect(service.deliveries).toMatchObject([{ messageId: 'm1', reference: message, outcome: 'received' }])
})

test('a repeated delivery id reaches no customer again, another id for the same message does', async () => {
  const { service, deliver } = await setUp()

  for (const id of ['d1', 'd1', 'd2']) await deliver(id)

  expect(service.deliveries.map(({ outcome }) => outcome)).toEqual(['received', 'repeated', 'received'])
  expect(service.receptions('m1')).toBe(2)
})

test('a forged delivery is refused and reaches nobody', async () => {
  const { service, deliver } = await setUp()

  const { status } = await deliver('d1', {
    secret: secretOf('the wrong secret altogether'),
  })

  expect(status).toBe(401)
  expect(service.receptions('m1')).toBe(0)
})

test('each try gets its own answer, and a lost answer after taking effect still counts as received', async () => {
  const { service, deliver } = await setUp({
    answers: [
      { reply: { status: 429, headers: { 'retry-after': '1' } } },
      { reply: 'reset', takes: true },
      { reply: { status: 200, body: { status: 'sent', providerMessageId: 'p1' } } },
    ],
  })

  const limited = await deliver('d1')
  await expect(deliver('d1')).rejects.toThrow()
  const repeated = await deliver('d1')

  expect(limited.headers.get('retry-after')).toBe('1')
  expect(await repeated.json()).toEqual({ status: 'sent', providerMessageId: 'p1' })
  expect(service.deliveries.map(({ answered }) => answered)).toEqual([429, 'reset', 200])
  expect(service.deliveries.map(({ outcome }) => outcome)).toEqual(['rejected', 'received', 'repeated'])
})

test('while it is down connections are refused, and afterwards it is where it was', async () => {
  const { service, deliver } = await setUp()

  await service.goDown()
  await expect(deliver('d1')).rejects.toThrow()
  await service.goUp()

  expect((await deliver('d1')).status).toBe(202)
})

test('receipts come as often, as late and as wrongly signed as asked', async () => {
  const { service, receipts } = await setUp()

  await service.reportForeign(message, { status: 'read', times: 2, afterMs: 10 })
  await service.reportForeign(
    { ...message, channelAccountId: '' },
    { status: 'failed', code: 'Blocked', signing: 'forged' },
  )
  await service.reportForeign(message, { status: 'sent', signing: 'absent' })

  expect(receipts.map(({ status }) => status)).toEqual(['read', 'read', 'failed', 'sent'])
  expect(receipts.map(({ genuine }) => genuine)).toEqual([true, true, false, false])
  expect(new Set(receipts.slice(0, 2).map(({ id }) => id)).size).toBe(1)
  expect(receipts[2]).toMatchObject({ url: '/receipts/2300310', reason: 'Blocked' })
})

test('a receipt that the relay did not take is posted again', async () => {
  const { service, receipts, answerReceiptsWith } = await setUp()
  answerReceiptsWith(503, 500)

  const answered = await service.reportForeign(message, { status: 'delivered' })

  expect(answered).toBe(202)
  expect(receipts).toHaveLength(3)
})

/** A service, a relay that records its receipts, and the calls that a relay makes. */
async function setUp(conduct?: Conduct) {
  const relay = await startReceiptEndpoint()
  const service = await startForward({
    secrets: [secret, oldSecret],
    clientSecrets: [clientSecret],
    receiptsUrl: relay.url,
    receiptRetryDelaysMs: [5, 5],
    takenAs: 'sent',
    ...(conduct && { conduct: () => conduct }),
  })
  stops.push(service.stop)

  const post = (body: string, headers: Record<string, string>) =>
    fetch(service.messagesUrl, { method: 'POST', headers: { 'content-type': 'application/json', ...headers }, body })
  return {
    service,
    ...relay,
    deliver(id: string, { messageId = 'm1', secret: key = secret } = {}) {
      const body = JSON.stringify({ ...message, messageId, text: 'Grüße 👋' })
      const now = new Date()
      return post(body, {
        'webhook-id': id,
        'webhook-timestamp': String(Math.floor(now.getTime() / 1000)),
        'webhook-signature': new Webhook(key).sign(id, now, body),
      })
    },
    deliverEvent(url: string) {
      const { messageId: id, channelAccountId, ...rest } = message
      const body = JSON.stringify({ ...rest, message: { id, channelAccountId, text: 'Grüße 👋' } })
      const timestamp = String(Date.now())
      return post(body, {
        'x-hubspot-request-timestamp': timestamp,
        'x-hubspot-signature-v3': sign({ method: 'POST', url, body, timestamp }, clientSecret),
      })
    },
  }
}

async function startReceiptEndpoint() {
  const receipts: Record<string, unknown>[] = []
  const answers: number[] = []
  const server = createServer(async (request, response) => {
    const body = (await request.toArray()).join('')
    const { headers, url } = request
    receipts.push({ url, id: headers['webhook-id'], genuine: isGenuine(headers, body), ...JSON.parse(body).data })
    response.writeHead(answers.shift() ?? 202).end()
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  stops.push(async () => server.close())
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/receipts`
  return { url, receipts, answerReceiptsWith: (...statuses: number[]) => void answers.push(...statuses) }
}

function isGenuine(headers: IncomingHttpHeaders, body: string) {
  try {
    new Webhook(secret).verify(body, headers as Record<string, string>)
    return true
  } catch {
    return false
  }
}
