import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { LedgerItem, type SendOutcome } from '../../../functions/messages/record.ts'
import {
  allSendsComplete,
  claimSend,
  completeSend,
  isLeftOut,
  leaveToOther,
  outcomesOf,
  releaseSend,
  settleOutcome,
  statusFromOutcome,
} from '../../../functions/messages/sending.ts'

const item = (fields: object = {}): LedgerItem => LedgerItem.parse({ pk: '1#2#m', version: 1, expiresAt: 0, ...fields })
const at = '1970-01-01T00:00:00.050Z'
const job = { channelAccountId: '3', createdAt: '2026-11-22T12:00:00Z', traceId: 'trace' }
const one = { of: 1, digest: 'abcd' }
const three = { of: 3, digest: 'abcd' }
const claim = { by: 'me', until: 100 }
const trustedSecret = { secret: '2', keys: ['the print of a key'] }
const when = { plan: one, index: 0, job, trustedSecret, now: 50, earlier: [] as string[] }
const sent = { outcome: 'sent', status: 'sent' } as const
const inDoubt = { outcome: 'in doubt' } as const
const rejected = { outcome: 'rejected', reason: 'No' } as const

test.each<SendOutcome>([sent, inDoubt, rejected])('%j is not left out of another plan', (outcome) => {
  expect(isLeftOut(outcome)).toBe(false)
})

describe('a try that wants to send', () => {
  test('trusts its own secret alone, where nothing was noted of earlier ones', () => {
    const { next } = claimSend(item({ sends: { of: 3, outcomes: [sent] } }), claim, { ...when, plan: three, index: 1 })

    expect(next!.trustedSecrets).toEqual([trustedSecret])
  })

  test('claims the send, and notes what the message takes and where it began', () => {
    const { next, answer } = claimSend(item(), { ...claim, idempotencyScope: 'here' }, when)

    expect(answer).toBe('claimed')
    expect(next).toMatchObject({ ...job, plan: one, send: { by: 'me', until: 100, idempotencyScope: 'here' } })
    expect(next!.send!.inDoubt).toBeUndefined()
  })

  test('what an earlier one noted of the message stands', () => {
    const known = item({ channelAccountId: '9', createdAt: 'then', traceId: 'first' })

    expect(claimSend(known, claim, when).next).toMatchObject({
      channelAccountId: '9',
      createdAt: 'then',
      traceId: 'first',
    })
  })

  test.each([
    ['that this very run has', { by: 'me', until: 100 }, {}, 'claimed'],
    ['of another, which may still be in progress', { by: 'other', until: 51 }, {}, { inProgressUntil: 51 }],
    ['of an earlier run of itself that sent nothing', { by: 'before', until: 100 }, { earlier: ['before'] }, 'claimed'],
    ['of another that died', { by: 'other', until: 50 }, {}, { done: inDoubt }],
    [
      'of another that died, in a scope that would recognise it',
      { by: 'other', until: 50, idempotencyScope: 'here' },
      {},
      'claimed',
    ],
    [
      'of another that died, in another scope',
      { by: 'other', until: 50, idempotencyScope: 'there' },
      {},
      { done: inDoubt },
    ],
    [
      'of itself, that ended in doubt',
      { by: 'before', until: 0, inDoubt: true },
      { earlier: ['before'] },
      { done: inDoubt },
    ],
    [
      'in doubt in this scope',
      { by: 'before', until: 0, idempotencyScope: 'here', inDoubt: true },
      { earlier: ['before'] },
      'claimed',
    ],
  ])('and finds a claim %s', (_, send, tried, answer) => {
    const decided = claimSend(item({ plan: one, send }), { ...claim, idempotencyScope: 'here' }, { ...when, ...tried })

    expect(decided.answer).toEqual(answer)
  })

  test('writes nothing where the claim is its own', () => {
    expect(claimSend(item({ plan: one, send: claim }), claim, when).next).toBeUndefined()
  })

  test('says who may speak for the message: of one that was sent, or may have been, others as well', () => {
    const others = [{ secret: '9', keys: ['another print'] }]
    const trustedSecretsOf = (fields: object, tried: object = {}) =>
      claimSend(item({ plan: three, trustedSecrets: others, ...fields }), claim, { ...when, plan: three, ...tried })
        .next!.trustedSecrets

    const before = { by: 'before', until: 0 }
    expect(trustedSecretsOf({})).toEqual([trustedSecret])
    expect(trustedSecretsOf({ send: before }, { earlier: ['before'] })).toEqual([trustedSecret])
    expect(trustedSecretsOf({ send: before })).toEqual([...others, trustedSecret])
    expect(trustedSecretsOf({ send: before, trustedSecrets: undefined })).toEqual([trustedSecret])
    const made = { sends: { of: 3, outcomes: [sent] }, send: before }
    expect(trustedSecretsOf(made, { index: 1, earlier: ['before'] })).toEqual([...others, trustedSecret])
  })

  test('a doubt stays with the claim that takes it over', () => {
    const open = item({ plan: one, send: { by: 'other', until: 50, idempotencyScope: 'here' } })

    const { next } = claimSend(open, { ...claim, idempotencyScope: 'here' }, when)

    expect(next!.send).toEqual({ by: 'me', until: 100, idempotencyScope: 'here', inDoubt: true })
  })

  test('two claims without an idempotency scope do not share one', () => {
    expect(claimSend(item({ plan: one, send: { by: 'other', until: 50 } }), claim, when).answer).toEqual({
      done: inDoubt,
    })
  })

  test.each([sent, rejected, inDoubt])('and finds that it was made: %j', (result) => {
    expect(claimSend(item({ plan: one, send: { by: 'other', until: 100, result } }), claim, when)).toEqual({
      answer: { done: result },
    })
  })
})

