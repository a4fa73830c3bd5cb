import { ForksPoolWorker, type PoolOptions, type PoolRunnerInitializer, type PoolWorker } from 'vitest/node'

type Listener = (message: unknown) => void
type Message = Parameters<PoolWorker['send']>[0]

// What test files leave behind adds up: they are loaded anew for each mutant.
const mostRuns = 150

/** A process that has loaded the code and waits for the next mutant. */
let waiting: { worker: ForksPoolWorker; runs: number } | undefined

/**
 * Vitest's forks, but that a process outlives its run and serves the next mutant: loading the code takes longer than most
 * mutants live. A mutant in what runs while the code loads gets a process of its own.
 */
export const warmPool: PoolRunnerInitializer = { name: 'warm', createPoolWorker }

function createPoolWorker(options: PoolOptions): PoolWorker {
  const mayStay = (options.project.getProvidedContext() as { mutantActivation?: string }).mutantActivation === 'runtime'
  const warm = mayStay ? waiting : undefined
  if (warm) waiting = undefined
  const { worker, runs } = warm ?? { worker: new ForksPoolWorker(options), runs: 0 }
  const listeners: [event: string, listener: Listener][] = []
  let config: unknown
  let isRunning = false

  const onMessage = (message: { type?: string }) => {
    if (message.type === 'testfileFinished') isRunning = false
  }
  const answer = (type: 'started' | 'stopped') =>
    queueMicrotask(() => {
      for (const [event, listen] of listeners)
        if (event === 'message') listen({ type, __vitest_worker_response__: true })
    })
  const isToStay = () => mayStay && !isRunning && runs + 1 < mostRuns

  return {
    name: 'warm',
    cacheFs: worker.cacheFs,
    deserialize: (data) => worker.deserialize(data),
    on(event, listener) {
      listeners.push([event, listener])
      worker.on(event, listener)
    },
    off(event, listener) {
      listeners.splice(
        listeners.findIndex(([one, other]) => one === event && other === listener),
        1,
      )
      worker.off(event, listener)
    },
    async start() {
      if (!warm) await worker.start()
      worker.on('message', onMessage)
    },
    send(message) {
      if (message.type === 'start' && warm) {
        // The process knows how the first of its runs was configured.
        config = message.context.config
        return answer('started')
      }
      if (message.type === 'stop' && isToStay()) return answer('stopped')
      if (message.type !== 'run') return worker.send(message)
      isRunning = true
      worker.send(config ? ({ ...message, context: { ...message.context, config } } as Message) : message)
    },
    async stop() {
      worker.off('message', onMessage)
      for (const [event, listener] of listeners) worker.off(event, listener)
      if (!isToStay()) return worker.stop()
      waiting = { worker, runs: runs + 1 }
    },
  }
}

/** Ends the process that waits. */
export async function endWarmPool() {
  await waiting?.worker.stop()
  waiting = undefined
}
