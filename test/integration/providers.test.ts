import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import type { IncomingHttpHeaders } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { toQuery } from '../../functions/providers/references.ts'
import { sign } from '../../functions/providers/twilio/signature.ts'
import { verify } from '../../functions/providers/whatsapp/signature.ts'
import { noteRunning } from '../../infra/cli/running.ts'
import { putCredentials } from '../../infra/local/credentials.ts'
import { ids, type LocalRelay, startLocalRelay } from '../../infra/local/local-relay.ts'
import { serve } from '../../infra/local/loopback.ts'
import type { Conduct } from '../../infra/local/providers/simulator.ts'
import { startTwilio } from '../../infra/local/providers/twilio.ts'
import { startWhatsApp } from '../../infra/local/providers/whatsapp.ts'
import { runRelay } from '../support/relay-terminal.ts'

// What of the providers only the whole relay shows: whose word counts, and what becomes of what is handed on.

let folder: string
let note: string
let local: LocalRelay

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'relay-'))
  note = join(folder, 'note.json')
  local = await startLocalRelay({
    behaviour: { requestsPer10Seconds: 1000 },
    overrides: { visibilityTimeoutSeconds: 1 },
  })
  noteRunning(local, note)
})

afterAll(async () => {
  await local?.stop()
  await rm(folder, { recursive: true })
})

const relay = (args: string[]) => runRelay(note, args)
const sendMessage = (channelAccountId: string, to: string) =>
  local.hubspot.sendMessage({ ...ids, channelAccountId, text: `To ${to}`, to: [to] })

describe('two customers with two Twilio accounts over one channel', () => {
  const [ours, theirs] = ['4000000001', '4000000002'] as const

  test('each message goes out by its own account, and only the receipts of that count', async () => {
    const [our, their] = [await connectTwilio(ours), await connectTwilio(theirs)]
    const [message, other] = [await sendMessage(ours, '+15550100011'), await sendMessage(theirs, '+15550100012')]
    await expect.poll(() => [our.messages.length, their.messages.length]).toEqual([1, 1])
    expect([our.messages[0]!.to, their.messages[0]!.to]).toEqual(['+15550100011', '+15550100012'])

    // Theirs, about our message: at our URL, and at their own.
    const answers = [await post(their, ours, message.id), await post(their, theirs, message.id)]
    await local.stack.idle()
    expect([...answers, message.told]).toEqual([401, 204, undefined])

    await our.report(message.id, { status: 'delivered' })
    await their.report(other.id, { status: 'failed', code: '30003' })
    await local.stack.idle()

    expect(message.told).toBe('SENT')
    expect(other.told).toBe('FAILED')
  })

  test('a receipt that overtakes the answer to its own send counts', async () => {
    const answering = Promise.withResolvers<void>()
    const slow = await connectTwilio('4000000003', { answers: [{ after: answering.promise }], receipts: [] })
    const message = await sendMessage('4000000003', '+15550100013')
    await expect.poll(() => slow.messages.length).toBe(1)

    await slow.report(message.id, { status: 'delivered' })
    await expect.poll(() => message.told).toBe('SENT')
    expect(slow.deliveries[0]!.answered).toBeUndefined()
    answering.resolve()
    await expect.poll(() => slow.deliveries[0]!.answered).toBe(201)

    expect(slow.deliveries).toHaveLength(1)
    expect(message.patches).toHaveLength(1)
  })

  type Twilio = Awaited<ReturnType<typeof connectTwilio>>

  async function connectTwilio(channelAccountId: string, conduct: Conduct = { receipts: [] }) {
    const twilio = await startTwilio({ conduct: () => conduct })
    await local.addProvider(channelAccountId, twilio)
    return twilio
  }

  /** A receipt with the signature of an account, at the URL of one, about a message of ours: what it is answered. */
  async function post({ account }: Twilio, channelAccountId: string, messageId: string) {
    const reference = toQuery({ ...ids, channelAccountId: ours, messageId })
    const url = `${local.stack.outputs['ReceiptsUrl']}/${ids.channelId}/${channelAccountId}?${reference}`
    const body = new URLSearchParams({ MessageStatus: 'undelivered', ErrorCode: '30003' }).toString()
    const [authToken = ''] = account['authTokens'] as string[]
    const headers = {
      'content-type': 'application/x-www-form-urlencoded',
      'x-twilio-signature': sign({ url, body: Buffer.from(body) }, authToken),
    }
    return (await fetch(url, { method: 'POST', headers, body })).status
  }
})

