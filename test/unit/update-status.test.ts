import fc from 'fast-check'
import { beforeEach, describe, expect, test } from 'vitest'
import { type Status, statusOrder, statusTypeOf } from '../../functions/messages/status.ts'
import { NoAnswer } from '../../functions/platform/fetch-json.ts'
import { SecretUnavailable } from '../../functions/platform/fetch-secret.ts'
import { gzip } from '../../functions/platform/queue.ts'
import { createWorld, delivery, update, type World } from '../support/world.ts'

let world: World
beforeEach(() => {
  world = createWorld()
})

const send = (status: Status, fields = {}) => world.statusUpdates.send(update(status, fields), { group: '1' })
const told = () => world.hubspot.patches.map(({ statusType }) => statusType)
const item = () =>
  world.ledgerTable.items.get('1#2#m') as { marks: unknown[]; known: string; told: { statusType: string } }

/** Answers with each of these in turn, and then as HubSpot does when all is well. */
function answerWith(...answers: (object | Error)[]) {
  world.hubspot.answer = async () => {
    const next = answers.shift()
    if (next instanceof Error) throw next
    return { status: 200, ...next }
  }
}

describe('a reason in another form', () => {
  test.each<[string, unknown, string]>([
    ['of thousands of characters', 'x'.repeat(2001), `${'x'.repeat(499)}…`],
    [
      'that would be cut within a character',
      `${'x'.repeat(498)}👨‍👩‍👧‍👦${'x'.repeat(2000)}`,
      `${'x'.repeat(498)}👨‍👩‍👧‍👦…`,
    ],
    ['that is empty', '', 'The message could not be delivered'],
    ['that is blank', ' \n\u0000\t ', 'The message could not be delivered'],
    ['that is missing', undefined, 'The message could not be delivered'],
    ['that is no text', { code: 7 }, 'The message could not be delivered'],
    ['of which nothing can be seen', '\u200b\u2060\u00ad', 'The message could not be delivered'],
    ['of fillers alone', '\u3164 \u115f', 'The message could not be delivered'],
    ['of a blank in braille, and half an emoji', '\u2800\ud83d', 'The message could not be delivered'],
  ])('%s is told all the same', async (_, reason, errorMessage) => {
    await send('failed', { reason, occurredAt: 'yesterday', traceId: 7 })
    await world.rest()

    expect(world.hubspot.held.get('m')).toEqual({ statusType: 'FAILED', errorMessage })
    expect(world.statusUpdatesDeadLetters.messages).toEqual([])
    expect(world.counts['UnexpectedUpdateFields']).toBeGreaterThanOrEqual(2)
  })
})

describe('a claim of what is told', () => {
  test('holds until the run has ended, and HubSpot has surely done what it was asked', async () => {
    let claimed: unknown
    world.hubspot.answer = async () => {
      claimed = item().marks
      return { status: 200 }
    }
    await send('sent')
    await world.step()

    expect(claimed).toMatchObject([{ until: world.now() + 60_000 + 120_000 }])
  })

  test('names the last few runs of its job, however often it waits', async () => {
    answerWith(...Array(9).fill({ status: 503 }))
    await send('sent')
    for (let waits = 0; waits < 8; waits++) {
      await world.step()
      world.pass(900)
    }

    const [{ waiting }] = world.statusUpdates.jobs() as [{ waiting: { progress: { mayHaveTold: string[] } } }]
    expect(waiting.progress.mayHaveTold).toHaveLength(4)
  })

  test('names a run once, however often it tells', async () => {
    world.hubspot.answer = async () => {
      answerWith({ status: 503 })
      world.ledgerTable.items.set('1#2#m', { ...item(), known: 'read', version: 9 })
      return { status: 200 }
    }
    await send('sent')
    await world.step()

    const [{ waiting }] = world.statusUpdates.jobs() as [{ waiting: { progress: { mayHaveTold: string[] } } }]
    expect(told()).toEqual(['SENT', 'READ'])
    expect(waiting.progress.mayHaveTold).toHaveLength(1)
  })

  test('is not prepared for what is told already: that takes no slot', async () => {
    await send('sent')
    await world.step()
    const slots = () => world.portalsTable.items.get('rate-limit#1')
    const before = slots()
    await send('sent')
    await world.step()

    expect(before).toBeDefined()
    expect(slots()).toEqual(before)
  })
})

test('an event whose account cannot be read stays among the dead letters, where the team delivers', async () => {
  world = createWorld({ delivers: false })
  const event = {
    ...{ type: 'OUTGOING_CHANNEL_MESSAGE_CREATED', portalId: '1', channelId: '2' },
    message: { id: 'm', channelAccountId: {}, text: 'Hello', recipients: [] },
  }
  await world.statusUpdates.send(
    { v: 1, type: 'event', rawBody: gzip(JSON.stringify(event)), traceId: 'trace' },
    { group: '1' },
  )
  await world.rest()

  expect(world.statusUpdatesDeadLetters.jobs()).toMatchObject([
    { deadLetter: { reason: 'The channel account of the message cannot be read' } },
  ])
  expect([...world.ledgerTable.items.keys()]).toEqual([])
})

describe('the usual order', () => {
  test('sent, delivered and read cost two PATCHes', async () => {
    for (const status of ['sent', 'delivered', 'read'] as const) {
      await send(status)
      await world.step()
    }

    expect(told()).toEqual(['SENT', 'READ'])
    expect(item()).toMatchObject({ known: 'read', told: { statusType: 'READ' }, marks: [] })
  })

  test('a duplicate costs no PATCH', async () => {
    await send('sent')
    await world.step()
    await send('sent')
    await world.rest()

    expect(told()).toEqual(['SENT'])
  })

  test('two duplicates in one batch cost one PATCH', async () => {
    await send('sent')
    await send('sent')
    await world.rest()

    expect(told()).toEqual(['SENT'])
  })

  test('what comes late is no news', async () => {
    await send('read')
    await world.step()
    await send('sent')
    await send('failed', { reason: 'No such number' })
    await world.rest()

    expect(told()).toEqual(['READ'])
  })

  test('a failure is told with its reason, other words without', async () => {
    await send('sent', { reason: 'not for the agent' })
    await world.step()
    await send('failed', { reason: 'No such number' })
    await world.rest()

    expect(world.hubspot.patches).toMatchObject([
      { statusType: 'SENT' },
      { statusType: 'FAILED', errorMessage: 'No such number' },
    ])
    expect(world.hubspot.patches[0]).not.toHaveProperty('errorMessage')
  })

  test("the provider's refusal replaces the status that the relay gave for silence", async () => {
    await send('unconfirmed', { reason: 'No receipt came' })
    await world.step()
    await send('failed', { reason: 'No such number' })
    await world.rest()

    expect(world.hubspot.held.get('m')).toEqual({ statusType: 'FAILED', errorMessage: 'No such number' })
  })

  test('delivered refutes failed', async () => {
    await send('failed')
    await world.step()
    await send('delivered')
    await world.rest()

    expect(told()).toEqual(['FAILED', 'SENT'])
  })

  test('a status for a message that was never announced is told', async () => {
    await send('read', { messageId: 'unannounced' })
    await world.rest()

    expect(world.hubspot.held.get('unannounced')).toEqual({ statusType: 'READ' })
  })

  test('a status that is told without a claim fails aloud, and ends in no queue unseen', async () => {
    await send('sent')
    await world.step()
    await send('read')
    process.env['POWERTOOLS_IDEMPOTENCY_DISABLED'] = 'true'
    await world.step().finally(() => delete process.env['POWERTOOLS_IDEMPOTENCY_DISABLED'])

    expect(world.statusUpdates.jobs()).toHaveLength(1)
    expect(world.lines).toContainEqual(expect.objectContaining({ message: 'Failed, SQS will redeliver it' }))
  })

  test('telling again on purpose tells what is known, not what the update says', async () => {
    await send('read')
    await world.step()
    await send('sent', { id: 'reconcile-1' })
    await world.rest()

    expect(told()).toEqual(['READ', 'READ'])
    expect(item().marks).toEqual([])
  })

  test('receipts for messages older than the ledger are ignored', async () => {
    await send('read', { messageCreatedAt: '2026-05-01T00:00:00Z' })
    await world.rest()

    expect(told()).toEqual([])
    expect(world.counts['UpdatesIgnored']).toBe(1)
  })

  test('the last of them that counts is 180 days old', async () => {
    const daysAgo = (days: number) => new Date(world.now() - days * 86_400_000).toISOString()
    await send('sent', { messageCreatedAt: daysAgo(180) })
    await send('sent', { messageId: 'older', messageCreatedAt: daysAgo(180.001) })
    await world.step()

    expect(world.hubspot.patches.map(({ messageId }) => messageId)).toEqual(['m'])
  })

  test('and stay so, however long the ledger cannot be read at first', async () => {
    const { get } = world.ledgerTable
    let reads = 0
    world.ledgerTable.get = async (pk) => {
      if (++reads <= 4) throw Object.assign(new Error(), { name: 'InternalServerError', $metadata: {} })
      return get(pk)
    }
    await send('read', { messageCreatedAt: '2026-05-01T00:00:00Z' })
    await world.rest()

    expect(reads).toBeGreaterThan(4)
    expect(told()).toEqual([])
    expect(world.counts['UpdatesIgnored']).toBe(1)
    expect(item()).toBeUndefined()
  })

  test('of a message that is in the ledger none is too old, whatever time it bears', async () => {
    await send('sent')
    await world.step()
    await send('failed', { reason: 'No such number', messageCreatedAt: '2024-03-01T10:00:00Z' })
    await world.rest()

    expect(told()).toEqual(['SENT', 'FAILED'])
  })

  test.each(['0001-01-01T00:00:00Z', '1970-01-01T00:00:00Z', '1899-12-30T00:00:00Z', '9999-12-31T23:59:59Z', 0])(
    'a time that programs write for "none" is none: %s',
    async (time) => {
      await send('failed', { reason: 'No such number', messageCreatedAt: time, occurredAt: time })
      await world.rest()

      expect(told()).toEqual(['FAILED'])
      expect(JSON.stringify(item())).not.toMatch(/0001-|1970-|1899-|9999-/)
      expect(world.counts['UnexpectedUpdateFields']).toBeGreaterThanOrEqual(2)
    },
  )
})

