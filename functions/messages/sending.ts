import { type TrustedSecret, withTrustedSecret } from './authority.ts'
import type { DeliveryJob } from './jobs.ts'
import {
  type Claim,
  type LedgerItem,
  type Part,
  type Plan,
  partLabel,
  type SendClaim,
  type SendOutcome,
  withTimelineEntry,
} from './record.ts'
import { sanitiseReason } from './sanitise-reason.ts'
import type { StatusUpdate } from './status-update.ts'

/** The outcomes of a message's sends so far, in order. */
export function outcomesOf({ send, sends }: LedgerItem): SendOutcome[] {
  return sends?.outcomes ?? (send?.result ? [send.result] : [])
}

/** Whether all of a message's sends have an outcome. */
export const allSendsComplete = (item: LedgerItem) => outcomesOf(item).length === (item.sends?.of ?? 1)

/** What an attempt knows when it claims a send. `earlier` names runs of the same job that certainly sent nothing. */
type Attempt = { plan: Plan; index: number; job: Origin; trustedSecret: TrustedSecret; now: number; earlier: string[] }

/**
 * Claims a send for one attempt, and the sends after it, which are made in order. An attempt that died, or ended in doubt, may
 * have made it: in the same idempotency scope it is made again, since the provider would recognise the repetition; elsewhere
 * it stays in doubt for good. The first claim settles which sends the message takes. If it would take others by now, because
 * its account was changed, those that were made stand and the rest are not made.
 */
export function claimSend(
  item: LedgerItem,
  claim: SendClaim,
  { plan, index, job, trustedSecret, now, earlier }: Attempt,
): { next?: LedgerItem; answer: 'claimed' | { inProgressUntil: number } | { done: SendOutcome } | { changed: Plan } } {
  const { send } = item
  const outcomes = outcomesOf(item)
  const isOthers = send !== undefined && send.by !== claim.by && !earlier.includes(send.by)
  const inDoubt = isOthers || send?.inDoubt
  const at = new Date(now).toISOString()
  if (!fits(plan, item) && (outcomes.length > 0 || inDoubt)) {
    if (allSendsComplete(item)) return { answer: { changed: item.plan! } }
    if (isOthers && now < send.until) return { answer: { inProgressUntil: send.until } }
    return { next: leaveRest(item, { inDoubt: inDoubt === true, at }), answer: { changed: item.plan! } }
  }
  const done = outcomes[index]
  if (done) return { answer: { done } }
  if (send?.by === claim.by) return { answer: 'claimed' }
  if (isOthers && now < send.until) return { answer: { inProgressUntil: send.until } }
  const { channelAccountId, createdAt, traceId } = job
  const claimed = {
    ...{ channelAccountId, createdAt, traceId },
    ...item,
    // What was said of the sends of another plan counts for the message, and for none of these.
    ...(!fits(plan, item) && { parts: undefined }),
    plan,
    // Receipts for what was sent, or may have been, may be signed with the secrets of earlier attempts as well.
    trustedSecrets: withTrustedSecret(outcomes.length > 0 || inDoubt ? (item.trustedSecrets ?? []) : [], trustedSecret),
    send: { ...claim, ...(inDoubt && { inDoubt }) },
  }
  const { idempotencyScope } = claim
  const isIdempotent = idempotencyScope !== undefined && idempotencyScope === send?.idempotencyScope
  if (inDoubt && !isIdempotent)
    return completeSend(claimed, { outcome: 'in doubt' }, { part: { index, of: plan.of }, at })
  return { next: claimed, answer: 'claimed' }
}

function fits({ of, digest }: Plan, { plan }: LedgerItem) {
  return plan === undefined || (plan.of === of && plan.digest === digest)
}

/** Ends a message whose plan no longer holds: the send that may have been made is in doubt, and those after it are not made. */
function leaveRest(item: LedgerItem, { inDoubt, at }: { inDoubt: boolean; at: string }): LedgerItem {
  const { of } = item.plan!
  let left = item
  for (let index = outcomesOf(item).length; index < of; index++) {
    const isInDoubt = inDoubt && left === item
    const outcome: SendOutcome = isInDoubt ? { outcome: 'in doubt' } : { outcome: 'rejected', reason: planChanged }
    left = completeSend(left, outcome, { part: { index, of }, at }).next
  }
  return left
}

