import { randomUUID } from 'node:crypto'
import { BatchProcessor, EventType, processPartialResponse } from '@aws-lambda-powertools/batch'
import middy from '@middy/core'
import type { Context, SQSBatchResponse, SQSEvent, SQSRecord } from 'aws-lambda'
import * as z from 'zod'
import { type Copy, deadLetter, nextCopy, open, type Waiting } from './envelope.ts'
import { problems } from './problems.ts'
import { maxDelaySeconds, type Queue } from './queue.ts'
import { backoff, Deferred, nextTry, PermanentError, RetryableError, Superseded } from './retry.ts'
import { errorFields, type Telemetry } from './telemetry.ts'

/** How one Lambda consumes its queue. */
export type Consumer<Job> = {
  /** The newest version of the queue's bodies that this code reads. Those of the next stay in the queue for days, for newer code. */
  version: number
  schema: z.ZodType<Job>
  /** Does the job; throws RetryableError, PermanentError, or anything else for SQS to bring it back. */
  handle(job: Job, run: Run): Promise<void>
  /**
   * Tells whatever is known of a job that may end here without being done: because it is dead-lettered for this reason, or
   * without a reason, because SQS hands it out for the last time. If it throws, the job does not end.
   */
  beforeEnding?(job: Job, run: Run, reason?: string): Promise<void>
  /** Tells what this run alone knows, where it ends in a way in which its job cannot carry that on; `record`: and writes it down. */
  tellCarried?(job: Job, run: Run, options?: { record: boolean }): Promise<void>
  /** Records that this run received its copy of the job; throws Superseded where a later one was received. */
  receive?(job: Job, run: Run): Promise<void>
  /** Notes that a job waits for something other than its turn, for whoever looks it up. `until` is in ISO 8601. */
  noteWait?(job: Job, run: Run, wait: { reason: string; until: string }): Promise<unknown>
  /** The tenant of a body and what a log line says of it; must not throw, whatever the body is. */
  tenantOf(body: unknown): string
  about(body: unknown): object
  queue: Queue
  deadLetters: Queue
  telemetry: Telemetry
  giveUpAfterSeconds: number
  /** How often SQS hands a job out before it becomes a dead letter by itself. */
  maxReceives: number
  now(): number
  random(): number
}

/** What every consumer is given from outside. */
export type ConsumerDeps = Pick<
  Consumer<unknown>,
  'queue' | 'deadLetters' | 'telemetry' | 'giveUpAfterSeconds' | 'maxReceives' | 'now' | 'random'
>

/** What a job may know of its present run. */
export type Run = {
  context: Context
  /** A name for this run, unlike that of any other. */
  id: string
  /** When the job was first sent, in milliseconds since 1970. */
  since: number
  /** What the job took along from its last run, and takes along if it has to wait now. */
  carry: Record<string, unknown>
  /** Which copy of the job it was given; the one that is sent next counts on from it, or from a later one that it heard of. */
  copy?: Copy | undefined
  heardOf?: Copy | undefined
}

/** The names of earlier runs of a job, as far as its handler noted them in `carry.claims`; the last few are enough. */
export function claimsOf({ carry }: Run) {
  return Claims.parse(carry['claims']).slice(-3)
}

const Claims = z.array(z.string()).catch([])

/**
 * A Lambda that consumes an SQS queue: records side by side, failures reported one by one. Work that must wait is sent
 * anew with a delay, so receive counts rise only with crashes; what no retry can help goes to the dead letters with its reason.
 */
export function consume<Job>(consumer: Consumer<Job>) {
  const { telemetry } = consumer
  // Middy would end an invocation shortly before its deadline, and what it was at would go on in the next one, when its
  // claims have run out. Lambda's own timeout ends the process.
  return middy<SQSEvent, SQSBatchResponse>({ timeoutEarlyInMillis: 0 })
    .use({ after: () => telemetry.flush(), onError: () => telemetry.flush() })
    .handler((event: SQSEvent, context: Context) =>
      processPartialResponse(
        event,
        (record: SQSRecord) => work(consumer, record, context),
        new BatchProcessor(EventType.SQS),
        {
          throwOnFullBatchFailure: false,
        },
      ),
    )
}

