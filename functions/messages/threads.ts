import * as z from 'zod'
import { Deferred } from '../platform/retry.ts'
import type { Table } from '../platform/table.ts'
import type { DeliveryJob } from './jobs.ts'
import { createLedger } from './ledger.ts'
import { expiryOf } from './record.ts'
import { allSendsComplete } from './sending.ts'

/** How long a message waits at most for one that the agent sent before it, in milliseconds since that one was begun. */
const maxWait = 60_000

/** A message of a thread whose delivery has begun. Times are in milliseconds since 1970. */
const Begun = z.object({ messageId: z.string(), createdAt: z.number(), since: z.number() })
type Begun = z.infer<typeof Begun>

const ThreadItem = z.object({ pk: z.string(), version: z.number(), begun: z.array(Begun).default([]) })

/** Whose turn it is among the messages of a thread. */
export type Threads = ReturnType<typeof createThreads>

/**
 * The messages of each thread that were begun recently, one item in the ledger's table for each thread. Their own items say
 * whether they have ended, so nothing has to be removed. Why so: docs/decisions/0008-order-of-a-thread.md.
 */
export function createThreads(table: Table, now: () => number) {
  const ledger = createLedger(table, now)

  /** Registers a message, unless it is registered; answers whether an earlier one is still under way. */
  async function begin(job: DeliveryJob): Promise<boolean> {
    for (;;) {
      const item = await read(job)
      const { own, ahead } = await findAhead(job, item)
      if (own) return ahead.length > 0
      const me = { messageId: job.messageId, createdAt: Date.parse(job.createdAt), since: now() }
      const later = item.begun.filter((other) => counts(other) && isBefore(me, other))
      const next = {
        ...item,
        version: item.version + 1,
        begun: [...ahead, me, ...later],
        expiresAt: expiryOf(now(), keptThreadForDays),
      }
      if (await table.putIfNextVersion(next)) return ahead.length > 0
    }
  }

  /** Whether an earlier message of the thread is still under way. */
  async function isWaiting(job: DeliveryJob): Promise<boolean> {
    const { ahead } = await findAhead(job, await read(job))
    return ahead.length > 0
  }

  async function findAhead(job: DeliveryJob, { begun }: { begun: Begun[] }) {
    const me = { messageId: job.messageId, createdAt: Date.parse(job.createdAt) }
    const earlier = begun.filter((other) => counts(other) && isBefore(other, me))
    const underWay = await Promise.all(
      earlier.map(async (other) => !allSendsComplete(await ledger.read({ ...job, ...other }))),
    )
    return {
      own: begun.some(({ messageId }) => messageId === job.messageId),
      ahead: earlier.filter((_, index) => underWay[index]),
    }
  }

  async function read({ portalId, channelId, conversationsThreadId }: DeliveryJob) {
    const pk = `thread#${portalId}#${channelId}#${conversationsThreadId}`
    return ThreadItem.parse((await table.get(pk)) ?? { pk, version: 0 })
  }

  const counts = ({ since }: Begun) => now() - since < maxWait

  return { begin, isWaiting }
}

/** What a run leaves to the next about its turn in the thread. */
export const TurnProgress = z.object({
  /** Whether the message is registered in its thread, and how often it waited since. */
  isRegistered: z.boolean().optional().catch(undefined),
  turnsWaited: z.number().optional().catch(undefined),
})
export type TurnProgress = z.infer<typeof TurnProgress>

/** Lets messages that the agent sent earlier in the same thread go first: throws Deferred while one is under way. */
export async function waitForTurn(threads: Threads, job: DeliveryJob, progress: TurnProgress, now: number) {
  const isWaiting = progress.isRegistered ? await threads.isWaiting(job) : await threads.begin(job)
  progress.isRegistered = true
  if (isWaiting) throw notItsTurn(progress, now)
}

/** The error with which a message waits for its turn, longer each time. */
export function notItsTurn(progress: TurnProgress, now: number) {
  const turns = progress.turnsWaited ?? 0
  progress.turnsWaited = turns + 1
  return new Deferred('An earlier message of the thread goes first', now + Math.min(15, 2 ** turns) * 1000)
}

type Moment = Pick<Begun, 'messageId' | 'createdAt'>

/** The order in which the agent sent them. */
const isBefore = (a: Moment, b: Moment) =>
  a.createdAt === b.createdAt ? a.messageId < b.messageId : a.createdAt < b.createdAt

// In days: long after anybody still waits.
const keptThreadForDays = 1
