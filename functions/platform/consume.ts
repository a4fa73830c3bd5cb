import { randomUUID } from 'node:crypto'
import { BatchProcessor, EventType, processPartialResponse } from '@aws-lambda-powertools/batch'
import middy from '@middy/core'
import type { Context, SQSBatchResponse, SQSEvent, SQSRecord } from 'aws-lambda'
import * as z from 'zod'
import type { Consumer, Parcel, Run } from './consumer.ts'
import { deadLetterJob, isAwsError } from './dead-letter.ts'
import { type Envelope, openEnvelope, type Waiting } from './envelope.ts'
import { problems } from './problems.ts'
import { redact } from './redact.ts'
import { isEarly, leaveToNewerCode, sendAgain } from './requeue.ts'
import { Deferred, nextTry, PermanentError, RetryableError, Superseded } from './retry.ts'
import { errorFields } from './telemetry.ts'

/**
 * A Lambda that consumes an SQS queue: records side by side, failures reported one by one. Work that must wait is sent
 * again with a delay, so receive counts rise only with crashes; what no retry can help goes to the dead letters with its reason.
 */
export function consume<Job, Progress extends object>(consumer: Consumer<Job, Progress>) {
  const { telemetry } = consumer
  // Middy would end an invocation shortly before its deadline, and its unfinished work would go on in the next invocation,
  // after its claims have expired. Lambda's own timeout ends the process.
  return middy<SQSEvent, SQSBatchResponse>({ timeoutEarlyInMillis: 0 })
    .use({ after: () => telemetry.flush(), onError: () => telemetry.flush() })
    .handler((event: SQSEvent, context: Context) =>
      processPartialResponse(
        event,
        (record: SQSRecord) => processRecord(consumer, record, context),
        new BatchProcessor(EventType.SQS),
        {
          throwOnFullBatchFailure: false,
        },
      ),
    )
}

type TypedParcel<Progress extends object> = Parcel & { run: Run<Progress> }

async function processRecord<Job, Progress extends object>(
  consumer: Consumer<Job, Progress>,
  record: SQSRecord,
  context: Context,
) {
  const envelope = openEnvelope(record.body)
  const { body } = envelope
  const parcel = toParcel(consumer, record, envelope, context)
  let job: Job | undefined
  try {
    // What this code cannot read is left to newer code, as it is.
    if (versionOf(body) === consumer.version + 1)
      return await leaveToNewerCode(consumer, withProgressAsWritten(parcel, envelope), envelope.waiting)
    job = parseJob(consumer.schema, body)
    return await doJob(consumer, parcel, job, { record, envelope })
  } catch (error) {
    try {
      return await endRun(consumer, parcel, job, error)
    } catch (failure) {
      consumer.telemetry.error('Failed, SQS will redeliver it', { ...consumer.about(body), ...errorFields(failure) })
      if (job !== undefined) await consumer.queueUnrecorded?.(job, parcel.run).catch(() => {})
      throw failure
    }
  }
}

/** Ends a run that threw: the job is sent again, goes on elsewhere, or is a dead letter. Throws where SQS must redeliver it. */
async function endRun<Job, Progress extends object>(
  consumer: Consumer<Job, Progress>,
  parcel: TypedParcel<Progress>,
  job: Job | undefined,
  error: unknown,
) {
  if (error instanceof Superseded) return leaveToLaterCopy(consumer, parcel, job!)
  if (error instanceof RetryableError) return sendLater(consumer, parcel, job, error)
  if (isAwsError(error)) return sendLater(consumer, parcel, job, new RetryableError(`AWS answered ${error.name}`))
  if (!(error instanceof PermanentError)) throw error
  const kind = job === undefined ? 'unreadable' : 'permanent'
  return deadLetterJob(consumer, parcel, job, { error, kind })
}

function toParcel<Job, Progress extends object>(
  consumer: Consumer<Job, Progress>,
  record: SQSRecord,
  { body, waiting, progress, copy }: Envelope,
  context: Context,
): TypedParcel<Progress> {
  const sentAt = Number(record.attributes.SentTimestamp) || consumer.now()
  const goesOn = waiting !== undefined && !wasRedriven(waiting, sentAt)
  const { attempt = 0, since = sentAt, waitedMilliseconds = 0, retryAftersInARow } = goesOn ? waiting : {}
  const run = { context, id: randomUUID(), since, progress: consumer.progress.parse(progress), copy }
  return { body, attempt, waitedMilliseconds, retryAftersInARow, run }
}

