import { LedgerItem, ledgerKey } from '../../functions/messages/record.ts'
import { sanitiseReason } from '../../functions/messages/sanitise-reason.ts'
import { outcomesOf } from '../../functions/messages/sending.ts'
import { readsTheSame, type Status, statusOrder, statusTypeOf } from '../../functions/messages/status.ts'
import { decodeBody, gunzip } from '../../functions/platform/queue.ts'
import type { Patch } from './hubspot.ts'
import { reasonFor, type Send } from './provider.ts'
import type { Fate, SendAnswer } from './scenario.ts'
import { tooManyCopies } from './sqs.ts'
import { claiming, confidential, traceOf, type World } from './world.ts'

/** What must hold of every world, whatever goes wrong in it. */
export type Invariant =
  | 'the world comes to rest'
  | 'no event is missing'
  | 'HubSpot holds the word for the highest status'
  | 'what is known is told before its job may end'
  | 'no customer receives a message twice'
  | 'messages of a thread arrive in the order in which the agent sent them'
  | 'HubSpot is asked no more than necessary'
  | 'who is busy is asked again in good time'
  | 'copies of a job do not multiply'
  | 'what HubSpot is told leads back to its webhook'
  | 'nothing confidential is kept or logged'

/** A broken invariant and where. */
export type Violation = { invariant: Invariant; detail: string }

/** Judges a world that has come to rest, before the operator redrives what is left: every event has its status or its reason. */
export function judgeAtRest(world: World): Violation[] {
  return world.fates.flatMap((fate): Violation[] => {
    if (isHeardOf(world, fate.id)) return []
    if (lettersOf(world, fate.id).length > 0) return endedUntold(world, fate)
    return [
      { invariant: 'no event is missing', detail: `${fate.id} has no status in HubSpot, nor is it a dead letter` },
    ]
  })
}

/** A delivery may end only after HubSpot was told so, or may be; the exception is a process that died before it could. */
function endedUntold({ deliveries, statusUpdates }: World, { id, kind }: Fate): Violation[] {
  const isAbout = ({ body }: { body: string }) => jobIn(body).job.messageId === id
  const letters = deliveries.deadLetters.filter(isAbout)
  if (kind !== 'agent' || letters.length === 0 || statusUpdates.deadLetters.some(isAbout)) return []
  const isExcused = letters.some(({ receivedBy, body }) => {
    if (jobIn(body).reason || !receivedBy) return false
    const { process, run } = receivedBy
    const calls = process.calls.filter((call) => call.run === run && call.about === id)
    // It first looks up what is known, and tells that.
    const hadBegun = calls.some(({ place }) => place === claiming)
    return (!process.alive && process.runs === run && !hadBegun) || calls.some(({ failedAt }) => failedAt !== undefined)
  })
  if (isExcused) return []
  const invariant = 'what is known is told before its job may end'
  return [{ invariant, detail: `${id} is a dead letter, and HubSpot was told nothing of it` }]
}

/** Whether HubSpot was told of a message; where it shows SENT by itself, whether the relay would know better. */
function isHeardOf({ tellSent, hubspot, ledgerTable }: World, id: string) {
  if (tellSent === 'always') return hubspot.held.has(id)
  return (
    LedgerItem.safeParse(ledgerTable.items.get(ledgerKey({ portalId: '1', channelId: '2', messageId: id }))).data
      ?.known !== undefined
  )
}

/** Judges a world at its end, when all dead letters have been redriven. The truth is what the provider did. */
export function judgeAtEnd(world: World): Violation[] {
  return [
    ...world.fates.flatMap((fate) => [...missing(world, fate), ...wronglyTold(world, fate), ...sentTwice(world, fate)]),
    ...world.fates.flatMap((fate) => askedTooOften(world, fate)),
    ...outOfOrder(world),
    ...refusedForHaste(world),
    ...askedForTokensTooOften(world),
    ...world.fates.flatMap((fate) => askedInBadTime(world, fate)),
    ...multiplied(world),
    ...world.fates.flatMap((fate) => untraced(world, fate)),
    ...leaks(world),
  ]
}

