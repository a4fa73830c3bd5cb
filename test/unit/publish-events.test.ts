import { marshall } from '@aws-sdk/util-dynamodb'
import { Ajv2020 } from 'ajv/dist/2020.js'
import addFormats from 'ajv-formats'
import type { DynamoDBRecord } from 'aws-lambda'
import { beforeEach, describe, expect, test } from 'vitest'
import { createAccountHealth } from '../../functions/messages/account-health.ts'
import { messageChangeOf } from '../../functions/messages/relay-events.ts'
import { createRevocations, portalOfRevocation } from '../../functions/messages/revocations.ts'
import type { BusEvent } from '../../functions/platform/event-bus.ts'
import { createHandler } from '../../functions/publish-events.ts'
import { jsonSchemas } from '../../infra/package/contract.ts'
import { createMemoryTable } from '../support/memory-table.ts'
import { collectTelemetry } from '../support/telemetry.ts'

const ajv = new Ajv2020({ strict: true })
addFormats.default(ajv)
const fits = ajv.compile(jsonSchemas()['RelayEvent']!)

let relay: ReturnType<typeof setUp>
beforeEach(() => {
  relay = setUp()
})

describe('a message', () => {
  test('told: says the word, once for each time that HubSpot was told', async () => {
    await relay.change({ known: 'sent', told: undefined }, { known: 'sent', told: told('SENT', 1) })
    await relay.change({ known: 'sent', told: told('SENT', 1) }, { known: 'read', told: told('SENT', 1) })
    await relay.change({ known: 'read', told: told('SENT', 1) }, { known: 'read', told: told('READ', 2) })

    expect(relay.published).toEqual([
      ['message.told', { ...message, statusType: 'SENT', at: time(1) }],
      ['message.told', { ...message, statusType: 'READ', at: time(2) }],
    ])
  })

  test("failed: says whose word it is, the provider's code and when, and no sentence", async () => {
    const timeline = [{ at: time(1), what: 'failed', source: 'twilio' }]
    await relay.change({}, { known: 'failed', code: '30007', reason: 'The carrier blocked +15550100000', timeline })

    expect(relay.published).toEqual([
      ['message.failed', { ...message, status: 'failed', source: 'twilio', code: '30007', at: time(1) }],
    ])
  })

  test('not confirmed, and then refused by its provider: both are said', async () => {
    await relay.change({}, { known: 'unconfirmed' })
    await relay.change({ known: 'unconfirmed' }, { known: 'failed' })

    expect(relay.published.map(([type, { status }]) => [type, status])).toEqual([
      ['message.failed', 'unconfirmed'],
      ['message.failed', 'failed'],
    ])
  })

  test('given up: says of what, each time that it is given up', async () => {
    await relay.change({}, { givenUp: { what: 'status', at: time(1) } })
    await relay.change({ givenUp: { what: 'status', at: time(1) } }, { givenUp: { what: 'status', at: time(1) } })
    await relay.change({ givenUp: { what: 'status', at: time(1) } }, { givenUp: { what: 'delivery', at: time(9) } })

    expect(relay.published).toEqual([
      ['message.given-up', { ...message, what: 'status', at: time(1) }],
      ['message.given-up', { ...message, what: 'delivery', at: time(9) }],
    ])
  })

  test('that has failed does not fail again by another change of it, nor is it told again', async () => {
    const known = { known: 'failed', told: told('FAILED', 1), givenUp: { what: 'status', at: time(1) } }
    await relay.change(known, { ...known, reason: 'Another' })

    expect(relay.published).toEqual([])
  })

  test('told another word at the same moment: says it', async () => {
    await relay.change({ known: 'read', told: told('SENT', 1) }, { known: 'read', told: told('READ', 1) })

    expect(relay.published).toEqual([['message.told', { ...message, statusType: 'READ', at: time(1) }]])
  })

  test('of several sends: the time is that at which the first word of its failure came last', async () => {
    const timeline = [
      { at: time(1), what: 'failed 1 of 2', source: 'twilio' },
      { at: time(2), what: 'unfailed', source: 'relay' },
    ]
    await relay.change({}, { known: 'failed', timeline })

    expect(relay.published).toEqual([
      ['message.failed', { ...message, status: 'failed', source: 'twilio', at: time(1) }],
    ])
  })

  test('has another id for each thing that happened in it', async () => {
    const known = { known: 'failed', told: told('FAILED', 1), givenUp: { what: 'status', at: time(1) } }
    const record = relay.record({}, known)
    await relay.invoke([record])

    expect(relay.events.map(({ detail }) => (detail as { id: string }).id)).toEqual(
      ['failed', 'told', 'given-up'].map((type) => `${record.eventID}-${type}`),
    )
  })

  test('of a portal, a channel and an id of any length is published, and nothing else is', async () => {
    const change = { pk: '', id: 'e', before: {}, after: {}, at: time(1) }

    expect(messageChangeOf({ ...change, pk: '12#34#a#b\nc' })?.ids).toEqual({
      ...{ portalId: '12', channelId: '34', messageId: 'a#b\nc' },
    })
    for (const pk of ['12#34#', 'x12#34#m', 'account#12#34#m', 'health#1#2#3'])
      expect(messageChangeOf({ ...change, pk })).toBeUndefined()
  })

  test('copied into the table, as when it is restored, is no news', async () => {
    await relay.change(undefined, { known: 'read', told: told('READ', 1) })

    expect(relay.published).toEqual([])
  })

  test('forgotten, or of a form that nobody knows: nothing is published, and nothing stops', async () => {
    await relay.change({ known: 'read' }, undefined)
    await relay.change({ known: 7, told: 'yes' }, { known: 'lost', told: { statusType: 'GONE' }, timeline: 'none' })
    await relay.change({}, { known: 'sent', told: told('SENT', 1), timeline: [7] })

    expect(relay.published.map(([type]) => type)).toEqual(['message.told'])
  })
})

