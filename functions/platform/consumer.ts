import type { Context } from 'aws-lambda'
import type * as z from 'zod'
import type { Copy } from './envelope.ts'
import type { Queue } from './queue.ts'
import type { Telemetry } from './telemetry.ts'

/** How one Lambda consumes its queue. */
export type Consumer<Job, Progress extends object> = {
  /** The newest version of job bodies that this code reads. Those of the next version stay in the queue for days, for newer code. */
  version: number
  schema: z.ZodType<Job>
  /** What a run leaves to the next run of its job. Reads whatever it is given. */
  progress: z.ZodType<Progress>
  /** Does the job; throws RetryableError, PermanentError, or anything else to have SQS redeliver it. */
  handle(job: Job, run: Run<Progress>): Promise<void>
  /**
   * Keeps or passes on what is known of a job that may end here without being done: because it is dead-lettered for this
   * error, or without an error, because this is its last receive, and is attempted after that. If it throws, the job does not end.
   */
  onPossibleEnd?(job: Job, run: Run<Progress>, error?: Error): Promise<void>
  /** Queues what only this run knows, where its job cannot carry that; `record`: and writes it down. */
  queueUnrecorded?(job: Job, run: Run<Progress>, options?: { record: boolean }): Promise<void>
  /** Records that this run received its copy of the job, from the third copy on; throws Superseded where a later one was received. */
  claimCopy?(job: Job, run: Run<Progress>): Promise<void>
  /** Notes that a job waits for something other than its turn, for whoever looks it up. `until` is in ISO 8601. */
  noteWait?(job: Job, run: Run<Progress>, wait: { reason: string; until: string }): Promise<unknown>
  /** The tenant of a body and what a log line says of it; must not throw, whatever the body is. */
  tenantOf(body: unknown): string
  about(body: unknown): object
} & ConsumerDeps

/** What every consumer needs. */
export type ConsumerDeps = {
  queue: Queue
  deadLetters: Queue
  telemetry: Telemetry
  giveUpAfterSeconds: number
  /** How often a job may be received before SQS makes it a dead letter. */
  maxReceives: number
  now(): number
  random(): number
}

/** What a job may know of its present run. */
export type Run<Progress extends object = object> = {
  context: Context
  /** The unique name of this run. */
  id: string
  /** When the job was first sent, in milliseconds since 1970. */
  since: number
  /** What the job's last run left, and what it carries if it has to wait now. */
  progress: Progress
  /** Which copy of the job it received; the next copy counts on from it, or from a later one that the item names. */
  copy?: Copy | undefined
  latestReceived?: Copy | undefined
}

/** A job as a run received it. */
export type Parcel = {
  body: unknown
  attempt: number
  waitedMilliseconds: number
  /** How many attempts in a row the other side answered with the time of the next. */
  retryAftersInARow: number | undefined
  run: Run
}