function missing(world: World, { id, kind }: Fate): Violation[] {
  const letters = lettersOf(world, id)
  const invariant = 'no event is missing'
  if (kind === 'unreadable')
    return letters.some(({ reason }) => reason) ? [] : [{ invariant, detail: `${id} is no dead letter with a reason` }]
  const left = letters.map(({ reason }) => `${id} is still a dead letter: ${reason ?? 'no reason'}`)
  const unsent = wasNeverTried(world, id, kind) ? [`${id} was never sent, though the trouble is over`] : []
  return [...left, ...unsent].map((detail) => ({ invariant, detail }))
}

/** Nobody may have sent it, nor does the relay have a reason to believe so. */
function wasNeverTried({ provider, ledgerTable, arrangement }: World, id: string, kind: Fate['kind']) {
  if (kind !== 'agent' || provider.sends.some(({ messageId, surelyNot }) => messageId === id && !surelyNot))
    return false
  const item = LedgerItem.safeParse(ledgerTable.items.get(ledgerKey({ portalId: '1', channelId: '2', messageId: id })))
  const isInDoubt = item.data && outcomesOf(item.data).some(({ outcome }) => outcome === 'in doubt')
  return !isInDoubt && arrangement() === 0
}

function wronglyTold(world: World, fate: Fate): Violation[] {
  const { id, kind } = fate
  if (kind === 'unreadable') return []
  const held = world.hubspot.held.get(id)
  const expected = sendsPlanned(world, fate).flatMap((of) => {
    const each = Array.from({ length: of }, (_, part) => possibleTruths(world, fate, part))
    return each.reduce<Truth[][]>((all, some) => all.flatMap((one) => some.map((truth) => [...one, truth])), [[]])
  })
  if (expected.some((truths) => isHeld(world, fate, truths)) || wasCorrectionRefused(world, id)) return []
  const holds = held ? [held.statusType, held.errorMessage].filter(Boolean).join(', ') : 'nothing'
  const should = expected.map((truths) => truths.map(({ status }) => status).join(', ')).join(' or ')
  return [
    {
      invariant: 'HubSpot holds the word for the highest status',
      detail: `HubSpot holds ${holds} for ${id}, which is ${should}`,
    },
  ]
}

/** Whether HubSpot holds what these truths of a message's sends come to. */
function isHeld(world: World, { id }: Fate, truths: Truth[]) {
  const held = world.hubspot.held.get(id)
  const failed = truths.filter(({ status }) => status === 'failed')
  const status = failed.length > 0 ? 'failed' : lowest(truths.map((truth) => truth.status))
  if (held?.statusType !== statusTypeOf(status)) return false
  // What HubSpot refuses over and over, it is told in other words.
  if (held.statusType !== 'FAILED' || wasRefused(world, id)) return true
  const reason = sanitiseReason(failed[0]?.reason ?? reasonFor(id))
  const whole = truths.length > 1 ? `${failed.length} of ${truths.length} sends failed: ${reason}` : reason
  // A conclusion may have been drawn on as many sends as another plan had.
  const isToldSo = world.arrangement() > 0 ? held.errorMessage?.endsWith(reason) : held.errorMessage === whole
  return isToldSo === (status === 'failed')
}

/** HubSpot refused another word than the one it holds, over and over, for five minutes: that is believed. */
function wasCorrectionRefused(world: World, id: string) {
  const { patches, held } = world.hubspot
  const shown = held.get(id)?.statusType
  const refusals = patches.filter((patch) => isRefused(patch, id) && patch.word !== shown)
  return shown !== undefined && isOverMinutes(world, refusals)
}

/** HubSpot refused what it was told of a message, over and over, for five minutes. */
const wasRefused = (world: World, id: string) =>
  isOverMinutes(
    world,
    world.hubspot.patches.filter((patch) => isRefused(patch, id)),
  )

// As it refuses what is not there yet: that counts towards the five minutes, too.
const isRefused = ({ messageId, status = 0 }: Patch, id: string) => messageId === id && [400, 403, 404].includes(status)

/** By the clocks of those who were refused. */
function isOverMinutes(world: World, refusals: Patch[]) {
  const [first, last] = [refusals[0], refusals.at(-1)]
  const isRepeated = refusals.filter(({ status }) => status === 400).length >= 2
  const shortest = 5 * minute - 1000 - world.clocksApart()
  return first !== undefined && isRepeated && last!.saidAt! - first.saidAt! >= shortest
}