describe('an account', () => {
  test('fails once its last five messages failed, and is said to once', async () => {
    for (let index = 0; index < 8; index++) await relay.meet(`m${index}`, 'failed', { code: `${index}` })

    expect(relay.published).toEqual([['account.failing', { ...account, code: '4', at: expect.any(String) }]])
  })

  test('does not fail while messages arrive in between', async () => {
    for (let index = 0; index < 20; index++) await relay.meet(`m${index}`, index % 5 === 4 ? 'delivered' : 'failed')

    expect(relay.published).toEqual([])
  })

  test('fails, too, where each message counts as sent before it fails', async () => {
    for (let index = 0; index < 6; index++) {
      await relay.meet(`m${index}`, 'sent')
      await relay.meet(`m${index}`, 'failed', {}, { known: 'sent' })
    }

    expect(relay.published.map(([type]) => type)).toEqual(['account.failing'])
  })

  test('recovers with the first message that arrives, once', async () => {
    await relay.fail()
    await relay.meet('n1', 'delivered')
    await relay.meet('n2', 'read')

    expect(relay.published.map(([type]) => type)).toEqual(['account.failing', 'account.recovered'])
    expect(relay.published[1]![1]).toEqual({ ...account, at: expect.any(String) })
  })

  test('recovers where nobody says more than sent, with the third message that was sent and did not fail', async () => {
    await relay.fail()
    await relay.meet('n1', 'sent')
    await relay.meet('n1', 'failed', {}, { known: 'sent' })
    await relay.meet('n2', 'sent')
    await relay.meet('n3', 'sent')
    expect(relay.published.map(([type]) => type)).toEqual(['account.failing'])
    await relay.meet('n4', 'sent')

    expect(relay.published.map(([type]) => type)).toEqual(['account.failing', 'account.recovered'])
  })

  test('recovers at once where the provider takes a message for sent by its answer', async () => {
    await relay.fail()
    await relay.meet('n1', 'sent', { send: { by: '', until: 0, result: { outcome: 'sent', status: 'sent' } } })

    expect(relay.published.map(([type]) => type)).toEqual(['account.failing', 'account.recovered'])
  })

  test.each([
    ['recovers at once where it takes all sends of a message for sent', 'sent', 2],
    ['does not where a receipt of one of them is due', 'accepted', 1],
  ])('%s', async (_, status, events) => {
    await relay.fail()
    const outcomes = [
      { outcome: 'sent', status: 'sent' },
      { outcome: 'sent', status },
    ]
    await relay.meet('n1', 'sent', { send: { by: '', until: 0 }, sends: { of: 2, outcomes } })

    expect(relay.published).toHaveLength(events)
  })

  test('that its provider does not accept fails with the first message that waits for it', async () => {
    const waiting = { what: 'delivery', reason: 'x', until: time(9), isAccountError: true }
    await relay.change({}, { waiting })
    await relay.change({ waiting }, { waiting: { ...waiting, until: time(10) } })

    expect(relay.published.map(([type]) => type)).toEqual(['account.failing'])
  })

  test('is told apart from another of the same channel', async () => {
    for (let index = 0; index < 4; index++) {
      await relay.meet(`a${index}`, 'failed', { channelAccountId: '31' })
      await relay.meet(`b${index}`, 'failed', { channelAccountId: '32' })
    }

    expect(relay.published).toEqual([])
  })

  test('whose changes are handed out again is not said to fail, or to recover, again', async () => {
    await relay.fail()
    await relay.meet('n1', 'delivered')
    await relay.fail()

    expect(relay.published.map(([type]) => type)).toEqual(['account.failing', 'account.recovered'])
  })

  test('that does well costs no write', async () => {
    for (let index = 0; index < 10; index++) await relay.meet(`m${index}`, index % 2 ? 'delivered' : 'sent')

    expect(relay.table.items.size).toBe(0)
  })
})

