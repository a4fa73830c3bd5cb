import type { Span, Started } from './child.ts'
import { type Cloud, startCloud } from './cloud.ts'
import { type Built, type Contender, environmentOf } from './contenders.ts'
import { batch, webhook } from './events.ts'
import { runTask } from './run.ts'
import { median } from './statistics.ts'

/** The share of a CPU that Lambda gives a function of 256 MB: a whole one comes with 1,769. */
const share = 256 / 1769

/** What is measured of each contender in each round, interleaved with the others. */
export type Measured = {
  /** INIT at a whole CPU, and the first webhook at the share of 256 MB, in milliseconds. */
  coldStart: number
  /** A warm webhook without its network, CPU in microseconds. */
  webhookCpu: number
  /** A batch of ten updates: CPU, and start to end. */
  batchCpu: number
  batchWall: number
}

/** Measures a contender once. */
export async function measure(built: Built, contender: Contender, cloud: Cloud, webhooks: number): Promise<Measured> {
  const environment = environmentOf(cloud)
  const entry = (name: 'hubspot-webhook' | 'update-status') => `${built.folder(contender, name)}/index.mjs`
  const event = webhook()
  const { imported, invoked } = (
    await runTask<Started>({ kind: 'start', entry: entry('hubspot-webhook'), event }, environment)
  ).result
  const warm = await runTask<Span>(
    { kind: 'webhook', entry: entry('hubspot-webhook'), event, times: webhooks },
    environment,
  )
  const batches = Array.from({ length: warmUpBatches + 10 }, () => batch(10))
  const consumed = await runTask<Span[]>({ kind: 'consume', entry: entry('update-status'), batches }, environment)
  const settled = consumed.result.slice(warmUpBatches)
  return {
    coldStart: imported.cpuMs + invoked.cpuMs / share,
    webhookCpu: warm.result.cpuMs * 1000,
    batchCpu: median(settled.map(({ cpuMs }) => cpuMs)),
    batchWall: median(settled.map(({ wallMs }) => wallMs)),
  }
}

const warmUpBatches = 10

/** TLS handshakes with HubSpot over four invocations, five seconds apart, with ten PATCHes each. */
export async function countHandshakes(built: Built, contender: Contender) {
  const cloud = await startCloud()
  const entry = `${built.folder(contender, 'update-status')}/index.mjs`
  const batches = Array.from({ length: 4 }, () => batch(10))
  await runTask({ kind: 'consume', entry, batches, pauseMs: 5000 }, environmentOf(cloud))
  await cloud.close()
  return cloud.handshakes.hubspot()
}
