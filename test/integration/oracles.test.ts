import { execFileSync } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Opts } from '@grammyjs/types'
import { HTTPFetchError, messagingApi } from '@line/bot-sdk'
import twilioLibrary from 'twilio'
import { afterEach, expect, test } from 'vitest'
import { WhatsAppAPI } from 'whatsapp-api-js'
import {
  ActionButtons,
  Audio,
  Body,
  Button,
  Document,
  Image,
  Interactive,
  Sticker,
  Text,
  Video,
} from 'whatsapp-api-js/messages'
import type { DeliveryJob } from '../../functions/messages/jobs.ts'
import { line } from '../../functions/providers/line/send.ts'
import type { SendAdapter } from '../../functions/providers/provider.ts'
import { referenceOf, toQuery } from '../../functions/providers/references.ts'
import { telegram } from '../../functions/providers/telegram/send.ts'
import { twilio } from '../../functions/providers/twilio/send.ts'
import { whatsapp } from '../../functions/providers/whatsapp/send.ts'
import { serve } from '../../infra/local/loopback.ts'
import { startLine } from '../../infra/local/providers/line.ts'
import { startTwilio } from '../../infra/local/providers/twilio.ts'
import { job, makeSends } from '../support/sends.ts'

// What the providers' own libraries, or what packages publish of their APIs, say to the same messages.

const stops: (() => unknown)[] = []
afterEach(async () => {
  for (const stop of stops.splice(0)) await stop()
})

const file = (name: string, fileUsageType = 'OTHER') => ({
  type: 'FILE',
  name,
  url: `https://f.example.com/mein bild/${name}`,
  fileUsageType,
})
const quickReplies = (...labels: string[]) => ({
  type: 'QUICK_REPLIES',
  quickReplies: labels.map((label) => ({ label, value: label.toUpperCase(), valueType: 'TEXT' })),
})
const links = { type: 'QUICK_REPLIES', quickReplies: [{ label: 'Shop', value: 'https://e.com/ü', valueType: 'URL' }] }

const messages: [string, Partial<DeliveryJob>][] = [
  ['a text', { text: 'Grüße 👋 & +/=%' }],
  ['a text with a link', { text: 'See https://e.com/a?b=1&c=2' }],
  ['a picture with a text', { text: 'Here', attachments: [file('a.png', 'IMAGE')] }],
  ['a picture', { text: '', attachments: [file('a.jpg', 'IMAGE')] }],
  ['a sticker', { text: '', attachments: [file('a.webp', 'STICKER')] }],
  ['a voice message', { text: 'Listen', attachments: [file('a.ogg', 'VOICE_RECORDING')] }],
  ['music', { text: '', attachments: [file('a.mp3', 'AUDIO')] }],
  ['a film', { text: '', attachments: [file('a.mp4')] }],
  ['a moving picture', { text: '', attachments: [file('a.gif', 'IMAGE')] }],
  ['a document', { text: 'Read', attachments: [file('a.pdf')] }],
  ['what no provider shows', { text: '', attachments: [file('a.heic', 'IMAGE')] }],
  [
    'many pictures',
    { text: 'Twelve', attachments: Array.from({ length: 12 }, (_, index) => file(`${index}.png`, 'IMAGE')) },
  ],
  ['quick replies', { text: 'Well?', attachments: [quickReplies('Yes', 'No')] }],
  ['a link as a quick reply', { text: 'Well?', attachments: [links] }],
]

const twilioAccount = {
  provider: 'twilio',
  accountSid: `AC${'0'.repeat(32)}`,
  authTokens: ['0123456789abcdef'.repeat(2)],
  from: '+15550100001',
}