test('that a portal took its consent back is known by the whole key of an item that is there', () => {
  const change = { id: 'e', before: undefined, after: {}, at: time(1) }

  expect(portalOfRevocation({ ...change, pk: 'revoked#12' })).toBe('12')
  for (const pk of ['1#2#revoked#12', 'revoked#12#3', 'revoked#', 'revoked#1x'])
    expect(portalOfRevocation({ ...change, pk })).toBeUndefined()
  expect(portalOfRevocation({ ...change, pk: 'revoked#12', after: undefined })).toBeUndefined()
})

test('a portal that took its consent back: said each time that it did', async () => {
  await relay.revoke()
  await relay.revoke()

  const said = ['portal.revoked', { ...common, at: expect.any(String) }]
  expect(relay.published).toEqual([said, said])
})

describe('at least once', () => {
  const one = () => relay.record({}, { known: 'failed' })

  test('what the bus does not take is handed out again, with all that came after it', async () => {
    const records = [one(), one(), one()]
    relay.world.refuses = [1]

    expect(await relay.invoke(records)).toEqual({
      batchItemFailures: [{ itemIdentifier: records[1]!.dynamodb!.SequenceNumber }],
    })
    expect(relay.counts['EventsPublished']).toBe(2)
  })

  test('where the bus takes nothing, everything is handed out again', async () => {
    const records = [one(), one()]
    relay.world.isDown = true

    expect(await relay.invoke(records)).toEqual({
      batchItemFailures: [{ itemIdentifier: records[0]!.dynamodb!.SequenceNumber }],
    })
    expect([...relay.unwritten]).toEqual([])
  })

  test('an event that is repeated has the id that it had', async () => {
    const record = one()
    await relay.invoke([record])
    await relay.invoke([record])

    const ids = relay.events.map(({ detail }) => (detail as { id: string }).id)
    expect(ids).toHaveLength(2)
    expect(new Set(ids).size).toBe(1)
  })
})

