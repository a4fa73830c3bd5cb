import type { Word } from '../messages/status.ts'
import type { NamedWait } from '../platform/retry.ts'
import type { UpdateAnswer } from './client.ts'

/** What becomes of an update, by HubSpot's answer to it. Times are in milliseconds since 1970. */
export type UpdateOutcome =
  /** HubSpot was told. `surprise` says how its answer differs from what is documented. */
  | { kind: 'told'; surprise?: string | undefined }
  /** HubSpot will not take this word, and keeps the one that it was told before. */
  | { kind: 'correction refused'; problem: string }
  /** The portal gives no access, whatever is asked. */
  | { kind: 'no access'; problem: string }
  /** HubSpot's limit is reached, whoever used it up: the portal's updates wait, which is no attempt of theirs. */
  | { kind: 'pause portal'; reason: string; until: number }
  /** Another try, not before a time where there is a reason for one. */
  | { kind: 'retry'; reason: string; notBefore?: number | undefined; named?: NamedWait | undefined }
  /** No retry helps. */
  | { kind: 'give up'; reason: string }

/** What is known where an answer comes. */
export type Asked = {
  now: number
  random(): number
  /** HubSpot's word that it was told last, and the one that it was told now. */
  before: Word | undefined
  word: Word
  /** When the message came into being, as far as is known. */
  bornAt: number
  /** Whether the channel account of the message was disconnected in HubSpot. */
  isPurged: boolean
  /** How long after a timeout HubSpot could still be working on a request, in seconds. */
  lateEffectSeconds: number
}

/** What an answer of HubSpot's means for an update: the one place where that is decided. */
export function outcomeOf(answer: UpdateAnswer, asked: Asked): UpdateOutcome {
  const { now } = asked
  switch (answer.kind) {
    case 'told':
      return answer
    case 'unauthorized':
      return { kind: 'no access', problem: 'HubSpot refuses a fresh access token (HTTP 401)' }
    case 'scopes missing':
      return { kind: 'no access', problem: 'the scope conversations.custom_channels.write is missing' }
    case 'not there':
      return notThere(answer.problem, asked)
    case 'refused':
      if (!asked.before || asked.before === asked.word)
        return { kind: 'give up', reason: `HubSpot refuses the status (${answer.problem})` }
      return { kind: 'correction refused', problem: answer.problem }
    case 'busy': {
      const named = namedBy(answer)
      if (answer.status === 429)
        return {
          kind: 'pause portal',
          reason: `HubSpot answers that its rate limit is reached (${answer.problem})`,
          until: now + (answer.retryAfter === undefined ? 500 + asked.random() * 500 : answer.retryAfter * 1000),
        }
      return { kind: 'retry', reason: `HubSpot cannot take it now (${answer.problem})`, named }
    }
    case 'unclear':
      // It may take effect late, over what HubSpot is told meanwhile: only then is it repeated.
      return {
        kind: 'retry',
        reason: `HubSpot may have taken it (${answer.problem})`,
        notBefore: now + asked.lateEffectSeconds * 1000,
        named: namedBy(answer),
      }
  }
}

// In seconds: for how long an account that is being moved, or has used up its day, is left alone before it is asked again.
const longestNamedWait = 900

const namedBy = ({ retryAfter: seconds }: { retryAfter?: number | undefined }) =>
  seconds === undefined ? undefined : { seconds, longest: longestNamedWait }

function notThere(problem: string, { now, bornAt, isPurged }: Asked): UpdateOutcome {
  if (isPurged)
    return {
      kind: 'give up',
      reason: `The channel account was disconnected in HubSpot, and the message went with it (${problem})`,
    }
  if (now - bornAt < minutesToAppear * 60_000)
    return { kind: 'retry', reason: `HubSpot does not have the message yet (${problem})` }
  return {
    kind: 'give up',
    reason: `HubSpot does not have the message, ${minutesToAppear} minutes after it was sent (${problem})`,
  }
}

// HubSpot does not say when a message that it announced can be updated.
const minutesToAppear = 5
