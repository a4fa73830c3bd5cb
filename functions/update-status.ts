import type { HubSpot, MessageStatus, UpdateAnswer } from './hubspot/client.ts'
import { readAnew, toAnnouncement } from './hubspot/events.ts'
import type { RateLimit } from './hubspot/rate-limit.ts'
import type { Tokens } from './hubspot/tokens.ts'
import { isNotThere, isYetToAppear, outcomeOf, Tries, type UpdateOutcome, worded } from './hubspot/update-outcome.ts'
import { announcedAgain } from './messages/announced-again.ts'
import type { ChannelAccounts } from './messages/channel-accounts.ts'
import { received } from './messages/copies.ts'
import {
  about,
  type MessageAnnounced,
  StatusJob,
  type StatusUpdate,
  tenantOf,
  type UnreadEvent,
  version,
} from './messages/jobs.ts'
import {
  advance,
  announce,
  endTry,
  keptForDays,
  type Ledger,
  type LedgerItem,
  ledgerKey,
  markOf,
  putOff,
  recordTold,
  remember,
  type Telling,
  tellingOf,
} from './messages/ledger.ts'
import { redact } from './messages/redact.ts'
import { rises } from './messages/status.ts'
import { type ConsumerDeps, claimsOf, consume, type Run } from './platform/consume.ts'
import { once } from './platform/idempotent.ts'
import { Deferred, PermanentError, RetryableError, Superseded } from './platform/retry.ts'
import type { Accounts } from './providers/accounts.ts'
import { type ReceiptKeys, speakerOf } from './providers/receipt-keys.ts'

/** What `update-status` works with. */
export type Deps = ConsumerDeps & {
  ledger: Ledger
  /** Tells whose receipts count for a message that the team delivers by its own means; undefined where there is none. */
  accounts: Accounts<ReceiptKeys<unknown> | undefined> | undefined
  channelAccounts: ChannelAccounts
  hubspot: HubSpot
  tokens: Tokens
  rateLimit: RateLimit
  sleep(milliseconds: number): Promise<void>
  /** `corrections`: HubSpot shows SENT by itself, and is told so only where it was told something else before. */
  tellSent: 'always' | 'corrections'
  /** Over how long the same refusal of HubSpot's makes it final, in seconds. Default: 300. */
  refusedForSeconds?: number
  /** How long after a timeout HubSpot could still be working on a request, in seconds. */
  lateEffectSeconds: number
}

/**
 * Tells HubSpot the status of a message, once and in the right order, whatever order the updates come in: raise what is
 * known (advance), PATCH HubSpot's word for it (tell), record that (settle); if more is known by then, tell again.
 * The rule, and why it holds, is in docs/decisions/0001-telling-hubspot.md.
 */
