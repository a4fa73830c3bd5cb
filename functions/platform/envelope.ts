import { randomUUID } from 'node:crypto'
import * as z from 'zod'
import { cutAtDepth } from './depth.ts'
import { decodeBody } from './queue.ts'

/** Which copy of a job it is, since a job is sent again each time it waits: how many times that was, and a random token for each. */
const Copy = z.object({ count: z.number(), token: z.string() })
export type Copy = z.infer<typeof Copy>

/** The copy that is sent after this one. */
export const nextCopy = (copy: Copy | undefined): Copy => ({
  count: (copy?.count ?? 0) + 1,
  token: randomUUID().slice(0, 8),
})

/**
 * What a job that has to wait carries: how often it was attempted, since when, how much of that time it only waited for
 * its turn, until when (milliseconds since 1970), and what its last run left to the next.
 */
const Waiting = z.object({
  attempt: z.number(),
  since: z.number(),
  waitedMilliseconds: z.number().default(0),
  /** How many attempts in a row the other side answered with the time of the next. */
  retryAftersInARow: z.number().optional(),
  notBefore: z.number(),
  copy: Copy.optional(),
  /** Since when it is held for newer code, in milliseconds since 1970. */
  heldSince: z.number().optional(),
  /** What its last run left to the next, as its consumer's schema reads it. */
  progress: z.looseObject({}).default({}),
})
export type Waiting = Omit<z.infer<typeof Waiting>, 'progress'> & { progress: object }

/** A dead letter: the job as it was, why it ended, how often it was attempted, since when, and its progress. */
const DeadLetter = z.object({
  deadLetter: z.object({ reason: z.string(), attempts: z.number(), since: z.string(), at: z.string() }),
  progress: z.looseObject({}).optional(),
  copy: Copy.optional(),
  job: z.unknown(),
})
type DeadLetter = z.infer<typeof DeadLetter>

/** A job as it travels. */
export type Envelope = {
  body: unknown
  waiting?: Waiting | undefined
  /** Why it was a dead letter: redriven, it is attempted again. */
  deadLetter?: DeadLetter['deadLetter'] | undefined
  /** What its last run left, whether it waited or was redriven. */
  progress: object
  copy?: Copy | undefined
}

/** A body as it travels: perhaps gzipped, waiting, or back from the dead letters, where it is wrapped with its reason. */
export function openEnvelope(text: string): Envelope {
  let body: unknown
  try {
    body = decodeBody(text)
  } catch {
    return { body: text, progress: {} }
  }
  cutAtDepth(body, maxDepth)
  const redriven = DeadLetter.safeParse(body).data
  if (redriven)
    return {
      body: redriven.job,
      deadLetter: redriven.deadLetter,
      progress: redriven.progress ?? {},
      copy: redriven.copy,
    }
  if (typeof body !== 'object' || body === null || !('waiting' in body)) return { body, progress: {} }
  const { waiting: written, ...job } = body
  const waiting = Waiting.safeParse(written).data
  return { body: job, waiting, progress: waiting?.progress ?? {}, copy: waiting?.copy }
}

// Our jobs are never nested half as deep.
const maxDepth = 250

/** A job that must not be done before a time (milliseconds since 1970). */
export function notBefore<Job extends object>(job: Job, time: number): Job & { waiting: Waiting } {
  return { ...job, waiting: { attempt: 0, since: time, waitedMilliseconds: 0, notBefore: time, progress: {} } }
}

/** A job for the dead letters, with its progress, so that a redrive resumes there. Times are in milliseconds since 1970. */
export function deadLetter(
  job: unknown,
  {
    since,
    at,
    progress = {},
    copy,
    ...why
  }: { reason: string; attempts: number; since: number; at: number; progress?: object; copy?: Copy | undefined },
): DeadLetter {
  const iso = (time: number) => new Date(time).toISOString()
  const isBegun = Object.values(progress).some((value) => value !== undefined)
  const left = { ...(isBegun && { progress: { ...progress } }), ...(copy && { copy }) }
  return { deadLetter: { ...why, since: iso(since), at: iso(at) }, ...left, job }
}
