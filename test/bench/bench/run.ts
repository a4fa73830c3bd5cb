import { fork } from 'node:child_process'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import type { Task } from './child.ts'

const child = fileURLToPath(new URL('./child.ts', import.meta.url))

/** Runs a task in a process of its own. Returns what it measured, and its log, which `keepLog: false` throws away unread. */
export async function runTask<Result>(
  task: Task,
  environment: NodeJS.ProcessEnv,
  { keepLog = true } = {},
): Promise<{ result: Result; log: string }> {
  const running = fork(child, { env: environment, stdio: ['ignore', keepLog ? 'pipe' : 'ignore', 'pipe', 'ipc'] })
  running.send(task)
  let result: Result | undefined
  running.on('message', (message) => {
    result = message as Result
  })
  const [log, errors] = await Promise.all([
    running.stdout ? text(running.stdout) : '',
    text(running.stderr!),
    once(running, 'exit'),
  ])
  if (result === undefined) throw new Error(`The measuring process failed:\n${errors}`)
  return { result, log }
}