test.each(
  messages.filter(([, { attachments = [] }]) => attachments.every((one) => (one as { type: string }).type === 'FILE')),
)("Twilio's own library makes the same request of %s", async (_, fields) => {
  const { url, requests } = await record({ status: 201, body: { sid: 'SM1', status: 'queued' } })
  const account = { ...twilioAccount, baseUrl: url }
  const receiptsUrl = 'https://relay.example.com/receipts/2300310/3000000001'
  await makeSends(twilio, account, fields, receiptsUrl)
  const ours = requests.splice(0)
  const client = officialTwilio(account, url)

  const plan = twilio.plan({ ...job, ...fields }, twilio.account.parse(account))
  const parts = 'sends' in plan ? plan.sends : []
  for (const [index, { to, text, media }] of parts.entries()) {
    const reference = toQuery(referenceOf({ job, index, of: parts.length }))
    await client.messages.create({
      to,
      from: account.from,
      ...(text !== '' && { body: text }),
      ...(media.length > 0 && { mediaUrl: media }),
      statusCallback: `${receiptsUrl}?${reference}#${connectionOverrides}`,
    })
  }

  expect(ours.length).toBeGreaterThan(0)
  expect(ours.map(formOf)).toEqual(requests.map(formOf))
})

const connectionOverrides = 'rc=5&rp=4xx,5xx,ct,rt'

test("Twilio's own library talks to the simulated Twilio, and is understood", async () => {
  const simulator = await startTwilio()
  stops.push(() => simulator.stop())
  const client = officialTwilio(simulator.account, simulator.url)

  const sent = await client.messages.create({ to: '+15550100002', from: '+15550100001', body: 'Hello' })
  const listed = await client.messages.list({ to: '+15550100002', limit: 5 })

  expect(sent).toMatchObject({ status: 'queued', body: 'Hello', to: '+15550100002', errorCode: null })
  expect(listed.map(({ sid }) => sid)).toEqual([sent.sid])
  const refusals: [object, number][] = [
    [{ to: '15550100002', body: 'Hello' }, 21211],
    [{ to: '+15550100002' }, 21619],
    [{ to: '+15550100002', body: 'x'.repeat(1601) }, 21617],
    [{ to: '+15550100002', mediaUrl: Array.from({ length: 11 }, () => 'https://f.example.com/a.png') }, 21623],
    [{ to: '+15550100002', mediaUrl: ['example.com/a.png'] }, 21620],
  ]
  for (const [fields, code] of refusals) {
    const refused = client.messages.create({ from: '+15550100001', ...fields } as never)
    await expect(refused).rejects.toMatchObject({ status: 400, code })
  }
})

const lineAccount = { provider: 'line', channelAccessToken: 'a-token' }
const lineUser = `U${'1a'.repeat(16)}`
const toLine = [{ deliveryIdentifier: { type: 'CHANNEL_SPECIFIC_OPAQUE_ID', value: lineUser } }]

test.each(messages)("LINE's own library makes the same request of %s", async (_, fields) => {
  const { url, requests } = await record({ status: 200, body: { sentMessages: [{ id: '1' }] } })
  await makeSends(line, { ...lineAccount, baseUrl: url }, { ...fields, to: toLine })
  const ours = requests.splice(0)
  const client = new messagingApi.MessagingApiClient({ channelAccessToken: 'a-token', baseURL: url })

  const plan = line.plan({ ...job, ...fields, to: toLine }, line.account.parse(lineAccount))
  const pushes = 'sends' in plan ? plan.sends : []
  for (const [index, push] of pushes.entries())
    await client.pushMessage(push as messagingApi.PushMessageRequest, ours[index]!.headers['x-line-retry-key'])

  expect(ours.length).toBeGreaterThan(0)
  expect(ours.map(jsonOf)).toEqual(requests.map(jsonOf))
})