describe('what nobody can mistake is read, however it is written', () => {
  const written = (fields: object) => JSON.stringify({ ...update('failed', { reason: 'No such number' }), ...fields })
  test.each([
    ['ids that are numbers', written({ portalId: 1, channelId: 2, channelAccountId: 3, messageId: 4 }), '4'],
    ['null for what may be absent', written({ type: null, channelAccountId: null, part: null, verifiedBy: null }), 'm'],
    ['null for all that may be', written({ code: null, id: null, onSilence: null, traceId: null, source: null }), 'm'],
    ['a silence that is none', written({ onSilence: false }), 'm'],
    ['a silence in a text', written({ onSilence: 'yes' }), 'm'],
    ['a status in capitals', written({ status: 'FAILED' }), 'm'],
    ['a status with a space', written({ status: 'Failed ' }), 'm'],
    ['the only part of one', written({ part: { index: 0, of: 1 } }), 'm'],
    ['a byte order mark', `\ufeff${written({})}`, 'm'],
  ])('%s', async (_, body, messageId) => {
    const now = world.now()
    world.statusUpdates.messages.push({ id: 'of the team', body, sentAt: now, visibleAt: now, receives: 0 })
    await world.rest()

    expect(world.hubspot.held.get(messageId)).toEqual({ statusType: 'FAILED', errorMessage: 'No such number' })
    expect(world.statusUpdatesDeadLetters.messages).toEqual([])
  })

  test('a field that nobody reads is named and counted, and the status told all the same', async () => {
    const body = written({ raeson: 'Phone off', '+1 555 010 0002': 1 })
    const now = world.now()
    world.statusUpdates.messages.push({ id: 'of the team', body, sentAt: now, visibleAt: now, receives: 0 })
    await world.rest()

    expect(world.hubspot.held.get('m')).toEqual({ statusType: 'FAILED', errorMessage: 'No such number' })
    expect(world.lines).toContainEqual(
      expect.objectContaining({
        level: 'warn',
        message: 'A status has fields that are not known',
        fields: ['raeson', '(no word)'],
      }),
    )
    expect(world.counts['UnexpectedUpdateFields']).toBe(2)
  })

  test('and an id that is a larger number than JavaScript has is not rounded on its way', async () => {
    const body = written({}).replace('"messageId":"m"', '"messageId":9007199254740993')
    const now = world.now()
    world.statusUpdates.messages.push({ id: 'of the team', body, sentAt: now, visibleAt: now, receives: 0 })
    world.hubspot.answer = async () => ({ status: world.now() - now < 60_000 ? 503 : 200 })
    await world.rest()

    expect(world.hubspot.held.get('9007199254740993')).toMatchObject({ statusType: 'FAILED' })
    expect(world.statusUpdatesDeadLetters.messages).toEqual([])
  })

  test('nor in a dead letter', async () => {
    const body = written({ status: 'lost' }).replace('"messageId":"m"', '"messageId":9007199254740993')
    const now = world.now()
    world.statusUpdates.messages.push({ id: 'of the team', body, sentAt: now, visibleAt: now, receives: 0 })
    await world.rest()

    expect(world.statusUpdatesDeadLetters.messages[0]?.body).toContain('"messageId":9007199254740993')
  })

  test.each(['9007199254740993', '[1e300]', '{"valueOf":1,"toString":1}'])(
    'and an object whose length is %s is no id, and no crash either',
    async (length) => {
      const body = written({}).replace('"messageId":"m"', `"messageId":{"length":${length}}`)
      const now = world.now()
      world.statusUpdates.messages.push({ id: 'of the team', body, sentAt: now, visibleAt: now, receives: 0 })
      await world.step()

      expect(world.statusUpdatesDeadLetters.jobs()).toMatchObject([
        { deadLetter: { reason: expect.stringMatching(/^Not a job that this version reads/) } },
      ])
    },
  )
})

test('order and duplicates of the updates never change what HubSpot holds in the end', async () => {
  const statuses = fc.array(fc.constantFrom(...statusOrder), { minLength: 1, maxLength: 8 })
  await fc.assert(
    fc.asyncProperty(
      statuses,
      fc.integer({ min: 1, max: 4 }),
      fc.infiniteStream(fc.boolean()),
      async (updates, batch, pauses) => {
        world = createWorld()
        for (const status of updates) {
          await send(status)
          if (pauses.next().value) await world.step(batch)
        }
        await world.rest()

        const highest = statusOrder[Math.max(...updates.map((status) => statusOrder.indexOf(status)))]!
        expect(world.hubspot.held.get('m')?.statusType).toBe(statusTypeOf(highest))
        expect(item().marks).toEqual([])
        expect(world.statusUpdatesDeadLetters.messages).toEqual([])
      },
    ),
    { numRuns: 150 },
  )
})

describe('a message that took several sends', () => {
  const part = (index: number, of = 3) => ({ part: { index, of } })

  test('nothing is told while something is known of some only', async () => {
    await send('sent', part(0))
    await send('read', part(2))
    await world.rest()

    expect(told()).toEqual([])
    expect(item()).not.toHaveProperty('known')
  })

  test('the lowest is told, once something is known of each', async () => {
    for (const [index, status] of (['read', 'sent', 'delivered'] as const).entries()) await send(status, part(index))
    await world.rest()
    expect(told()).toEqual(['SENT'])

    for (const index of [0, 1, 2]) await send('read', part(index))
    await world.rest()
    expect(told()).toEqual(['SENT', 'READ'])
  })

  test('a failed one is told at once, with how many; another one is told, too', async () => {
    await send('failed', { ...part(1), reason: 'No such number' })
    await world.rest()
    await send('sent', part(0))
    await send('failed', { ...part(2), reason: 'Opted out' })
    await world.rest()

    expect(world.hubspot.patches.map(({ errorMessage }) => errorMessage)).toEqual([
      '1 of 3 sends failed: No such number',
      '2 of 3 sends failed: No such number',
    ])
  })

  test('a failure that is refuted by its receipt goes back to SENT', async () => {
    await send('sent', part(0, 2))
    await send('failed', { ...part(1, 2), reason: 'No such number' })
    await world.rest()
    await send('delivered', part(1, 2))
    await world.rest()

    expect(told()).toEqual(['FAILED', 'SENT'])
  })

  test('an update that names no part is about all of them: each rises by itself', async () => {
    await send('sent', part(0))
    await send('unconfirmed', { reason: 'Given up' })
    await world.rest()

    expect(world.hubspot.held.get('m')).toEqual({
      statusType: 'FAILED',
      errorMessage: '2 of 3 sends not confirmed: Given up',
    })
  })

  test('a part that there cannot be is refused', async () => {
    await world.statusUpdates.send({ ...update('failed'), part: { index: 3, of: 3 } }, { group: '1' })
    await world.rest()

    expect(told()).toEqual([])
    expect(world.statusUpdatesDeadLetters.jobs()).toMatchObject([
      { deadLetter: { reason: expect.stringContaining('part') } },
    ])
  })

  test('a word about a send that nobody knew of is a word all the same', async () => {
    await send('sent', part(0, 2))
    await send('sent', part(1, 2))
    await send('failed', { ...part(2, 3), reason: 'No such number' })
    await world.rest()

    expect(world.hubspot.held.get('m')).toEqual({
      statusType: 'FAILED',
      errorMessage: '1 of 3 sends failed: No such number',
    })
  })

  test('a conclusion on all that comes before the parts reads as one that comes after them', async () => {
    await send('unconfirmed', { reason: 'Given up' })
    await world.rest()
    for (const index of [0, 1, 2]) await send('unconfirmed', { ...part(index), reason: 'Given up' })
    await world.rest()

    expect(world.hubspot.held.get('m')?.errorMessage).toBe('3 of 3 sends not confirmed: Given up')
  })

  test('order and duplicates of the updates never change what HubSpot holds in the end', async () => {
    const known = fc.constantFrom(...statusOrder)
    const whole = fc.record({ status: known, index: fc.constant(undefined) })
    const any = fc.oneof(
      { arbitrary: fc.record({ status: known, index: fc.nat(2) }), weight: 4 },
      { arbitrary: whole, weight: 1 },
    )
    await fc.assert(
      fc.asyncProperty(
        fc.tuple(known, known, known),
        fc.array(any, { maxLength: 6 }),
        fc.nat(),
        fc.infiniteStream(fc.boolean()),
        async (first, more, seed, pauses) => {
          world = createWorld()
          const updates = shuffled([...first.map((status, index) => ({ status, index })), ...more], seed)
          for (const { status, index } of updates) {
            await send(status, { reason: `reason ${index ?? 'of all'}`, ...(index !== undefined && part(index)) })
            if (pauses.next().value) await world.step(2)
          }
          await world.rest()

          const highest = [0, 1, 2].map((part) => {
            const own = updates.filter(({ index }) => index === part || index === undefined)
            return Math.max(...own.map(({ status }) => statusOrder.indexOf(status)))
          })
          const hasFailed = highest.includes(statusOrder.indexOf('failed'))
          const expected = hasFailed ? 'failed' : statusOrder[Math.min(...highest)]!
          expect(world.hubspot.held.get('m')?.statusType).toBe(statusTypeOf(expected))
          const failed = highest.filter((status) => status === statusOrder.indexOf(expected)).length
          if (statusTypeOf(expected) === 'FAILED')
            expect(world.hubspot.held.get('m')?.errorMessage).toMatch(new RegExp(`^${failed} of 3 sends `))
          expect(item().marks).toEqual([])
          expect(world.statusUpdatesDeadLetters.messages).toEqual([])
        },
      ),
      { numRuns: 150 },
    )
  })
})

