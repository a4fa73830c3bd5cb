import { setTimeout as sleep } from 'node:timers/promises'

const maxWaitMilliseconds = 2000

/**
 * Waits for work that the first invocation would otherwise do at its share of a CPU: connections opened, clients run
 * once. Lambda gives INIT a whole CPU, and ten seconds. What fails here, or takes long, is told when it is needed.
 */
export async function warmUp(...work: Promise<unknown>[]) {
  await Promise.race([Promise.allSettled(work), sleep(maxWaitMilliseconds, undefined, { ref: false })])
}
