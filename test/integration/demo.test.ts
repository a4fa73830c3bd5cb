import { setTimeout as sleep } from 'node:timers/promises'
import { ScanCommand } from '@aws-sdk/client-dynamodb'
import { ReceiveMessageCommand } from '@aws-sdk/client-sqs'
import { unmarshall } from '@aws-sdk/util-dynamodb'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { decodeBody } from '../../functions/platform/queue.ts'
import { errorFields } from '../../functions/platform/telemetry.ts'
import type { LogEntry } from '../../infra/local/aws/stack.ts'
import { type Outcome, playScenarios, scenarios, shortWaits } from '../../infra/local/demo/scenarios.ts'
import type { NewMessage } from '../../infra/local/hubspot/state.ts'
import { ids, type LocalRelay, startLocalRelay } from '../../infra/local/local-relay.ts'
import { questions } from '../../infra/operations/log-queries.ts'
import { confidentialOf, isUrl, leaksIn } from '../support/leaks.ts'
import { readLogs } from '../support/logs.ts'
import { mustBeKnown } from '../support/telemetry.ts'

let relay: LocalRelay
let outcomes: Outcome[]
let lettersOfScenarios: unknown[]
let logs: ReturnType<typeof readLogs>
const entries: LogEntry[] = []

beforeAll(async () => {
  relay = await startLocalRelay({ environment: shortWaits(), onLog: (entry) => entries.push(entry) })
  outcomes = await playScenarios(relay, scenarios)
  lettersOfScenarios = await relay.deadLetters()
  await makeTrouble()
  logs = readLogs(entries)
})

afterAll(() => relay?.stop())

/** What no scenario has: an outage of AWS, an app that is not installed, a status that HubSpot refuses, a provider that tells. */
async function makeTrouble() {
  const { hubspot, stack } = relay
  const send = (channelAccountId: string, message: Partial<NewMessage> = {}) =>
    hubspot.sendMessage({ ...ids, channelAccountId, text: 'Nobody else may read this', ...message })
  const reason = 'No route to +1 (555) 010-0001, nor to somebody@example.com'
  await relay.addChannelAccount('trouble', { conduct: () => ({}) })
  await relay.addChannelAccount('telling', {
    conduct: () => ({ answers: [{ reply: { status: 422, body: { reason } } }] }),
  })

  const outage = { service: 'sqs', operation: 'SendMessage' } as const
  stack.faults.add(outage)
  const delayed = await send('trouble')
  stack.faults.delete(outage)
  // Vitest polls expectations in tests alone.
  while (delayed.told !== 'SENT') await sleep(20)
  await send('telling')
  await send('trouble', { portalId: '1002' })
  await send('trouble', { faults: [{ answer: { status: 400 }, times: 5 }] })
  await hubspot.sendEvent({ type: 'OUTGOING_CHANNEL_MESSAGE_CREATED', text: 'Nobody else may read this' }, ids)
  await stack.idle({ withinSeconds: 10, timeoutSeconds: 20 })
}

test.each(scenarios.map(({ name }, index) => ({ name, index })))('$name: HubSpot ends at the truth', ({ index }) => {
  const { scenario, ...outcome } = outcomes[index]!

  expect({ ...outcome, expected: scenario.expected }).toMatchObject({ asExpected: true })
})

test('no scenario leaves anything among the dead letters', () => {
  expect(lettersOfScenarios).toEqual([])
})