describe('whose word it is', () => {
  beforeEach(() => world.deliveries.send(delivery(), { group: '1' }))

  test('another channel account has no say in a message: it is acknowledged, counted, and changes nothing', async () => {
    await world.step()
    await send('failed', { channelAccountId: 'another' })
    await world.rest()

    expect(told()).toEqual(['SENT'])
    expect(world.counts['UpdatesUnauthorized']).toBe(1)
  })

  test('nor has it where SQS hands it out for the last time: nothing of the message is given up', async () => {
    await world.step()
    await send('failed', { channelAccountId: 'another' })
    for (const message of world.statusUpdates.messages) message.receives = 4
    await world.rest()

    expect(told()).toEqual(['SENT'])
    expect(world.ledgerTable.items.get('1#2#m')).not.toHaveProperty('givenUp')
  })

  test.each([{ channelAccountId: '3' }, {}])('its own account has, and whoever names none: %j', async (fields) => {
    await world.step()
    await send('read', fields)
    await world.rest()

    expect(told().at(-1)).toBe('READ')
  })

  test('where the relay does not deliver, the announcement says whose message it is', async () => {
    const announced = {
      v: 1,
      type: 'announcement',
      portalId: '1',
      channelId: '2',
      channelAccountId: '3',
      messageId: 'announced',
      createdAt: '2026-11-22T12:00:00Z',
      traceId: 'trace',
    }
    await world.statusUpdates.send(announced, { group: '1' })
    await world.step()
    await send('failed', { messageId: 'announced', channelAccountId: 'another' })
    await world.rest()

    expect(world.hubspot.held.has('announced')).toBe(false)
  })
})

describe('the lines of the log', () => {
  const lines = (message: string) => world.lines.filter((line) => 'message' in line && line.message === message)

  test("a receipt's line names the trace that the message began with, its own beside it, and how long the truth took", async () => {
    await world.deliveries.send(delivery(), { group: '1' })
    await world.step()
    world.pass(60)
    await send('read', { traceId: 'trace of the receipt' })
    await world.rest()

    expect(lines('Told HubSpot')).toMatchObject([
      { status: 'sent', traceId: 'trace', updateTraceId: undefined, timeToTruth: 0 },
      { status: 'read', traceId: 'trace', updateTraceId: 'trace of the receipt', timeToTruth: 60_000 },
    ])
  })

  test('a receipt of a message that nobody announced has its own trace alone', async () => {
    await send('read', { traceId: 'trace of the receipt' })
    await world.rest()

    expect(lines('Told HubSpot')).toMatchObject([{ traceId: 'trace of the receipt', updateTraceId: undefined }])
  })

  test('a webhook that came twice: the message keeps the trace of the delivery that claimed it', async () => {
    for (const traceId of ['first', 'second']) await world.deliveries.send(delivery({ traceId }), { group: '1' })
    await world.step()
    await send('read', { traceId: 'trace of the receipt' })
    await world.rest()

    expect(lines('Told HubSpot')).toMatchObject([{ traceId: 'first' }, { traceId: 'first' }])
  })
})

