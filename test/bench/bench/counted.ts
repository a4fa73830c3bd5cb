import type { Span } from './child.ts'
import { type Built, type Contender, environmentOf } from './contenders.ts'
import { startEmulatedCloud } from './emulated-cloud.ts'
import { batchOf, statusUpdate, webhook } from './events.ts'
import { runTask } from './run.ts'

/** What one status update uses, counted: no time is in it, so it is the same on any machine. */
export type Used = { writeUnits: number; readUnits: number; patches: number; logBytes: number }

/**
 * Has a contender tell so many updates of new messages, in batches, the portals in turn; and then all of them once more.
 * What a process uses once, at its start, is not counted.
 */
export async function count(
  built: Built,
  contender: Contender,
  { updates = 100, batchSize = 10, portals = 1 } = {},
): Promise<{ first: Used; duplicate: Used }> {
  const cloud = await startEmulatedCloud({ portals })
  const entry = `${built.folder(contender, 'update-status')}/index.mjs`
  const jobs = Array.from({ length: updates }, (_, index) => statusUpdate({ portalId: String(1 + (index % portals)) }))
  const batches = Array.from({ length: updates / batchSize }, (_, index) =>
    batchOf(jobs.slice(index * batchSize, (index + 1) * batchSize)),
  )

  async function consume(some: typeof batches) {
    Object.assign(cloud.units, { read: 0, write: 0 })
    cloud.patches.length = 0
    const { log } = await runTask<Span[]>({ kind: 'consume', entry, batches: some }, environmentOf(cloud))
    const { read, write } = cloud.units
    return { writeUnits: write, readUnits: read, patches: cloud.patches.length, logBytes: Buffer.byteLength(log) }
  }

  try {
    const started = await consume([])
    const perUpdate = async () => {
      const all = await consume(batches)
      const names = Object.keys(all) as (keyof Used)[]
      return Object.fromEntries(names.map((name) => [name, (all[name] - started[name]) / updates])) as Used
    }
    return { first: await perUpdate(), duplicate: await perUpdate() }
  } finally {
    await cloud.close()
  }
}

/** The bytes that a contender logs for one webhook. */
export async function countWebhookLog(built: Built, contender: Contender) {
  const cloud = await startEmulatedCloud()
  const entry = `${built.folder(contender, 'hubspot-webhook')}/index.mjs`
  try {
    const { log } = await runTask({ kind: 'start', entry, event: webhook() }, environmentOf(cloud))
    return Buffer.byteLength(log)
  } finally {
    await cloud.close()
  }
}
