import * as z from 'zod'
import type { StatusType } from '../messages/status.ts'
import type { RetryAfter } from '../platform/retry.ts'
import type { HeldStatus, UpdateAnswer } from './update-answer.ts'

/**
 * What an update remembers of its attempts, and takes along while it waits: since when HubSpot rejects it, how often it did,
 * how often in the same way as last time; how much of its reason is left; whether HubSpot held something else; and how often
 * it had reached its limit.
 */
export const UpdateHistory = z.object({
  rejected: z
    .object({ since: z.number(), at: z.number(), times: z.number(), alike: z.string(), timesAlike: z.number() })
    .optional(),
  wording: z.enum(['whole', 'short', 'none']).default('whole'),
  heldOther: z.boolean().default(false),
  limited: z.number().default(0),
})
export type UpdateHistory = z.infer<typeof UpdateHistory>

/** What becomes of an update, by HubSpot's answer to it. Times are in milliseconds since 1970. */
export type UpdateOutcome =
  /** HubSpot was told. `holds` says what it holds instead, where that is still something else when it is told again. */
  | { kind: 'told'; holds?: string | undefined }
  /** HubSpot does not accept this word, and keeps the one that it was told before. */
  | { kind: 'correction rejected'; problem: string }
  /** The same again at once, with less of a reason. */
  | { kind: 'reword'; problem: string; history: UpdateHistory }
  /** The portal gives no access, whatever is asked. */
  | { kind: 'no access'; problem: string }
  /** HubSpot's limit is reached, whoever used it up: the portal's updates wait, which is no attempt of theirs. */
  | { kind: 'pause portal'; reason: string; seconds: number | undefined; history: UpdateHistory }
  /** Another attempt, not before a time where there is a reason for one. */
  | {
      kind: 'retry'
      reason: string
      notBefore?: number | undefined
      retryAfter?: RetryAfter | undefined
      history?: UpdateHistory
    }
  /** No retry helps. */
  | { kind: 'give up'; reason: string }

/** What is known when an answer comes. */
export type Asked = {
  now: number
  random(): number
  /** HubSpot's word that it was told last, and what it was told now. */
  toldBefore: StatusType | undefined
  statusType: StatusType
  errorMessage: string | undefined
  /** How long ago the message was created, as far as is known, in milliseconds. */
  age: number
  /** Of a rejection: whether the channel account of the message was disconnected in HubSpot. */
  isPurged?: boolean
  /** Of a rejection: whether HubSpot rejects message after message of the channel in this way. */
  isSystematic?: boolean
  history: UpdateHistory
  /** Over how long the same rejection makes it final, in seconds: five minutes, unless somebody only tries that out. */
  rejectedForSeconds?: number | undefined
  /** How long after a timeout HubSpot could still be working on a request, in seconds. */
  lateEffectSeconds: number
}

/** What an answer of HubSpot's means for an update: the one place where that is decided. */
export function updateOutcomeOf(answer: UpdateAnswer, asked: Asked): UpdateOutcome {
  const { now, history } = asked
  const retryAfter = retryAfterOf(answer)
  switch (answer.kind) {
    case 'taken': {
      const holds = otherThanAsked(answer.held, asked)
      if (holds === undefined || history.heldOther) return { kind: 'told', holds }
      return {
        kind: 'retry',
        reason: `HubSpot ${holds}`,
        notBefore: now + pauseWhereOtherIsHeld * (1 + asked.random()),
        history: { ...history, heldOther: true },
      }
    }
    case 'unauthorized':
      return { kind: 'no access', problem: 'HubSpot rejects a fresh access token (HTTP 401)' }
    case 'scopes missing':
      return { kind: 'no access', problem: 'the scope conversations.custom_channels.write is missing' }
    case 'rejected':
      return afterRejection(answer, asked)
    case 'retryable':
      if (answer.status === 429)
        return {
          kind: 'pause portal',
          reason: `HubSpot answers that its rate limit is reached (${answer.problem})`,
          seconds: answer.retryAfterSeconds,
          history: { ...history, limited: history.limited + 1 },
        }
      return { kind: 'retry', reason: `HubSpot cannot take it now (${answer.problem})`, retryAfter }
    case 'in doubt':
      // It may take effect late, over what HubSpot is told meanwhile: only then is it repeated.
      return {
        kind: 'retry',
        reason: `HubSpot may have taken it (${answer.problem})`,
        notBefore: now + asked.lateEffectSeconds * 1000,
        retryAfter,
      }
  }
}

// In milliseconds.
const pauseWhereOtherIsHeld = 30_000
// In seconds: for how long an account that is being moved, or has used up its day, is left alone before it is asked again.
const maxRetryAfter = 900