/** What may be true of a send. `reason`: why it failed, where that is not the provider's word. */
type Truth = { status: Status; reason?: string }

/** How many sends a message may take: as the account was arranged when one may first have been made, else at any time. */
function sendsPlanned(world: World, { id, kind, parts }: Fate): number[] {
  const first = world.provider.sends.find(({ messageId, surelyNot }) => messageId === id && !surelyNot)
  if (kind === 'own means' || world.arrangement() === 0) return [parts.length]
  return first ? [first.of] : [...new Set([parts.length, 1])]
}

/**
 * The highest status that the world produced. What came of a send counts where the relay heard it. Where the process then
 * died, or AWS took neither the record of it nor the job that carries it nor the word of it, that is lost: the relay's own
 * conclusion may stand in its place. What a changed account would send otherwise is not sent.
 */
function possibleTruths(world: World, { id, kind }: Fate, part: number): Truth[] {
  const { sends, issued } = world.provider
  const receipts = issued
    .filter((receipt) => receipt.messageId === id && receipt.part.index === part)
    .map(({ status }) => status)
  if (kind === 'own means') return [{ status: highest(receipts) }]
  const own = sends.filter((send) => send.messageId === id && send.part === part)
  const answered = own.filter(({ said }) => said !== undefined)
  const outcomes = answered.map(({ said }) => outcomeOf(world, said!))
  const isChanged = world.arrangement() > 0
  const isUnheard = own.length === 0 || own.some((send) => (!send.heard && !send.surelyNot) || isLost(send))
  const truths: Status[] = [highest(['unconfirmed', ...receipts, ...outcomes])]
  // Where a repetition would be recognised, it is made, unless something else would be sent by now.
  if (isUnheard && (!world.hasKey || isChanged)) truths.push(highest(['unconfirmed', ...receipts]))
  const isNotSent = isChanged && own.every(({ surelyNot }) => surelyNot)
  return [
    ...truths.map((status) => ({ status })),
    ...(isNotSent ? [{ status: 'failed', reason: notSent } as const] : []),
  ]
}

const notSent = 'Not sent, because the account of this channel was changed in the meantime. Send it again.'

/**
 * What came of a send is lost where the process died in that run, or where AWS, after the answer, took neither the record of
 * it, nor the job again, nor the word of it.
 */
function isLost({ process, run, messageId, saidAt = 0 }: Send) {
  if (!process.alive && process.runs === run) return true
  const failed = process.calls.filter(
    (call) => call.run === run && call.about === messageId && call.failedAt! >= saidAt,
  )
  const refused = (places: string[]) => failed.some(({ place }) => places.includes(place))
  return refused(['put into ledger', 'get from ledger']) && refused(['to deliveries']) && refused(['to status updates'])
}

/** What the provider's answer comes to, where nothing follows it. */
function outcomeOf({ silenceMeans }: World, said: SendAnswer): Status {
  if (said === 'accepted') return silenceMeans === 'sent' ? 'sent' : 'unconfirmed'
  return said === 'rejected' ? 'failed' : said
}

const highest = (statuses: Status[]) => statusOrder[Math.max(...statuses.map((status) => statusOrder.indexOf(status)))]!
const lowest = (statuses: Status[]) => statusOrder[Math.min(...statuses.map((status) => statusOrder.indexOf(status)))]!

function sentTwice(world: World, { id, kind }: Fate): Violation[] {
  if (kind !== 'agent') return []
  const invariant = 'no customer receives a message twice'
  const own = world.provider.sends.filter(({ messageId }) => messageId === id)
  const first = own.findIndex(({ surelyNot }) => !surelyNot)
  if (own.slice(first + 1).some(({ arrangement }) => first >= 0 && arrangement !== own[first]!.arrangement))
    return [{ invariant, detail: `${id} was sent by another plan than the one by which it may have been sent before` }]
  return [...Map.groupBy(own, ({ part }) => part).values()].flatMap((sends): Violation[] => {
    const taken = sends.filter((send) => send.taken).length
    if (taken > 1) return [{ invariant, detail: `the customer received ${id} ${taken} times` }]
    if (!world.hasKey && sends.slice(0, -1).some(({ surelyNot }) => !surelyNot))
      return [{ invariant, detail: `${id} was sent again after a send whose outcome nobody knew` }]
    return []
  })
}