describe('an account that would take something else by now', () => {
  const changed = { ...when, plan: { of: 2, digest: 'abcd' } }

  test.each([
    ['of another number', { of: 2, digest: 'abcd' }],
    ['of another kind', { of: 3, digest: 'efgh' }],
  ])('a plan %s: what was made stands, and the rest is not made', (_, plan) => {
    const made = item({ plan: three, sends: { of: 3, outcomes: [sent] }, send: { by: 'before', until: 0 } })

    const { next, answer } = claimSend(made, claim, { ...when, plan, earlier: ['before'] })

    expect(answer).toEqual({ changed: three })
    expect(outcomesOf(next!).map(({ outcome }) => outcome)).toEqual(['sent', 'rejected', 'rejected'])
    expect(next!.plan).toEqual(three)
  })

  test('what may have been made is in doubt, and what comes after it was not made', () => {
    const made = item({ plan: three, sends: { of: 3, outcomes: [sent] }, send: { by: 'dead', until: 50 } })

    const { next } = claimSend(made, claim, changed)

    expect(outcomesOf(next!).map(({ outcome }) => outcome)).toEqual(['sent', 'in doubt', 'rejected'])
  })

  test('while another may still be in progress, it is waited for', () => {
    const made = item({ plan: three, send: { by: 'other', until: 51 } })

    expect(claimSend(made, claim, changed)).toEqual({ answer: { inProgressUntil: 51 } })
  })

  test('where nothing was made, the plan of now counts', () => {
    const claimed = item({ plan: three, send: { by: 'before', until: 100 } })

    const { next, answer } = claimSend(claimed, claim, { ...changed, earlier: ['before'] })

    expect(answer).toBe('claimed')
    expect(next!.plan).toEqual(changed.plan)
  })

  test('a message that is sent stays as it is', () => {
    const made = item({ plan: one, send: { by: 'before', until: 0, result: sent } })

    expect(claimSend(made, claim, changed)).toEqual({ answer: { changed: one } })
  })
})

