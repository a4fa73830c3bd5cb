import type { Consumer, Parcel } from './consumer.ts'
import { nextCopy, type Waiting } from './envelope.ts'
import { maxDelaySeconds } from './queue.ts'
import { PermanentError } from './retry.ts'

type Requeuer = Pick<Consumer<unknown, object>, 'queue' | 'tenantOf' | 'about' | 'telemetry' | 'now'>

/** Sends a job again, as its next copy, with what it carries. */
export async function sendAgain({ queue, tenantOf, now }: Requeuer, { body, run }: Parcel, waiting: Waiting) {
  const copy = nextCopy((run.latestReceived?.count ?? 0) > (run.copy?.count ?? 0) ? run.latestReceived : run.copy)
  await queue.send(
    { ...(body as object), waiting: { ...waiting, copy } },
    { group: tenantOf(body), delaySeconds: (waiting.notBefore - now()) / 1000 },
  )
}

/** Whether a job's own time has not come. One that was held for newer code has no other to wait for. */
export const isEarly = ({ heldSince, notBefore }: Waiting, now: number) =>
  heldSince === undefined && notBefore - now > 500

const maxHeld = 4 * 86_400_000

/** Holds a job for newer code. Its earlier attempts go with it, and this time does not count towards giving up. */
export async function leaveToNewerCode(consumer: Requeuer, parcel: Parcel, waiting: Waiting | undefined) {
  const { about, telemetry, now } = consumer
  const { body, attempt, waitedMilliseconds, run } = parcel
  const heldSince = waiting?.heldSince ?? now()
  telemetry.count('WrittenByNewerVersion')
  if (now() - heldSince > maxHeld)
    throw new PermanentError('Written by a newer version, which has not come to read it for four days')
  const held = {
    ...{ attempt, since: run.since, progress: run.progress, ...waiting },
    heldSince,
    waitedMilliseconds: waitedMilliseconds + maxDelaySeconds * 1000,
    notBefore: now() + maxDelaySeconds * 1000,
  }
  await sendAgain(consumer, parcel, waiting && isEarly(waiting, now()) ? waiting : held)
  telemetry.warn('Written by a newer version: left in the queue', about(body))
}