/**
 * Of two messages that the agent sent a second apart, the second is not sent between two tries of the first, unless the
 * first was begun a minute ago; where nothing goes wrong, it is sent after the first.
 */
function outOfOrder(world: World): Violation[] {
  const { fates, faults, begun, provider } = world
  const inThread = fates.filter(({ kind, thread }) => kind === 'agent' && thread)
  return inThread.flatMap((a) => inThread.filter((b) => b.at >= a.at + 1000).flatMap((b) => pair(a.id, b.id)))

  function pair(a: string, b: string): Violation[] {
    const [triesOfA, triesOfB] = [a, b].map((id) => provider.sends.filter(({ messageId }) => messageId === id))
    const [firstOfA, firstOfB] = [triesOfA![0]?.at, triesOfB![0]?.at]
    if (firstOfA === undefined || firstOfB === undefined) return []
    const until = (begun.get(a) ?? firstOfA) + minute - world.clocksApart()
    // Whoever looked a moment before the first was begun could not see it.
    const wasUnderWay = firstOfA + 100 < firstOfB && firstOfB < until && triesOfA!.some(({ at }) => at > firstOfB)
    if (!wasUnderWay && !(faults.calm && firstOfB < firstOfA)) return []
    const invariant = 'messages of a thread arrive in the order in which the agent sent them'
    return [{ invariant, detail: `${b} was sent before ${a}` }]
  }
}

/**
 * u updates cost at most u(u + 1) / 2 PATCHes, and each fault two more; without faults, in the usual order, as many as an
 * agent reads something new.
 */
function askedTooOften(world: World, { id, kind, parts, orderly }: Fate): Violation[] {
  const { faults, hubspot, provider, tellSent } = world
  const patches = hubspot.patches.filter(({ messageId }) => messageId === id)
  const produced = new Set(
    provider.issued.filter(({ messageId }) => messageId === id).map(({ status, part }) => `${status} ${part.index}`),
  )
  for (const { messageId, part, said } of provider.sends)
    if (messageId === id && said) produced.add(`${outcomeOf(world, said)} ${part}`)
  if (kind === 'agent') for (const part of parts.keys()) produced.add(`unconfirmed ${part}`)
  const updates = produced.size
  const trouble = faults.hard().length + patches.filter(({ answered200 }) => !answered200).length
  const limit = (updates * (updates + 1)) / 2 + 2 * trouble
  const invariant = 'HubSpot is asked no more than necessary'
  if (patches.length > limit)
    return [
      {
        invariant,
        detail: `${patches.length} PATCHes for ${updates} updates of ${id} with ${trouble} faults: over ${limit}`,
      },
    ]
  const [{ receipts } = { receipts: [] }, ...others] = parts
  if (!faults.calm || !orderly || kind === 'unreadable' || others.length > 0) return []
  const said = provider.sends.find(({ messageId }) => messageId === id)?.said
  const steps: Status[] = [
    ...(said && said !== 'accepted' ? [outcomeOf(world, said)] : []),
    ...receipts.map(({ status }) => status),
  ]
  const rising = steps.length > 0 ? steps : [outcomeOf(world, said ?? 'accepted')]
  const shown = tellSent === 'corrections' ? 'sent' : undefined
  const news = rising.filter((status, i) => !readsTheSame(status, rising[i - 1] ?? shown)).length
  return patches.length === news
    ? []
    : [{ invariant, detail: `${patches.length} PATCHes for ${rising.join(', ')} of ${id}: ${news} are enough` }]
}

function refusedForHaste({ faults, hubspot }: World): Violation[] {
  const times = hubspot.tooHasty()
  // Slots are times: who goes by a wrong clock takes others'.
  const isOnTime = !faults.happened.some(({ kind }) => kind === 'a clock is wrong')
  if (faults.hard().length > 0 || !isOnTime || times === 0) return []
  return [{ invariant: 'HubSpot is asked no more than necessary', detail: `HubSpot answered 429, ${times} times` }]
}