describe("HubSpot's answers", () => {
  test.each([429, 423, 477, 500, 503])('%i is tried again until it is told, never dead-lettered', async (status) => {
    answerWith(...Array(12).fill({ status }))
    await send('sent')
    await world.rest()

    expect(world.hubspot.held.get('m')).toEqual({ statusType: 'SENT' })
    expect(world.statusUpdatesDeadLetters.messages).toEqual([])
  })

  test('a 429 holds back the whole portal for as long as Retry-After says', async () => {
    answerWith({ status: 429, headers: { 'retry-after': '30' } })
    await send('sent')
    await world.step()
    await send('read', { messageId: 'other' })
    const start = world.now()
    await world.rest()

    expect(world.hubspot.patches.slice(1).every(({ at }) => at - start >= 29_000)).toBe(true)
    expect(world.hubspot.held.size).toBe(2)
  })

  test('a message that is not there yet is tried again within five minutes', async () => {
    answerWith({ status: 404 }, { status: 404 })
    await send('sent')
    await world.rest()

    expect(world.hubspot.held.get('m')).toEqual({ statusType: 'SENT' })
  })

  test('what a status waits for, and until when, is in the ledger until it is told', async () => {
    answerWith({ status: 503, headers: { 'retry-after': '60' } })
    await send('sent')
    await world.step()

    const waiting = {
      what: 'status',
      reason: 'HubSpot cannot take it now (HTTP 503)',
      until: '2026-11-22T12:01:00.000Z',
    }
    expect(item()).toMatchObject({ waiting })

    await world.rest()
    expect(item()).not.toHaveProperty('waiting')
  })

  test('a message that stays away is dead-lettered, and redriven it is told', async () => {
    world.hubspot.answer = async () => ({ status: 404, json: { message: 'no such message', correlationId: 'c-1' } })
    await send('sent')
    await world.rest()
    expect(world.statusUpdatesDeadLetters.jobs()).toMatchObject([
      { deadLetter: { reason: expect.stringContaining('correlationId c-1') }, job: { messageId: 'm', status: 'sent' } },
    ])

    answerWith()
    await world.statusUpdates.send(world.statusUpdatesDeadLetters.jobs()[0]!, { group: '1' })
    await world.rest()

    expect(world.hubspot.held.get('m')).toEqual({ statusType: 'SENT' })
  })

  test("a refusal is dead-lettered with HubSpot's message, category and correlation id", async () => {
    const json = { message: 'Invalid input', category: 'VALIDATION_ERROR', correlationId: 'c-2' }
    world.hubspot.answer = async () => ({ status: 400, json })
    await send('sent')
    await world.rest()

    const said = '(HTTP 400, VALIDATION_ERROR, Invalid input, correlationId c-2)'
    const reason = `HubSpot rejects the status, 5 times in 5 minutes ${said}`
    expect(world.statusUpdatesDeadLetters.jobs()).toMatchObject([{ deadLetter: { reason } }])
  })

  test('a refusal that is redriven is told at once', async () => {
    world.hubspot.answer = async () => ({ status: 400 })
    await world.statusUpdates.send(update('sent'), { group: '1' })
    await world.rest()
    world.hubspot.answer = async () => ({ status: 200 })
    await world.statusUpdates.send(world.statusUpdatesDeadLetters.jobs()[0]!, { group: '1' })
    await world.step()

    expect(world.hubspot.held.get('m')).toEqual({ statusType: 'SENT' })
  })

  test('a refused correction is final and counted, no dead letter', async () => {
    answerWith({ status: 200 }, ...Array(10).fill({ status: 400 }))
    await send('sent')
    await world.step()
    await send('read')
    await world.rest()

    expect(world.statusUpdatesDeadLetters.messages).toEqual([])
    expect(world.counts['CorrectionsRejected']).toBe(1)
    expect(item().marks).toEqual([])
  })

  test.each([
    ['no status', { id: 'm' }],
    ['the status in a string', { status: 'SENT' }],
    ['no word on why it failed', { status: { statusType: 'SENT', failureDetails: null } }],
  ])('a 200 that says %s is told, and nothing to wonder at', async (_, json) => {
    answerWith({ status: 200, json })
    await send('sent')
    await world.rest()

    expect(told()).toEqual(['SENT'])
    expect(item().told).toEqual({ statusType: 'SENT', at: expect.any(String) })
    expect(world.counts['HeldOtherwise']).toBeUndefined()
  })

  test.each([
    ['another word', 'read', { status: { statusType: 'SENT' } }, 'holds SENT after READ'],
    ['another word in a string', 'read', { status: 'FAILED' }, 'holds FAILED after READ'],
    [
      'another reason',
      'failed',
      { status: { statusType: 'FAILED', failureDetails: { errorMessage: 'Something' } } },
      'holds another reason',
    ],
    ['a word, but says that it is an error', 'read', { category: 'VALIDATION_ERROR' }, 'holds no message after READ'],
    ['a list', 'read', [], 'holds no message after READ'],
    ['what failed of several', 'read', { errors: [{ message: 'No such message' }] }, 'holds no message after READ'],
  ] as const)(
    'HubSpot answers that it holds %s: told once more after a pause, then kept as what it holds',
    async (_, status, json, holds) => {
      world.hubspot.answer = async () => ({ status: 200, json })
      await send(status, { reason: 'No such number' })
      await world.rest()

      const [first, second] = world.hubspot.patches
      expect(world.hubspot.patches).toHaveLength(2)
      expect(second!.at - first!.at).toBeGreaterThanOrEqual(30_000)
      expect(item()).toMatchObject({ told: { holds }, marks: [] })
      expect(world.counts['HeldOtherwise']).toBe(1)
      expect(world.statusUpdatesDeadLetters.messages).toEqual([])
    },
  )

  test.each(['<html>Maintenance</html>', '{"id":"m","status":{"statusTy'])(
    'a 200 with a body that is no message, %s: told once more',
    async (text) => {
      answerWith({ status: 200, text, json: null })
      await send('read')
      await world.rest()

      expect(told()).toEqual(['READ', 'READ'])
      expect(world.counts['HeldOtherwise']).toBeUndefined()
    },
  )

  test('a word in other letters is the same word', async () => {
    answerWith({ status: 200, json: { status: { statusType: 'read' } } })
    await send('read')
    await world.rest()

    expect(told()).toEqual(['READ'])
  })

  test('HubSpot answers once that it holds another word, and then the right one: nothing is left of it', async () => {
    answerWith({ status: 200, json: { status: { statusType: 'FAILED' } } })
    await send('read')
    await world.rest()

    expect(told()).toEqual(['READ', 'READ'])
    expect(item().told).not.toHaveProperty('holds')
    expect(world.counts['HeldOtherwise']).toBeUndefined()
  })

  test.each([
    ['no answer after the request was sent', new NoAnswer('timeout', true)],
    ['HTTP 502', { status: 502 }],
    ['HTTP 504', { status: 504 }],
    ['HTTP 524', { status: 524 }],
  ])('%s: repeated only after HubSpot could no longer be working on it', async (_name, answer) => {
    answerWith(answer)
    await send('sent')
    await world.rest()

    const [first, second] = world.hubspot.patches
    expect(second!.at - first!.at).toBeGreaterThanOrEqual(120_000)
  })

  test.each([502, 504])('a %i that names a time again is heeded beyond that', async (status) => {
    const answer = { status, headers: { 'retry-after': '600' } }
    answerWith(answer, answer)
    await send('sent')
    await world.rest()

    const [, second, third] = world.hubspot.patches
    expect(third!.at - second!.at).toBeGreaterThanOrEqual(600_000)
  })

  test.each(['0', '-10', 'Sun, 22 Nov 2020 12:00:00 GMT', '86400', '1e9', 'NaN', '30000', '1000000000'])(
    'a Retry-After of %s makes neither haste nor silence',
    async (header) => {
      for (const status of [429, 503, 477]) {
        world = createWorld()
        const start = world.now()
        world.hubspot.answer = async () =>
          world.now() - start < 7_200_000 ? { status, headers: { 'retry-after': header } } : { status: 200 }
        await send('sent')
        await world.rest()

        const within = (seconds: number) => world.hubspot.patches.filter(({ at }) => at - start < seconds * 1000).length
        expect(within(60)).toBeLessThanOrEqual(10)
        expect(within(62)).toBeGreaterThanOrEqual(2)
        expect(within(7200)).toBeGreaterThanOrEqual(8)
        expect(world.hubspot.patches.at(-1)!.at - start).toBeLessThan(7_200_000 + 905_000)
        expect(world.hubspot.held.get('m')).toEqual({ statusType: 'SENT' })
      }
    },
  )

  test('a message of which nobody says when it was sent may be too young for HubSpot to have it', async () => {
    answerWith({ status: 404 })
    await send('sent')
    await world.rest()

    expect(world.lines).toContainEqual(
      expect.objectContaining({ reason: expect.stringContaining('HubSpot does not have the message yet') }),
    )
  })

  test('a refused connection is tried again soon', async () => {
    answerWith(new NoAnswer('ECONNREFUSED', false))
    await send('sent')
    await world.rest()

    const [first, second] = world.hubspot.patches
    expect(second!.at - first!.at).toBeLessThan(10_000)
  })

  test('given up after a day, with the reason, how often and since when', async () => {
    world.hubspot.answer = async () => ({ status: 500 })
    await send('sent')
    await world.rest()

    const [letter] = world.statusUpdatesDeadLetters.jobs() as {
      deadLetter: { reason: string; attempts: number; since: string }
    }[]
    expect(letter!.deadLetter.reason).toMatch(/^Given up after 24 hours: HubSpot cannot take it now \(HTTP 500\)$/)
    expect(letter!.deadLetter.since).toBe('2026-11-22T12:00:00.000Z')
    expect(letter!.deadLetter.attempts).toBeGreaterThan(50)
  })
})

test('a status that HubSpot could not be told is in the ledger when its job becomes a dead letter, with its mark', async () => {
  await send('sent', { portalId: '99' })
  await world.rest()

  expect(world.ledgerTable.items.get('99#2#m')).toMatchObject({
    known: 'sent',
    marks: [{ mark: 'sent', until: 0 }],
    givenUp: { what: 'status', at: expect.any(String) },
  })

  world.portalsTable.items.set('portal#99', { pk: 'portal#99', refreshToken: 'refresh-99' })
  await world.statusUpdates.send(world.statusUpdatesDeadLetters.jobs()[0]!, { group: '1' })
  await world.rest()

  expect(told()).toEqual(['SENT'])
  expect(world.ledgerTable.items.get('99#2#m')).toMatchObject({ told: { statusType: 'SENT' }, marks: [] })
})

test('what is no code, such as a number that could be called, is none: the status counts all the same', async () => {
  await send('failed', { reason: 'No', code: '+15550100000' as never })
  await world.rest()

  expect(told()).toEqual(['FAILED'])
  expect(world.ledgerTable.items.get('1#2#m')).not.toHaveProperty('code')
})

describe("a slot of the portal's limit", () => {
  test('serves one PATCH: the one after a 401 takes another', async () => {
    world.portalsTable.items.set('rate-limit#1', { pk: 'rate-limit#1', value: world.now() + 5000 })
    await send('sent')
    await world.step()
    expect(world.statusUpdates.jobs()).toMatchObject([{ waiting: { progress: { slot: expect.any(Number) } } }])
    const taken = () => Number(world.portalsTable.items.get('rate-limit#1')!['value'])
    const before = taken()
    answerWith({ status: 401 })
    await world.rest()

    expect(told()).toEqual(['SENT', 'SENT'])
    expect(taken()).toBeGreaterThan(before)
  })
})