test("LINE's own library talks to the simulated LINE, and is understood", async () => {
  const simulator = await startLine()
  stops.push(() => simulator.stop())
  const { channelAccessToken } = simulator.account as { channelAccessToken: string }
  const client = new messagingApi.MessagingApiClient({ channelAccessToken, baseURL: simulator.url })
  const push = (text: string, to = lineUser) => ({ to, messages: [{ type: 'text' as const, text }] })
  const key = randomUUID()

  const sent = await client.pushMessage(push('Hello'), key)
  expect(sent.sentMessages).toHaveLength(1)
  await expect(client.pushMessage(push('Hello'), key)).rejects.toMatchObject({ status: 409 })
  for (const wrong of [push('Hello', 'U1'), push(''), push('x'.repeat(5001)), push('😀'.repeat(2501))])
    await expect(client.pushMessage(wrong)).rejects.toMatchObject({ status: 400 })
  const labelled = (label: string) => ({
    to: lineUser,
    messages: [
      {
        ...push('Well?').messages[0]!,
        quickReply: { items: [{ type: 'action' as const, action: { type: 'message' as const, label, text: 'x' } }] },
      },
    ],
  })
  await client.pushMessage(labelled('👨‍👩‍👧‍👦 Family plan'))
  await expect(client.pushMessage(labelled('x'.repeat(21)))).rejects.toBeInstanceOf(HTTPFetchError)
})

const chat = [{ deliveryIdentifier: { type: 'CHANNEL_SPECIFIC_OPAQUE_ID', value: '900000004' } }]

const metaAccount = {
  provider: 'whatsapp',
  phoneNumberId: '106540352242922',
  accessToken: 'access-token',
  appSecrets: ['app-secret'],
  verifyToken: 'x',
}
const reachedBy: [string, DeliveryJob['to'], object][] = [
  [
    'phone number',
    [{ deliveryIdentifier: { type: 'HS_PHONE_NUMBER', value: '+1 555 010 0002' } }],
    { phone: '15550100002' },
  ],
  ['user id', [{ deliveryIdentifier: { value: 'US.13491208655302741918' } }], { bsuid: 'US.13491208655302741918' }],
]

// Meta publishes no library for Node.js that is kept, and no package ships a schema of its own: this one is its users'.
test.each(
  messages
    .filter(([name]) => name !== 'a link as a quick reply')
    .flatMap(([name, fields]) => reachedBy.map(([by, ...rest]) => [name, by, fields, ...rest] as const)),
)('a library for WhatsApp makes the same request of %s, to a customer by %s', async (_, __, fields, to, recipient) => {
  const { url, requests } = await record({ status: 200, body: { messages: [{ id: 'wamid.1' }] } })
  await makeSends(whatsapp, { ...metaAccount, baseUrl: url }, { ...fields, to })
  const ours = requests.splice(0)
  const client = new WhatsAppAPI({
    token: 'access-token',
    appSecret: 'app-secret',
    v: 'v25.0',
    ponyfill: {
      fetch: ((to: string, init: object) => fetch(to.replace('https://graph.facebook.com', url), init)) as never,
    },
  })

  for (const { body } of ours) {
    const { biz_opaque_callback_data: data, ...asked } = JSON.parse(body)
    await client.sendMessage(metaAccount.phoneNumberId, recipient as never, theirs(asked), undefined, data)
  }

  expect(ours.length).toBeGreaterThan(0)
  // The library leaves out a preview that is not wanted.
  const unwanted = (one: Recorded) => ({ ...one, body: one.body.replace(',"preview_url":false', '') })
  expect(ours.map(unwanted).map(jsonOf)).toEqual(requests.map(unwanted).map(jsonOf))
})

/** The library's message of what a request of ours holds. */
function theirs(asked: Record<string, unknown>): never {
  const { type } = asked
  const { body, link = '', caption, filename, preview_url, action } = asked[String(type)] as Held
  if (type === 'text') return new Text(String(body), preview_url) as never
  if (type === 'image') return new Image(link, false, caption) as never
  if (type === 'video') return new Video(link, false, caption) as never
  if (type === 'audio') return new Audio(link) as never
  if (type === 'sticker') return new Sticker(link) as never
  if (type === 'document') return new Document(link, false, caption, filename) as never
  const [first, ...others] = action!.buttons.map(({ reply }) => new Button(reply.id, reply.title))
  return new Interactive(new ActionButtons(first!, ...others), new Body((body as { text: string }).text)) as never
}

type Held = {
  body?: unknown
  link?: string
  caption?: string
  filename?: string
  preview_url?: boolean
  action?: { buttons: { reply: { id: string; title: string } }[] }
}