async function work<Job>(consumer: Consumer<Job>, record: SQSRecord, context: Context) {
  const { now } = consumer
  const { body, waiting, carry, copy } = open(record.body)

  const sent = { attempt: 0, since: Number(record.attributes.SentTimestamp), waitedMilliseconds: 0 }
  const {
    attempt,
    since,
    waitedMilliseconds,
    named,
  }: Pick<Waiting, 'attempt' | 'since' | 'waitedMilliseconds' | 'named'> = waiting ?? sent
  const run: Run = { context, id: randomUUID(), since, carry, copy }
  const parcel = { body, attempt, waitedMilliseconds, named, run }
  let job: Job | undefined
  try {
    if (versionOf(body) === consumer.version + 1) return await leaveToNewerCode(consumer, parcel, waiting)
    job = parse(consumer.schema, body)
    // Until then the run's own writes are enough: a job that waits twice is no flood.
    if ((copy?.count ?? 0) >= 3) await consumer.receive?.(job, run)
    // What was held for newer code is read now: there is nothing to wait for any more.
    const isEarly = waiting?.heldSince === undefined && (waiting?.notBefore ?? 0) - now() > 500
    if (waiting && isEarly) return await sendAgain(consumer, parcel, waiting)
    // If this process dies as well, SQS dead-letters the job without a word.
    const isLastTime = Number(record.attributes.ApproximateReceiveCount) >= consumer.maxReceives
    if (isLastTime) await consumer.beforeEnding?.(job, parcel.run)
    await consumer.handle(job, parcel.run)
  } catch (error) {
    if (error instanceof Superseded) return leaveToLaterCopy(consumer, parcel, job!)
    if (error instanceof RetryableError) return wait(consumer, parcel, job, error)
    if (isAwsError(error)) return wait(consumer, parcel, job, new RetryableError(`AWS answered ${error.name}`))
    if (error instanceof PermanentError)
      return end(consumer, parcel, job, error.message, job === undefined ? 'unreadable' : 'refused')
    consumer.telemetry.error('Failed, SQS brings it back', { ...consumer.about(body), ...errorFields(error) })
    if (job !== undefined) await consumer.tellCarried?.(job, parcel.run).catch(() => {})
    throw error
  }
}

// What the AWS SDK throws, be it throttling, an outage or a missing permission: it passes, and is no crash to be counted.
const isAwsError = (error: unknown): error is Error => error instanceof Error && '$metadata' in error

type Parcel = { body: unknown; attempt: number; waitedMilliseconds: number; named: number | undefined; run: Run }

const Versioned = z.object({ v: z.number() })
const versionOf = (body: unknown) => Versioned.safeParse(body).data?.v ?? 0

function parse<Job>(schema: z.ZodType<Job>, body: unknown) {
  const result = schema.safeParse(body)
  if (!result.success) throw new PermanentError(`Not a job that this version reads: ${problems(result.error)}`)
  return result.data
}

async function wait<Job>(consumer: Consumer<Job>, parcel: Parcel, job: Job | undefined, error: RetryableError) {
  const { telemetry, now, random, giveUpAfterSeconds } = consumer
  const { since, carry } = parcel.run
  const onlyItsTurn = error instanceof Deferred
  if (!onlyItsTurn && now() - since - parcel.waitedMilliseconds > giveUpAfterSeconds * 1000) {
    return end(consumer, parcel, job, error.message, 'too late')
  }
  const attempt = parcel.attempt + (onlyItsTurn ? 0 : 1)
  const { named = 0 } = parcel
  const giveUpAt = since + parcel.waitedMilliseconds + giveUpAfterSeconds * 1000
  const next = nextTry(error, { attempt, namedBefore: named, end: giveUpAt, now: now(), random })
  const waitedMilliseconds = parcel.waitedMilliseconds + (onlyItsTurn ? next - now() : 0)
  const waiting = { attempt, since, waitedMilliseconds, named: namedNow(error, named), notBefore: next, carry }
  await sendAgain(consumer, parcel, waiting).catch(async (failure) => {
    if (job !== undefined) await consumer.tellCarried?.(job, parcel.run).catch(() => {})
    throw failure
  })
  const until = new Date(next).toISOString()
  telemetry.info('Waiting', { ...consumer.about(parcel.body), reason: error.message, attempt, until })
  telemetry.count('Waiting')
  telemetry.measure('WaitedFor', (now() - since) / 1000, 'Seconds')
  const isWorthANote = !onlyItsTurn && next - now() > 10_000
  // The job is safe in its queue by now, whether or not the note can be written.
  if (isWorthANote && job !== undefined)
    await consumer.noteWait?.(job, parcel.run, { reason: error.message, until }).catch(() => {})
}

