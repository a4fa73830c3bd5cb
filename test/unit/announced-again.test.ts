import type { Context } from 'aws-lambda'
import { describe, expect, test } from 'vitest'
import { createHandler, path } from '../../functions/hubspot-webhook.ts'
import type { SendOutcome } from '../../functions/messages/record.ts'
import { RetryableError } from '../../functions/platform/retry.ts'
import { example } from '../support/examples.ts'
import { httpEvent, hubspotHeaders } from '../support/http-events.ts'
import { createWorld, update } from '../support/world.ts'

// An agent sends a failed message again, and HubSpot keeps the message's id: nobody knows whether it does.

const url = `https://relay.test${path}`
const event = JSON.parse(example('hubspot/outgoing-message'))
const ids = { portalId: event.portalId, channelId: event.channelId, messageId: event.message.id }

function setUp(options: Parameters<typeof createWorld>[0] = {}) {
  const world = createWorld(options)
  world.portalsTable.items.set(`portal#${ids.portalId}`, { pk: `portal#${ids.portalId}`, refreshToken: 'refresh' })
  const webhook = createHandler({
    appSecret: async () => ({ clientId: 'client', clientSecrets: ['secret'] }),
    queue: options.delivers === false ? world.statusUpdates : world.deliveries,
    deadLetters: world.deliveriesDeadLetters,
    delivers: options.delivers ?? true,
    publicBaseUrl: undefined,
    telemetry: world.telemetry,
    now: world.now,
  })
  return {
    world,
    /** HubSpot posts the message's event under this id, and all that comes of it happens. */
    async announce(eventId: string | undefined, content: object = {}) {
      const body = JSON.stringify({ ...event, eventId, message: { ...event.message, ...content } })
      const headers = hubspotHeaders(
        { url, body },
        { clientSecret: 'secret', timestamp: String(Math.floor(world.now())) },
      )
      expect(await webhook(httpEvent({ url, headers, body }), {} as Context)).toEqual({ statusCode: 204 })
      await world.rest()
    },
    async receipt(status: 'sent' | 'failed' | 'delivered', fields = {}) {
      await world.statusUpdates.send(update(status, { ...ids, ...fields }), { group: ids.portalId })
      await world.rest()
    },
    /** What the provider answers to each send, in order. */
    answering(...outcomes: (SendOutcome | Error)[]) {
      world.provider.send = async () => {
        const next = outcomes.shift() ?? { outcome: 'sent', status: 'sent' }
        if (next instanceof Error) throw next
        return next
      }
    },
    sends: () => world.provider.sends.length,
    held: () => world.hubspot.held.get(ids.messageId),
    told: () => world.hubspot.patches.map(({ statusType }) => statusType),
    again: () => world.counts['AnnouncedAgain'] ?? 0,
    warnings: () => world.lines.filter((line) => 'level' in line && line.level === 'warn'),
  }
}

const refused: SendOutcome = { outcome: 'rejected', reason: 'The number does not exist', providerMessageId: 'first' }
const failed = { statusType: 'FAILED', errorMessage: 'The number does not exist' }

describe('with resend "ignore", the default', () => {
  test('a failed message that comes under another event id is not sent; that is counted, said with both ids, and told again', async () => {
    const { announce, answering, sends, held, told, again, warnings } = setUp()
    answering(refused)
    await announce('event-1')
    await announce('event-2')

    expect({ sends: sends(), held: held(), again: again() }).toEqual({ sends: 1, held: failed, again: 1 })
    // HubSpot may show SENT for the second try by itself.
    expect(told()).toEqual(['FAILED', 'FAILED'])
    expect(warnings()).toMatchObject([
      {
        message: expect.stringMatching(/told that it FAILED.*not sent again.*resend/),
        ...{ messageId: ids.messageId, eventId: 'event-2', firstEventId: 'event-1' },
      },
    ])
  })

  test('its provider is not asked what became of it: its job is done', async () => {
    const { world, announce, answering } = setUp({ looksUp: true })
    answering(refused)
    await announce('event-1')
    await announce('event-2')

    expect(world.lines.filter((line) => 'level' in line && line.level === 'error')).toEqual([])
    expect(world.deliveriesDeadLetters.messages).toEqual([])
  })

  test('nor is one that was given up before it was sent, so that its FAILED stays true', async () => {
    const { announce, answering, sends, held, again } = setUp({ giveUpAfterSeconds: 60 })
    answering(...Array<Error>(20).fill(new RetryableError('The endpoint answered HTTP 503')))
    await announce('event-1')
    const tries = sends()
    answering()
    await announce('event-2')

    expect({ more: sends() - tries, again: again() }).toEqual({ more: 0, again: 1 })
    expect(held()).toMatchObject({ statusType: 'FAILED' })
  })
})

describe.each(['ignore', 'send'] as const)('with resend "%s"', (resend) => {
  test('a second event is heard of, however often it had to wait and its first had', async () => {
    const { world, announce, answering, again } = setUp({ resend })
    answering(...Array<Error>(6).fill(new RetryableError('The endpoint answered HTTP 503')), refused)
    await announce('event-1')
    let looks = 0
    Object.defineProperty(world.accounts, 'found', { get: () => ++looks > 6 })
    await announce('event-2')

    expect(again()).toBe(1)
  })
})

