import { setTimeout as sleep } from 'node:timers/promises'

const maxWaitMilliseconds = 2000

/**
 * Waits for work that the first invocation would otherwise do with its share of a CPU: opening connections, running clients
 * once. Lambda gives INIT a whole CPU and ten seconds. What fails here, or takes long, is reported when it is needed.
 */
export async function warmUp(...work: Promise<unknown>[]) {
  await Promise.race([Promise.allSettled(work), sleep(maxWaitMilliseconds, undefined, { ref: false })])
}
