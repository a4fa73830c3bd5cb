import type { Run } from '../platform/consumer.ts'
import type { Copy } from '../platform/envelope.ts'
import { Superseded } from '../platform/retry.ts'
import type { Decision, LedgerItem } from './record.ts'

// A message never has more jobs waiting at once; a copy that falls out is just not recognised.
const maxJobs = 8

/**
 * The item once a copy of a job was received; undefined if a later copy was, so that this one must end. A job that waits is
 * sent again, and twice if the answer to that is lost. The later of two copies has the higher count; of two with the same
 * count, the one that was received first wins. The same copy may be received twice, the first run having died: it goes on. Why: docs/decisions/0013-copies-of-a-job.md.
 */
function received(item: LedgerItem, job: string, copy: Copy | undefined): LedgerItem | undefined {
  const last = item.received?.[job]
  if (!copy || last?.token === copy.token) return item
  if (last && last.count >= copy.count) return undefined
  const others = Object.entries(item.received ?? {}).filter(([name]) => name !== job)
  return { ...item, received: Object.fromEntries([...others.slice(1 - maxJobs), [job, copy]]) }
}

/** Which of a message's jobs it is, and its present run. */
type CopyOfJob = { job: string; run: Run }

/** Decides on the item as this run's copy, or by `orElse` where a later copy was received. The run notes which one was. */
export function asCopy<Answer>(
  { job, run }: CopyOfJob,
  decide: (item: LedgerItem) => Decision<Answer>,
  orElse: (item: LedgerItem) => Decision<'superseded'> = () => ({ answer: 'superseded' }),
) {
  return (item: LedgerItem): Decision<Answer | 'superseded'> => {
    run.latestReceived = item.received?.[job]
    const mine = received(item, job, run.copy)
    return mine ? decide(mine) : orElse(item)
  }
}

/** The error that ends a run whose job goes on in a later copy. */
export const superseded = () => new Superseded('A later copy of the job was received')
