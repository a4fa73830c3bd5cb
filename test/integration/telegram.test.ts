import { afterEach, expect, test } from 'vitest'
import type { DeliveryJob } from '../../functions/messages/jobs.ts'
import { RetryableError } from '../../functions/platform/retry.ts'
import { telegram } from '../../functions/providers/telegram/send.ts'
import type { Conduct } from '../../infra/local/providers/simulator.ts'
import { startTelegram } from '../../infra/local/providers/telegram.ts'
import { job, makeSends } from '../support/sends.ts'

const customer = '1111111'
const to = [{ deliveryIdentifier: { type: 'CHANNEL_SPECIFIC_OPAQUE_ID', value: customer } }]

const stops: (() => Promise<unknown>)[] = []

afterEach(async () => {
  await Promise.all(stops.splice(0).map((stop) => stop()))
})

test('a message reaches the customer, with its file', async () => {
  const { simulator, send } = await setUp()

  const outcomes = await send({ attachments: [{ type: 'FILE', url: 'https://files.example.com/a.png' }] })

  expect(outcomes).toEqual([{ outcome: 'sent', status: 'sent', providerMessageId: expect.stringMatching(/^\d+$/) }])
  expect(simulator.messages).toMatchObject([
    { to: customer, text: job.text, media: ['https://files.example.com/a.png'] },
  ])
})

test("each of Telegram's errors has an outcome, and only one in doubt leaves it open", async () => {
  const { simulator, send } = await setUp()
  const outcomes: Record<string, unknown> = {}

  for (const { code } of simulator.errors) {
    const { send } = await setUp({ answers: [{ error: code }] })
    outcomes[code] = await send().then(([outcome]) => outcome?.outcome, nameOf)
  }

  const notFinal = Object.entries(outcomes).filter(([, outcome]) => outcome !== 'rejected')
  expect(Object.fromEntries(notFinal)).toEqual({
    'Too Many Requests: retry after 1': 'RetryableError',
    Unauthorized: 'RetryableError',
    'Internal Server Error: sending failed': 'in doubt',
  })
  expect(await send()).toMatchObject([{ outcome: 'sent' }])
})

test('an answer that was lost leaves the outcome open: the customer has the message', async () => {
  const { simulator, send } = await setUp({ answers: [{ reply: 'reset', takes: true }] })

  expect(await send()).toEqual([{ outcome: 'in doubt' }])
  expect(simulator.receptions(job.text)).toBe(1)
})

test('while Telegram is down a message waits', async () => {
  const { simulator, send } = await setUp()
  await simulator.goDown()

  expect(await send().catch(nameOf)).toBe('RetryableError')

  await simulator.goUp()
  expect(await send()).toMatchObject([{ outcome: 'sent' }])
})

test('whatever goes wrong, no outcome and no error tells the token', async () => {
  const { simulator, send } = await setUp({ answers: [{ reply: 'reset' }] })
  const token = String(simulator.account['botToken'])
  const told: unknown[] = [await send()]
  told.push(await send({}, { ...simulator.account, botToken: '1:wrong' }).catch(everythingOf))
  await simulator.goDown()
  told.push(await send().catch(everythingOf))

  expect(told[0]).toEqual([{ outcome: 'in doubt' }])
  expect(told[1]).toContain('HTTP 401')
  expect(told[2]).toContain('ECONNREFUSED')
  for (const part of [token, token.split(':')[1]!, '1:wrong']) expect(JSON.stringify(told)).not.toContain(part)
})

async function setUp(conduct: Conduct = {}) {
  const simulator = await startTelegram({ conduct: () => conduct })
  stops.push(simulator.stop)
  const send = (fields?: Partial<DeliveryJob>, holds: object = simulator.account) =>
    makeSends(telegram, holds, { to, ...fields })
  return { simulator, send }
}

const nameOf = (error: unknown) => (error instanceof RetryableError ? 'RetryableError' : String(error))

/** All that could reach a log: an error and its causes, with their fields. */
function everythingOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  return [error.stack, JSON.stringify({ ...error, cause: undefined }), everythingOf(error.cause)].join('\n')
}