export function createHandler(deps: Deps) {
  const { ledger, accounts, channelAccounts, hubspot, tokens, rateLimit, telemetry, now } = deps
  const shown = deps.tellSent === 'corrections' ? 'sent' : undefined

  function handle(job: StatusJob, run: Run) {
    if ('unread' in job) return handleUnread(job, run)
    if ('change' in job) return channelAccounts.record(job)
    return 'announced' in job ? record(job) : tellStatus(job, run)
  }

  /** Of a message that the team delivers, its ids are enough; what cannot be delivered here may have gone out there. */
  function handleUnread(job: UnreadEvent, run: Run) {
    const event = readAnew(job, run.since)
    if (event.kind === 'account') return channelAccounts.record({ v: version, ...event.job })
    const { channelAccountId, ...message } = event.kind === 'message' ? event.job : event.message
    if (channelAccountId === undefined) throw new PermanentError('The channel account of the message cannot be read')
    return record({ v: version, ...toAnnouncement({ ...message, channelAccountId }) })
  }

  /** A team that sends statuses itself may see by this what it writes in another form. Counted at a job's first run alone. */
  function countUnexpected({ unexpected = [], ...update }: StatusUpdate, run: Run) {
    if (unexpected.length === 0 || run.carry['unexpected']) return
    run.carry['unexpected'] = true
    telemetry.warn('Not as documented, repaired or dropped', { ...about(update), unexpected })
    for (const field of unexpected) telemetry.count('UnexpectedUpdateFields', 1, { field })
  }

  async function tellStatus(update: StatusUpdate, run: Run) {
    countUnexpected(update, run)
    if (isForgotten(update, now()))
      return report('Ignored, the message is older than the ledger', 'UpdatesIgnored', update)
    while (!(await settled(advanceAndTell(update, run)))) telemetry.count('ToldAgain')
  }

  /** Without delivery, the webhook's messages come here, to be looked up later. */
  async function record(message: MessageAnnounced) {
    const found = await accounts?.find(message)
    const { item } = await ledger.change(message, (item) => announce(item, message, found && speakerOf(found)))
    telemetry.info('Message recorded', about(message))
    if (!announcedAgain(item, message, { resend: 'ignore', at: message.announced })) return
    telemetry.warn('HubSpot announced a message again that it was told is FAILED: whoever delivers it decides', {
      ...about(message),
      firstEventId: item.eventIds?.[0],
    })
    telemetry.count('AnnouncedAgain')
  }

  /** Advance and settle are Powertools' idempotency record: put, and update. The mark is what its deletion leaves behind. */
  async function advanceAndTell(update: StatusUpdate, run: Run) {
    const mark = markOf(update)
    const until = now() + run.context.getRemainingTimeInMillis() + deps.lateEffectSeconds * 1000
    const claim = { by: run.id, until }
    // Where the relay delivers, a message is claimed before it is sent: its receipts never come first.
    const mayWait = accounts !== undefined && now() - run.since < timeToAnnounce
    const decide = (latest: LedgerItem): { next?: LedgerItem; answer: Advanced } => {
      before = latest
      const mine = asCopy(latest, mark, run)
      if (!mine) return { answer: 'superseded' }
      return advance(mine, update, claim, { now: now(), earlier: claimsOf(run), shown, mayWait })
    }
    let item = await ledger.read(update)
    let before = item
    let isOver = false
    let isHeard = true

    const keeping = {
      async begin() {
        if (decide(item).answer === 'tell') {
          // Without access there will be no PATCH, which would waste the slot.
          await tokens.get(update.portalId)
          await waitForSlot(update, run)
        }
        // Also where the answer to this write is lost, the job knows its mark when it comes back.
        run.carry['claims'] = [...claimsOf(run), claim.by]
        const advanced = await ledger.change<Advanced>(update, decide, item)
        item = advanced.item
        if (advanced.answer === 'superseded') throw new Superseded('A later copy of the job was received')
        if (advanced.answer === 'not yet')
          throw new Deferred('HubSpot has not announced the message yet', now() + timeBetweenLooks)
        isHeard = advanced.answer !== 'unheard'
        if (update.onSilence && isNews(update, before)) countSilence(update, item)
        if (advanced.answer === 'done' || advanced.answer === 'unheard') return { done: undefined }
        if (advanced.answer !== 'tell') return advanced.answer
        return 'claimed' as const
      },
      async complete(told: Told | undefined) {
        const at = new Date(now()).toISOString()
        const { answer } = await ledger.change(update, (latest) => recordTold(latest, { ...told!, mark, at }), item)
        if (answer === 'tell') throw new MoreIsKnown()
      },
      async release() {
        // Given up on HubSpot's word: whoever sends it anew need not wait for this try.
        if (isOver) await ledger.change(update, (latest) => endTry(latest, mark, claim))
      },
    }
    const told = await once<Told | undefined>(`${ledgerKey(update)}#${mark}`, keeping, run.context, async () => {
      try {
        return await tell(update, item, run)
      } catch (error) {
        isOver = error instanceof PermanentError
        throw error
      }
    })
    if (!isHeard) report('Ignored, it may not speak for this message', 'UpdatesOfOtherAccounts', update, before)
    else if (!told) report('Nothing new', withoutNews(update, before), update, before)
  }

  /** A receipt was to come, and did not: its account may be set up wrongly. */
  function countSilence({ channelId, channelAccountId }: StatusUpdate, { speakers = [] }: LedgerItem) {
    telemetry.count('ReceiptsMissing', 1, { account: speakers.at(-1)?.secret ?? channelAccountId ?? channelId })
  }

  /** Tells HubSpot its word for what is known now, which may be more than this update says. */
  async function tell(update: StatusUpdate, item: LedgerItem, run: Run): Promise<Told> {
    const telling = tellingOf(item)!
    const tries = triesOf(run)
    const status = { statusType: telling.word, errorMessage: worded(telling.errorMessage, tries.wording) }
    const token = await tokens.get(update.portalId)
    let answer = await patch(token, update, status)
    if (answer.kind === 'unauthorized') {
      const renewed = await tokens.renew(update.portalId, token)
      await waitForSlot(update, run)
      answer = await patch(renewed, update, status)
    }
    const age = now() - (update.messageCreatedAt ? Date.parse(update.messageCreatedAt) : run.since)
    const outcome = outcomeOf(answer, {
      now: now(),
      random: deps.random,
      before: item.told?.word,
      word: telling.word,
      errorMessage: status.errorMessage,
      age,
      ...(await whenRefused(answer, { update, age, tries })),
      tries,
      refusedForSeconds: deps.refusedForSeconds ?? 300,
      lateEffectSeconds: deps.lateEffectSeconds,
    })
    return handleAnswer(outcome, { update, item, run, telling, tries })
  }

  async function patch(token: string, update: StatusUpdate, status: MessageStatus): Promise<UpdateAnswer> {
    const { allowance, ...answer } = await hubspot.updateMessage(token, update, status)
    if (answer.kind === 'taken') rateLimit.succeeded(update.portalId)
    // HubSpot has answered: what is only good to know must not undo that.
    if (allowance) await rateLimit.observeLimit(update.portalId, allowance).catch(() => {})
    return withoutSecrets(answer)
  }

  /** What is known of the channel and its account where HubSpot refuses a status. */
  async function whenRefused(
    answer: UpdateAnswer,
    { update, age, tries }: { update: StatusUpdate; age: number; tries: Tries },
  ) {
    if (answer.kind !== 'refused') return { isPurged: false, isSystematic: false }
    const isPurged = isNotThere(answer) && (await channelAccounts.isPurged(update))
    const isEarly = isYetToAppear(answer, age) && tries.refused === undefined
    const { isSystematic, isNews } = await rateLimit.refusals.note(update, { alike: answer.alike, isEarly })
    if (isNews)
      telemetry.error('HubSpot refuses every status of a channel', { ...about(update), problem: answer.problem })
    if (isSystematic || isNews) telemetry.count('RefusedAlike')
    return { isPurged, isSystematic }
  }

  /** Does what HubSpot's answer calls for: told; or refused for good, after another word had been told; or thrown. */
  async function handleAnswer(outcome: UpdateOutcome, attempt: Attempt): Promise<Told> {
    const { update, item, run, telling, tries } = attempt
    if ('tries' in outcome) run.carry['tries'] = outcome.tries
    // Whoever tells it anew begins anew.
    if (['told', 'correction refused', 'give up'].includes(outcome.kind)) delete run.carry['tries']
    switch (outcome.kind) {
      case 'told':
        if (outcome.holds) telemetry.count('HeldOtherwise')
        if (tries.refused) await rateLimit.refusals.recovered(update).catch(() => {})
        reportTold(outcome.holds, attempt)
        return { telling, holds: outcome.holds, refused: false }
      case 'correction refused':
        report('HubSpot refused the correction', 'CorrectionsRefused', update, item, {
          statusType: telling.word,
          problem: outcome.problem,
        })
        return { telling, refused: true }
      case 'reword':
        report('HubSpot may have refused the reason', 'ReasonsRefused', update, item, { problem: outcome.problem })
        await waitForSlot(update, run)
        return tell(update, item, run)
      case 'no access':
        return tokens.refuse(update.portalId, outcome.problem)
      case 'pause portal':
        telemetry.count('RateLimited')
        throw new Deferred(outcome.reason, await rateLimit.exceeded(update.portalId, outcome.seconds))
      case 'retry':
        throw new RetryableError(outcome.reason, outcome)
      case 'give up':
        throw new PermanentError(outcome.reason)
    }
  }

  function reportTold(holds: string | undefined, { update, item, telling }: Attempt) {
    const { createdAt = update.messageCreatedAt } = item
    const timeToTruth = createdAt === undefined ? undefined : now() - Date.parse(createdAt)
    // The relay's own verdict is queued long before it counts.
    const isVerdict = update.status === 'unconfirmed' || update.onSilence
    const tellingDelay = isVerdict ? undefined : now() - Date.parse(update.occurredAt)
    const { word: statusType, errorMessage: reason } = telling
    const fields = { statusType, reason, timeToTruth, tellingDelay, holds }
    report('HubSpot told', `Told${statusType}`, update, item, fields)
    if (timeToTruth !== undefined) telemetry.measure(`TimeToTruth${statusType}`, timeToTruth, 'Milliseconds')
    if (tellingDelay !== undefined) telemetry.measure('TellingDelay', tellingDelay, 'Milliseconds')
  }

  /** Waits for a slot of the portal's rate limit: here if it is near, else in the queue, and keeps the slot meanwhile. */
  async function waitForSlot({ portalId }: StatusUpdate, run: Run) {
    const kept = typeof run.carry['slot'] === 'number' ? run.carry['slot'] : undefined
    delete run.carry['slot']
    const slot = await rateLimit.takeSlot(portalId, kept)
    const ahead = slot - now()
    if (ahead > (slot === kept ? comesBackEarly + 500 : longestWaitHere)) {
      run.carry['slot'] = slot
      telemetry.count('Deferred')
      throw new Deferred("The portal's rate limit", Math.max(now(), slot - comesBackEarly))
    }
    if (ahead > 0) await deps.sleep(ahead)
  }

  /** A receipt comes in a trace of its own, as a webhook's repetition does: it is named beside that in which the message began. */
  function report(message: string, metric: string, update: StatusUpdate, item?: LedgerItem, fields: object = {}) {
    const traceId = item?.traceId ?? update.traceId
    const updateTraceId = update.traceId === traceId ? undefined : update.traceId
    telemetry.info(message, { ...about(update), traceId, updateTraceId, source: update.source, ...fields })
    telemetry.count(metric)
  }

  async function noteWait(job: StatusJob, run: Run, wait: { reason: string; until: string }) {
    if (!('status' in job)) return
    await ledger.change(job, (item) => {
      const mine = asCopy(item, markOf(job), run)
      return mine ? putOff(mine, { what: 'status', ...wait }) : { answer: undefined }
    })
  }

  async function receive(job: StatusJob, run: Run) {
    if (!('status' in job)) return
    const { answer } = await ledger.change(job, (item) => {
      const mine = asCopy(item, markOf(job), run)
      return mine ? { next: mine, answer: 'received' } : { answer: 'superseded' }
    })
    if (answer === 'superseded') throw new Superseded('A later copy of the job was received')
  }

  /** A status that HubSpot cannot be told is in the ledger at least, with its job's mark: reconcile finds it there. */
  async function beforeEnding(job: StatusJob, run: Run) {
    if (!('status' in job) || isForgotten(job, now())) return
    await ledger.change(job, (item) => remember(item, job, run.id, { now: now(), shown }))
  }

  return consume<StatusJob>({
    ...deps,
    version,
    schema: StatusJob,
    handle,
    beforeEnding,
    receive,
    noteWait,
    tenantOf,
    about,
  })
}

