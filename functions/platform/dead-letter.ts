import type { Consumer, Parcel } from './consumer.ts'
import { deadLetter } from './envelope.ts'
import { redact } from './redact.ts'
import { sendAgain } from './requeue.ts'
import { backoff, Deferred, RetryableError } from './retry.ts'

/** Why a job ends among the dead letters. */
export type Ending = 'unreadable' | 'permanent' | 'too late'

/** Moves a job to the dead letters, once what is known of it was told. Where AWS takes neither now, it is sent again. */
export async function deadLetterJob<Job, Progress extends object>(
  consumer: Consumer<Job, Progress>,
  parcel: Parcel & { run: { progress: Progress } },
  job: Job | undefined,
  { error, kind }: { error: Error; kind: Ending },
) {
  const { now, random, giveUpAfterSeconds } = consumer
  const { message: reason } = error
  const { attempt, waitedMilliseconds, run } = parcel
  try {
    if (job !== undefined) await consumer.onPossibleEnd?.(job, run, error)
    const after = error instanceof Deferred ? (now() - run.since) / 1000 : giveUpAfterSeconds
    const inFull = kind === 'too late' ? `Given up after ${inWords(after)}: ${reason}` : reason
    await sendToDeadLetters(consumer, parcel, inFull, kind)
  } catch (failure) {
    if (!(failure instanceof RetryableError) && !isAwsError(failure)) throw failure
    // A body that is no object cannot carry anything, and would be something else when it is sent again.
    if (typeof parcel.body !== 'object' || parcel.body === null || Array.isArray(parcel.body)) throw failure
    const { since, progress } = run
    const notBefore = now() + backoff(attempt, random)
    await sendAgain(consumer, parcel, { attempt: attempt + 1, since, waitedMilliseconds, notBefore, progress })
  }
}

/** What AWS calls throw: throttling, an outage or a missing permission. It passes, and does not count as a crash. */
export const isAwsError = (error: unknown): error is Error => error instanceof Error && '$metadata' in error

async function sendToDeadLetters(
  { deadLetters, tenantOf, about, telemetry, now }: Omit<Consumer<never, never>, 'handle' | 'schema' | 'progress'>,
  { body, attempt, run: { since, progress, copy } }: Parcel,
  reason: string,
  kind: Ending,
) {
  // The reason may quote a remote, and is logged, listed and kept.
  const letter = deadLetter(body, { reason: redact(reason), attempts: attempt + 1, since, at: now(), progress, copy })
  await deadLetters.send(letter, { group: tenantOf(body) })
  telemetry.error('Dead-lettered', { ...about(body), ...letter.deadLetter })
  telemetry.count('DeadLettered', 1, { reason: kind })
}

/** A time span for an operator to read, in a fitting unit. */
function inWords(seconds: number) {
  const [unit, size] = seconds < 120 ? ['seconds', 1] : seconds < 7200 ? ['minutes', 60] : (['hours', 3600] as const)
  return `${Math.round((seconds / size) * 10) / 10} ${unit}`
}