describe('a line of the log', () => {
  test('is JSON, and says when and how grave what happened in which function', () => {
    const functions = new Set(logs.lines.map(({ service }) => service))

    expect([...functions].toSorted()).toEqual([
      'deliver-message',
      'hand-on',
      'hubspot-webhook',
      'provider-receipt',
      'update-status',
    ])
    for (const line of logs.lines)
      expect(line).toMatchObject({
        level: expect.stringMatching(/^(INFO|WARN|ERROR)$/),
        timestamp: expect.stringMatching(/^20\d\d-\d\d-\d\dT.*Z$/),
        message: expect.stringMatching(/^[A-Z]/),
      })
  })

  test('says which message it is about, and in which trace', () => {
    const aboutNone = /rejected$|failed$|^Failed, the sender|^Unreadable event|handed on$/i
    const about = logs.lines.filter(({ message }) => !aboutNone.test(message))
    expect(logs.lines.filter(({ traceId }) => !traceId)).toEqual([])

    expect(about.length).toBeGreaterThan(100)
    for (const line of about)
      expect(line, JSON.stringify(line)).toMatchObject({
        portalId: expect.stringMatching(/^100[12]$/),
        channelId: ids.channelId,
        channelAccountId: expect.any(String),
        messageId: expect.stringMatching(/^[0-9a-f]{32}$/),
        traceId: expect.any(String),
      })
    for (const line of [...logs.saying('Message queued'), ...logs.saying('Send outcome queued')])
      expect(line['eventId']).toBe(relay.hubspot.message(String(line['messageId']))?.eventId)
  })

  test('leads by its trace from the webhook to the PATCH, also where a receipt brought the status', () => {
    const tracesOf = (message: string, id: unknown) => logs.saying(message, String(id)).map(({ traceId }) => traceId)
    const told = logs.saying('Told HubSpot')
    const byReceipt = told.filter(({ messageId, updateTraceId }) =>
      tracesOf('Receipt queued', messageId).includes(updateTraceId),
    )

    expect(byReceipt.length).toBeGreaterThan(3)
    for (const { traceId, messageId } of told) expect(tracesOf('Message queued', messageId)).toContain(traceId)
    for (const { updateTraceId, messageId } of told.filter(({ updateTraceId }) => updateTraceId))
      expect([...tracesOf('Message queued', messageId), ...tracesOf('Receipt queued', messageId)]).toContain(
        updateTraceId,
      )
  })

  test("quotes the id of HubSpot's answer where HubSpot refuses", () => {
    const quoting = [...logs.saying('Waiting'), ...logs.saying('Dead-lettered')].filter(
      ({ service, reason }) => service === 'update-status' && /HTTP 4\d\d/.test(String(reason)),
    )

    expect(new Set(quoting.map(({ reason }) => /HTTP \d+/.exec(String(reason))?.[0]))).toEqual(
      new Set(['HTTP 400', 'HTTP 404', 'HTTP 429']),
    )
    for (const { reason } of quoting) expect(reason).toMatch(/correlationId [\w-]{36}\)$/)
  })
})

describe('an outcome', () => {
  test.each<[string, string, ...string[]]>([
    ['hubspot-webhook', 'Message queued', 'MessagesAccepted'],
    ['hubspot-webhook', 'Webhook rejected', 'WebhooksRejected'],
    ['hubspot-webhook', 'Unreadable event, kept among the dead letters', 'UnreadableEvents'],
    ['hubspot-webhook', 'Failed, the sender is asked to retry', 'RequestsFailed'],
    ['deliver-message', 'Send outcome queued', 'DeliveriesSent', 'DeliveriesRejected', 'DeliveriesInDoubt'],
    ['deliver-message', 'Waiting', 'Waiting'],
    ['provider-receipt', 'Receipt queued', 'ReceiptsAccepted'],
    ['provider-receipt', 'Receipt rejected', 'ReceiptsRejected'],
    ['update-status', 'Told HubSpot', 'ToldSENT', 'ToldFAILED', 'ToldREAD'],
    ['update-status', 'Nothing new', 'UpdatesDuplicate', 'UpdatesSuperseded', 'UpdatesCoalesced'],
    ['update-status', 'Waiting', 'Waiting'],
    ['update-status', 'Dead-lettered', 'DeadLettered'],
  ])('of %s has one line, “%s”, and is counted once', (service, message, ...names) => {
    const said = logs.saying(message).filter((line) => line.service === service)
    const counted = names.reduce((sum, name) => sum + logs.sumOf(service, name), 0)

    expect(said.length).toBeGreaterThan(0)
    expect(counted).toBe(said.length)
  })

  test('is said as often as it happened: each acknowledged webhook, and each PATCH that was answered', () => {
    for (const { id, webhooks, patches } of relay.hubspot.messages.values()) {
      expect(logs.saying('Message queued', id)).toHaveLength(webhooks.filter(({ answered }) => answered === 204).length)
      expect(logs.saying('Told HubSpot', id)).toHaveLength(patches.filter(({ answered }) => answered === 200).length)
    }
  })

  test('is measured as the table of metrics says', () => {
    expect(logs.measured.length).toBeGreaterThan(50)
    for (const { name, by, unit } of logs.measured) mustBeKnown(name, by, unit)
  })

  test('is measured from the agent on, also where a receipt brought it', () => {
    expect(logs.sumOf('update-status', 'TimeToTruthREAD')).toBeGreaterThan(0)
    for (const line of logs.saying('Told HubSpot')) expect(line['timeToTruth']).toBeGreaterThan(0)
  })
})