/**
 * Whether a waiting job was put into its queue after it was due: it was among SQS's own dead letters, and its time starts
 * again, as a redriven job's does. SQS takes a redriven message for a new one. `sentAt`: milliseconds since 1970.
 */
const wasRedriven = ({ notBefore }: Waiting, sentAt: number) => sentAt - notBefore > clocksApart

// Milliseconds. More than SQS's clock and ours may differ.
const clocksApart = 120_000

const withProgressAsWritten = (parcel: Parcel, { progress }: Envelope): Parcel => ({
  ...parcel,
  run: { ...parcel.run, progress },
})

const Versioned = z.object({ v: z.number() })
const versionOf = (body: unknown) => Versioned.safeParse(body).data?.v ?? 0

function parseJob<Job>(schema: z.ZodType<Job>, body: unknown) {
  try {
    return schema.parse(body)
  } catch (error) {
    // A schema itself fails at a `length` that cannot be compared, such as `{"valueOf": 1, "toString": 1}`.
    const what = error instanceof z.ZodError ? problems(error) : 'an odd length'
    throw new PermanentError(`Not a job that this version reads: ${what}`)
  }
}

async function doJob<Job, Progress extends object>(
  consumer: Consumer<Job, Progress>,
  parcel: TypedParcel<Progress>,
  job: Job,
  { record, envelope: { waiting, copy } }: { record: SQSRecord; envelope: Envelope },
) {
  // Until then the run's own writes are enough: a job that has waited twice is no flood.
  if ((copy?.count ?? 0) >= 3) await consumer.claimCopy?.(job, parcel.run)
  if (waiting && isEarly(waiting, consumer.now()))
    return sendAgain(consumer, parcel, { ...waiting, progress: parcel.run.progress })
  // If this process dies as well, SQS dead-letters the job silently.
  const isLastTime = Number(record.attributes.ApproximateReceiveCount) >= consumer.maxReceives
  if (isLastTime) await consumer.onPossibleEnd?.(job, parcel.run)
  await consumer.handle(job, parcel.run)
}

async function sendLater<Job, Progress extends object>(
  consumer: Consumer<Job, Progress>,
  parcel: TypedParcel<Progress>,
  job: Job | undefined,
  error: RetryableError,
) {
  const { telemetry, now, random, giveUpAfterSeconds } = consumer
  const { since, progress } = parcel.run
  const isDeferred = error instanceof Deferred
  const giveUpAt = since + parcel.waitedMilliseconds + giveUpAfterSeconds * 1000
  const deferralEndsAt = since + longestDeferral + giveUpAfterSeconds * 1000
  if (now() > (isDeferred ? deferralEndsAt : giveUpAt))
    return deadLetterJob(consumer, parcel, job, { error, kind: 'too late' })
  const attempt = parcel.attempt + (isDeferred ? 0 : 1)
  const { retryAftersInARow = 0 } = parcel
  const next = nextTry(error, { attempt, retryAftersInARow, end: giveUpAt, now: now(), random })
  const waitedMilliseconds = parcel.waitedMilliseconds + (isDeferred ? next - now() : 0)
  const waiting = {
    ...{ attempt, since, waitedMilliseconds, notBefore: next, progress },
    retryAftersInARow: countRetryAfters(error, retryAftersInARow),
  }
  await sendAgain(consumer, parcel, waiting)
  const until = new Date(next).toISOString()
  telemetry.info('Waiting', { ...consumer.about(parcel.body), reason: redact(error.message), attempt, until })
  telemetry.count('Waiting')
  telemetry.measure('WaitedFor', (now() - since) / 1000, 'Seconds')
  const isWorthANote = !isDeferred && next - now() > 10_000
  // The job is safe in its queue by now, whether or not the note gets written.
  if (isWorthANote && job !== undefined)
    await consumer.noteWait?.(job, parcel.run, { reason: error.message, until }).catch(() => {})
}

// In milliseconds. Deferring is no attempt, and ends all the same.
const longestDeferral = 7 * 86_400_000

/** How many attempts in a row the other side has answered with a time by now; deferring is no attempt. */
function countRetryAfters(error: RetryableError, before: number) {
  if (error instanceof Deferred) return before || undefined
  return error.retryAfter && before + 1
}

/** A later copy goes on with the job. What only this run knows is queued or recorded first. */
async function leaveToLaterCopy<Job, Progress extends object>(
  { about, telemetry, queueUnrecorded }: Consumer<Job, Progress>,
  { body, run }: TypedParcel<Progress>,
  job: Job,
) {
  await queueUnrecorded?.(job, run, { record: true })
  telemetry.info('Superseded by a later copy', about(body))
  telemetry.count('CopiesEnded')
}
