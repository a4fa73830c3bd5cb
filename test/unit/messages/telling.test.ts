import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { LedgerItem, ledgerKey, messageOf, withWaitingNote } from '../../../functions/messages/record.ts'
import { type Status, statusOrder } from '../../../functions/messages/status.ts'
import type { StatusUpdate } from '../../../functions/messages/status-update.ts'
import {
  claimTelling,
  endAttempt,
  markOf,
  ofMark,
  recordAnnouncement,
  recordGivenUp,
  recordTold,
  statusToTell,
} from '../../../functions/messages/telling.ts'
import { update } from '../../support/world.ts'

const item = (fields: Partial<LedgerItem> = {}): LedgerItem =>
  LedgerItem.parse({ pk: '1#2#m', version: 1, expiresAt: 0, ...fields })
const at = '2026-11-22T12:00:00.000Z'
const claim = { by: 'me', until: 100 }
const when = { now: 50, earlier: [] as string[] }
const mark = (of: Partial<StatusUpdate> & { status: Status }, by = 'me', until = 100) => ({
  mark: markOf(update(of.status, of)),
  by,
  until,
})

describe('an announcement', () => {
  const announced = {
    ...{ v: 1, type: 'announced', portalId: '1', channelId: '2', channelAccountId: '3', messageId: 'm' },
    ...{ createdAt: at, traceId: 'trace', eventId: 'e1' },
  } as unknown as Parameters<typeof recordAnnouncement>[1]
  const known = { createdAt: at, channelAccountId: '3', traceId: 'trace', eventIds: ['e1'] }

  test('is recorded as far as it is not known, and what is known stands', () => {
    const { next } = recordAnnouncement({ ...item({ traceId: 'first' }), createdAt: undefined }, announced, undefined)

    expect(next).toMatchObject({ ...known, traceId: 'first' })
    expect(next!.timeline).toEqual([{ at, what: 'announced', source: 'hubspot' }])
  })

  test('of which all is known is not recorded', () => {
    expect(recordAnnouncement(item(known), announced, undefined)).not.toHaveProperty('next')
  })

  test('without an id of its event leaves none, and is recorded once', () => {
    const nameless = { ...announced, eventId: undefined }
    const { next } = recordAnnouncement(item(), nameless, undefined)

    expect(next).not.toHaveProperty('eventIds')
    expect(recordAnnouncement(next!, nameless, undefined)).not.toHaveProperty('next')
  })

  test('by another secret than none is', () => {
    const trusted = { secret: '2', keys: [] }

    expect(recordAnnouncement(item(known), announced, trusted).next).toMatchObject({ trustedSecrets: [trusted] })
  })
})

describe('a status that cannot be told', () => {
  const givenUp = { what: 'status', at: '1970-01-01T00:00:00.050Z' }
  const giveUp = (known: LedgerItem, fields: Partial<StatusUpdate> = {}) =>
    recordGivenUp(known, update('failed', fields), 'me', { now: 50, shown: undefined }).next

  test('is kept, with a mark that nobody waits for', () => {
    expect(giveUp(item())).toMatchObject({ known: 'failed', givenUp, marks: [mark({ status: 'failed' }, 'me', 0)] })
  })

  test('has its mark stay as it is, and no other taken for it', () => {
    const [own, other] = [mark({ status: 'failed' }, 'before', 10), mark({ status: 'sent' }, 'before', 10)]

    expect(giveUp(item({ known: 'failed', marks: [own] }))).toMatchObject({ givenUp, marks: [own] })
    expect(giveUp(item({ known: 'sent', marks: [other] }))).toMatchObject({
      ...{ known: 'failed', marks: [other, mark({ status: 'failed' }, 'me', 0)] },
    })
  })

  test('leaves no mark where HubSpot shows as much by itself', () => {
    const { next } = recordGivenUp(item(), update('sent'), 'me', { now: 50, shown: 'sent' })

    expect(next).toMatchObject({ known: 'sent', givenUp, marks: [] })
  })

  test('is not kept where its sender does not speak for the message', () => {
    expect(giveUp(item({ channelAccountId: '3' }), { verifiedBy: { secret: 'x', key: 'y' } })).toBeUndefined()
  })
})

test('a receipt for a send that failed before the message was sent again says nothing', () => {
  const again = item({ earlierProviderMessageIds: ['first'] })

  expect(claimTelling(again, update('failed', { providerMessageId: 'first' }), claim, when)).toEqual({
    answer: 'nothing new',
  })
})