/** However many wait, one asks for a token at a time, and the longer in vain, the less often. */
function askedForTokensTooOften({ hubspot: { refreshes } }: World): Violation[] {
  const most = Math.max(
    0,
    ...refreshes.map((from) => refreshes.filter((at) => at >= from && at < from + 600_000).length),
  )
  if (most <= mostRefreshes) return []
  return [
    { invariant: 'HubSpot is asked no more than necessary', detail: `${most} refreshes of a token in ten minutes` },
  ]
}

const mostRefreshes = 40

/**
 * Whoever answers that he is busy is not asked again at once, whatever he says of the time, nor hours later; unless the job
 * was given up meanwhile.
 */
function askedInBadTime(world: World, { id }: Fate): Violation[] {
  const { hubspot, provider } = world
  const invariant = 'who is busy is asked again in good time'
  const sends = provider.sends.filter(({ messageId }) => messageId === id)
  const refused = sends.flatMap(({ busyAt = [] }) => busyAt)
  const crowd = refused.find((at, place) => refused[place + hasty]! - at < minute)
  if (crowd !== undefined)
    return [{ invariant, detail: `the provider was asked to send ${id} ${hasty} times within a minute` }]
  if (world.gaveUp(id)) return []
  const patches = hubspot.patches.filter(({ messageId }) => messageId === id)
  const waits = [
    ...patches.flatMap(({ status, saidAt }, place) => (isBusy(status) ? [[saidAt!, patches[place + 1]?.at]] : [])),
    ...sends.flatMap(({ busyAt }, place) => (busyAt ? [[busyAt, sends[place + 1]?.at]] : [])),
  ] as [number, number | undefined][]
  const longest = Math.max(0, ...waits.map(([from, to = from]) => to - from))
  if (longest <= longestWait) return []
  return [{ invariant, detail: `who was busy was asked for ${id} after ${Math.round(longest / minute)} minutes` }]
}

const minute = 60_000
const hasty = 30
// An hour, where a provider names one again and again, and what SQS, dead processes and others' jobs add to it.
const longestWait = 240 * minute
const isBusy = (status: number | undefined) => status !== undefined && [423, 429, 477, 500, 503].includes(status)

/** A job that waits is sent again, and where the answer to that is lost, twice: one of the two ends. */
function multiplied({ deliveries, statusUpdates }: World): Violation[] {
  const most = Math.max(deliveries.mostCopies(), statusUpdates.mostCopies())
  if (most <= tooManyCopies) return []
  return [{ invariant: 'copies of a job do not multiply', detail: `${most} copies of a job lay in a queue at once` }]
}

/** Each line that says what HubSpot was told of an agent's message names its webhook's trace, whoever brought the status. */
function untraced({ lines }: World, { id, kind }: Fate): Violation[] {
  const told = lines.filter(({ message, messageId }) => message === 'Told HubSpot' && messageId === id)
  if (kind !== 'agent' || told.every(({ traceId }) => traceId === traceOf(id))) return []
  const invariant = 'what HubSpot is told leads back to its webhook'
  return [{ invariant, detail: `a line of ${id} names another trace, or none` }]
}

function leaks(world: World): Violation[] {
  const kept = world.allTelemetry() + JSON.stringify([...world.ledgerTable.items.values()])
  const digits = kept.replaceAll(/[ ().-]/g, '')
  return confidential
    .filter((value) => kept.includes(value) || digits.includes(value.replaceAll(' ', '')))
    .map((value) => ({
      invariant: 'nothing confidential is kept or logged',
      detail: `“${value}” is in a log line or a ledger item`,
    }))
}

/** The dead letters of a message; SQS's own, of what crashed five times, have no reason. */
function lettersOf({ deliveries, statusUpdates }: World, id: string) {
  return [...deliveries.deadLetters, ...statusUpdates.deadLetters]
    .map(({ body }) => jobIn(body))
    .filter(({ job }) => job.messageId === id || (job.rawBody && gunzip(job.rawBody).toString().includes(`"${id}"`)))
}

function jobIn(body: string) {
  const letter = decodeBody(body) as Letter
  return { reason: letter.deadLetter?.reason, job: letter.job ?? letter }
}

type Job = { messageId?: string; rawBody?: string }
type Letter = Job & { deadLetter?: { reason: string }; job?: Job }
