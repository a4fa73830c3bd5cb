import { createHmac, createSecretKey } from 'node:crypto'
import { once } from 'node:events'
import type { SQSEvent } from 'aws-lambda'

/** What a process of its own measures. CPU times are in milliseconds of one CPU. */
export type Task =
  | { kind: 'start'; entry: string; event?: object }
  | { kind: 'webhook'; entry: string; event: object; times: number }
  | { kind: 'path'; times: number }
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
if (task?.kind === 'path') process.send?.(await goThePath(task))
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

/** What stands between a webhook and its queue (verify, parse, validate, one log line), and one HMAC of the same body. */
async function goThePath({ times }: Extract<Task, { kind: 'path' }>) {
  const { sign, verify } = await import('../../../functions/hubspot/signature.ts')
  const { parseEvent } = await import('../../../functions/hubspot/events.ts')
  const { createTelemetry } = await import('../../../functions/platform/telemetry.ts')
  const { example } = await import('../../support/examples.ts')
  const telemetry = createTelemetry()
  const body = Buffer.from(example('hubspot/outgoing-message'))
  const request = { method: 'POST', url: 'https://relay.example.com/hubspot/webhook', body, timestamp: '1790000000000' }
  const signature = sign(request, 'secret')
  const key = createSecretKey('secret', 'utf8')
  const ids = { portalId: '243842089', channelId: '2300310', messageId: '0b5f3c1d9e7a4b2c8d6e0f1a2b3c4d5e' }

  const each = async (work: () => void) => {
    for (let n = 0; n < times / 2; n++) work()
    const { cpuMs } = await span(async () => {
      for (let n = 0; n < times; n++) work()
    })
    return (cpuMs * 1000) / times
  }
  return {
    path: await each(() => {
      if (
        !verify(request, signature, 'secret') ||
        parseEvent(body, { traceId: 'trace', receivedAt: Date.now() }).kind !== 'message'
      )
        throw new Error('Not read')
      telemetry.info('Message queued', ids)
    }),
    // As Node's documentation makes one.
    hmac: await each(() => void createHmac('sha256', key).update(body).digest().toString('base64')),
  }
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
