import * as z from 'zod'
import type { Run } from '../platform/consumer.ts'
import { Deferred, RetryableError } from '../platform/retry.ts'
import type { Telemetry } from '../platform/telemetry.ts'
import type { DeliveryJob } from './jobs.ts'
import type { Ledger } from './ledger.ts'
import type { OutcomeQueue } from './outcome-queue.ts'
import type { Part, SendOutcome } from './record.ts'
import { sanitised, settleOutcome } from './sending.ts'

/** What a run leaves to the next one of its look-ups: how often the provider was asked what became of sends in doubt. */
export const LookUpProgress = z.object({ lookUps: z.number().optional().catch(undefined) })
export type LookUpProgress = z.infer<typeof LookUpProgress>

type Deps = { ledger: Ledger; outcomes: OutcomeQueue; telemetry: Telemetry; now(): number }

/**
 * Asks the provider what became of sends that ended in doubt, some time later: at first, the job only waits for that. What is
 * found is told; it never leads to another send. `ask` answers with undefined where it found nothing, or had no time to; a
 * RetryableError, where the provider does not answer at all, says as little.
 */
export async function lookUp<InDoubt extends Part>(
  { ledger, outcomes, telemetry, now }: Deps,
  job: DeliveryJob,
  {
    inDoubt,
    provider,
    ask,
  }: { inDoubt: InDoubt[]; provider: string; ask(send: InDoubt): Promise<SendOutcome | undefined> },
  { progress }: Run<z.infer<typeof LookUpProgress>>,
) {
  let left = inDoubt
  for (const send of progress.lookUps === undefined ? [] : inDoubt) {
    const said = await ask(send).catch(nothingFound)
    if (!said || said.outcome === 'in doubt') continue
    const outcome = sanitised(said)
    const part = { index: send.index, of: send.of }
    // Told first: once it is recorded, nobody asks for it or tells it again.
    await outcomes.queue(job, part, provider, outcome)
    const at = new Date(now()).toISOString()
    await ledger.change(job, (item) => settleOutcome(item, outcome, { part, at }))
    telemetry.count('LookUpsFound')
    left = left.filter((other) => other !== send)
  }
  const next = progress.lookUps === undefined ? 0 : progress.lookUps + 1
  const wait = lookUpAfterSeconds[next]
  if (wait === undefined || left.length === 0) return
  progress.lookUps = next
  throw new Deferred('The provider is asked later what became of the message', now() + wait * 1000)
}

function nothingFound(error: unknown) {
  if (error instanceof RetryableError) return undefined
  throw error
}

const lookUpAfterSeconds = [30, 120, 600]