describe('a refusal that HubSpot does not document', () => {
  const unexplained = [301, 302, 307, 308, 400, 402, 403, 404, 405, 409, 410, 413, 414, 415, 418, 422, 451, 499]

  test.each(unexplained)('%i for eight seconds, and then taken, is told', async (status) => {
    const start = world.now()
    world.hubspot.answer = async () => ({ status: world.now() - start < 8000 ? status : 200 })
    await send('read')
    await world.rest()

    expect(world.hubspot.held.get('m')).toEqual({ statusType: 'READ' })
    expect(world.statusUpdatesDeadLetters.messages).toEqual([])
    expect(world.hubspot.patches.at(-1)!.at - start).toBeLessThan(60_000)
  })

  test.each(unexplained)('one %i in the middle of a good day is not final', async (status) => {
    world.pass(3600)
    answerWith({ status })
    await send('read', { messageCreatedAt: '2026-11-22T12:00:00Z' })
    await world.rest()

    expect(told()).toEqual(['READ', 'READ'])
    expect(world.statusUpdatesDeadLetters.messages).toEqual([])
  })

  test.each(unexplained)(
    '%i is final after five tries, of which the last four were answered alike, over five minutes',
    async (status) => {
      world.pass(3600)
      const start = world.now()
      world.hubspot.answer = async () => ({ status })
      await send('sent', { messageCreatedAt: '2026-11-22T12:00:00Z' })
      await world.rest()

      const after = world.hubspot.patches.map(({ at }) => Math.round((at - start) / 1000))
      expect(after).toHaveLength(5)
      for (const [index, seconds] of [0, 5, 30, 120, 300].entries()) {
        expect(after[index]).toBeGreaterThanOrEqual(seconds)
        expect(after[index]).toBeLessThanOrEqual(seconds * 1.25 + 2)
      }
      expect(world.statusUpdatesDeadLetters.messages).toHaveLength(1)
    },
  )

  test('answers that differ are not final: the fourth of the last kind is', async () => {
    const answers = [400, 400, 400, 405, 400, 400, 400, 400]
    let tries = 0
    world.hubspot.answer = async () => ({ status: answers[tries++] ?? 400 })
    await send('sent')
    await world.rest()

    expect(tries).toBe(8)
    expect(world.statusUpdatesDeadLetters.messages).toHaveLength(1)
  })

  test('a message that is born just now is looked for more often, and for five minutes at least', async () => {
    const start = world.now()
    world.hubspot.answer = async () => ({ status: world.now() - start < 290_000 ? 404 : 200 })
    await send('sent', { messageCreatedAt: new Date(start).toISOString() })
    await world.rest()

    expect(world.hubspot.held.get('m')).toEqual({ statusType: 'SENT' })
    expect(world.hubspot.patches.filter(({ at }) => at - start < 30_000).length).toBeGreaterThanOrEqual(4)
  })

  test('a dead letter that is redriven begins again', async () => {
    world.hubspot.answer = async () => ({ status: 400 })
    await send('sent')
    await world.rest()
    const [letter] = world.statusUpdatesDeadLetters.jobs()
    const start = world.now()
    world.hubspot.answer = async () => ({ status: world.now() - start < 8000 ? 400 : 200 })
    await world.statusUpdates.send(letter!, { group: '1' })
    await world.rest()

    expect(world.hubspot.held.get('m')).toEqual({ statusType: 'SENT' })
  })

  test('FAILED that is refused for its reason is told with a short one', async () => {
    const reason = `No such number. ${'Because of this and that. '.repeat(15)}`
    world.hubspot.answer = async ({ errorMessage = '' }) => ({ status: errorMessage.length > 100 ? 400 : 200 })
    await send('failed', { reason })
    await world.rest()

    expect(world.hubspot.held.get('m')).toEqual({ statusType: 'FAILED', errorMessage: reason.slice(0, 100) })
    expect(world.statusUpdatesDeadLetters.messages).toEqual([])
    expect(world.counts['ReasonsRejected']).toBe(1)
  })

  test('FAILED that is refused for any reason is told without one', async () => {
    world.hubspot.answer = async ({ errorMessage }) => ({ status: errorMessage === undefined ? 200 : 400 })
    await send('failed', { reason: 'No such number' })
    await world.rest()

    expect(world.hubspot.held.get('m')).toEqual({ statusType: 'FAILED' })
    expect(world.statusUpdatesDeadLetters.messages).toEqual([])
  })

  test('FAILED that is refused however it is worded is dead-lettered with its whole reason', async () => {
    world.hubspot.answer = async () => ({ status: 400 })
    await send('failed', { reason: 'No such number' })
    await world.rest()

    expect(world.statusUpdatesDeadLetters.jobs()).toMatchObject([{ job: { reason: 'No such number' } }])
    expect(world.hubspot.patches).toHaveLength(7)
  })

  test('what is refused message after message is tried twice each, and raises an alarm', async () => {
    world.hubspot.answer = async () => ({ status: 400, json: { category: 'VALIDATION_ERROR' } })
    for (let i = 0; i < 300; i++) await send('sent', { messageId: `m${i}` })
    await world.rest()

    expect(world.hubspot.patches.length).toBeLessThanOrEqual(20 * 5 + 280 * 2)
    expect(world.statusUpdatesDeadLetters.messages).toHaveLength(300)
    expect(world.counts['SystematicRejections']).toBeGreaterThan(0)
  })

  test('messages that are nowhere to be found, one after another, do not eat up the limit either', async () => {
    world.hubspot.answer = async () => ({ status: 404 })
    for (let i = 0; i < 300; i++) await send('sent', { messageId: `m${i}` })
    await world.rest()

    expect(world.hubspot.patches.length).toBeLessThanOrEqual(300 * 4)
    expect(world.statusUpdatesDeadLetters.messages).toHaveLength(300)
  })

  test('another channel of the portal is not judged by it', async () => {
    world.hubspot.answer = async ({ messageId }) => ({ status: messageId === 'other' ? 404 : 400 })
    for (let i = 0; i < 30; i++) await send('sent', { messageId: `m${i}` })
    await world.rest()
    const before = world.hubspot.patches.length
    await send('sent', { messageId: 'other', channelId: '9', messageCreatedAt: '2026-11-22T11:00:00Z' })
    await world.rest()

    expect(world.hubspot.patches.length - before).toBe(5)
  })

  test('a race that many messages lose at first is no refusal of them all', async () => {
    const born = new Map<string, number>()
    world.hubspot.answer = async ({ messageId }) => {
      if (!born.has(messageId)) born.set(messageId, world.now())
      return { status: world.now() - born.get(messageId)! < 8000 ? 403 : 200 }
    }
    for (let i = 0; i < 200; i++) {
      await send('sent', { messageId: `m${i}`, messageCreatedAt: '2026-11-22T11:00:00Z' })
      if (i % 20 === 0) await world.step()
    }
    await world.rest()

    expect(world.hubspot.held.size).toBe(200)
    expect(world.statusUpdatesDeadLetters.messages).toEqual([])
  })

  test('where all goes well nothing is read or written for it', async () => {
    await send('sent')
    await world.rest()

    expect([...world.portalsTable.items.keys()].filter((pk) => pk.startsWith('rejections#'))).toEqual([])
  })
})

describe('a piece of a token in what HubSpot says', () => {
  const quoted = 'This oauth-token (CLHn0vLYMxIOAAEQ…) does not have proper permissions!'

  test('marks the portal, whose messages wait', async () => {
    answerWith({
      status: 403,
      json: { status: 'error', message: `${quoted} (requires any of [conversations.custom_channels.write])` },
    })
    await send('sent')
    await world.step()
    expect(world.portalsTable.items.get('portal#1')).toMatchObject({ problem: expect.stringContaining('scope') })
    await world.rest()

    expect(world.hubspot.held.get('m')).toEqual({ statusType: 'SENT' })
  })

  test('is in no line, item, job or dead letter', async () => {
    const status = [400, 404, 429, 503, 502, 418]
    let tries = 0
    const message = 'Rejected for oauth-token (CLHn0vLYMxIOAAEQ…), token=CLHn0vLYMxIOAAEQ, jane.doe@example.com'
    world.hubspot.answer = async () => ({
      status: status[tries++] ?? 400,
      json: { message, category: message, subCategory: message },
    })
    await send('read')
    await world.rest()

    const kept = JSON.stringify([
      world.lines,
      [...world.ledgerTable.items.values(), ...world.portalsTable.items.values()],
      world.statusUpdatesDeadLetters.jobs(),
    ])
    expect(world.statusUpdatesDeadLetters.messages).toHaveLength(1)
    expect(kept).not.toContain('CLHn0vLY')
    expect(kept).not.toContain('jane.doe')
  })
})

describe('a late effect of a PATCH that gave no answer', () => {
  test('is overwritten, also where a duplicate told HubSpot meanwhile', async () => {
    answerWith(new NoAnswer('timeout', true))
    await send('sent')
    await world.step()
    await send('sent') // a duplicate: it waits for the try that may still take effect
    await send('read')
    await world.step()
    world.pass(100)
    world.hubspot.held.set('m', { statusType: 'SENT' }) // the first PATCH takes effect now, over READ
    await world.rest()

    expect(world.hubspot.held.get('m')).toEqual({ statusType: 'READ' })
    expect(item().marks).toEqual([])
  })
})

test('what HubSpot took is told, though its limit could not be noted', async () => {
  const { addFrom } = world.portalsTable
  world.portalsTable.addFrom = async (pk, ...rest) => {
    if (pk.startsWith('rate-limit-pause#')) throw Object.assign(new Error('down'), { $metadata: {} })
    return addFrom(pk, ...rest)
  }
  answerWith({ status: 200, headers: { 'x-hubspot-ratelimit-max': '110', 'x-hubspot-ratelimit-remaining': '0' } })
  await send('sent')
  await world.rest()

  expect(told()).toEqual(['SENT'])
  expect(item().marks).toEqual([])
})