test("each of our calls is one by what is published of Telegram's API", () => {
  const bot = { provider: 'telegram', botToken: '1:a' }
  const calls = messages.flatMap(([, fields]) => planned(telegram, bot, { ...fields, to: chat }))
  const statements = calls.map(
    ({ method, body }) => `{ const call: Opts<string>['${method}'] = ${JSON.stringify(body)} }`,
  )

  expect(statements.length).toBeGreaterThan(15)
  expect(typeErrors(statements)).toBe('')
  // The types would say so.
  const wrong = '{"chat_id":"1","picture":"https://e.com/a.png"}'
  expect(typeErrors([statement('sendPhoto', wrong)])).toMatch(/picture/)
})

const statement = (method: keyof Opts<string>, call: string) => `{ const call: Opts<string>['${method}'] = ${call} }`

/** The parts of a message, as they go out. */
function planned<Account, Part>(adapter: SendAdapter<Account, Part>, holds: object, fields: Partial<DeliveryJob>) {
  const plan = adapter.plan({ ...job, ...fields }, adapter.account.parse(holds))
  return 'sends' in plan ? plan.sends : expect.fail(plan.problem)
}

/** What the compiler says of these statements, by the published types. */
function typeErrors(statements: string[]) {
  const cache = join(import.meta.dirname, '../../node_modules/.cache')
  mkdirSync(cache, { recursive: true })
  const folder = mkdtempSync(join(cache, 'oracles-'))
  try {
    const types = "import type { Opts } from '@grammyjs/types'"
    writeFileSync(join(folder, 'requests.ts'), [types, ...statements].join('\n'))
    const options = ['--noEmit', '--skipLibCheck', '--strict', '--exactOptionalPropertyTypes', 'false']
    const modules = ['--module', 'nodenext', '--moduleResolution', 'nodenext', '--target', 'es2024', '--types', '']
    execFileSync(process.execPath, [tsc, ...options, ...modules, '--ignoreConfig', join(folder, 'requests.ts')], {
      encoding: 'utf8',
    })
    return ''
  } catch (error) {
    return String((error as { stdout?: string }).stdout ?? error)
  } finally {
    rmSync(folder, { recursive: true })
  }
}

const tsc = join(import.meta.dirname, '../../node_modules/typescript/bin/tsc')

type Recorded = { method: string; url: string; headers: Record<string, string>; body: string }

/** A server that gives one answer and notes what it was asked. */
async function record({ status, body }: { status: number; body: object }) {
  const requests: Recorded[] = []
  const server = await serve(async (request, response) => {
    const text = (await request.toArray()).join('')
    const headers = Object.fromEntries(Object.entries(request.headers).map(([name, value]) => [name, String(value)]))
    requests.push({ method: request.method!, url: request.url!, headers, body: text })
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
  })
  stops.push(() => server.close())
  return { url: server.url, requests }
}

/** Twilio's library, whose requests go to another place than Twilio. */
function officialTwilio(account: object, url: string) {
  const { accountSid, authTokens } = account as { accountSid: string; authTokens: string[] }
  const http = new twilioLibrary.RequestClient()
  const httpClient = {
    request: (options: { uri: string }) =>
      http.request({ ...options, uri: options.uri.replace('https://api.twilio.com', url) } as never),
  }
  return new twilioLibrary.Twilio(accountSid, authTokens[0], { httpClient: httpClient as never })
}

function formOf({ method, url, headers, body }: Recorded) {
  const type = headers['content-type']!.split(';')[0]
  const fields = [...new URLSearchParams(body)].sort(([a], [b]) => (a < b ? -1 : Number(a > b)))
  return { method, url, authorization: headers['authorization'], type, fields }
}

function jsonOf({ method, url, headers, body }: Recorded) {
  const { authorization, 'x-line-retry-key': key, 'content-type': type } = headers
  return { method, url, authorization, key, type: type!.split(';')[0], body: JSON.parse(body) }
}