function retryAfterOf(answer: UpdateAnswer) {
  const seconds = 'retryAfterSeconds' in answer ? answer.retryAfterSeconds : undefined
  return seconds === undefined ? undefined : { seconds, max: maxRetryAfter }
}

/** How what HubSpot holds differs from what it was asked to hold; undefined where it does not, or does not say. */
function otherThanAsked(held: HeldStatus | undefined, { statusType, errorMessage }: Asked) {
  if (!held) return undefined
  if (held.statusType !== statusType) return `holds ${held.statusType} after ${statusType}`
  const isOther =
    statusType === 'FAILED' &&
    held.errorMessage !== undefined &&
    collapseWhitespace(held.errorMessage) !== collapseWhitespace(errorMessage)
  return isOther ? 'holds another reason' : undefined
}

const collapseWhitespace = (text = '') => text.normalize().replace(/\s+/g, ' ').trim()

// What HubSpot answers where a message is not there yet, or not any more; it documents neither.
const notThere = new Set([403, 404, 409])

/** Whether HubSpot may say by its refusal that it does not have the message. */
export const isNotThere = ({ status }: { status: number }) => notThere.has(status)

/** Whether HubSpot may say so because the message was created only just now. */
export const isYetToAppear = (answer: { status: number }, age: number) => isNotThere(answer) && age < fiveMinutes

type Rejection = Extract<UpdateAnswer, { kind: 'rejected' }>

/**
 * Nothing says what a rejection by this endpoint means, so one is not final: final is what is answered alike four times, over
 * at least five minutes. Where message after message is rejected so, two times are enough, to spare the portal's limit.
 */
function afterRejection({ problem, status, alike }: Rejection, asked: Asked): UpdateOutcome {
  const { now, history, isSystematic, rejectedForSeconds = fiveMinutes / 1000 } = asked
  if (asked.isPurged)
    return {
      kind: 'give up',
      reason: `The channel account was disconnected in HubSpot, and the message went with it (${problem})`,
    }
  const known = history.rejected && now - history.rejected.at < forgottenAfter ? history.rejected : undefined
  const { since = now, times = 0 } = known ?? {}
  const timesAlike = known?.alike === alike ? known.timesAlike + 1 : 1
  const next = { ...history, rejected: { since, at: now, times: times + 1, alike, timesAlike } }
  const isFinal = timesAlike >= (isSystematic ? 2 : 4) && now - since >= rejectedForSeconds * 1000
  if (!isFinal) {
    const isYoung = isYetToAppear({ status }, asked.age)
    return {
      kind: 'retry',
      reason: isYoung
        ? `HubSpot does not have the message yet (${problem})`
        : `HubSpot rejects the status (${problem})`,
      notBefore: nextAfterRejection(next.rejected, { ...asked, rejectedForSeconds, isYoung }),
      history: next,
    }
  }
  // Another wording brings no message back that is not there, and its agent would read less than is known.
  if (asked.errorMessage !== undefined && history.wording !== 'none' && !isNotThere({ status }))
    return { kind: 'reword', problem, history: { ...next, wording: history.wording === 'whole' ? 'short' : 'none' } }
  if (!asked.toldBefore || asked.toldBefore === asked.statusType)
    return {
      kind: 'give up',
      reason: `HubSpot rejects the status, ${times + 1} times in ${Math.round((now - since) / 60_000)} minutes (${problem})`,
    }
  return { kind: 'correction rejected', problem }
}

const fiveMinutes = 300_000
// A job that was elsewhere since its last rejection (a portal without access, the dead letters) starts over.
const forgottenAfter = 3_600_000
// Seconds after the first rejection.
const steps = [5, 30, 120, 300]

function nextAfterRejection(
  { since, times }: NonNullable<UpdateHistory['rejected']>,
  { now, random, isSystematic, rejectedForSeconds, isYoung }: Asked & { isYoung: boolean; rejectedForSeconds: number },
) {
  const scaledSecond = (rejectedForSeconds * 1000 * (1 + random() / 20)) / 300
  const soonest = now + 5 * scaledSecond
  const end = since + 300 * scaledSecond
  if (isSystematic) return Math.max(end, soonest)
  // A message that was just created may appear any moment.
  if (isYoung) return Math.min(Math.max(end, soonest), now + Math.min(60_000, 1000 * 2 ** times) * (0.5 + random() / 2))
  const step = steps[times - 1]
  if (step === undefined) return now + 300 * scaledSecond
  return Math.max(since + step * scaledSecond, soonest)
}