/** The item once this run's copy was received; undefined where a later one was. */
function asCopy(item: LedgerItem, mark: string, run: Run) {
  run.heardOf = item.received?.[mark]
  return received(item, mark, run.copy)
}

const heardOf = ({ part }: StatusUpdate, { known, parts }: LedgerItem) => (part ? parts?.[part.index]?.known : known)

/** Whether an update is the first word of what it is about. */
const isNews = (update: StatusUpdate, before: LedgerItem) => heardOf(update, before) === undefined

/** What an update without news was, beside what was known before. */
function withoutNews(update: StatusUpdate, before: LedgerItem) {
  const { status } = update
  const heard = heardOf(update, before)
  if (rises(status, heard)) return 'UpdatesCoalesced'
  return status === heard ? 'UpdatesDuplicate' : 'UpdatesSuperseded'
}

/** HubSpot's own words may quote a piece of a token, or an address. */
function withoutSecrets(answer: UpdateAnswer): UpdateAnswer {
  if (!('problem' in answer)) return answer
  const problem = redact(answer.problem).slice(0, 500)
  return answer.kind === 'refused' ? { ...answer, problem, alike: redact(answer.alike) } : { ...answer, problem }
}

type Advanced = ReturnType<typeof advance>['answer'] | 'superseded'
type Told = { telling: Telling; refused: boolean; holds?: string | undefined }
type Attempt = { update: StatusUpdate; item: LedgerItem; run: Run; telling: Telling; tries: Tries }

const triesOf = ({ carry }: Run) => Tries.catch(Tries.parse({})).parse(carry['tries'] ?? {})

// Milliseconds. A receipt may overtake the announcement of its message, by as much as SQS delays the one or the other.
const timeToAnnounce = 15_000
const timeBetweenLooks = 5000
// Milliseconds. Longer waits here would keep Lambdas busy with one portal while others have work.
const longestWaitHere = 500
// SQS's whole seconds and the batching window make a job up to two seconds late. Requests that come late come in bunches,
// which a rolling limit refuses; so a job comes back early, and waits the rest here, to be on time to the millisecond.
const comesBackEarly = 1900

/** Thrown where settling finds that more became known while HubSpot was told. */
class MoreIsKnown extends Error {
  override name = 'MoreIsKnown'
}

async function settled(round: Promise<void>) {
  try {
    await round
    return true
  } catch (error) {
    if (error instanceof MoreIsKnown) return false
    throw error
  }
}

function isForgotten({ messageCreatedAt }: StatusUpdate, now: number) {
  return messageCreatedAt !== undefined && now - Date.parse(messageCreatedAt) > keptForDays * 86_400_000
}