const common = { v: 1, relay: 'Relay', portalId: '1' }
const account = { ...common, channelId: '2', channelAccountId: '3' }
const message = { ...account, messageId: 'm', createdAt: '2026-11-28T08:00:00.000Z' }
const time = (minute: number) => new Date(Date.UTC(2026, 10, 28, 8, minute)).toISOString()
const told = (statusType: string, minute: number) => ({ statusType, at: time(minute) })

function setUp() {
  const { telemetry, ...collected } = collectTelemetry()
  const items = createMemoryTable()
  /** The records of what was written to the table, as its stream has them. */
  const written: DynamoDBRecord[] = []
  const table: typeof items = {
    ...items,
    async putIfNextVersion(item) {
      const before = items.items.get(item.pk)
      const isWritten = await items.putIfNextVersion(item)
      if (isWritten) written.push(recordOf(item.pk, before, item))
      return isWritten
    },
  }
  const events: BusEvent[] = []
  const world = { refuses: [] as number[], isDown: false }
  const handler = createHandler({
    relay: 'Relay',
    telemetry,
    health: createAccountHealth(table, Date.now),
    bus: {
      async publish(all) {
        if (world.isDown) throw new Error('EventBridge is down')
        events.push(...all.filter((_, index) => !world.refuses.includes(index)))
        return world.refuses.filter((index) => index < all.length)
      },
    },
  })
  let sequence = 0

  function recordOf(pk: string, before: object | undefined, after: object | undefined): DynamoDBRecord {
    const image = (item: object) =>
      marshall(item, { removeUndefinedValues: true }) as NonNullable<
        NonNullable<DynamoDBRecord['dynamodb']>['NewImage']
      >
    return {
      eventID: `e${++sequence}`,
      dynamodb: {
        ApproximateCreationDateTime: Date.UTC(2026, 10, 28, 9) / 1000,
        Keys: { pk: { S: pk } },
        ...(before && { OldImage: image(before) }),
        ...(after && { NewImage: image(after) }),
        SequenceNumber: `s${sequence}`,
      },
    }
  }

  const kept = { channelAccountId: '3', createdAt: '2026-11-28T08:00:00.000Z' }
  const record = (before: object | undefined, after: object | undefined, id = 'm') =>
    recordOf(`1#2#${id}`, before && { ...kept, ...before }, after && { ...kept, ...after })

  /** Hands records out, and then what was written to the table because of them. */
  async function invoke(records: DynamoDBRecord[]) {
    const answer = await handler({ Records: records })
    for (const caused of written.splice(0)) await handler({ Records: [caused] })
    return answer
  }

  return {
    ...collected,
    world,
    table,
    events,
    record,
    invoke,
    /** The kinds of events, and what they say, without their ids. */
    get published() {
      return events.map(({ source, type, detail, at }) => {
        expect(fits({ source, 'detail-type': type, detail }), JSON.stringify(fits.errors)).toBe(true)
        expect(JSON.stringify(detail)).not.toContain('+1555')
        const { id: _, ...said } = detail as Record<string, unknown>
        expect(at.toISOString()).toBe(said['at'])
        return [type, said] as const
      })
    },
    change: (before: object | undefined, after: object | undefined) => invoke([record(before, after)]),
    /** Something becomes known of a message. What is said of the message itself is left out. */
    async meet(id: string, known: string, more: object = {}, before: object = {}) {
      await invoke([record({ ...more, ...before }, { ...more, known }, id)])
      const rest = events.filter(({ type }) => !type.startsWith('message.'))
      events.splice(0, events.length, ...rest)
    },
    async fail() {
      for (let index = 0; index < 5; index++) await this.meet(`m${index}`, 'failed')
    },
    async revoke() {
      await createRevocations(table, Date.now).note('1')
      await invoke(written.splice(0))
    },
  }
}
