import { beforeEach, describe, expect, test } from 'vitest'
import { createHandler } from '../../functions/hand-on.ts'
import type { HandOnJob } from '../../functions/messages/jobs.ts'
import { type FetchJson, type HttpRequest, NoAnswer } from '../../functions/platform/fetch-json.ts'
import { gzip } from '../../functions/platform/queue.ts'
import type { ReceiptAdapter } from '../../functions/providers/provider.ts'
import { collectTelemetry } from '../support/telemetry.ts'
import { createMemoryQueue, workOff } from '../support/world.ts'

const body = Buffer.from('{"text":"hunter2 \\u00e9"}')
const job: HandOnJob = {
  v: 1,
  type: 'hand-on',
  channelId: '2',
  channelAccountId: '3',
  headers: { 'x-hub-signature-256': 'sha256=00' },
  body: gzip(body),
  traceId: 'trace',
}

let relay: ReturnType<typeof setUp>
beforeEach(async () => {
  relay = setUp()
  await relay.queue.send(job, { group: '2' })
})

test('the request goes to the endpoint that the account names, as it came', async () => {
  await relay.rest()

  expect(relay.requests).toEqual([
    { url: 'https://app.test/', method: 'POST', headers: { 'x-hub-signature-256': 'sha256=00' }, body },
  ])
  expect(relay.counts).toEqual({ HandedOn: 1 })
  expect(relay.deadLetters.messages).toEqual([])
})

describe('where it cannot be handed on', () => {
  test.each([500, 503, 301, 408, 425, 429])('HTTP %i: tried again until it is taken', async (status) => {
    relay.answers.push(status, status)
    await relay.rest()

    expect(relay.requests).toHaveLength(3)
    expect(relay.deadLetters.messages).toEqual([])
  })

  test('no answer: tried again until it is taken', async () => {
    relay.answers.push(new NoAnswer('POST app.test: timeout', true))
    await relay.rest()

    expect(relay.requests).toHaveLength(2)
  })

  test.each([400, 401, 404, 410])('HTTP %i: among the dead letters with the reason', async (status) => {
    relay.answers.push(status)
    await relay.rest()

    expect(relay.requests).toHaveLength(1)
    expect(relay.deadLetters.jobs()).toEqual([
      { deadLetter: expect.objectContaining({ reason: expect.stringContaining(`HTTP ${status}`) }), job },
    ])
  })

  test('a day of failures: among the dead letters; an endpoint corrected meanwhile is used when it is redriven', async () => {
    relay.answer = 503
    await relay.rest()
    expect(relay.deadLetters.jobs()).toMatchObject([{ deadLetter: { reason: expect.stringContaining('24 hours') } }])

    relay.answer = 200
    relay.endpoint = 'https://right.test/'
    await relay.queue.send(relay.deadLetters.jobs()[0]!, { group: '2' })
    await relay.rest()

    expect(relay.requests.at(-1)).toMatchObject({ url: 'https://right.test/', body })
  })

  test('an endpoint corrected since the secret was read: used at once', async () => {
    relay.remembered = 'https://wrong.test/'
    relay.answers.push(404)
    await relay.rest()

    expect(relay.requests.map(({ url }) => url)).toEqual(['https://wrong.test/', 'https://app.test/'])
    expect(relay.deadLetters.messages).toEqual([])
  })

  test('an account that names no endpoint any more: it waits for one', async () => {
    relay.endpoint = undefined
    await relay.step()
    expect(relay.requests).toEqual([])

    relay.endpoint = 'https://app.test/'
    await relay.rest()

    expect(relay.requests).toHaveLength(1)
  })
})

test('nothing of the request is in a log line, whatever happens', async () => {
  relay.answers.push(500, new NoAnswer('POST app.test: timeout', true), 400)
  await relay.rest()

  expect(relay.everything()).not.toMatch(/hunter2|sha256/)
})

function setUp() {
  let time = Date.parse('2026-11-22T12:00:00Z')
  const now = () => time
  const queue = createMemoryQueue(now)
  const deadLetters = createMemoryQueue(now)
  const { telemetry, ...told } = collectTelemetry()
  const requests: ({ url: string } & HttpRequest)[] = []
  const answers: (number | Error)[] = []
  const adapter = { handOnTo: (endpoint: string | undefined) => endpoint } as unknown as ReceiptAdapter<unknown>

  const fetchJson: FetchJson = async (url, request) => {
    requests.push({ url, ...request })
    const status = answers.shift() ?? world.answer
    if (status instanceof Error) throw status
    return { status, headers: {}, text: '', json: undefined }
  }
  const handler = createHandler({
    accounts: {
      async find(_, { fresh = false } = {}) {
        if (fresh) world.remembered = undefined
        return { id: 'account', provider: 'forward', adapter, account: world.remembered ?? world.endpoint }
      },
    },
    fetchJson,
    queue,
    deadLetters,
    telemetry,
    giveUpAfterSeconds: 86_400,
    maxReceives: 5,
    now,
    random: () => 0.5,
  })

  const world = {
    ...told,
    queue,
    deadLetters,
    requests,
    /** What the endpoint answers first, then what it answers always. */
    answers,
    answer: 200,
    endpoint: 'https://app.test/' as string | undefined,
    /** The endpoint as the secret named it when it was last read. */
    remembered: undefined as string | undefined,
    step: () => workOff(queue, handler),
    async rest() {
      for (let steps = 0; queue.messages.length > 0 && steps < 1000; steps++) {
        await world.step()
        time = Math.max(time, queue.messages[0]?.visibleAt ?? time)
      }
    },
  }
  return world
}