describe('nothing confidential', () => {
  let confidential: Set<string>
  beforeAll(async () => {
    const answers = scenarios.flatMap(({ provider }) => provider?.answer ?? [])
    confidential = new Set([...(await confidentialOf(relay)), ...answers])
  })

  test('stands in a line of the log or a metric', () => {
    expect(confidential.size).toBeGreaterThan(2 * scenarios.length)
    expect(entries.filter(({ line }) => leaksIn(line, confidential).length > 0)).toEqual([])
    expect(entries.filter(({ line }) => /Bearer|whsec_|@example/.test(line))).toEqual([])
  })

  test('stands in the ledger', async () => {
    const { Items = [] } = await relay.stack.dynamodb.send(
      new ScanCommand({ TableName: relay.stack.tableName('Ledger') }),
    )
    const items = JSON.stringify(Items.map((item) => unmarshall(item)))

    expect(items).toContain('No route to')
    expect(leaksIn(items, confidential)).toEqual([])
  })

  test('stands in what a dead letter says of itself', async () => {
    const { sqs, outputs } = relay.stack
    const letters = await Promise.all(
      [outputs['DeliveriesDeadLettersUrl'], outputs['StatusUpdatesDeadLettersUrl']].map(async (QueueUrl) => {
        const { Messages = [] } = await sqs.send(new ReceiveMessageCommand({ QueueUrl, MaxNumberOfMessages: 10 }))
        return Messages.map(({ Body = '' }) => (decodeBody(Body) as { deadLetter: object }).deadLetter)
      }),
    )

    expect(letters.flat()).toHaveLength(2)
    expect(leaksIn(JSON.stringify(letters), confidential)).toEqual([])
  })

  test.each(['line', 'line cut off', 'nested JSON', 'URL', 'base64'])('could hide: it is found in a %s', (place) => {
    const planted = {
      line: (value: string) => JSON.stringify({ message: 'Planted', value }),
      'line cut off': (value: string) => `${JSON.stringify({ message: 'Planted', value }).slice(0, -5)}`,
      'nested JSON': (value: string) => JSON.stringify({ body: JSON.stringify({ value }) }),
      URL: (value: string) => JSON.stringify({ url: `https://relay.test/?value=${encodeURIComponent(value)}` }),
      base64: (value: string) => JSON.stringify({ body: Buffer.from(value).toString('base64') }),
    }[place]!

    const hidden = [...confidential].filter((value) => place !== 'line cut off' || (value.length > 24 && !isUrl(value)))
    expect(hidden.filter((value) => !leaksIn(planted(value), confidential).includes(value))).toEqual([])
  })
})

describe('a saved query', () => {
  test.each(Object.entries(questions))('“%s” asks for messages and fields that the lines have', (_, query) => {
    const text = Object.values(query).flat().join('\n')
    const messages = [...text.matchAll(/message = "(.+?)"/g)].map(([, message = '']) => message)
    // No error of the demo has a cause.
    const ofErrors = errorFields(new Error('one', { cause: new Error('its cause') }))
    // And nothing in it is held by HubSpot otherwise than it was told, and no secret is out of reach.
    const known = new Set([...logs.lines, ofErrors, { holds: 'SENT', secret: '2' }, platformRecord].flatMap(pathsOf))

    expect(messages.filter((message) => logs.saying(message).length === 0)).toEqual([])
    expect(fieldsIn(text).filter((field) => !known.has(field))).toEqual([])
  })
})

/** What Lambda says of an invocation that it ended. https://docs.aws.amazon.com/lambda/latest/dg/telemetry-schema-reference.html */
const platformRecord = {
  time: '2026-11-28T12:00:00.000Z',
  type: 'platform.report',
  record: { requestId: '6d68ca91-49c9-448d-89b8-7ca3e6dc66aa', status: 'timeout', errorType: 'Runtime.ExitError' },
}

/** The names of the fields in a line: `record.status`. */
function pathsOf(line: object): string[] {
  return Object.entries(line).flatMap(([name, value]) =>
    typeof value === 'object' && value && !Array.isArray(value)
      ? [name, ...pathsOf(value).map((path) => `${name}.${path}`)]
      : [name],
  )
}

/** The fields that a query names, as far as it does not make them itself. */
function fieldsIn(query: string) {
  const own = [...query.matchAll(/ as (\w+)|\(\?<(\w+)>/g)].map(([, alias, group]) => alias ?? group)
  const words = query.replaceAll(/"[^"]*"|\/[^/]*\//g, '').match(/(?<![@.])\b[a-z]\w*(?:\.[a-z]\w*)*/gi) ?? []
  return words.filter((word) => !own.includes(word) && !syntax.has(word))
}

const syntax = new Set(['and', 'or', 'in', 'like', 'as', 'by', 'desc', 'count', 'max', 'latest', 'ispresent'])
