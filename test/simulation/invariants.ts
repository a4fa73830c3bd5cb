import { cleanReason } from '../../functions/messages/reasons.ts'
import { LedgerItem, ledgerKey } from '../../functions/messages/record.ts'
import { hubspotStatusFor, ladder, readsTheSame, type Status } from '../../functions/messages/status.ts'
import { decodeBody, gunzip } from '../../functions/platform/queue.ts'
import { reasonFor, type Send } from './provider.ts'
import type { Fate, SendAnswer } from './scenario.ts'
import { confidential, traceOf, type World } from './world.ts'

/** What must hold of every world, whatever goes wrong in it. */
export type Invariant =
  | 'the world comes to rest'
  | 'no event is missing'
  | 'HubSpot holds the word for the highest status'
  | 'no customer receives a message twice'
  | 'messages of a thread arrive in the order in which the agent sent them'
  | 'HubSpot is asked no more than necessary'
  | 'what HubSpot is told leads back to its webhook'
  | 'nothing confidential is kept or logged'

/** A broken invariant and where. */
export type Violation = { invariant: Invariant; detail: string }

/** Judges a world that has come to rest, before the operator redrives what is left: every event has its status or its reason. */
export function judgeAtRest(world: World): Violation[] {
  return world.fates.flatMap((fate): Violation[] => {
    if (isHeardOf(world, fate.id) || lettersOf(world, fate.id).length > 0) return []
    return [
      { invariant: 'no event is missing', detail: `${fate.id} has no status in HubSpot, nor is it a dead letter` },
    ]
  })
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
  return left.map((detail) => ({ invariant, detail }))
}

function wronglyTold(world: World, fate: Fate): Violation[] {
  const { id, kind, parts } = fate
  if (kind === 'unreadable') return []
  const held = world.hubspot.held.get(id)
  const expected = parts
    .map((_, part) => possibleTruths(world, fate, part))
    .reduce<Status[][]>((all, some) => all.flatMap((one) => some.map((status) => [...one, status])), [[]])
  // What HubSpot refuses over and over, it is told in other words.
  const refusals = world.hubspot.patches.filter(({ messageId, status }) => messageId === id && status === 400).length
  const wasReworded = refusals >= 4
  const isTrue = expected.some((statuses) => {
    const status = statuses.includes('failed') ? 'failed' : lowest(statuses)
    const failed = statuses.filter((other) => other === 'failed').length
    const reason = cleanReason(reasonFor(id))
    const whole = parts.length > 1 ? `${failed} of ${parts.length} sends failed: ${reason}` : reason
    if (held?.statusType !== hubspotStatusFor(status)) return false
    return held.statusType !== 'FAILED' || wasReworded || (held.errorMessage === whole) === (status === 'failed')
  })
  if (isTrue) return []
  const holds = held ? [held.statusType, held.errorMessage].filter(Boolean).join(', ') : 'nothing'
  return [
    {
      invariant: 'HubSpot holds the word for the highest status',
      detail: `HubSpot holds ${holds} for ${id}, which is ${expected.map((statuses) => statuses.join(', ')).join(' or ')}`,
    },
  ]
}

/**
 * The highest status that the world produced. What came of a send counts where the relay heard it. Where the process then
 * died, or could neither record it nor send the job again with it, that is lost: the relay's own verdict may stand in its place.
 */
function possibleTruths(world: World, { id, kind }: Fate, part: number): Status[] {
  const { sends, issued } = world.provider
  const receipts = issued
    .filter((receipt) => receipt.messageId === id && receipt.part.index === part)
    .map(({ status }) => status)
  if (kind === 'own means') return [highest(receipts)]
  const own = sends.filter((send) => send.messageId === id && send.part === part)
  const answered = own.filter(({ said }) => said !== undefined)
  const outcomes = answered.map(({ said }) => outcomeOf(world, said!))
  const unheard = !world.hasKey && (own.length === 0 || own.some((send) => !send.heard || isLost(send)))
  const truth = highest(['unconfirmed', ...receipts, ...outcomes])
  return unheard ? [truth, highest(['unconfirmed', ...receipts])] : [truth]
}

/** The process died before it had kept what it heard, or AWS took neither write nor send. */
const isLost = ({ process, run }: Send) => (!process.alive && process.runs === run) || process.forgot

/** What the provider's answer comes to, where nothing follows it. */
function outcomeOf({ onSilence }: World, said: SendAnswer): Status {
  if (said === 'accepted') return onSilence === 'sent' ? 'sent' : 'unconfirmed'
  return said === 'rejected' ? 'failed' : said
}

const highest = (statuses: Status[]) => ladder[Math.max(...statuses.map((status) => ladder.indexOf(status)))]!
const lowest = (statuses: Status[]) => ladder[Math.min(...statuses.map((status) => ladder.indexOf(status)))]!

function sentTwice(world: World, { id, kind, parts }: Fate): Violation[] {
  if (kind !== 'agent') return []
  return parts.flatMap((_, part): Violation[] => {
    const sends = world.provider.sends.filter((send) => send.messageId === id && send.part === part)
    const invariant = 'no customer receives a message twice'
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
    const until = (begun.get(a) ?? firstOfA) + 60_000
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
  if (faults.hard().length > 0 || times === 0) return []
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

/** Each line that says what HubSpot was told of an agent's message names its webhook's trace, whoever brought the status. */
function untraced({ lines }: World, { id, kind }: Fate): Violation[] {
  const told = lines.filter(({ message, messageId }) => message === 'HubSpot told' && messageId === id)
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
    .map(({ body }) => decodeBody(body) as Letter)
    .map((letter) => ({ reason: letter.deadLetter?.reason, job: letter.job ?? letter }))
    .filter(({ job }) => job.messageId === id || (job.unread && gunzip(job.unread).toString().includes(`"${id}"`)))
}

type Job = { messageId?: string; unread?: string }
type Letter = Job & { deadLetter?: { reason: string }; job?: Job }
