import { BatchProcessor, EventType, processPartialResponse } from '@aws-lambda-powertools/batch'
import middy from '@middy/core'
import type { Context, SQSBatchResponse, SQSEvent, SQSRecord } from 'aws-lambda'
import * as z from 'zod'
import { problems } from './problems.ts'
import { decodeBody, maxDelaySeconds, type Queue } from './queue.ts'
import { backoff, GiveUp, TryLater } from './retry.ts'
import { errorFields, type Telemetry } from './telemetry.ts'

/** What a job that has to wait carries from one try to the next: how often, since when and until when (milliseconds since 1970). */
const Waiting = z.looseObject({ attempt: z.number(), since: z.number(), notBefore: z.number() })
export type Waiting = z.infer<typeof Waiting>

/** How one Lambda consumes its queue. */
export type Consumer<Job> = {
  /** The newest version of the queue's bodies that this code reads. Newer ones stay in the queue, for newer code. */
  version: number
  schema: z.ZodType<Job>
  /** Does the job; throws TryLater, GiveUp, or anything else for SQS to bring it back. */
  handle(job: Job, run: Run): Promise<void>
  /** Before a job that waited too long is dead-lettered. */
  beforeGivingUp?(job: Job, reason: string): Promise<void>
  /** The tenant of a body and what a log line says of it; must not throw, whatever the body is. */
  tenantOf(body: unknown): string
  about(body: unknown): object
  queue: Queue
  deadLetters: Queue
  telemetry: Telemetry
  giveUpAfterSeconds: number
  now(): number
  random(): number
}

/** What a job may know of its present run. */
export type Run = { context: Context; waiting: Waiting | undefined }

/**
 * A Lambda that consumes an SQS queue: records side by side, failures reported one by one. Work that must wait is sent
 * anew with a delay, so receive counts rise only with crashes; what no retry can help goes to the dead letters with its reason.
 */
export function consume<Job>(consumer: Consumer<Job>) {
  const { telemetry } = consumer
  return middy<SQSEvent, SQSBatchResponse>()
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
  const { telemetry, now } = consumer
  const { body, waiting } = open(record.body)
  const parcel = { body, waiting, sentAt: Number(record.attributes.SentTimestamp) }
  let job: Job | undefined
  try {
    if (waiting && waiting.notBefore - now() > 500) return await sendAgain(consumer, body, waiting)
    if (versionOf(body) > consumer.version) return await leaveToNewerCode(consumer, body)
    job = parse(consumer.schema, body)
    await consumer.handle(job, { context, waiting })
  } catch (error) {
    if (error instanceof TryLater) return await wait(consumer, parcel, job, error)
    if (error instanceof GiveUp) return await deadLetter(consumer, parcel, error.message)
    telemetry.error('Failed, SQS brings it back', { ...consumer.about(body), ...errorFields(error) })
    throw error instanceof Error ? error : new Error('Something that is no Error was thrown')
  }
}

type Parcel = { body: unknown; waiting: Waiting | undefined; sentAt: number }

/** A body as it travels: perhaps gzipped, waiting, or back from the dead letters, where it is wrapped with its reason. */
function open(text: string): { body: unknown; waiting?: Waiting | undefined } {
  let body: unknown
  try {
    body = decodeBody(text)
  } catch {
    return { body: text }
  }
  const redriven = DeadLetter.safeParse(body)
  if (redriven.success) return { body: redriven.data.job }
  if (typeof body !== 'object' || body === null || !('waiting' in body)) return { body }
  const { waiting, ...job } = body
  return { body: job, waiting: Waiting.safeParse(waiting).data }
}

/** What lies among the dead letters: the job as it was, why, how often it was tried, and since when. Redriven, the job starts anew. */
export const DeadLetter = z.object({
  deadLetter: z.object({ reason: z.string(), attempts: z.number(), since: z.string(), at: z.string() }),
  job: z.unknown(),
})

const versionOf = (body: unknown) => z.object({ v: z.number() }).safeParse(body).data?.v ?? 0

function parse<Job>(schema: z.ZodType<Job>, body: unknown) {
  const result = schema.safeParse(body)
  if (!result.success) throw new GiveUp(`Not a job that this version reads: ${problems(result.error)}`)
  return result.data
}

async function wait<Job>(consumer: Consumer<Job>, parcel: Parcel, job: Job | undefined, error: TryLater) {
  const { telemetry, now, random, giveUpAfterSeconds } = consumer
  const { attempt, since } = parcel.waiting ?? { attempt: 0, since: parcel.sentAt }
  if (now() - since > giveUpAfterSeconds * 1000) {
    const reason = `Given up after ${Math.round(giveUpAfterSeconds / 360) / 10} hours: ${error.message}`
    if (job !== undefined) await consumer.beforeGivingUp?.(job, reason)
    return deadLetter(consumer, parcel, reason)
  }
  const waiting = {
    ...error.carry,
    attempt: attempt + 1,
    since,
    notBefore: error.notBefore ?? now() + backoff(attempt + 1, random),
  }
  await sendAgain(consumer, parcel.body, waiting)
  telemetry.info('Waiting', {
    ...consumer.about(parcel.body),
    ...errorFields(error.cause),
    reason: error.message,
    attempt: waiting.attempt,
    until: new Date(waiting.notBefore).toISOString(),
  })
  telemetry.count('Waiting')
}

async function sendAgain<Job>({ queue, tenantOf, now }: Consumer<Job>, body: unknown, waiting: Waiting) {
  await queue.send(
    { ...(body as object), waiting },
    { group: tenantOf(body), delaySeconds: (waiting.notBefore - now()) / 1000 },
  )
}

async function leaveToNewerCode<Job>({ queue, tenantOf, about, telemetry }: Consumer<Job>, body: unknown) {
  await queue.send(body as object, { group: tenantOf(body), delaySeconds: maxDelaySeconds })
  telemetry.warn('Written by a newer version: left in the queue', about(body))
}

async function deadLetter<Job>(
  { deadLetters, tenantOf, about, telemetry, now }: Consumer<Job>,
  parcel: Parcel,
  reason: string,
) {
  const attempts = (parcel.waiting?.attempt ?? 0) + 1
  const since = new Date(parcel.waiting?.since ?? parcel.sentAt).toISOString()
  await deadLetters.send(
    { deadLetter: { reason, attempts, since, at: new Date(now()).toISOString() }, job: parcel.body },
    { group: tenantOf(parcel.body) },
  )
  telemetry.error('Dead-lettered', { ...about(parcel.body), reason, attempts, since })
  telemetry.count('DeadLettered')
}