describe('what came of a send', () => {
  test('is recorded with its claim, and the provider’s id of it', () => {
    const claimed = item({ plan: one, send: { ...claim, idempotencyScope: 'here', inDoubt: true } })
    const result = { ...sent, providerMessageId: 'p1' }

    const { next, answer } = completeSend(claimed, result, { part: { index: 0, of: 1 }, at })

    expect(answer).toEqual({ done: result })
    expect(next.send).toEqual({ by: 'me', until: 100, result })
    expect(next.providerMessageId).toBe('p1')
    expect(next.timeline).toEqual([{ at, what: 'send: sent', source: 'relay' }])
    expect(allSendsComplete(next)).toBe(true)
  })

  test('one that brings no id leaves the one that is known', () => {
    const known = item({ providerMessageId: 'p1' })

    for (const outcome of [inDoubt, rejected, sent])
      expect(completeSend(known, outcome, { part: { index: 0, of: 1 }, at }).next.providerMessageId).toBe('p1')
    const { next } = completeSend(known, { ...rejected, providerMessageId: 'p2' }, { part: { index: 0, of: 1 }, at })
    expect(next.providerMessageId).toBe('p2')
  })

  test('a refusal is kept without numbers and addresses', () => {
    const reason = 'No route to +49 1515 5550100'

    const { next, answer } = completeSend(item(), { outcome: 'rejected', reason }, { part: { index: 0, of: 1 }, at })

    expect(answer.done).toEqual({ outcome: 'rejected', reason: 'No route to [number]' })
    expect(next.send!.result).toEqual(answer.done)
    expect(next.timeline.at(-1)!.what).toBe('send: rejected')
  })

  test.each([
    [{ outcome: 'sent', status: 'accepted' }, 'send: accepted'],
    [{ outcome: 'sent', status: 'read' }, 'send: read'],
    [inDoubt, 'send: in doubt'],
  ] as const)('%j reads in the timeline as %j', (outcome, what) => {
    const { next } = completeSend(item(), outcome, { part: { index: 0, of: 1 }, at })

    expect(next.timeline.at(-1)!.what).toBe(what)
    expect(next.send).toEqual({ by: '', until: 0, result: outcome })
  })

  test('of one of several leaves the claim on the next, which is not in doubt', () => {
    const claimed = item({ plan: three, send: { ...claim, inDoubt: true } })

    const { next } = completeSend(claimed, inDoubt, { part: { index: 0, of: 3 }, at })

    expect(next.send).toEqual({ ...claim, inDoubt: undefined })
    expect(next.sends).toEqual({ of: 3, outcomes: [inDoubt] })
    expect(next.timeline.at(-1)!.what).toBe('send 1 of 3: in doubt')
    expect(allSendsComplete(next)).toBe(false)
    // The next run of the same job, which knows that this one sent nothing more, makes it.
    const again = { ...when, plan: three, index: 1, earlier: ['me'] }
    expect(claimSend(next, { by: 'next', until: 200 }, again).answer).toBe('claimed')
  })

  test('of several, all have to come to an end', () => {
    const ended = [0, 1, 2].reduce(
      (now, index) => completeSend(now, sent, { part: { index, of: 3 }, at }).next,
      item({ plan: three, send: claim }),
    )

    expect(allSendsComplete(ended)).toBe(true)
    expect(outcomesOf(ended)).toEqual([sent, sent, sent])
  })
})

describe('a provider that is asked what became of a send', () => {
  const about = { part: { index: 0, of: 1 }, at }

  test('ends the doubt', () => {
    const doubtful = item({ send: { ...claim, result: inDoubt } })

    expect(settleOutcome(doubtful, sent, about)).toMatchObject({
      answer: { done: sent },
      next: { send: { result: sent } },
    })
  })

  test.each([sent, rejected])('changes nothing of what is known: %j', (result) => {
    expect(settleOutcome(item({ send: { ...claim, result } }), inDoubt, about)).toEqual({ answer: { done: result } })
  })

  test('is believed where nothing was recorded', () => {
    expect(settleOutcome(item({ send: claim }), sent, about).next!.send!.result).toEqual(sent)
  })
})

describe('a try that ends without an outcome', () => {
  test('frees the send', () => {
    expect(releaseSend(item({ send: claim }), claim, { inDoubt: false }).next!.send).toBeUndefined()
  })

  test.each([
    [{ ...claim }, true],
    [{ ...claim, inDoubt: true }, false],
  ])('%j, in doubt: %s: its claim stands, to be taken over at once', (send, inDoubt) => {
    expect(releaseSend(item({ send }), claim, { inDoubt }).next!.send).toEqual({ ...send, until: 0 })
  })

  test.each([
    ["another run's", { by: 'other', until: 100 }],
    ['that has an outcome', { ...claim, result: sent }],
  ])('ends no claim: %s', (_, send) => {
    expect(releaseSend(item({ send }), claim, { inDoubt: true })).toEqual({ answer: undefined })
  })

  test('ends nothing where there is no claim', () => {
    expect(releaseSend(item(), claim, { inDoubt: true })).toEqual({ answer: undefined })
  })
})

