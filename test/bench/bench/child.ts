import { once } from 'node:events'
import type { SQSEvent } from 'aws-lambda'

/** What a process of its own measures. CPU times are in milliseconds of one CPU. */
export type Task =
  | { kind: 'start'; entry: string; event?: object }
  | { kind: 'webhook'; entry: string; event: object; times: number }
  | { kind: 'consume'; entry: string; batches: SQSEvent[]; pauseMs?: number }
export type Span = { cpuMs: number; wallMs: number }
export type Started = { imported: Span; invoked: Span; loaded: string[] }

const [task]: Task[] = await once(process, 'message')
const context = {
  awsRequestId: 'request',
  functionName: 'function',
  functionVersion: '$LATEST',
  invokedFunctionArn: 'arn:aws:lambda:us-east-1:000000000000:function:function',
  memoryLimitInMB: '256',
  getRemainingTimeInMillis: () => 60_000,
}

if (task?.kind === 'start') process.send?.(await start(task))
if (task?.kind === 'webhook') process.send?.(await answerMany(task))
if (task?.kind === 'consume') process.send?.(await consume(task))
process.disconnect?.()
// Connections that are kept open would keep this process.
process.exit()

/** What Lambda does to a new environment: INIT, and the first invocation. */
async function start({ entry, event }: Extract<Task, { kind: 'start' }>): Promise<Started> {
  let handler: Handler | undefined
  const imported = await span(async () => {
    handler = await load(entry)
  })
  const loaded = (process as unknown as { moduleLoadList: string[] }).moduleLoadList
  const invoked = await span(async () => event && (await invoke(handler!, event)))
  return { imported, invoked, loaded: [...loaded] }
}

/** A warm function's answers, with a network that costs nothing. Returns the time of one. */
async function answerMany({ entry, event, times }: Extract<Task, { kind: 'webhook' }>) {
  const { answerAtOnce } = await import('./without-network.ts')
  answerAtOnce()
  const handler = await load(entry)
  const several = async (count: number) => {
    for (let n = 0; n < count; n++) await invoke(handler, event)
  }
  await several(times / 2)
  const { cpuMs, wallMs } = await span(() => several(times))
  return { cpuMs: cpuMs / times, wallMs: wallMs / times }
}

/** A consumer's batches, one after the other, each timed. */
async function consume({ entry, batches, pauseMs = 0 }: Extract<Task, { kind: 'consume' }>) {
  const handler = await load(entry)
  const spans: Span[] = []
  for (const batch of batches) {
    spans.push(await span(() => invoke(handler, batch)))
    if (pauseMs > 0) await new Promise((resolve) => setTimeout(resolve, pauseMs))
  }
  return spans
}

type Handler = (event: object, context: object) => Promise<unknown>

async function load(entry: string): Promise<Handler> {
  return (await import(entry)).handler
}

async function invoke(handler: Handler, event: object) {
  process.env['_X_AMZN_TRACE_ID'] = 'Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=0'
  const answer = await handler(event, context)
  const { statusCode = 204, batchItemFailures = [] } = answer as { statusCode?: number; batchItemFailures?: [] }
  if (statusCode !== 204 || batchItemFailures.length > 0) throw new Error(`Not done: ${JSON.stringify(answer)}`)
}

async function span(work: () => Promise<unknown>): Promise<Span> {
  const cpu = process.cpuUsage()
  const since = performance.now()
  await work()
  const { user, system } = process.cpuUsage(cpu)
  return { cpuMs: (user + system) / 1000, wallMs: performance.now() - since }
}