/** Whether a send was not made because the plan it was part of no longer holds. */
export const isLeftOut = (outcome: SendOutcome) => outcome.outcome === 'rejected' && outcome.reason === planChanged

const planChanged = 'Not sent, because the account of this channel was changed in the meantime. Send it again.'

/** What an item keeps of the first job that claims a send. */
type Origin = Pick<DeliveryJob, 'channelAccountId' | 'createdAt' | 'traceId'>

/** Records the outcome of a send. The next send belongs to the same claim. */
export function completeSend(
  item: LedgerItem,
  outcome: SendOutcome,
  { part: { index, of }, at }: { part: Part; at: string },
): { next: LedgerItem; answer: { done: SendOutcome } } {
  const result = sanitised(outcome)
  const providerMessageId =
    ('providerMessageId' in result ? result.providerMessageId : undefined) ?? item.providerMessageId
  const outcomes = [...outcomesOf(item)]
  outcomes[index] = result
  const recorded =
    of > 1
      ? { ...item, providerMessageId, sends: { of, outcomes }, send: item.send && { ...item.send, inDoubt: undefined } }
      : { ...item, providerMessageId, send: { by: item.send?.by ?? '', until: item.send?.until ?? 0, result } }
  const what = `send${partLabel({ index, of })}: ${result.outcome === 'sent' ? result.status : result.outcome}`
  return { next: withTimelineEntry(recorded, what, { occurredAt: at, source: 'relay' }), answer: { done: result } }
}

/** The outcome as it may be kept: a provider's reason for a rejection may quote numbers and addresses. */
export const sanitised = (outcome: SendOutcome): SendOutcome =>
  outcome.outcome === 'rejected' ? { ...outcome, reason: sanitiseReason(outcome.reason) } : outcome

/** Records an outcome that became known later than its send: one that is already certain stands. */
export function settleOutcome(
  item: LedgerItem,
  outcome: SendOutcome,
  about: { part: Part; at: string },
): { next?: LedgerItem; answer: { done: SendOutcome } } {
  const known = outcomesOf(item)[about.part.index]
  return known && known.outcome !== 'in doubt' ? { answer: { done: known } } : completeSend(item, outcome, about)
}

/** The status of a message that follows from its send alone; undefined where there is none yet. */
export function statusFromOutcome(
  outcome: SendOutcome,
): Pick<StatusUpdate, 'status' | 'reason' | 'code' | 'providerMessageId'> | undefined {
  if (outcome.outcome === 'rejected')
    return {
      status: 'failed',
      reason: outcome.reason,
      ...(outcome.code !== undefined && { code: outcome.code }),
      providerMessageId: outcome.providerMessageId,
    }
  if (outcome.outcome === 'in doubt' || outcome.status === 'accepted') return undefined
  return { status: outcome.status, providerMessageId: outcome.providerMessageId }
}

/** The outcome of a send that could not be written to the ledger. */
type Unrecorded = { part: Part; outcome: SendOutcome }

/**
 * Leaves to a later copy of a job what this one alone knows: an outcome is recorded, and a claim under which nothing was sent
 * is given back.
 */
export function leaveToOther(
  item: LedgerItem,
  { runs, unrecorded, at }: { runs: string[]; unrecorded: Unrecorded | undefined; at: string },
): { next?: LedgerItem; answer: 'superseded' } {
  const recorded = unrecorded && settleOutcome(item, unrecorded.outcome, { part: unrecorded.part, at }).next
  const current = recorded ?? item
  const { send } = current
  const isTheirs = send && !send.result && !send.inDoubt && !allSendsComplete(current) && runs.includes(send.by)
  const next = isTheirs ? { ...current, send: undefined } : recorded
  return { ...(next && { next }), answer: 'superseded' }
}

/** Frees the send for another attempt. If this attempt or an earlier one ended in doubt, the claim stays, and may be taken over at once. */
export function releaseSend(
  item: LedgerItem,
  { by }: Claim,
  { inDoubt }: { inDoubt: boolean },
): { next?: LedgerItem; answer: undefined } {
  if (item.send?.by !== by || item.send.result) return { answer: undefined }
  const stands = inDoubt || item.send.inDoubt
  return { next: { ...item, send: stands ? { ...item.send, until: 0 } : undefined }, answer: undefined }
}
