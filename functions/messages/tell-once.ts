import * as z from 'zod'
import type { Run } from '../platform/consumer.ts'
import { once } from '../platform/idempotent.ts'
import { PermanentError } from '../platform/retry.ts'
import { asCopy } from './copies.ts'
import type { Ledger } from './ledger.ts'
import { type AttemptRules, LedgerPersistence } from './ledger-persistence.ts'
import { type LedgerItem, ledgerKey } from './record.ts'
import type { Report } from './report.ts'
import type { Status } from './status.ts'
import type { StatusUpdate } from './status-update.ts'
import { claimTelling, endAttempt, jobOf, markOf, recordTold, type TellResult } from './telling.ts'

/** What a run knows of what it told, and leaves to the next one. */
export const TellOnceProgress = z.object({
  /** Names of runs that left the job's mark, and may have told HubSpot; the last few are enough. */
  mayHaveTold: z.array(z.string()).optional().catch(undefined),
})
type TellRun = Run<z.infer<typeof TellOnceProgress>>

/** What telling a status once needs. */
export type TellOnceDeps = {
  ledger: Ledger
  report: Report
  now(): number
  /** How long after a timeout HubSpot could still be working on a request, in seconds. */
  lateEffectSeconds: number
  /** Whether messages are announced before their receipts count: then a receipt that overtakes the announcement waits. */
  awaitsAnnouncements: boolean
  /** What HubSpot shows of a message before it is told anything, if that need not be told. */
  shown: Status | undefined
}

/** The steps of telling: get ready, then tell HubSpot what is known by then. */
type Steps = { makeReady(): Promise<void>; tell(item: LedgerItem): Promise<TellResult> }

type Finding = 'recorded' | 'more is known' | 'nothing new' | 'not authorized' | 'not announced' | 'superseded'

/**
 * Claims what is to be told, tells it, and records that: one attempt under Powertools' idempotency, whose record is the
 * job's mark in the ledger. Returns the attempt, with what it found.
 */
export async function tellOnce(deps: TellOnceDeps, update: StatusUpdate, run: TellRun, { makeReady, tell }: Steps) {
  const { ledger, report } = deps
  const seen = await ledger.read(update)
  const rules = rulesFor(deps, update, run)
  // Before the claim, so that a job which has to wait for HubSpot's rate limit writes nothing.
  if (rules.claim(seen).answer === 'claimed') await makeReady()
  // Even if the answer to the claim's write is lost, the job knows its mark when it comes back.
  run.progress.mayHaveTold = [...mayHaveTold(run).filter((id) => id !== run.id), run.id]
  const attempt = new LedgerPersistence({ ledger, key: update, seen }, rules)
  const key = `${ledgerKey(update)}#${markOf(update)}`
  await once(key, { persistenceStore: attempt, context: run.context }, () => {
    report.silence(update, attempt)
    return tell(attempt.item)
  })
  return attempt
}

function rulesFor(deps: TellOnceDeps, update: StatusUpdate, run: TellRun): AttemptRules<TellResult, Finding> {
  const { now, shown, lateEffectSeconds } = deps
  const mark = markOf(update)
  const claim = { by: run.id, until: now() + run.context.getRemainingTimeInMillis() + lateEffectSeconds * 1000 }
  const earlier = mayHaveTold(run)
  const mayWait = deps.awaitsAnnouncements && now() - run.since < timeToAnnounce
  return {
    claim: asCopy({ job: jobOf(update), run }, (item) =>
      claimTelling(item, update, claim, { now: now(), earlier, shown, mayWait }),
    ),
    complete: (item, told) => recordTold(item, told, { mark, at: new Date(now()).toISOString() }),
    // HubSpot's answer was final: whoever sends it again need not wait for this attempt.
    release: (item, error) => (error instanceof PermanentError ? endAttempt(item, mark, claim) : { answer: undefined }),
  }
}

const mayHaveTold = ({ progress }: TellRun) => (progress.mayHaveTold ?? []).slice(-3)

// Milliseconds. A receipt may overtake the announcement of its message, by as much as SQS delays either.
const timeToAnnounce = 15_000
