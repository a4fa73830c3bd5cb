import { parentPort } from 'node:worker_threads'
import { compare } from './others.ts'
import { runWorld } from './run.ts'

// The relay throws to wait, thousands of times; nobody reads where. A failing world is played again outside.
Error.stackTraceLimit = 0

/** The others are played in each so manieth world: they take as long as the relay. */
export const comparedEvery = 5

/** What is counted of one world. */
export type Report = Awaited<ReturnType<typeof report>>

/** Runs the worlds whose seeds it is sent, one by one. */
parentPort?.on('message', async (seed: number) => parentPort?.postMessage(await report(seed)))

async function report(seed: number) {
  const { violations, world } = await runWorld({ seed })
  const { faults, fates, provider, hubspot, deliveries, statusUpdates } = world
  return {
    seed,
    failed: violations.length > 0,
    messages: fates.length,
    updates: provider.issued.length + provider.sends.filter(({ said }) => said !== undefined).length,
    patches: hubspot.patches.length,
    redriven: deliveries.redriven() + statusUpdates.redriven(),
    virtualHours: world.virtualHours(),
    lies: seed % comparedEvery === 0 ? await compare({ seed }, world) : undefined,
    faults: faults.happened.map(({ kind }) => kind),
  }
}