describe('a crash', () => {
  test('before the PATCH: the job comes back, finds its mark and tells HubSpot', async () => {
    world.hubspot.answer = () => Promise.reject(new Error('the process dies'))
    await send('read')
    await world.step()
    expect(item()).toMatchObject({ known: 'read', marks: [{ mark: 'read' }] })

    answerWith()
    world.restart()
    await world.rest()

    expect(world.hubspot.held.get('m')).toEqual({ statusType: 'READ' })
    expect(item().marks).toEqual([])
  })

  test('after the PATCH, before it is settled: HubSpot is told again', async () => {
    const put = world.ledgerTable.putIfNextVersion
    let writes = 0
    world.ledgerTable.putIfNextVersion = async (written) => {
      if (++writes === 2) throw new Error('the process dies')
      return put(written)
    }
    await send('read')
    await world.rest()

    expect(told()).toEqual(['READ', 'READ'])
    expect(item().marks).toEqual([])
  })

  test.each([false, true])('an advance that AWS refused is repeated soon (taken by the table: %s)', async (taken) => {
    const put = world.ledgerTable.putIfNextVersion
    let fails = 1
    world.ledgerTable.putIfNextVersion = async (written) => {
      if (fails-- <= 0) return put(written)
      if (taken) await put(written)
      throw Object.assign(new Error('throttled'), { $metadata: {} })
    }
    await send('read')
    const start = world.now()
    await world.rest()

    expect(told()).toEqual(['READ'])
    expect(world.now() - start).toBeLessThan(10_000)
  })

  test('a write whose answer was lost is not taken for somebody else’s', async () => {
    const put = world.ledgerTable.putIfNextVersion
    world.ledgerTable.putIfNextVersion = async (written) => {
      await put(written)
      world.ledgerTable.putIfNextVersion = put
      return false // the SDK tried again, and its own first write refused the second
    }
    await send('read')
    await world.rest()

    expect(told()).toEqual(['READ'])
    expect(item().marks).toEqual([])
  })
})

test('HubSpot is told again where more became known while it was told', async () => {
  world.hubspot.answer = async ({ statusType }) => {
    if (statusType === 'SENT') {
      await send('read')
      const [, ...others] = world.statusUpdates.messages
      expect(others).toHaveLength(1)
      await world.step() // another Lambda takes the newer update, and is quicker
      world.hubspot.held.set('m', { statusType: 'SENT' }) // this one's effect comes last
    }
    return { status: 200 }
  }
  await send('sent')
  await world.rest()

  expect(told()).toEqual(['SENT', 'READ', 'READ'])
  expect(world.hubspot.held.get('m')).toEqual({ statusType: 'READ' })
})

describe('access', () => {
  test('one refresh serves a whole batch, and the returned refresh token is stored', async () => {
    for (const messageId of ['a', 'b', 'c']) await send('sent', { messageId })
    await world.rest()

    expect(world.hubspot.refreshes).toBe(1)
    expect(world.portalsTable.items.get('portal#1')).toMatchObject({
      refreshToken: 'refresh-1',
      accessToken: 'access-1',
    })
  })

  test('a token is refreshed before it expires, and only then', async () => {
    await send('sent')
    await world.step()
    world.pass(1700)
    await send('read')
    await world.step()
    expect(world.hubspot.refreshes).toBe(1)

    world.pass(60)
    await send('sent', { messageId: 'later' })
    await world.rest()

    expect(world.hubspot.refreshes).toBe(2)
  })

  test('after a 401 the token is refreshed once and the PATCH repeated', async () => {
    answerWith({ status: 401 })
    await send('sent')
    await world.rest()

    expect(world.hubspot.patches.map(({ token }) => token)).toEqual(['access-1', 'access-2'])
  })

  test('after a 401 a token that somebody else renewed is taken from the table', async () => {
    await send('sent')
    await world.step()
    const portal = world.portalsTable.items.get('portal#1')!
    world.portalsTable.items.set('portal#1', { ...portal, accessToken: 'renewed elsewhere' })
    answerWith({ status: 401 })
    await send('read')
    await world.rest()

    expect(world.hubspot.refreshes).toBe(1)
    expect(world.hubspot.patches.at(-1)?.token).toBe('renewed elsewhere')
  })

  test('a 401 for a fresh token is retried soon, and raises no alarm', async () => {
    answerWith({ status: 401 }, { status: 401 })
    await send('sent')
    await world.step()
    expect(world.portalsTable.items.get('portal#1')).toMatchObject({ problem: expect.stringContaining('401') })
    await world.rest()

    const [, second, third] = world.hubspot.patches
    expect(third!.at - second!.at).toBeLessThan(15_000)
    expect(world.hubspot.held.get('m')).toEqual({ statusType: 'SENT' })
  })

  test('one that is refused again and again is retried ever more slowly, up to a quarter of an hour', async () => {
    const start = world.now()
    world.hubspot.answer = async () => ({ status: world.now() - start < 4 * 3_600_000 ? 401 : 200 })
    await send('sent')
    await world.rest()

    const within = (seconds: number) => world.hubspot.patches.filter(({ at }) => at - start < seconds * 1000).length
    expect(within(3600)).toBeLessThanOrEqual(2 * 9)
    expect(within(4 * 3600)).toBeLessThanOrEqual(2 * 24)
    expect(world.hubspot.patches.at(-1)!.at - start).toBeLessThan(4 * 3_600_000 + 905_000)
    expect(world.hubspot.held.get('m')).toEqual({ statusType: 'SENT' })
  })

  test('a portal whose next slots are far ahead is found out by two 401s as well', async () => {
    const start = world.now()
    world.hubspot.answer = async () => ({
      status: world.now() - start < 600_000 ? 401 : 200,
      headers: { 'x-hubspot-ratelimit-max': '10' },
    })
    for (const messageId of ['a', 'b', 'c']) await send('sent', { messageId })
    await world.rest()

    expect(world.hubspot.patches.length).toBeLessThan(50)
    expect(world.hubspot.refreshes).toBeLessThan(20)
    expect(world.hubspot.held.size).toBe(3)
  })

  /** How late each of the messages is told that are sent for two hours, one a minute, in milliseconds. */
  async function latenessOfOthers() {
    const late: number[] = []
    for (let minute = 0; minute < 120; minute++) {
      const sentAt = world.now()
      await send('sent', { messageId: `m${minute}` })
      for (let second = 0; second < 60; second++) {
        await world.step()
        world.pass(1)
      }
      const told = world.hubspot.patches.find(({ messageId }) => messageId === `m${minute}`)
      late.push((told?.at ?? Number.NaN) - sentAt)
    }
    return late
  }

  test.each([
    ['401', { status: 401 }],
    ['a missing scope', { status: 403, json: { category: 'MISSING_SCOPES' } }],
  ])('one message that is answered by %s for ever does not make the others of its portal late', async (_, answer) => {
    world.hubspot.answer = async ({ messageId }) => (messageId === 'refused' ? answer : { status: 200 })
    await send('sent', { messageId: 'refused' })
    const late = await latenessOfOthers()

    expect(Math.max(...late.slice(5))).toBeLessThan(10_000)
    expect(world.hubspot.refreshes).toBeLessThan(50)
  })

  test.each([undefined, '0', '1', '86400'])(
    'one message that is answered 429 for ever, and Retry-After %j, uses up nothing, and makes no other late',
    async (seconds) => {
      const headers: Record<string, string> = seconds === undefined ? {} : { 'retry-after': seconds }
      world.hubspot.answer = async ({ messageId }) =>
        messageId === 'refused' ? { status: 429, headers } : { status: 200 }
      await send('sent', { messageId: 'refused' })
      const late = await latenessOfOthers()

      expect(world.hubspot.patches.filter(({ messageId }) => messageId === 'refused').length).toBeLessThan(60)
      expect(Math.max(...late.slice(30))).toBeLessThan(1000)
    },
  )

  const unreadable = () => Promise.reject(new SecretUnavailable('The app secret cannot be read', 'down'))
  test.each([
    ['the token endpoint answers 503', async () => ({ status: 503 })],
    ['the token endpoint answers 429', async () => ({ status: 429 })],
    ['the token endpoint answers 502', async () => ({ status: 502 })],
    ["the app's secret cannot be read", unreadable],
  ])('while %s for ten minutes, a hundred updates ask little of anybody', async (_, fail) => {
    const start = world.now()
    let sends = 0
    const { send: sendJob } = world.statusUpdates
    world.statusUpdates.send = async (...job) => {
      sends++
      return sendJob(...job)
    }
    const { refresh } = world.hubspot
    world.hubspot.refresh = async () => (world.now() - start < 600_000 ? fail() : refresh())
    for (let i = 0; i < 100; i++) await send('sent', { messageId: `m${i}` })
    world.restart()
    await world.rest()

    expect(world.hubspot.held.size).toBe(100)
    expect(world.hubspot.refreshes).toBeLessThanOrEqual(20)
    expect(sends).toBeLessThanOrEqual(100 * 25)
    expect(world.hubspot.patches.at(-1)!.at - start).toBeLessThan(600_000 + 330_000)
  })

  test('and while a process that died was refreshing the token, as little', async () => {
    const start = world.now()
    const lease = { by: 'a process that died', until: start + 60_000 }
    world.portalsTable.items.set('portal#1', { pk: 'portal#1', version: 1, refreshToken: 'refresh-1', lease })
    let sends = 0
    const { send: sendJob } = world.statusUpdates
    world.statusUpdates.send = async (...job) => {
      sends++
      return sendJob(...job)
    }
    for (let i = 0; i < 100; i++) await send('sent', { messageId: `m${i}` })
    await world.rest()

    expect(sends).toBeLessThanOrEqual(100 * 9)
    expect(world.hubspot.patches.at(-1)!.at - start).toBeLessThan(60_000 + 30_000)
  })

  test.each([30, 5, 60, 600])('a token that lives %i seconds is used nearly whole', async (seconds) => {
    const start = world.now()
    const { refresh } = world.hubspot
    world.hubspot.refresh = async () => {
      const answer = await refresh()
      return { ...answer, json: { ...(answer.json as object), expires_in: seconds } }
    }
    for (let i = 0; i < seconds * 4; i++) {
      await send('sent', { messageId: `m${i}` })
      await world.step()
      world.pass(1)
    }
    await world.rest()

    const whole = (world.now() - start) / 1000 / seconds
    expect(world.hubspot.held.size).toBe(seconds * 4)
    expect(world.hubspot.refreshes).toBeLessThanOrEqual(Math.ceil(whole * 1.3) + 1)
  })

  test('a token that is still good serves while the table cannot be read', async () => {
    await send('sent')
    await world.step()
    world.pass(1750)
    const { get } = world.portalsTable
    world.portalsTable.get = async (pk) => {
      if (pk.startsWith('portal#')) throw Object.assign(new Error('down'), { $metadata: {} })
      return get(pk)
    }
    await send('read')
    await world.step()

    expect(told()).toEqual(['SENT', 'READ'])
  })

  test.each([
    { category: 'MISSING_SCOPES' },
    { message: "Your account doesn't have access to this scope" },
    { error: 'insufficient_scope' },
    { category: 'INSUFFICIENT_SCOPE' },
    { message: 'This app requires one or more of [conversations.custom_channels.write]' },
    { message: 'Missing permission: conversations.custom_channels.write' },
    { errors: [{ context: { requiredGranularScopes: ['conversations.custom_channels.write'] } }] },
  ])('a missing scope marks the portal, and its messages wait: %j', async (json) => {
    answerWith({ status: 403, json })
    await send('sent')
    await world.step()
    expect(world.portalsTable.items.get('portal#1')).toMatchObject({ problem: expect.stringContaining('scope') })
    await world.rest()

    expect(world.hubspot.held.get('m')).toEqual({ statusType: 'SENT' })
  })

  test('a revoked consent marks the portal, its messages wait, and a new installation releases them', async () => {
    world.hubspot.refresh = async () => ({ status: 400, json: { error: 'invalid_grant', status: 'BAD_REFRESH_TOKEN' } })
    await send('sent')
    await world.step()
    expect(world.portalsTable.items.get('portal#1')).toMatchObject({
      problem: expect.stringContaining('HTTP 400, invalid_grant, BAD_REFRESH_TOKEN'),
    })

    world.hubspot.refresh = async () => ({
      status: 200,
      json: { access_token: 'new', refresh_token: 'newer', expires_in: 1800 },
    })
    await world.rest()

    expect(world.hubspot.held.get('m')).toEqual({ statusType: 'SENT' })
    expect(world.portalsTable.items.get('portal#1')).not.toHaveProperty('problem')
  })

  test('a portal that is not installed waits and is dead-lettered after a day, with a reason that names it', async () => {
    await send('sent', { portalId: '99' })
    await world.rest()

    const reason = expect.stringMatching(/No access to portal 99: it has not installed the app/)
    expect(world.statusUpdatesDeadLetters.jobs()).toMatchObject([{ deadLetter: { reason } }])
  })

  test('fifty messages in five execution environments: one refresh', async () => {
    for (let i = 0; i < 50; i++) await send('sent', { messageId: `m${i}` })
    for (let i = 0; i < 5; i++) {
      world.restart()
      await world.step()
    }
    await world.rest()

    expect(world.hubspot.refreshes).toBe(1)
    expect(world.hubspot.held.size).toBe(50)
  })
})