test.each([
  [{ rejected: false }, 'told HubSpot FAILED'],
  [{ rejected: false, holds: 'holds another reason' }, 'told HubSpot FAILED: holds another reason'],
  [{ rejected: true }, 'HubSpot rejected FAILED'],
])('the timeline says what HubSpot was told: %j', (result, what) => {
  const known = item({ known: 'failed', reason: 'No' })
  const told = { status: 'failed', statusType: 'FAILED', errorMessage: 'No' } as const

  expect(recordTold(known, { told, ...result }, { mark: 'failed', at }).next!.timeline).toEqual([
    { at, what, source: 'relay' },
  ])
})

test('an id may have any signs', () => {
  expect(messageOf(ledgerKey({ portalId: '1', channelId: '2', messageId: 'a#b##c' }))).toEqual({
    ...{ portalId: '1', channelId: '2', messageId: 'a#b##c' },
  })
})

describe('a job that comes with a status', () => {
  test.each([
    // known, told so far, update, answer, known afterwards
    [undefined, 'sent', 'claimed', 'sent'],
    [undefined, 'unconfirmed', 'claimed', 'unconfirmed'],
    ['sent', 'sent', 'nothing new', 'sent'],
    ['sent', 'delivered', 'nothing new', 'delivered'],
    ['delivered', 'sent', 'nothing new', 'delivered'],
    ['sent', 'failed', 'claimed', 'failed'],
    ['failed', 'sent', 'nothing new', 'failed'],
    ['unconfirmed', 'failed', 'claimed', 'failed'],
    ['unconfirmed', 'sent', 'claimed', 'sent'],
    ['failed', 'delivered', 'claimed', 'delivered'],
    ['delivered', 'read', 'claimed', 'read'],
    ['read', 'failed', 'nothing new', 'read'],
  ] as const)('known %s, comes %s: %s, and %s is known', (known, status, answer, after) => {
    const decided = claimTelling(item({ known }), update(status), claim, when)

    expect(decided.answer).toBe(answer)
    expect((decided.next ?? item({ known })).known).toBe(after)
    expect(decided.next?.marks ?? []).toEqual(answer === 'claimed' ? [mark({ status })] : [])
  })

  test.each([
    ['its own, and its try may still be in progress', mark({ status: 'sent' }, 'other'), [], { inProgressUntil: 100 }],
    ['its own, from an earlier run of itself', mark({ status: 'sent' }, 'before'), ['before'], 'claimed'],
    ['its own, from this very run', mark({ status: 'sent' }, 'me'), [], 'claimed'],
    ['its own, from a try that has come to an end', mark({ status: 'sent' }, 'other', 50), [], 'claimed'],
    ["another status's", mark({ status: 'failed' }, 'other'), [], 'nothing new'],
    ["another part's", mark({ status: 'sent', part: { index: 0, of: 2 } }, 'other'), [], 'nothing new'],
    ['that of the same status told on purpose', mark({ status: 'sent', id: 'again' }, 'other'), [], 'nothing new'],
  ] as const)('and finds what is known already, with a mark that is %s', (_, marks, earlier, answer) => {
    const decided = claimTelling(item({ known: 'sent', marks: [marks] }), update('sent'), claim, {
      ...when,
      earlier: [...earlier],
    })

    expect(decided.answer).toEqual(answer)
    if (answer === 'claimed') expect(decided.next?.marks).toEqual([mark({ status: 'sent' })])
  })

  test('leaves the marks of others as they are', () => {
    const others = [mark({ status: 'failed' }, 'a', 7), mark({ status: 'sent' }, 'b', 8)]

    const { next } = claimTelling(item({ known: 'failed', marks: others }), update('read'), claim, when)

    expect(next?.marks).toEqual([...others, mark({ status: 'read' })])
  })

  test('tells again on purpose what is known, and nothing where nothing is', () => {
    expect(claimTelling(item({ known: 'read' }), update('sent', { id: 'again' }), claim, when)).toMatchObject({
      answer: 'claimed',
      next: { known: 'read', marks: [mark({ status: 'sent', id: 'again' })] },
    })
    const nothing = claimTelling(
      item({ parts: [{}, {}] }),
      update('sent', { id: 'x', part: { index: 0, of: 2 } }),
      claim,
      when,
    )
    expect(nothing.answer).toBe('nothing new')
    expect(nothing.next?.marks).toEqual([])
  })

  test('tells nothing of a message whose parts it knows nothing of yet, not even on purpose', () => {
    const known = item({ parts: [{ known: 'sent' }, {}] })

    expect(claimTelling(known, update('sent', { part: { index: 0, of: 2 }, id: 'again' }), claim, when)).toEqual({
      answer: 'nothing new',
    })
  })

  test.each([
    ['sent', undefined, 'nothing new'],
    ['delivered', undefined, 'nothing new'],
    ['read', undefined, 'claimed'],
    ['failed', undefined, 'claimed'],
    ['sent', 'unconfirmed', 'claimed'],
  ] as const)('where HubSpot shows SENT by itself: %s after %s is %s', (status, known, answer) => {
    expect(claimTelling(item({ known }), update(status), claim, { ...when, shown: 'sent' }).answer).toBe(answer)
  })

  test("keeps the provider's id that an earlier one brought, until another brings one", () => {
    const first = claimTelling(item(), update('sent', { providerMessageId: 'p1' }), claim, when).next!
    const second = claimTelling(first, update('read'), claim, when).next!
    const parted = claimTelling(
      item(),
      update('sent', { providerMessageId: 'p1', part: { index: 1, of: 2 } }),
      claim,
      when,
    )
    const later = claimTelling(parted.next!, update('read', { part: { index: 1, of: 2 } }), claim, when)

    expect(second.providerMessageId).toBe('p1')
    expect(claimTelling(first, update('read', { providerMessageId: 'p2' }), claim, when).next!.providerMessageId).toBe(
      'p2',
    )
    expect(later.next!.parts).toMatchObject([{}, { known: 'read', providerMessageId: 'p1' }])
  })

  test('leaves the newest dozen in the timeline, and nothing that it waited for', () => {
    const timeline = Array.from({ length: 12 }, (_, index) => ({ at, what: `entry ${index}`, source: 'relay' }))
    const waiting = { what: 'status', reason: 'HubSpot is busy', until: at } as const

    const { next } = claimTelling(item({ timeline, waiting }), update('read', { source: 'twilio' }), claim, when)

    expect(next!.timeline.map(({ what }) => what)).toEqual([
      ...Array.from({ length: 11 }, (_, index) => `entry ${index + 1}`),
      'read',
    ])
    expect(next!.timeline.at(-1)).toEqual({ at: '2026-11-22T12:00:00Z', what: 'read', source: 'twilio' })
    expect(next!.waiting).toBeUndefined()
  })

  test.each([
    ['failed', 'No such number', 'No such number'],
    ['failed', undefined, 'The message could not be delivered'],
    ['unconfirmed', 'Nobody answered', 'Nobody answered'],
    ['failed', 'No route to +49 1515 5550100', 'No route to [number]'],
    ['sent', 'whatever', undefined],
    ['read', 'whatever', undefined],
  ] as const)('%s with the reason %j is kept with %j', (status, reason, kept) => {
    expect(claimTelling(item(), update(status, { reason }), claim, when).next!.reason).toBe(kept)
  })

  test('a reason that was told goes with the word', () => {
    const failed = item({ known: 'failed', reason: 'No such number' })

    expect(claimTelling(failed, update('delivered'), claim, when).next!.reason).toBeUndefined()
  })
})

