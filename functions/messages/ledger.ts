import * as z from 'zod'
import type { Table } from '../platform/table.ts'
import type { MessageAnnounced, MessageKey, StatusUpdate } from './jobs.ts'
import { cleanReason } from './reasons.ts'
import { readsTheSame, rises, Status, Word, wordFor } from './status.ts'

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

/** A claim of the send. `at` is a digest of the place where a repetition would be recognised, if there is one. */
const SendClaim = z.object({ ...Claim.shape, at: z.string().optional() })
type SendClaim = z.infer<typeof SendClaim>

/** All that is kept of one message: no text, no addresses. */
export const LedgerItem = z.object({
  pk: z.string(),
  version: z.number(),
  /** The highest status heard of. */
  known: Status.optional(),
  reason: z.string().optional(),
  /** HubSpot's word that HubSpot is known to hold. */
  told: z.object({ word: Word, at: z.string() }).optional(),
  /** HubSpot's word that HubSpot refused for good, after another had been told. */
  refused: Word.optional(),
  /** Jobs that raised what is known and have not settled yet: each tells HubSpot before it is done. */
  open: z.array(z.object({ mark: z.string(), ...Claim.shape })).default([]),
  /** The send: claimed by a try, and then its outcome. */
  send: z.object({ ...SendClaim.shape, result: SendOutcome.optional() }).optional(),
  providerMessageId: z.string().optional(),
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

/** Records that HubSpot announced a message, unless more is known of it already. */
export function announce(item: LedgerItem, { announced }: MessageAnnounced): { next?: LedgerItem; answer: undefined } {
  if (item.version > 0) return { answer: undefined }
  return { next: noted(item, 'announced', { occurredAt: announced, source: 'hubspot' }), answer: undefined }
}

/** The mark that a job leaves while HubSpot has not been told: equal for a job and its duplicates. */
export const markOf = ({ status, id }: Pick<StatusUpdate, 'status' | 'id'>) =>
  id === undefined ? status : `${status}#${id}`

/** Whose mark it is: what `markOf` was given. */
export function ofMark(mark: string): Pick<StatusUpdate, 'status' | 'id'> {
  const [status, ...id] = mark.split('#')
  return { status: Status.parse(status), ...(id.length > 0 && { id: id.join('#') }) }
}

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
  { now, earlier, shown }: { now: number; earlier: string[]; shown?: Status | undefined },
): { next?: LedgerItem; answer: 'tell' | 'done' | { inProgressUntil: number } } {
  const mark = markOf(update)
  const mine = item.open.find((other) => other.mark === mark)
  const claimed = { open: [...item.open.filter((other) => other !== mine), { mark, ...claim }] }

  if (mine && mine.by !== claim.by && !earlier.includes(mine.by) && now < mine.until)
    return { answer: { inProgressUntil: mine.until } }
  if (rises(update.status, item.known)) {
    const raised = noted({ ...item, ...knownBy(update, item) }, update.status, update)
    const heard = !mine && readsTheSame(update.status, item.known ?? shown)
    return heard ? { next: raised, answer: 'done' } : { next: { ...raised, ...claimed }, answer: 'tell' }
  }
  if (!mine && update.id === undefined) return { answer: 'done' }
  return { next: { ...item, ...claimed }, answer: 'tell' }
}

/** Records what HubSpot was told and removes the job's mark, unless an agent would read something else by now: tell again. */
export function settle(
  item: LedgerItem,
  { telling, refused, mark, at }: { telling: Telling; refused: boolean; mark: string; at: string },
): { next?: LedgerItem; answer: 'settled' | 'tell' } {
  if (!readsTheSame(telling.status, item.known)) return { answer: 'tell' }
  const { word } = telling
  const settled = {
    ...item,
    ...(refused ? { refused: word } : { told: { word, at } }),
    open: item.open.filter((other) => other.mark !== mark),
  }
  const what = refused ? `HubSpot refused ${word}` : `HubSpot told ${word}`
  return { next: noted(settled, what, { occurredAt: at, source: 'relay' }), answer: 'settled' }
}

/** What HubSpot is to be told now; undefined while nothing is known. */
export function tellingOf({ known, reason }: LedgerItem): Telling | undefined {
  if (!known) return undefined
  const word = wordFor(known)
  return { status: known, word, ...(word === 'FAILED' && { errorMessage: reason }) }
}

/**
 * Claims the send for one try. A try that died, or ended in doubt, may have sent the message: where the provider would
 * recognise a repetition, and this try goes to the same place, it is sent again; else its outcome is unknown, for good.
 * `earlier` names runs of the same job that certainly sent nothing.
 */
export function claimSend(
  item: LedgerItem,
  claim: SendClaim,
  { now, earlier }: { now: number; earlier: string[] },
): { next?: LedgerItem; answer: 'claimed' | { inProgressUntil: number } | { done: SendOutcome } } {
  const { send } = item
  if (send?.result) return { answer: { done: send.result } }
  const isOthers = send && send.by !== claim.by && !earlier.includes(send.by)
  if (isOthers && now < send.until) return { answer: { inProgressUntil: send.until } }
  const isRecognised = claim.at !== undefined && claim.at === send?.at
  if (isOthers && !isRecognised) return completeSend(item, { outcome: 'unknown' }, new Date(now).toISOString())
  return { next: { ...item, send: claim }, answer: 'claimed' }
}

/** Records what came of the send. */
export function completeSend(
  item: LedgerItem,
  outcome: SendOutcome,
  at: string,
): { next: LedgerItem; answer: { done: SendOutcome } } {
  const result = outcome.outcome === 'rejected' ? { ...outcome, reason: cleanReason(outcome.reason) } : outcome
  const send = { by: item.send?.by ?? '', until: item.send?.until ?? 0, result }
  const providerMessageId =
    ('providerMessageId' in result ? result.providerMessageId : undefined) ?? item.providerMessageId
  const what = result.outcome === 'sent' ? `send: ${result.status}` : `send: ${result.outcome}`
  return {
    next: noted({ ...item, send, providerMessageId }, what, { occurredAt: at, source: 'relay' }),
    answer: { done: result },
  }
}

/** What is known of a message by its send alone; undefined where that is nothing yet. */
export function wordOf(
  outcome: SendOutcome,
): Pick<StatusUpdate, 'status' | 'reason' | 'providerMessageId'> | undefined {
  if (outcome.outcome === 'rejected')
    return { status: 'failed', reason: outcome.reason, providerMessageId: outcome.providerMessageId }
  if (outcome.outcome === 'unknown' || outcome.status === 'accepted') return undefined
  return { status: outcome.status, providerMessageId: outcome.providerMessageId }
}

/** Frees the send for another try. Where this one ended in doubt, its claim stands, to be taken over at once. */
export function releaseSend(
  item: LedgerItem,
  { by }: Claim,
  { unclear }: { unclear: boolean },
): { next?: LedgerItem; answer: undefined } {
  if (item.send?.by !== by || item.send.result) return { answer: undefined }
  return { next: { ...item, send: unclear ? { ...item.send, until: 0 } : undefined }, answer: undefined }
}

/** What an update lets us know. */
function knownBy({ status, reason, providerMessageId }: StatusUpdate, item: LedgerItem) {
  return {
    known: status,
    reason: wordFor(status) === 'FAILED' ? cleanReason(reason ?? 'The message could not be delivered') : undefined,
    providerMessageId: providerMessageId ?? item.providerMessageId,
  }
}

// Long enough for any message's ordinary life, short enough that an item stays within one write unit.
const timelineLength = 12

function noted(
  item: LedgerItem,
  what: string,
  { occurredAt, source }: { occurredAt: string; source: string },
): LedgerItem {
  return { ...item, timeline: [...item.timeline, { at: occurredAt, what, source }].slice(-timelineLength) }
}
