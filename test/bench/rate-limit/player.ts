import { parentPort } from 'node:worker_threads'
import { type Load, play } from './play.ts'
import { strategies } from './strategies.ts'

/** A strategy and what it has to do. */
export type Case = { strategy: keyof typeof strategies; load: Load }

// Tens of thousands of jobs are told to try later; nobody reads where in the code.
Error.stackTraceLimit = 0

parentPort?.on('message', async ({ strategy, load }: Case) =>
  parentPort?.postMessage(await play(strategies[strategy], load)),
)