describe('a job that told HubSpot', () => {
  const marks = [mark({ status: 'failed' }), mark({ status: 'sent' }, 'other')]
  const failed = { told: { status: 'failed', statusType: 'FAILED', errorMessage: 'No' } } as const
  const noted = { mark: 'failed', at }

  test.each([
    ['the same', { known: 'failed', reason: 'No' }, 'recorded'],
    ['another reason', { known: 'failed', reason: 'Never' }, 'more is known'],
    ['another kind of FAILED', { known: 'unconfirmed', reason: 'No' }, 'more is known'],
    ['another word', { known: 'read' }, 'more is known'],
    ['nothing', {}, 'more is known'],
  ] as const)('settles where an agent reads the same by now, else tells again: %s', (_, fields, answer) => {
    const settled = recordTold(item({ ...fields, marks }), { ...failed, rejected: false }, noted)

    expect(settled.answer).toBe(answer)
    expect(settled.next?.marks).toEqual(answer === 'recorded' ? [marks[1]] : undefined)
  })

  test('of SENT and READ, the reason plays no part', () => {
    const sent = { told: { status: 'sent', statusType: 'SENT', errorMessage: undefined } } as const

    expect(
      recordTold(item({ known: 'delivered', reason: 'old' }), { ...sent, rejected: false }, { mark: 'sent', at })
        .answer,
    ).toBe('recorded')
  })

  test('records the word as told, or as rejected beside the one that was told before', () => {
    const known = item({ known: 'failed', reason: 'No', told: { statusType: 'SENT', at: 'before' }, marks })

    expect(recordTold(known, { ...failed, rejected: false }, noted).next).toMatchObject({
      told: { statusType: 'FAILED', at },
    })
    expect(recordTold(known, { ...failed, rejected: false }, noted).next!.rejected).toBeUndefined()
    expect(recordTold(known, { ...failed, rejected: true }, noted).next).toMatchObject({
      told: { statusType: 'SENT', at: 'before' },
      rejected: 'FAILED',
    })
    expect(recordTold(known, { ...failed, rejected: true }, noted).next!.timeline.at(-1)!.what).toBe(
      'HubSpot rejected FAILED',
    )
  })
})