describe('with resend "send"', () => {
  test('a message that its provider refused is sent again, and what comes of that is told', async () => {
    const { announce, answering, sends, held, again, warnings } = setUp({ resend: 'send' })
    answering(refused)
    await announce('event-1')
    await announce('event-2')

    expect({ sends: sends(), held: held(), again: again() }).toEqual({
      ...{ sends: 2, again: 1 },
      held: { statusType: 'SENT' },
    })
    expect(warnings()).toMatchObject([{ message: expect.stringContaining('sent again'), eventId: 'event-2' }])
  })

  test('one that failed by a receipt is, too; late word of its first send says nothing of the second', async () => {
    const { announce, answering, receipt, sends, held } = setUp({ resend: 'send', tellSent: 'corrections' })
    answering(
      { outcome: 'sent', status: 'sent', providerMessageId: 'first' },
      { outcome: 'sent', status: 'sent', providerMessageId: 'second' },
    )
    await announce('event-1')
    await receipt('failed', { reason: 'No such number', providerMessageId: 'first' })
    expect(held()).toEqual({ statusType: 'FAILED', errorMessage: 'No such number' })
    await announce('event-2')
    await receipt('failed', { reason: 'No such number', providerMessageId: 'first', id: 'once more' })

    expect({ sends: sends(), held: held() }).toEqual({ sends: 2, held: { statusType: 'SENT' } })
    await receipt('failed', { reason: 'Blocked', providerMessageId: 'second' })
    expect(held()).toEqual({ statusType: 'FAILED', errorMessage: 'Blocked' })
  })

  test('one that was given up before it was sent is, too', async () => {
    const { announce, answering, held, again } = setUp({ resend: 'send', giveUpAfterSeconds: 60 })
    answering(...Array<Error>(20).fill(new RetryableError('The endpoint answered HTTP 503')))
    await announce('event-1')
    answering()
    await announce('event-2')

    expect({ held: held(), again: again() }).toEqual({ held: { statusType: 'SENT' }, again: 1 })
  })

  test('one that is given up again is told FAILED again: HubSpot may show SENT for the second try', async () => {
    const { announce, answering, told } = setUp({ resend: 'send', giveUpAfterSeconds: 60, tellSent: 'corrections' })
    answering(...Array<Error>(40).fill(new RetryableError('The endpoint answered HTTP 503')))
    await announce('event-1')
    await announce('event-2')

    expect(told()).toEqual(['FAILED', 'FAILED'])
  })

  test('it may fail again, and a third try is another one', async () => {
    const { announce, answering, sends, held, again } = setUp({ resend: 'send' })
    answering(refused, { outcome: 'rejected', reason: 'Blocked' })
    await announce('event-1')
    await announce('event-2')
    expect(held()).toEqual({ statusType: 'FAILED', errorMessage: 'Blocked' })
    await announce('event-3')

    expect({ sends: sends(), held: held(), again: again() }).toEqual({
      ...{ sends: 3, again: 2 },
      held: { statusType: 'SENT' },
    })
  })

  test.each([
    ['may have arrived', [{ outcome: 'in doubt' }], 1],
    ['arrived in part', [{ outcome: 'sent', status: 'sent' }, refused], 2],
  ] as [string, SendOutcome[], number][])('what %s is never sent twice', async (_, outcomes, parts) => {
    const { world, announce, answering, sends, held, again, warnings } = setUp({ resend: 'send' })
    world.provider.parts = parts
    answering(...outcomes)
    await announce('event-1')
    await announce('event-2')

    expect({ sends: sends(), again: again() }).toEqual({ sends: parts, again: 1 })
    expect(warnings()).toContainEqual(
      expect.objectContaining({ message: expect.stringContaining('since it may have arrived') }),
    )
    expect(held()).toMatchObject({ statusType: 'FAILED' })
  })

  test('of one that arrived in part, the agent goes on reading which part to send again', async () => {
    const named = ['text', 'picture'].map((what) => ({ what, to: 'one' }))
    const { announce, answering, held } = setUp({ resend: 'send', named })
    answering({ outcome: 'sent', status: 'sent' }, refused)
    await announce('event-1')
    const reason =
      'The text arrived, the picture did not. The number does not exist. If you send again, send only that.'
    expect(held()).toEqual({ statusType: 'FAILED', errorMessage: reason })
    await announce('event-2')

    expect(held()).toEqual({ statusType: 'FAILED', errorMessage: reason })
  })

  test('an event that comes twice is one try', async () => {
    const { announce, answering, sends, again } = setUp({ resend: 'send' })
    answering(refused, refused)
    await announce('event-1')
    for (const eventId of ['event-2', 'event-2', 'event-1']) await announce(eventId)

    expect({ sends: sends(), again: again() }).toEqual({ sends: 2, again: 1 })
  })
})

test.each(['ignore', 'send'] as const)(
  'with resend "%s", a message that was not told FAILED is sent once',
  async (resend) => {
    const { announce, sends, again } = setUp({ resend })
    for (const eventId of ['event-1', 'event-2', undefined, 'event-1']) await announce(eventId)

    expect({ sends: sends(), again: again() }).toEqual({ sends: 1, again: 0 })
  },
)

test('where the team delivers, it is counted and said, too', async () => {
  const { announce, receipt, again, warnings } = setUp({ delivers: false })
  await announce('event-1')
  await receipt('failed', { reason: 'No such number' })
  await announce('event-2')

  expect(again()).toBe(1)
  expect(warnings()).toMatchObject([{ eventId: 'event-2', firstEventId: 'event-1' }])
})
