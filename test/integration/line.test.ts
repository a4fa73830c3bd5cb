import { afterEach, expect, test } from 'vitest'
import type { DeliveryJob } from '../../functions/messages/jobs.ts'
import { RetryableError } from '../../functions/platform/retry.ts'
import { line } from '../../functions/providers/line/send.ts'
import { startLine } from '../../infra/local/providers/line.ts'
import type { Conduct } from '../../infra/local/providers/simulator.ts'
import { job, makeSends } from '../support/sends.ts'

const customer = `U${'1'.repeat(32)}`
const to = [{ deliveryIdentifier: { type: 'CHANNEL_SPECIFIC_OPAQUE_ID', value: customer } }]

const stops: (() => Promise<unknown>)[] = []

afterEach(async () => {
  await Promise.all(stops.splice(0).map((stop) => stop()))
})

test('a message reaches the customer, with its picture', async () => {
  const { simulator, send } = await setUp()

  const outcomes = await send({ attachments: [{ type: 'FILE', url: 'https://files.example.com/a.png' }] })

  expect(outcomes).toEqual([{ outcome: 'sent', status: 'sent', providerMessageId: expect.stringMatching(/^\d+$/) }])
  expect(simulator.messages).toMatchObject([
    { to: customer, text: job.text, media: ['https://files.example.com/a.png'] },
  ])
})

test("each of LINE's errors has an outcome, and only what may pass is tried again", async () => {
  const { simulator } = await setUp()
  const outcomes: Record<string, unknown> = {}

  for (const { code } of simulator.errors) {
    const { send } = await setUp({ answers: [{ error: code }] })
    outcomes[code] = await send().then(([outcome]) => outcome?.outcome, nameOf)
  }

  const notFinal = Object.entries(outcomes).filter(([, outcome]) => outcome !== 'rejected')
  expect(Object.fromEntries(notFinal)).toEqual({
    'Access to this API is not available for your account': 'RetryableError',
    'The API rate limit has been exceeded. Try again later.': 'RetryableError',
    [simulator.errors.find(({ code }) => code.startsWith('Authentication failed'))!.code]: 'RetryableError',
    'Internal server error': 'RetryableError in doubt',
  })
})

test('an answer that was lost is asked for again, and the customer has the message once', async () => {
  const { simulator, send } = await setUp({ answers: [{ reply: 'reset', takes: true }, {}] })

  expect(await send().catch(nameOf)).toBe('RetryableError in doubt')
  const again = await send()

  expect(again).toEqual([
    { outcome: 'sent', status: 'sent', providerMessageId: simulator.messages[0]?.providerMessageId },
  ])
  expect(simulator.deliveries.map(({ outcome, answered }) => [outcome, answered])).toEqual([
    ['received', 'reset'],
    ['repeated', 409],
  ])
  expect(simulator.receptions(job.text)).toBe(1)
})

test('while LINE is down a message waits', async () => {
  const { simulator, send } = await setUp()
  await simulator.goDown()

  expect(await send().catch(nameOf)).toBe('RetryableError')

  await simulator.goUp()
  expect(await send()).toMatchObject([{ outcome: 'sent' }])
})

test('with a wrong token a message waits', async () => {
  const { simulator, send } = await setUp()

  expect(await send({}, { ...simulator.account, channelAccessToken: 'wrong' }).catch(nameOf)).toBe('RetryableError')
})

async function setUp(conduct: Conduct = {}) {
  const simulator = await startLine({ conduct: () => conduct })
  stops.push(simulator.stop)
  const send = (fields?: Partial<DeliveryJob>, holds: object = simulator.account) =>
    makeSends(line, holds, { to, ...fields })
  return { simulator, send }
}

function nameOf(error: unknown) {
  return error instanceof RetryableError ? `RetryableError${error.inDoubt ? ' in doubt' : ''}` : String(error)
}