describe('what is on the queue', () => {
  test.each([
    [500, 0],
    [501, 1],
  ])('a job that comes %i ms early is done: %i goes back', async (early, left) => {
    const waiting = { attempt: 1, since: world.now(), notBefore: world.now() + early }
    await world.statusUpdates.send({ ...update('sent'), waiting }, { group: '1' })
    await world.step()

    expect(world.statusUpdates.messages).toHaveLength(left)
  })

  test('a body of the next version stays in the queue, and that is counted', async () => {
    const newer = { ...update('sent'), v: 2, field: 'of the future' }
    await world.statusUpdates.send(newer, { group: '1' })
    await world.step()
    world.pass(900)
    await world.step()

    expect(world.statusUpdates.jobs()).toMatchObject([newer])
    expect(world.statusUpdatesDeadLetters.messages).toEqual([])
    expect(world.counts['WrittenByNewerVersion']).toBe(2)
  })

  test('it keeps what its tries have noted, and loses no time while older code holds it', async () => {
    const tried = { attempt: 3, since: world.now() - 60_000, waitedMilliseconds: 500, notBefore: world.now() }
    const progress = { mayHaveTold: ['an earlier run'] }
    await world.statusUpdates.send({ ...update('sent'), v: 2, waiting: { ...tried, progress } }, { group: '1' })
    await world.step()

    const waiting = { attempt: 3, since: tried.since, progress, waitedMilliseconds: 900_500 }
    expect(world.statusUpdates.jobs()).toMatchObject([{ ...update('sent'), v: 2, waiting }])
  })

  test('nobody comes to read it: after four days it is a dead letter, with its reason', async () => {
    await world.statusUpdates.send({ ...update('sent'), v: 2 }, { group: '1' })
    const start = world.now()
    await world.rest()

    expect(world.statusUpdatesDeadLetters.jobs()).toMatchObject([
      { deadLetter: { reason: expect.stringContaining('newer version') }, job: { messageId: 'm', v: 2 } },
    ])
    expect(world.now() - start).toBeLessThan(5 * 86_400_000)
  })

  test.each([3, 1.5, 1e9, -1, 0, '2', null])(
    'of version %j nobody will ever be: it is a dead letter at once',
    async (v) => {
      await world.statusUpdates.send({ ...update('sent'), v }, { group: '1' })
      await world.step()

      expect(world.statusUpdates.messages).toEqual([])
      expect(world.statusUpdatesDeadLetters.jobs()).toMatchObject([
        { deadLetter: { reason: expect.stringMatching(/^Not a job that this version reads: v: /) } },
      ])
    },
  )

  test.each([
    ['no job at all', { hello: 'world' }],
    ['an id of the wrong type', { ...update('sent'), portalId: 1.5 }],
    ['a status that there is not', { ...update('sent'), status: 'lost' }],
  ])('%s goes to the dead letters with a reason that names the field and not the value', async (_name, body) => {
    await world.statusUpdates.send(body, { group: '1' })
    await world.rest()

    expect(world.statusUpdatesDeadLetters.jobs()).toMatchObject([{ job: body }])
    const [{ deadLetter }] = world.statusUpdatesDeadLetters.jobs() as [{ deadLetter: { reason: string } }]
    expect(deadLetter.reason).toMatch(/^Not a job that this version reads: (v|portalId|status)/)
    expect(deadLetter.reason).not.toMatch(/world|lost/)
  })

  test('a body that is no JSON goes to the dead letters as it was', async () => {
    await world.statusUpdates.send({}, { group: '1' })
    world.statusUpdates.messages[0]!.body = 'not JSON'
    await world.rest()

    expect(world.statusUpdatesDeadLetters.jobs()).toMatchObject([{ job: 'not JSON' }])
  })
})

test('a portal whose slots are taken waits in the queue, loses nothing and is never answered 429', async () => {
  const window: number[] = []
  world.hubspot.answer = async () => {
    window.push(world.now())
    return { status: window.filter((at) => at > world.now() - 10_000).length > 110 ? 429 : 200 }
  }
  for (let i = 0; i < 400; i++) await send('sent', { messageId: `m${i}` })
  await world.rest()

  expect(world.hubspot.held.size).toBe(400)
  expect(world.counts['RateLimited'] ?? 0).toBe(0)
  expect(world.statusUpdatesDeadLetters.messages).toEqual([])
})

describe('with tellSent: corrections', () => {
  beforeEach(() => {
    world = createWorld({ tellSent: 'corrections' })
  })

  test('what HubSpot shows by itself is not told', async () => {
    await send('sent')
    await send('delivered')
    await world.rest()

    expect(told()).toEqual([])
    expect(item()).toMatchObject({ known: 'delivered', marks: [] })
  })

  test('SENT is told where it corrects another word', async () => {
    await send('failed')
    await world.step()
    await send('delivered')
    await world.rest()

    expect(told()).toEqual(['FAILED', 'SENT'])
  })

  test('READ is told in any case', async () => {
    await send('sent')
    await world.step()
    await send('read')
    await world.rest()

    expect(told()).toEqual(['READ'])
  })
})