/** In how many tries in a row the other side has named a time by now; waiting for one's turn is no try. */
function namedNow(error: RetryableError, before: number) {
  if (error instanceof Deferred) return before || undefined
  return error.named && before + 1
}

/** A time span as an operator reads it, in the unit that fits it. */
function inWords(seconds: number) {
  const [unit, size] = seconds < 120 ? ['seconds', 1] : seconds < 7200 ? ['minutes', 60] : (['hours', 3600] as const)
  return `${Math.round((seconds / size) * 10) / 10} ${unit}`
}

async function sendAgain<Job>({ queue, tenantOf, now }: Consumer<Job>, { body, run }: Parcel, waiting: Waiting) {
  const copy = nextCopy((run.heardOf?.count ?? 0) > (run.copy?.count ?? 0) ? run.heardOf : run.copy)
  await queue.send(
    { ...(body as object), waiting: { ...waiting, copy } },
    { group: tenantOf(body), delaySeconds: (waiting.notBefore - now()) / 1000 },
  )
}

/** A later copy goes on with the job. What this one carries and that one may not is told first. */
async function leaveToLaterCopy<Job>(
  { about, telemetry, tellCarried }: Consumer<Job>,
  { body, run }: Parcel,
  job: Job,
) {
  await tellCarried?.(job, run, { record: true })
  telemetry.info('A later copy of the job goes on with it', about(body))
  telemetry.count('CopiesEnded')
}

const longestHeld = 4 * 86_400_000

async function leaveToNewerCode<Job>(consumer: Consumer<Job>, parcel: Parcel, waiting: Waiting | undefined) {
  const { about, telemetry, now } = consumer
  const { body, attempt, waitedMilliseconds, run } = parcel
  const heldSince = waiting?.heldSince ?? now()
  telemetry.count('WrittenByNewerVersion')
  if (now() - heldSince > longestHeld)
    throw new PermanentError('Written by a newer version, which has not come to read it for four days')
  // Newer code finds its earlier tries again, and this time is not taken from its patience.
  const held = {
    ...{ attempt, since: run.since, carry: run.carry, ...waiting },
    heldSince,
    waitedMilliseconds: waitedMilliseconds + maxDelaySeconds * 1000,
    notBefore: now() + maxDelaySeconds * 1000,
  }
  await sendAgain(consumer, parcel, held)
  telemetry.warn('Written by a newer version: left in the queue', about(body))
}

type Ending = 'unreadable' | 'refused' | 'too late'

/** Ends a job among the dead letters, after what is known of it was told. Where AWS takes neither now, it is sent anew. */
async function end<Job>(consumer: Consumer<Job>, parcel: Parcel, job: Job | undefined, reason: string, kind: Ending) {
  const { now, random } = consumer
  const { attempt, waitedMilliseconds, run } = parcel
  try {
    if (job !== undefined) await consumer.beforeEnding?.(job, run, reason)
    const inFull = kind === 'too late' ? `Given up after ${inWords(consumer.giveUpAfterSeconds)}: ${reason}` : reason
    await park(consumer, parcel, inFull, kind)
  } catch (error) {
    if (!(error instanceof RetryableError) && !isAwsError(error)) throw error
    const { since, carry } = run
    const notBefore = now() + backoff(attempt, random)
    await sendAgain(consumer, parcel, { attempt: attempt + 1, since, waitedMilliseconds, notBefore, carry })
  }
}

async function park<Job>(
  { deadLetters, tenantOf, about, telemetry, now }: Consumer<Job>,
  { body, attempt, run: { since, carry, copy } }: Parcel,
  reason: string,
  kind: Ending,
) {
  const letter = deadLetter(body, { reason, attempts: attempt + 1, since, at: now(), carry, copy })
  await deadLetters.send(letter, { group: tenantOf(body) })
  telemetry.error('Dead-lettered', { ...about(body), ...letter.deadLetter })
  telemetry.count('DeadLettered', 1, { reason: kind })
}
