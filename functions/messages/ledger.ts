import * as z from 'zod'
import type { Table } from '../platform/table.ts'
import { hearingOf, Speaker } from './authority.ts'
import type { MessageAnnounced, MessageKey, StatusUpdate } from './jobs.ts'
import { sentenceOf } from './part-names.ts'
import { cleanReason } from './reasons.ts'
import { hubspotStatusFor, ladder, readsTheSame, rises, Status, Word } from './status.ts'

/** How long an item lives after its last change. Receipts for older messages are acknowledged and ignored. */
export const keptForDays = 180

/** What came of a send. */
export const SendOutcome = z.discriminatedUnion('outcome', [
  /** The provider took it. `status` is what is known by that alone; `accepted` says nothing to HubSpot yet. */
  z.object({
    outcome: z.literal('sent'),
    status: z.enum(['accepted', 'sent', 'delivered', 'read']),
    providerMessageId: z.string().optional(),
  }),
  /** The provider refused it for good. */
  z.object({ outcome: z.literal('rejected'), reason: z.string(), providerMessageId: z.string().optional() }),
  /** It may have been sent or not, and must not be sent again. */
  z.object({ outcome: z.literal('unknown') }),
])
export type SendOutcome = z.infer<typeof SendOutcome>

/** Whose try it is, and until when (milliseconds since 1970) its effect may still come. Later, another try may take over. */
const Claim = z.object({ by: z.string(), until: z.number() })
export type Claim = z.infer<typeof Claim>

/**
 * A claim of the send. `at` is a digest of the place where a repetition would be recognised, if there is one; `inDoubt` is
 * set where an earlier try may have made it.
 */
const SendClaim = z.object({ ...Claim.shape, at: z.string().optional(), inDoubt: z.boolean().optional() })
export type SendClaim = z.infer<typeof SendClaim>

/** How many sends a message takes, a digest of them, too short to tell what was in them, and what an agent may call them. */
const Plan = z.object({ of: z.number(), digest: z.string(), names: z.array(z.string()).optional() })
export type Plan = z.infer<typeof Plan>

/** What is known of a message, or of one of its sends. */
const Knowledge = z.object({
  /** The highest status heard of. */
  known: Status.optional(),
  reason: z.string().optional(),
  providerMessageId: z.string().optional(),
})
type Knowledge = z.infer<typeof Knowledge>

/** All that is kept of one message: no text, no addresses. */
export const LedgerItem = z.object({
  pk: z.string(),
  version: z.number(),
  ...Knowledge.shape,
  /** Where a message takes several sends: what is known of each. What is known of the message follows from it. */
  parts: z.array(Knowledge).optional(),
  /** When the agent pressed Send, in ISO 8601. */
  createdAt: z.string().optional(),
  /** The trace in which HubSpot announced it, and which its log lines name, receipts included. */
  traceId: z.string().optional(),
  /** HubSpot's ids of the events that announced it: of the first, and of those after which it was sent again. */
  eventIds: z.array(z.string()).optional(),
  /** The provider's ids of sends that failed before it was sent again: what is said of them counts no more. */
  earlierSends: z.array(z.string()).optional(),
  /** HubSpot's channel account that the message goes out by. */
  channelAccountId: z.string().optional(),
  /** Who may speak for it, as of its announcement or its sends. */
  speakers: z.array(Speaker).optional(),
  /** HubSpot's word that HubSpot was told, and, where its answer says otherwise, how what it holds differs from that. */
  told: z.object({ word: Word, at: z.string(), holds: z.string().optional() }).optional(),
  /** HubSpot's word that HubSpot refused for good, after another had been told. */
  refused: Word.optional(),
  /** Jobs that raised what is known and have not settled yet: each tells HubSpot before it is done. */
  open: z.array(z.object({ mark: z.string(), ...Claim.shape })).default([]),
  /** The send: claimed by a try, and then its outcome. */
  send: z.object({ ...SendClaim.shape, result: SendOutcome.optional() }).optional(),
  /** What the message takes, as the run that first claimed a send had planned it. */
  plan: Plan.optional(),
  /** Where there are several sends: how many, and what came of those that were made, in their order. */
  sends: z.object({ of: z.number(), outcomes: z.array(SendOutcome) }).optional(),
  /** Of jobs that wait again and again: the copy of each that was received last. */
  received: z.record(z.string(), z.object({ count: z.number(), token: z.string() })).optional(),
  /** What a job of it waits for, and until when, as of its last try. */
  waiting: z.object({ what: z.enum(['delivery', 'status']), reason: z.string(), until: z.string() }).optional(),
  timeline: z.array(z.object({ at: z.string(), what: z.string(), source: z.string() })).default([]),
  /** Seconds since 1970, for DynamoDB's TTL. */
  expiresAt: z.number(),
})
export type LedgerItem = z.infer<typeof LedgerItem>