describe("what a WhatsApp customer writes, and the team's application", () => {
  const channelAccountId = '4000000004'

  test('is handed on as it came; what is refused comes back once the endpoint is corrected', async () => {
    const [wrong, right] = [await startApplication([503], 410), await startApplication([503], 204)]
    const whatsApp = await startWhatsApp({ receiptsUrl: local.stack.outputs['ReceiptsUrl']! })
    await local.addProvider(channelAccountId, whatsApp)
    const account = { ...whatsApp.account, handOnTo: wrong.url }
    await putCredentials(local.stack, channelAccountId, account)

    const taken = await whatsApp.write({ ...ids, channelAccountId }, { from: '15550100014', text: 'Grüße 👋' })
    await expect.poll(deadLetters).toEqual([expect.stringContaining('HTTP 410')])
    const file = join(folder, 'account.json')
    await writeFile(file, JSON.stringify({ ...account, handOnTo: right.url }))
    const put = await relay(['secret', 'set', 'channel', channelAccountId, '--file', file])
    // The function looks for another endpoint than it remembers once in ten seconds.
    local.stack.killEnvironments()
    const redriven = await relay(['dead-letters', 'redrive', '--queue', 'hand-ons', '--yes'])
    await expect.poll(() => right.requests.length).toBe(2)

    expect([taken, put.exitCode]).toEqual([204, 0])
    expect(redriven.printed).toBe('Sent back: 1, skipped: 0, failed: 0.')
    const [appSecret = ''] = whatsApp.account['appSecrets'] as string[]
    const requests = [...wrong.requests, ...right.requests]
    const [{ body }] = requests as [Request]
    expect(JSON.parse(body.toString())).toMatchObject({
      entry: [{ changes: [{ value: { messages: [{ text: { body: 'Grüße 👋' } }] } }] }],
    })
    for (const request of requests) {
      expect(request.body).toEqual(body)
      expect(verify(request.body, String(request.headers['x-hub-signature-256']), appSecret)).toBe(true)
    }
    expect(await deadLetters()).toEqual([])
  })

  async function deadLetters() {
    const { printed } = await relay(['dead-letters', 'list', '--queue', 'hand-ons', '--json'])
    return (JSON.parse(printed) as { reason: string }[]).map(({ reason }) => reason)
  }
})

test('what a provider cannot know is refused by its name: when a secret is set, checked, and used', async () => {
  const telegram = { provider: 'telegram', botToken: '110201543:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw' }
  const file = join(folder, 'telegram.json')
  await writeFile(file, JSON.stringify({ ...telegram, sentOn: 'delivered' }))
  const sentence = 'sentOn: this provider does not report that, only accepted can be chosen'

  const set = await relay(['secret', 'set', 'channel', '4000000005', '--file', file])
  await putCredentials(local.stack, '4000000005', { ...telegram, sentOn: 'sent' })
  const check = await relay(['secret', 'check'])
  await sendMessage('4000000005', '900000005')

  expect(set).toMatchObject({ exitCode: 1, said: expect.stringContaining(sentence) })
  expect(check).toMatchObject({ exitCode: 1, printed: expect.stringContaining(sentence) })
  await expect.poll(() => local.stack.functionLogs('deliver-message').join('\n')).toContain(sentence)
})

type Request = { headers: IncomingHttpHeaders; body: Buffer }

/** The team's application: what it was posted. It gives the first answers one by one, and then always the same. */
async function startApplication(first: number[], then: number) {
  const requests: Request[] = []
  const { url, close } = await serve(async (request, response) => {
    requests.push({ headers: request.headers, body: Buffer.concat(await request.toArray()) })
    response.writeHead(first.shift() ?? then, { 'retry-after': '0' }).end()
  })
  local.defer(close)
  return { url, requests }
}