describe('a try whose job goes on in a later copy', () => {
  const left = (fields: object, unrecorded?: SendOutcome) =>
    leaveToOther(item(fields), {
      runs: ['me', 'before'],
      unrecorded: unrecorded && { part: { index: 0, of: 1 }, outcome: unrecorded },
      at,
    })

  test.each(['me', 'before'])('gives a claim back under which nothing was sent: by %s', (by) => {
    const { next, answer } = left({ plan: one, send: { by, until: 100 } })

    expect(answer).toBe('superseded')
    expect(next).toEqual({ ...item({ plan: one }), send: undefined })
  })

  test.each([
    ["another run's claim", { send: { by: 'other', until: 100 } }],
    ['a claim in doubt', { send: { ...claim, inDoubt: true } }],
    ['a send that was made', { send: { ...claim, result: sent } }],
    ['the claim of sends that have all been made', { send: claim, sends: { of: 1, outcomes: [sent] } }],
    ['no claim', {}],
  ])('leaves %s as it is', (_, fields) => {
    expect(left(fields)).toEqual({ answer: 'superseded' })
  })

  test('records what it alone knows', () => {
    const { next } = left({ send: claim }, { ...sent, providerMessageId: 'p1' })

    expect(next).toMatchObject({ providerMessageId: 'p1', send: { result: sent }, timeline: [{ at }] })
  })

  test('records nothing of a send whose outcome is known', () => {
    expect(left({ send: { by: 'other', until: 100, result: rejected } }, sent)).toEqual({ answer: 'superseded' })
  })
})

test.each<[SendOutcome, object | undefined]>([
  [{ outcome: 'sent', status: 'accepted' }, undefined],
  [
    { outcome: 'sent', status: 'sent', providerMessageId: 'p' },
    { status: 'sent', providerMessageId: 'p' },
  ],
  [
    { outcome: 'sent', status: 'delivered' },
    { status: 'delivered', providerMessageId: undefined },
  ],
  [
    { outcome: 'sent', status: 'read' },
    { status: 'read', providerMessageId: undefined },
  ],
  [inDoubt, undefined],
  [rejected, { status: 'failed', reason: 'No', providerMessageId: undefined }],
])('by %j alone, %j is known', (outcome, word) => {
  expect(statusFromOutcome(outcome)).toEqual(word)
})

/** A provider that cannot tell a repetition, tries that die at any step, and any number of copies of the job. */
test('whatever tries come, die and come again, no send is made twice, and each comes to an end', () => {
  const steps = fc.array(
    fc.record({
      copy: fc.nat(2),
      dies: fc.constantFrom('never', 'never', 'before the claim', 'before the send', 'after the send'),
      outcome: fc.constantFrom<SendOutcome | 'later' | 'in doubt'>(sent, rejected, inDoubt, 'later', 'in doubt'),
      passes: fc.constantFrom(0, 10, 200),
    }),
    { minLength: 1, maxLength: 25 },
  )
  fc.assert(
    fc.property(steps, fc.integer({ min: 1, max: 3 }), (all, of) => {
      const plan = { of, digest: 'abcd' }
      let now = 0
      let ledger = item()
      const made = Array.from({ length: of }, () => 0)
      const surelyNot = [[], [], []] as string[][]
      const clean = Array.from({ length: 8 }, () => ({ copy: 0, dies: 'never', outcome: sent, passes: 200 }) as const)
      for (const [run, { copy, dies, outcome, passes }] of [...all, ...clean].entries()) {
        now += passes
        const by = `run ${run}`
        const earlier = surelyNot[copy]!
        for (let index = outcomesOf(ledger).length; index < of; index++) {
          if (dies === 'before the claim') break
          const { next, answer } = claimSend(
            ledger,
            { by, until: now + 100 },
            { plan, index, job, trustedSecret, now, earlier },
          )
          ledger = next ?? ledger
          if (typeof answer === 'object' && 'done' in answer) continue
          if (answer !== 'claimed' || dies === 'before the send') break
          if (outcome === 'later') {
            earlier.push(by)
            ledger = releaseSend(ledger, { by, until: 0 }, { inDoubt: false }).next ?? ledger
            break
          }
          made[index]!++
          if (dies === 'after the send') break
          if (outcome === 'in doubt') {
            ledger = releaseSend(ledger, { by, until: 0 }, { inDoubt: true }).next ?? ledger
            break
          }
          ledger = completeSend(ledger, outcome, { part: { index, of }, at }).next
          earlier.push(by)
        }
      }

      expect(Math.max(...made)).toBeLessThanOrEqual(1)
      expect(allSendsComplete(ledger)).toBe(true)
    }),
  )
})