describe('a try that has come to an end', () => {
  test('leaves its mark to whoever comes next, and nobody else’s', () => {
    const marks = [mark({ status: 'failed' }), mark({ status: 'sent' })]

    expect(endAttempt(item({ marks }), 'failed', claim).next!.marks).toEqual([
      mark({ status: 'failed' }, 'me', 0),
      marks[1],
    ])
  })

  test('ends no mark that another run has taken over meanwhile', () => {
    const marks = [mark({ status: 'failed' }, 'other')]

    expect(endAttempt(item({ marks }), 'failed', claim).next!.marks).toEqual(marks)
  })
})

test('what a job waits for is noted without numbers and addresses', () => {
  const waiting = { what: 'status', reason: 'No route to +49 1515 5550100', until: at } as const

  expect(withWaitingNote(item(), waiting).waiting).toEqual({ ...waiting, reason: 'No route to [number]' })
})

test.each([
  ['unconfirmed', { statusType: 'FAILED', errorMessage: 'why' }],
  ['sent', { statusType: 'SENT' }],
  ['failed', { statusType: 'FAILED', errorMessage: 'why' }],
  ['delivered', { statusType: 'SENT' }],
  ['read', { statusType: 'READ' }],
] as const)('of %s, HubSpot is told %j', (known, toTell) => {
  expect(statusToTell(item({ known, reason: 'why' }))).toEqual({ status: known, ...toTell })
})

test('of nothing, HubSpot is told nothing', () => {
  expect(statusToTell(item())).toBeUndefined()
})

describe('of several sends', () => {
  const part = (index: number, of: number) => ({ part: { index, of } })

  test.each<[string, (Status | undefined)[], Status | undefined, string | undefined]>([
    ['nothing, while nothing is known of one', ['sent', undefined], undefined, undefined],
    ['the lowest', ['read', 'sent', 'delivered'], 'sent', undefined],
    ['unconfirmed, where one is', ['unconfirmed', 'read'], 'unconfirmed', '1 of 2 sends not confirmed: reason 0'],
    ['failed as soon as one is', ['sent', 'failed', undefined], 'failed', '1 of 3 sends failed: reason 1'],
    ['failed, however many are', ['failed', 'unconfirmed', 'failed'], 'failed', '2 of 3 sends failed: reason 0'],
    ['read, where all are', ['read', 'read'], 'read', undefined],
  ])('%s is known of the message', (_, statuses, known, reason) => {
    let now = item()
    for (const [index, status] of statuses.entries())
      if (status)
        now =
          claimTelling(now, update(status, { ...part(index, statuses.length), reason: `reason ${index}` }), claim, when)
            .next ?? now

    expect(now.known).toBe(known)
    expect(now.reason).toBe(reason)
  })

  test('whatever order the updates come in, in one run or another, what is known in the end is the same', () => {
    const updates = fc.array(
      fc.record({
        status: fc.constantFrom(...statusOrder),
        index: fc.option(fc.nat(2), { nil: undefined }),
        reason: fc.constant('why'),
      }),
      { minLength: 1, maxLength: 8 },
    )
    fc.assert(
      fc.property(updates, fc.infiniteStream(fc.nat()), (some, draws) => {
        // Of each something is known in the end.
        const whole = [...some, ...[0, 1, 2].map((index) => ({ status: 'unconfirmed', index, reason: 'why' }) as const)]
        const shuffled = whole.map((one) => ({ one, rank: draws.next().value })).sort((a, b) => a.rank - b.rank)
        const knownBy = (list: typeof whole) =>
          list.reduce((now, { status, index, reason }) => {
            const named = index === undefined ? {} : part(index, 3)
            return claimTelling(now, update(status, { ...named, reason }), claim, when).next ?? now
          }, item())

        const [one, other] = [knownBy(whole), knownBy(shuffled.map(({ one }) => one))]

        expect([other.known, other.reason, other.parts?.map(({ known }) => known)]).toEqual([
          one.known,
          one.reason,
          one.parts?.map(({ known }) => known),
        ])
      }),
    )
  })

  test('the parts are named in their marks and in the timeline', () => {
    const { next } = claimTelling(item(), update('failed', { ...part(1, 3), id: 'x#y' }), claim, when)

    expect(next!.marks.map(({ mark }) => mark)).toEqual(['failed/1.3#x#y'])
    expect(next!.timeline.map(({ what }) => what)).toEqual(['failed 2 of 3'])
  })
})