/** What HubSpot is told: the word for what is known, and why it failed. */
export type Telling = { status: Status; word: Word; errorMessage?: string | undefined }

/** What is known of every message, one item each. */
export type Ledger = ReturnType<typeof createLedger>

/** The ledger in its table. */
export function createLedger(table: Table, now: () => number) {
  /** Reads an item, decides by it, and writes what was decided unless somebody was quicker: then once more. */
  async function change<Answer>(
    key: MessageKey,
    decide: (item: LedgerItem) => { next?: LedgerItem; answer: Answer },
    seen?: LedgerItem,
  ): Promise<{ answer: Answer; item: LedgerItem }> {
    for (let item = seen ?? (await read(key)); ; item = await read(key)) {
      const { next, answer } = decide(item)
      if (!next) return { answer, item }
      const written = { ...next, version: item.version + 1, expiresAt: Math.ceil(now() / 1000) + keptForDays * 86_400 }
      if (await table.putIfNextVersion(written)) return { answer, item: written }
    }
  }

  async function read(key: MessageKey): Promise<LedgerItem> {
    const pk = ledgerKey(key)
    return LedgerItem.parse((await table.get(pk)) ?? { pk, version: 0, expiresAt: 0 })
  }

  return { change, read }
}

/** The key of a message's item. */
export const ledgerKey = ({ portalId, channelId, messageId }: MessageKey) => `${portalId}#${channelId}#${messageId}`

/** The message whose item has this key. */
export function messageOf(pk: string): MessageKey {
  const [portalId = '', channelId = '', ...messageId] = pk.split('#')
  return { portalId, channelId, messageId: messageId.join('#') }
}

/** Records what HubSpot's announcement of a message tells, whenever it comes: of that, what is not known yet. */
export function announce(
  item: LedgerItem,
  { announced, channelAccountId, traceId, eventId }: MessageAnnounced,
  speaker: Speaker | undefined,
): { next?: LedgerItem; answer: undefined } {
  const told = {
    createdAt: announced,
    channelAccountId,
    traceId,
    speakers: speaker && [speaker],
    eventIds: eventId === undefined ? undefined : [eventId],
  }
  const known = Object.fromEntries(Object.entries(item).filter(([, value]) => value !== undefined))
  const isNews = Object.entries(told).some(([name, value]) => value !== undefined && !(name in known))
  if (!isNews) return { answer: undefined }
  const next = noted({ ...item, ...told, ...known }, 'announced', { occurredAt: announced, source: 'hubspot' })
  return { next, answer: undefined }
}

/** The mark that a job leaves while HubSpot has not been told: equal for a job and its duplicates. */
export const markOf = ({ status, part, id }: Marked) =>
  `${status}${part ? `/${part.index}.${part.of}` : ''}${id === undefined ? '' : `#${id}`}`

