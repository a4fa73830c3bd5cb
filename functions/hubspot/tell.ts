import { about } from '../messages/about.ts'
import type { StatusType } from '../messages/status.ts'
import { redact } from '../platform/redact.ts'
import { Deferred, PermanentError, RetryableError } from '../platform/retry.ts'
import type { Telemetry } from '../platform/telemetry.ts'
import type { UpdateAnswer } from './update-answer.ts'
import { type UpdateDeps, type UpdateProgress, updateMessage, waitForSlot } from './update-message.ts'
import { isNotThere, isYetToAppear, UpdateHistory, type UpdateOutcome, updateOutcomeOf } from './update-outcome.ts'

/** What telling HubSpot needs. */
export type TellDeps = UpdateDeps & {
  telemetry: Pick<Telemetry, 'count' | 'error'>
  random(): number
  /** Whether a message's channel account was disconnected in HubSpot. */
  channelAccounts: { isPurged(message: Message): Promise<boolean> }
  /** Over how long the same rejection by HubSpot makes it final, in seconds. Default: 300. */
  rejectedForSeconds?: number
  /** How long after a timeout HubSpot could still be working on a request, in seconds. */
  lateEffectSeconds: number
}

type Message = { portalId: string; channelId: string; channelAccountId?: string | undefined; messageId: string }

/** What HubSpot is to be told of a message, and what it was told before. */
export type TellRequest = {
  message: Message
  statusType: StatusType
  reason: string | undefined
  toldBefore: StatusType | undefined
  /** When the message was created, as far as is known, in milliseconds since 1970. */
  createdAt: number
}

/** What one run of telling leaves to the next. */
export type TellProgress = UpdateProgress & { history?: UpdateHistory | undefined }

/** HubSpot was told, though it `holds` something else; or it rejected the word for good, after another. */
export type TellAnswer = { rejected: false; holds: string | undefined } | { rejected: true; problem: string }

/**
 * Tells HubSpot a status, with less of a reason where HubSpot may have rejected that. Throws Deferred, RetryableError or
 * NoAccess where it is to be told later, and PermanentError where no retry helps.
 */
export async function tellHubSpot(
  deps: TellDeps,
  request: TellRequest,
  progress: TellProgress,
  { onReworded }: { onReworded(problem: string): void },
): Promise<TellAnswer> {
  const { message } = request
  for (;;) {
    const { outcome, history } = await askOnce(deps, request, progress)
    progress.history = historyAfter(outcome, progress.history)
    switch (outcome.kind) {
      case 'told':
        if (history.rejected) await deps.rateLimit.rejections.recovered(message).catch(() => {})
        return { rejected: false, holds: outcome.holds }
      case 'correction rejected':
        return { rejected: true, problem: outcome.problem }
      case 'reword':
        onReworded(outcome.problem)
        await waitForSlot(deps, message.portalId, progress)
        continue
      case 'no access':
        return deps.tokens.refuse(message.portalId, outcome.problem)
      case 'pause portal': {
        deps.telemetry.count('RateLimited')
        const until = await deps.rateLimit.noteLimitReached(message.portalId, outcome.seconds, history.limited)
        throw new Deferred(outcome.reason, until)
      }
      case 'retry':
        throw new RetryableError(outcome.reason, outcome)
      case 'give up':
        throw new PermanentError(outcome.reason)
    }
  }
}

async function askOnce(deps: TellDeps, request: TellRequest, progress: TellProgress) {
  const { message, statusType, toldBefore } = request
  const history = progress.history ?? UpdateHistory.parse({})
  const errorMessage = worded(request.reason, history.wording)
  const answer = withoutSecrets(await updateMessage(deps, message, { statusType, errorMessage }, progress))
  const age = deps.now() - request.createdAt
  const outcome = updateOutcomeOf(answer, {
    now: deps.now(),
    random: deps.random,
    ...{ toldBefore, statusType, errorMessage, age },
    ...(await whenRejected(deps, answer, { message, age, history })),
    history,
    rejectedForSeconds: deps.rejectedForSeconds,
    lateEffectSeconds: deps.lateEffectSeconds,
  })
  return { outcome, history }
}

/** HubSpot's own words may quote part of a token, or an address. */
function withoutSecrets(answer: UpdateAnswer): UpdateAnswer {
  if (!('problem' in answer)) return answer
  const problem = redact(answer.problem).slice(0, 500).toWellFormed()
  return answer.kind === 'rejected'
    ? { ...answer, problem, alike: redact(answer.alike).toWellFormed() }
    : { ...answer, problem }
}

/** What is known of the channel and its account where HubSpot rejects a status. */
async function whenRejected(
  { channelAccounts, rateLimit, telemetry }: TellDeps,
  answer: UpdateAnswer,
  { message, age, history }: { message: Message; age: number; history: UpdateHistory },
) {
  if (answer.kind !== 'rejected') return undefined
  const isPurged = isNotThere(answer) && (await channelAccounts.isPurged(message))
  const isYoung = isYetToAppear(answer, age) && history.rejected === undefined
  const { isSystematic, isNews } = await rateLimit.rejections.note(message, { alike: answer.alike, isYoung })
  if (isNews)
    telemetry.error('HubSpot rejects every status of a channel', { ...about(message), problem: answer.problem })
  if (isSystematic || isNews) telemetry.count('SystematicRejections')
  return { isPurged, isSystematic }
}

/** Whoever tells it again starts over. */
function historyAfter(outcome: UpdateOutcome, before: UpdateHistory | undefined) {
  if (['told', 'correction rejected', 'give up'].includes(outcome.kind)) return undefined
  return 'history' in outcome ? outcome.history : before
}

/** What HubSpot is told of a reason: all of it; a short one, where that is rejected; or none. */
function worded(reason: string | undefined, wording: UpdateHistory['wording']) {
  if (reason === undefined || wording === 'none') return undefined
  if (wording === 'whole') return reason
  const short = reason.slice(0, shortReason).toWellFormed()
  return short === reason ? 'The message could not be delivered' : short
}

const shortReason = 100