/**
 * Every interleaving of the steps of some jobs of one message, with faults between any two: a process that dies, or a
 * PATCH whose answer is lost and which takes effect later, but before its job comes back.
 */
describe('however the steps of jobs interleave, with two faults anywhere, HubSpot ends at the word for the highest', () => {
  test.each<Status[][]>([
    [['sent', 'read']],
    [['sent', 'failed', 'delivered']],
    [['failed', 'delivered', 'read']],
    [['unconfirmed', 'failed', 'read']],
    [['unconfirmed', 'sent', 'failed']],
  ])('%j', (statuses) => {
    const { ends, mostPatchesWithoutFault } = explore(statuses, 2)
    const highest = statusOrder[Math.max(...statuses.map((status) => statusOrder.indexOf(status)))]!

    expect(ends).toEqual([statusToTell(item({ known: highest, reason: `it ${highest}` }))!.statusType])
    expect(mostPatchesWithoutFault).toBeLessThanOrEqual((statuses.length * (statuses.length + 1)) / 2)
  })

  test('an advance that leaves no mark would be noticed', () => {
    const { ends } = explore(['sent', 'read'], 1, (next) => ({ ...next, marks: [] }))

    expect(ends.length).toBeGreaterThan(1)
  })
})

type Job = { status: Status; step: 'advance' | 'tell' | 'settle' | 'return' | 'done'; runs: number; said: string }
type State = {
  item: LedgerItem
  jobs: Job[]
  hubspot: string
  late: { of: number; statusType: string }[]
  faults: number
  patches: number
}