describe('without delivery', () => {
  const announced = {
    v: 1,
    type: 'announcement',
    portalId: '1',
    channelId: '2',
    channelAccountId: '3',
    messageId: 'm',
    createdAt: '2026-11-22T12:00:00Z',
    traceId: 't',
  }

  test('an announced message is recorded and nothing is told', async () => {
    await world.statusUpdates.send(announced, { group: '1' })
    await world.rest()

    expect(item()).toMatchObject({ timeline: [{ what: 'announced', source: 'hubspot' }] })
    expect(told()).toEqual([])
  })

  test('an announcement that comes late or twice changes nothing', async () => {
    await send('read')
    await world.step()
    await world.statusUpdates.send(announced, { group: '1' })
    await world.rest()

    expect(item()).toMatchObject({ known: 'read' })
    expect(told()).toEqual(['READ'])
  })

  test('an account that HubSpot changed is recorded, in an event that could not be read before as well', async () => {
    const change = { portalId: '1', channelId: '2', channelAccountId: '3' }
    await world.statusUpdates.send(
      {
        v: 1,
        type: 'account',
        ...change,
        change: 'created',
        authorized: true,
        at: '2026-11-22T12:00:00Z',
        traceId: 't',
      },
      { group: '1' },
    )
    await world.step()
    const account = () => [...world.ledgerTable.items.values()]
    expect(account()).toMatchObject([{ authorized: true }])

    const event = { type: 'CHANNEL_ACCOUNT_PURGED', ...change, occurredAt: '2026-11-22T12:00:01Z' }
    await world.statusUpdates.send(
      { v: 1, type: 'event', rawBody: gzip(JSON.stringify(event)), traceId: 't' },
      { group: '1' },
    )
    await world.step()

    expect(account()).toMatchObject([{ state: 'purged' }])
    expect(world.statusUpdates.messages).toEqual([])
  })

  test('what is no status is not noted as a copy, however often it waited', async () => {
    const waiting = { attempt: 5, since: world.now(), notBefore: world.now(), copy: { count: 3, token: 'a' } }
    await world.statusUpdates.send({ ...announced, waiting }, { group: '1' })
    await world.step()

    expect(item()).toMatchObject({ version: 1 })
    expect(item()).not.toHaveProperty('received')
  })

  test('an event that could not be read is recorded when it is redriven', async () => {
    const event = {
      type: 'OUTGOING_CHANNEL_MESSAGE_CREATED',
      portalId: '1',
      channelId: '2',
      message: { id: 'm', channelAccountId: '3' },
    }
    await world.statusUpdates.send(
      { v: 1, type: 'event', rawBody: gzip(JSON.stringify(event)), traceId: 't' },
      { group: '1' },
    )
    await world.rest()

    expect(item()).toMatchObject({ timeline: [{ what: 'announced' }] })
  })

  test('one that does not say its channel account is a dead letter, again', async () => {
    const event = { type: 'OUTGOING_CHANNEL_MESSAGE_CREATED', portalId: '1', channelId: '2', message: { id: 'm' } }
    await world.statusUpdates.send(
      { v: 1, type: 'event', rawBody: gzip(JSON.stringify(event)), traceId: 't' },
      { group: '1' },
    )
    await world.rest()

    expect(world.statusUpdatesDeadLetters.jobs()).toMatchObject([
      { deadLetter: { reason: 'The channel account of the message cannot be read' } },
    ])
    expect(item()).toBeUndefined()
  })
})

describe('waiting for a slot', () => {
  const slotsAreTakenFor = (seconds: number) =>
    world.portalsTable.addFrom('rate-limit#1', world.now() + seconds * 1000, 0)

  test('is no attempt and no reason to give up, however long it takes', async () => {
    world = createWorld({ giveUpAfterSeconds: 60 })
    await slotsAreTakenFor(3600)
    await send('sent')
    answerWith({ status: 500 }, { status: 500 })
    const start = world.now()
    await world.rest()

    expect(world.hubspot.held.get('m')).toEqual({ statusType: 'SENT' })
    expect(world.hubspot.patches[0]!.at - start).toBeGreaterThanOrEqual(3_600_000)
    expect(world.statusUpdatesDeadLetters.messages).toEqual([])
  })

  test('ends without a PATCH where there is nothing left to tell', async () => {
    await slotsAreTakenFor(60)
    await send('sent')
    await send('sent')
    await world.rest()

    expect(told()).toEqual(['SENT'])
  })

  test('writes nothing to the ledger', async () => {
    await slotsAreTakenFor(60)
    await send('sent')
    await world.step()

    expect(world.ledgerTable.items.size).toBe(0)
  })

  test('goes on after a 429, which is no reason to give up either', async () => {
    world = createWorld({ giveUpAfterSeconds: 60 })
    answerWith(...Array(10).fill({ status: 429, headers: { 'retry-after': '30' } }))
    await send('sent')
    await world.rest()

    expect(world.hubspot.held.get('m')).toEqual({ statusType: 'SENT' })
    expect(world.statusUpdatesDeadLetters.messages).toEqual([])
  })

  test('but comes to an end: after a week of 429, and the time of any job, it is a dead letter', async () => {
    world = createWorld({ giveUpAfterSeconds: 3600 })
    world.hubspot.answer = async () => ({ status: 429 })
    const start = world.now()
    await send('failed', { reason: 'No such number' })
    for (let days = 0; days < 9; days += 1 / 48) {
      await world.step()
      world.pass(1800)
      if (world.now() - start < 7 * 86_400_000) expect(world.statusUpdatesDeadLetters.messages).toEqual([])
    }

    expect(world.statusUpdates.messages).toEqual([])
    expect(world.statusUpdatesDeadLetters.jobs()).toMatchObject([
      { deadLetter: { reason: expect.stringMatching(/^Given up after \d{3}(\.\d)? hours: HubSpot answers/) } },
    ])
    expect(item()).toMatchObject({ known: 'failed', marks: [expect.anything()] })
  })

  test('a slot that was kept serves one PATCH, whatever comes of it', async () => {
    await slotsAreTakenFor(60)
    await send('sent')
    await world.step()
    expect(world.statusUpdates.jobs()).toMatchObject([{ waiting: { progress: { slot: expect.any(Number) } } }])
    const taken = () => world.portalsTable.items.get('rate-limit#1')!['value'] as number
    const before = taken()
    answerWith({ status: 401 }, { status: 503 })
    world.pass(60)
    await world.step()

    expect(told()).toEqual(['SENT', 'SENT'])
    expect(taken()).toBeGreaterThan(before)
    const [job] = world.statusUpdates.jobs() as [{ waiting: { progress: object } }]
    expect(job.waiting.progress).not.toHaveProperty('slot')
  })

  test('takes no slot for a portal without access', async () => {
    await send('sent', { portalId: '99' })
    await world.step()

    expect([...world.portalsTable.items.keys()]).not.toContain('rate-limit#99')
  })

  test('a limit that HubSpot tells in its headers is kept', async () => {
    world.hubspot.answer = async () => ({ status: 200, headers: { 'x-hubspot-ratelimit-max': '20' } })
    for (let i = 0; i < 100; i++) await send('sent', { messageId: `m${i}` })
    await world.step(1)
    const start = world.now()
    await world.rest()

    expect(world.hubspot.held.size).toBe(100)
    expect(world.now() - start).toBeGreaterThan(45_000)
  })

  test.each([
    ['110', '999999999'],
    ['110', '86400000'],
    ['1', '10000'],
    ['1', '86400000'],
    ['0', '10000'],
    ['110', '0'],
    ['250000', '86400000'],
    ['999999999', '1'],
  ])('one odd answer about it, %s in %s ms, neither silences a portal nor floods it', async (max, interval) => {
    answerWith({
      status: 200,
      headers: { 'x-hubspot-ratelimit-max': max, 'x-hubspot-ratelimit-interval-milliseconds': interval },
    })
    await send('sent', { messageId: 'first' })
    await world.step()
    const start = world.now()
    for (let i = 0; i < 200; i++) await send('sent', { messageId: `m${i}` })
    await world.rest()

    expect(world.hubspot.held.size).toBe(201)
    expect(world.now() - start).toBeGreaterThan(15_000)
    expect(world.now() - start).toBeLessThan(60_000)
  })
})

test('no token reaches a log line or the ledger', async () => {
  answerWith({ status: 401 }, { status: 401 }, { status: 403, json: { category: 'MISSING_SCOPES' } })
  await send('sent')
  await world.rest()

  expect(JSON.stringify([world.lines, [...world.ledgerTable.items]])).not.toMatch(/access-|refresh-/)
})

/** The same in an order that the seed chooses. */
function shuffled<Element>(list: Element[], seed: number) {
  const ranked = list.map((element, index) => ({ element, rank: Math.sin(seed + index * 7919) }))
  return ranked.sort((a, b) => a.rank - b.rank).map(({ element }) => element)
}

test('how old a message is the ledger knows, where a receipt does not say it: HubSpot should have it by now', async () => {
  await world.deliveries.send(delivery(), { group: '1' })
  await world.step()
  world.pass(3600)
  world.hubspot.answer = async () => ({ status: 404 })
  await send('read')
  await world.step()

  expect(world.lines.findLast((line) => 'message' in line && line.message === 'Waiting')).toMatchObject({
    reason: expect.stringMatching(/^HubSpot rejects the status/),
  })
})