/** Whose mark it is: what `markOf` was given. */
export function ofMark(mark: string): Marked {
  const [, status, index, of, id] = /^(\w+)(?:\/(\d+)\.(\d+))?(?:#(.*))?$/s.exec(mark) ?? []
  return {
    status: Status.parse(status),
    ...(index && { part: { index: Number(index), of: Number(of) } }),
    ...(id !== undefined && { id }),
  }
}

type Marked = Pick<StatusUpdate, 'status' | 'part' | 'id'>

/**
 * Raises what is known. A job that changes what an agent reads leaves its mark and must tell HubSpot. So must one that
 * finds its own mark: an earlier try may have died before its PATCH, or its PATCH may have taken effect late. While the
 * try that left the mark may still be at it, its duplicates wait; the job itself shows the names of its `earlier` runs
 * and goes on. A job with an `id` tells what is known anew. `shown` is what HubSpot is taken to show of a message before
 * it is told anything.
 */
export function advance(
  item: LedgerItem,
  update: StatusUpdate,
  claim: Claim,
  {
    now,
    earlier,
    shown,
    mayWait = false,
  }: { now: number; earlier: string[]; shown?: Status | undefined; mayWait?: boolean },
): { next?: LedgerItem; answer: 'tell' | 'done' | 'unheard' | 'not yet' | { inProgressUntil: number } } {
  const hearing = hearingOf(item, update, { mayWait })
  if (hearing !== 'heard') return { answer: hearing }
  if (update.providerMessageId && item.earlierSends?.includes(update.providerMessageId)) return { answer: 'done' }
  const mark = markOf(update)
  const mine = item.open.find((other) => other.mark === mark)
  const claimed = { open: [...item.open.filter((other) => other !== mine), { mark, ...claim }] }

  if (mine && mine.by !== claim.by && !earlier.includes(mine.by) && now < mine.until)
    return { answer: { inProgressUntil: mine.until } }
  const raised = raise(item, update)
  if (raised) {
    const next = noted(raised, `${update.status}${which(update.part)}`, update)
    const heard = !mine && agentReadsTheSame(next, { ...item, known: item.known ?? (item.told ? undefined : shown) })
    return heard || !next.known ? { next, answer: 'done' } : { next: { ...next, ...claimed }, answer: 'tell' }
  }
  if ((!mine && update.id === undefined) || !item.known) return { answer: 'done' }
  return { next: { ...item, ...claimed }, answer: 'tell' }
}

/** Records what HubSpot was told and removes the job's mark, unless an agent would read something else by now: tell again. */
export function recordTold(
  item: LedgerItem,
  {
    telling,
    refused,
    holds,
    mark,
    at,
  }: { telling: Telling; refused: boolean; holds?: string | undefined; mark: string; at: string },
): { next?: LedgerItem; answer: 'settled' | 'tell' } {
  const { status: known, word, errorMessage: reason } = telling
  if (!agentReadsTheSame({ known, reason }, item)) return { answer: 'tell' }
  const settled = {
    ...item,
    ...(refused ? { refused: word } : { told: { word, at, holds } }),
    open: item.open.filter((other) => other.mark !== mark),
  }
  const what = refused ? `HubSpot refused ${word}` : `HubSpot told ${word}${holds ? `: ${holds}` : ''}`
  return { next: noted(settled, what, { occurredAt: at, source: 'relay' }), answer: 'settled' }
}

/** Keeps what an update lets us know, and its job's mark, where the job ends without having told HubSpot. */
export function remember(
  item: LedgerItem,
  update: StatusUpdate,
  by: string,
  { now, shown }: { now: number; shown: Status | undefined },
): { next?: LedgerItem; answer: undefined } {
  if (item.open.some(({ mark }) => mark === markOf(update))) return { answer: undefined }
  const { next } = advance(item, update, { by, until: 0 }, { now, earlier: [], shown })
  return { ...(next && { next }), answer: undefined }
}

/** Notes what a job of a message waits for; what happens to the message next takes the note away. */
export function putOff(item: LedgerItem, waiting: NonNullable<LedgerItem['waiting']>) {
  return { next: { ...item, waiting: { ...waiting, reason: cleanReason(waiting.reason) } }, answer: undefined }
}

/** Leaves a mark to whoever comes next, where its try has certainly come to an end. */
export function endTry(item: LedgerItem, mark: string, { by }: Claim): { next: LedgerItem; answer: undefined } {
  const open = item.open.map((one) => (one.mark === mark && one.by === by ? { ...one, until: 0 } : one))
  return { next: { ...item, open }, answer: undefined }
}

/** What HubSpot is to be told now; undefined while nothing is known. */
export function tellingOf({ known, reason }: LedgerItem): Telling | undefined {
  if (!known) return undefined
  const word = hubspotStatusFor(known)
  return { status: known, word, ...(word === 'FAILED' && { errorMessage: reason }) }
}

/** The item with what an update lets us know; undefined where that was known. Of several sends, each rises by itself. */
function raise(item: LedgerItem, update: StatusUpdate): LedgerItem | undefined {
  const { part } = update
  if (!item.parts && !part) return rises(update.status, item.known) ? { ...item, ...knownBy(update, item) } : undefined
  const { known, reason } = item
  const all = item.parts ?? Array.from({ length: item.plan?.of ?? part!.of }, (): Knowledge => ({ known, reason }))
  // A word about a send that nobody planned is a word all the same.
  const unplanned = Math.max(0, (part?.of ?? 0) - all.length)
  const before = [...all, ...Array.from({ length: unplanned }, (): Knowledge => ({}))]
  const parts = before.map((of, index) =>
    (!part || part.index === index) && rises(update.status, of.known) ? { ...of, ...knownBy(update, of) } : of,
  )
  // What was known of all reads otherwise once the number of parts is known, whether or not any of them rises.
  const isNews = !item.parts || unplanned > 0 || parts.some((of, index) => of !== before[index])
  return isNews ? { ...item, parts, ...knownOfAll(parts, item.plan?.names) } : undefined
}

/** What an update lets us know. */
function knownBy({ status, reason, providerMessageId }: StatusUpdate, before: Knowledge): Knowledge {
  return {
    known: status,
    reason:
      hubspotStatusFor(status) === 'FAILED'
        ? cleanReason(reason ?? '') || 'The message could not be delivered'
        : undefined,
    providerMessageId: providerMessageId ?? before.providerMessageId,
  }
}

/**
 * What is known of a message by its sends: failed, as soon as one has; else, once something is known of each, the lowest. Until
 * then nothing new, so what was known before stands. Why that converges: docs/decisions/0001-telling-hubspot.md.
 */
function knownOfAll(parts: Knowledge[], names?: string[]): Pick<Knowledge, 'known' | 'reason'> {
  const lowest =
    parts.every(({ known }) => known) && ladder.find((status) => parts.some(({ known }) => known === status))
  const known = parts.some(({ known }) => known === 'failed') ? 'failed' : lowest
  if (!known) return {}
  if (hubspotStatusFor(known) !== 'FAILED') return { known, reason: undefined }
  const these = parts.filter((part) => part.known === known)
  if (names?.length === parts.length) {
    const fates = parts.map(({ known }) => known && (known === 'failed' || known === 'unconfirmed' ? known : 'arrived'))
    return { known, reason: cleanReason(`${sentenceOf(names, fates)} ${these[0]!.reason}`) }
  }
  const what = known === 'failed' ? 'failed' : 'not confirmed'
  return { known, reason: cleanReason(`${these.length} of ${parts.length} sends ${what}: ${these[0]!.reason}`) }
}

/** Whether an agent reads the same in HubSpot, down to the reason. */
function agentReadsTheSame(now: Knowledge, before: Knowledge) {
  if (!now.known) return before.known === undefined
  return (
    readsTheSame(now.known, before.known) && (hubspotStatusFor(now.known) !== 'FAILED' || now.reason === before.reason)
  )
}

/** Which of a message's sends is meant: counted from 0, and of how many. */
export type Part = { index: number; of: number }

/** Names a send in the timeline, where there are several. */
export const which = (part: Part | undefined) => (part && part.of > 1 ? ` ${part.index + 1} of ${part.of}` : '')

// Long enough for any message's ordinary life, short enough that an item stays within one write unit.
const timelineLength = 12

/** The item with an entry more in its timeline. */
export function noted(
  item: LedgerItem,
  what: string,
  { occurredAt, source }: { occurredAt: string; source: string },
): LedgerItem {
  return {
    ...item,
    waiting: undefined,
    timeline: [...item.timeline, { at: occurredAt, what, source }].slice(-timelineLength),
  }
}