function explore(statuses: Status[], faults: number, keep = (next: LedgerItem) => next) {
  const jobs = statuses.map((status): Job => ({ status, step: 'advance', runs: 0, said: '' }))
  const open: State[] = [{ item: item({ version: 0 }), jobs, hubspot: '', late: [], faults, patches: 0 }]
  const seen = new Set<string>()
  const ends = new Set<string>()
  let mostPatchesWithoutFault = 0
  for (let state = open.pop(); state; state = open.pop()) {
    const key = JSON.stringify({ ...state, item: { ...state.item, version: 0, timeline: [] } })
    if (seen.has(key)) continue
    seen.add(key)
    const following = [...next(state)]
    open.push(...following)
    if (following.length > 0) continue
    ends.add(state.hubspot)
    if (state.faults === faults) mostPatchesWithoutFault = Math.max(mostPatchesWithoutFault, state.patches)
  }
  return { ends: [...ends], mostPatchesWithoutFault }

  function* next(state: State): Generator<State> {
    for (const [index, job] of state.jobs.entries()) {
      const changed = (change: Partial<State>, fields: Partial<Job>): State => ({
        ...state,
        ...change,
        jobs: state.jobs.map((other, at) => (at === index ? { ...job, ...fields } : other)),
      })
      const by = `${job.status} ${job.runs}`
      const earlier = Array.from({ length: job.runs }, (_, run) => `${job.status} ${run}`)
      const dies = { step: 'advance', runs: job.runs + 1 } as const
      const message = update(job.status, { reason: `it ${job.status}` })
      if (job.step === 'advance') {
        const decided = claimTelling(state.item, message, { by, until: Number.POSITIVE_INFINITY }, { now: 0, earlier })
        const item = decided.next ? keep(decided.next) : state.item
        yield changed({ item }, { step: decided.answer === 'claimed' ? 'tell' : 'done' })
      }
      if (job.step === 'tell') {
        const said = JSON.stringify(statusToTell(state.item))
        const patches = state.patches + 1
        const { statusType } = statusToTell(state.item)!
        yield changed({ hubspot: statusType, patches }, { step: 'settle', said })
        if (state.faults > 0) {
          const late = [...state.late, { of: index, statusType }]
          yield changed({ late, patches, faults: state.faults - 1 }, { step: 'return' })
        }
      }
      if (job.step === 'settle') {
        const result = { told: JSON.parse(job.said), rejected: false }
        const settled = recordTold(state.item, result, { mark: markOf(message), at })
        if (settled.answer === 'recorded') yield changed({ item: settled.next! }, { step: 'done', said: '' })
        else yield changed({}, { step: 'tell', said: '' })
      }
      if (job.step === 'return' && !state.late.some(({ of }) => of === index)) yield changed({}, dies)
      if ((job.step === 'tell' || job.step === 'settle') && state.faults > 0)
        yield changed({ faults: state.faults - 1 }, { ...dies, said: '' })
    }
    for (const [index, { statusType }] of state.late.entries())
      yield { ...state, hubspot: statusType, late: state.late.filter((_, at) => at !== index) }
  }
}

describe('names that are put together can be taken apart', () => {
  const text = fc.string({ unit: 'binary' })
  const number = fc.nat(1000)

  test("a mark says whose it is: a status, a part, an operator's id", () => {
    const marked = fc.record(
      { status: fc.constantFrom(...statusOrder), part: fc.record({ index: number, of: number }), id: text },
      { requiredKeys: ['status'] },
    )

    fc.assert(
      fc.property(marked, (one) => {
        expect(ofMark(markOf(one))).toEqual(one)
      }),
    )
  })

  test.each(['', 'x sent', 'sent/1', 'sent/1.x', 'sent!', 'gone'])('%j is no mark', (mark) => {
    expect(() => ofMark(mark)).toThrow()
  })

  test("an item's key says whose it is, whatever the message's id", () => {
    fc.assert(
      fc.property(number, number, text, (portal, channel, messageId) => {
        const key = { portalId: `${portal}`, channelId: `${channel}`, messageId }
        expect(messageOf(ledgerKey(key))).toEqual(key)
      }),
    )
    expect(messageOf('')).toEqual({ portalId: '', channelId: '', messageId: '' })
    expect(messageOf('1')).toEqual({ portalId: '1', channelId: '', messageId: '' })
  })
})

describe('a job that is given up', () => {
  const given = { what: 'status', at: new Date(50).toISOString() }
  const giveUp = (fields: Partial<LedgerItem>, status: StatusUpdate) =>
    recordGivenUp(item(fields), status, 'me', { now: 50, shown: undefined })

  test('leaves what is known by it, and its mark, free for whoever comes next', () => {
    const { next, answer } = giveUp({ known: 'sent' }, update('failed', { reason: 'No' }))

    expect(answer).toBeUndefined()
    expect(next).toMatchObject({ known: 'failed', reason: 'No', givenUp: given })
    expect(next?.marks).toEqual([mark({ status: 'failed' }, 'me', 0)])
  })

  test('changes no mark that it has left already', () => {
    const marks = [mark({ status: 'failed' }, 'other', 70), mark({ status: 'sent' }, 'other', 70)]
    const before = item({ known: 'failed', marks })

    expect(recordGivenUp(before, update('failed'), 'me', { now: 50, shown: undefined }).next).toEqual({
      ...before,
      givenUp: given,
    })
  })

  test('is noted also where it says nothing new', () => {
    const before = item({ known: 'read' })

    expect(giveUp({ known: 'read' }, update('sent')).next).toEqual({ ...before, givenUp: given })
  })

  test('says nothing of a message for which it does not count', () => {
    expect(giveUp({ channelAccountId: '3' }, update('failed', { channelAccountId: '4' }))).toEqual({
      answer: undefined,
    })
  })
})
