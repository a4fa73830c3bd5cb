import { type ChildProcess, spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { availableParallelism } from 'node:os'
import { createInterface } from 'node:readline'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import * as z from 'zod'
import { answerWhole, serve } from '../loopback.ts'
import { afterLimit, slowness } from '../pace.ts'

/** The properties of `AWS::Lambda::Function` that are run. */
export const FunctionProperties = z.object({
  Code: z.object({ S3Key: z.string() }),
  Handler: z.string(),
  Runtime: z.string(),
  Timeout: z.number().default(3),
  MemorySize: z.number().default(128),
  Environment: z.object({ Variables: z.record(z.string(), z.coerce.string()).default({}) }).default({ Variables: {} }),
  LoggingConfig: z
    .object({ LogFormat: z.enum(['JSON', 'Text']).optional(), ApplicationLogLevel: z.string().optional() })
    .default({}),
})

/** A function as it is to be run. */
export type FunctionDefinition = {
  name: string
  arn: string
  /** The folder with its code. */
  taskRoot: string
  properties: z.infer<typeof FunctionProperties>
  /** Variables beside those of the template. */
  environment: Record<string, string>
  onLine(line: string): void
}

/** What came of an invocation: what the handler returned, or why it returned nothing. */
export type Outcome = { payload: unknown; error?: undefined } | { error: FunctionError }
/** A function error as Lambda reports it. */
export type FunctionError = { errorType: string; errorMessage: string }

export type LambdaFunction = {
  /** Runs the handler on the event. Never rejects: a crash, a timeout and a failed start are outcomes. */
  invoke(event: unknown): Promise<Outcome>
  /** Invocations that wait or run. */
  pending(): number
  /** The processes that stand for its execution environments. */
  processes(): ChildProcess[]
  /** Has no process take another invocation: those to come get new ones, which remember nothing. */
  retire(): void
}

/** At once per function; Lambda's own default of 1,000 for an account would be too much for a laptop. */
export const maxEnvironments = 10
/** More at once would only slow each other down. */
const maxStarting = Math.max(2, availableParallelism())
/** Lambda's limit for what a function does before it asks for its first invocation. */
const initSeconds = 10

const bootstrap = fileURLToPath(new URL('./bootstrap.mjs', import.meta.url))

/** Lambda: one process per execution environment, each talking to a Runtime API on loopback. */
export async function startLambda() {
  const environments = new Map<string, Environment>()
  const server = await serve(async (request, response) => {
    const [, id = '', ...path] = (request.url ?? '').split('/')
    await environments.get(id)?.answer(path.join('/'), request, response)
  })
  let isOpen = true

  function createFunction(definition: FunctionDefinition): LambdaFunction {
    const waiting: Invocation[] = []
    const own = new Set<Environment>()

    function dispatch() {
      for (const environment of own) if (waiting.length > 0 && environment.isIdle()) environment.run(waiting.shift()!)
      // One that has just answered asks for the next in a moment.
      const coming = [...own].filter((environment) => !environment.isIdle() && !environment.isBusy()).length
      const wanted = Math.min(waiting.length, maxStarting) - coming
      for (let n = Math.min(wanted, maxEnvironments - own.size); n > 0; n--) start()
    }

    function start() {
      const id = randomUUID()
      const environment = startEnvironment(definition, `${server.host}/${id}`, {
        onReady: dispatch,
        onEnd(initError) {
          environments.delete(id)
          own.delete(environment)
          // Nothing else would ever answer the invocation for which it was started.
          if (initError) waiting.shift()?.end({ error: initError })
          if (isOpen) dispatch()
          else for (const invocation of waiting.splice(0)) invocation.end({ error: stopped })
        },
      })
      environments.set(id, environment)
      own.add(environment)
    }

    return {
      invoke: (event) =>
        new Promise<Outcome>((end) => {
          if (!isOpen) return end({ error: stopped })
          waiting.push({ requestId: randomUUID(), event: JSON.stringify(event), end })
          dispatch()
        }),
      pending: () => waiting.length + [...own].filter((environment) => environment.isBusy()).length,
      processes: () => [...own].map((environment) => environment.process),
      retire() {
        for (const environment of own) environment.retire()
      },
    }
  }

  return {
    createFunction,
    /** Kills every process; invocations under way end with an error. */
    async close() {
      isOpen = false
      const ended = [...environments.values()].map((environment) => environment.kill())
      await Promise.all([...ended, server.close()])
    },
  }
}

type Invocation = { requestId: string; event: string; end(outcome: Outcome): void }
type Environment = ReturnType<typeof startEnvironment>

function startEnvironment(
  definition: FunctionDefinition,
  runtimeApi: string,
  { onReady, onEnd }: { onReady(): void; onEnd(initError: FunctionError | undefined): void },
) {
  const { arn, properties, onLine } = definition
  const child = spawn(process.execPath, [bootstrap], {
    cwd: definition.taskRoot,
    env: environmentOf(definition, runtimeApi),
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  for (const stream of [child.stdout, child.stderr]) createInterface(stream).on('line', onLine)

  let isStarting = true
  let isRetired = false
  let current: Invocation | undefined
  /** The process's request for its next invocation, kept open until there is one. */
  let poll: ServerResponse | undefined
  let failure: FunctionError | undefined
  let callOffTimeout = limitTo(initSeconds)

  const ended = new Promise<void>((resolve) => {
    child.once('error', (error) => end('failed to start', error.message))
    child.once('exit', (code, signal) => end('exited', signal ? `signal: ${signal}` : `exit status ${code}`))

    function end(what: string, detail: string) {
      callOffTimeout()
      failure ??= { errorType: 'Runtime.ExitError', errorMessage: `Runtime ${what} with error: ${detail}` }
      if (isStarting || current) onLine(`${current?.requestId ?? 'INIT'} ${failure.errorType}: ${failure.errorMessage}`)
      current?.end({ error: failure })
      current = undefined
      poll = undefined
      onEnd(isStarting ? failure : undefined)
      isStarting = false
      resolve()
    }
  })

  function fail(error: FunctionError) {
    failure ??= error
    child.kill('SIGKILL')
  }

  /** Its timeout, which is for a quiet machine. */
  function limitTo(seconds: number) {
    return afterLimit(seconds * 1000, () => fail(timedOut(seconds)))
  }

  function complete(outcome: Outcome) {
    callOffTimeout()
    current?.end(outcome)
    current = undefined
  }

  return {
    process: child,
    isIdle: () => poll !== undefined && !child.killed,
    retire() {
      isRetired = true
      if (poll) child.kill('SIGKILL')
    },
    isBusy: () => current !== undefined,

    run(invocation: Invocation) {
      current = invocation
      callOffTimeout = limitTo(properties.Timeout)
      const headers = {
        'content-type': 'application/json',
        'lambda-runtime-aws-request-id': invocation.requestId,
        'lambda-runtime-deadline-ms': Math.floor(Date.now() + properties.Timeout * 1000 * slowness()),
        'lambda-runtime-invoked-function-arn': arn,
        'lambda-runtime-trace-id': `Root=1-${Math.floor(Date.now() / 1000).toString(16)}-${randomUUID().replaceAll('-', '').slice(0, 24)};Sampled=0`,
        'local-slowness': slowness(),
      }
      if (poll) answerWhole(poll, 200, headers, invocation.event)
      poll = undefined
    },

    /** The Runtime API. */
    async answer(path: string, request: IncomingMessage, response: ServerResponse) {
      if (path === '2018-06-01/runtime/invocation/next') {
        if (isStarting) callOffTimeout()
        isStarting = false
        // What began before it was retired may have read what is remembered no more.
        if (isRetired) return void child.kill('SIGKILL')
        poll = response
        return onReady()
      }
      const body: unknown = JSON.parse((await text(request)) || 'null')
      const [, id, kind] = /^2018-06-01\/runtime\/invocation\/([^/]+)\/(response|error)$/.exec(path) ?? []
      if (path === '2018-06-01/runtime/init/error') failure = FunctionErrorBody.parse(body)
      else if (id === undefined || id !== current?.requestId) return void response.writeHead(400).end()
      else complete(kind === 'response' ? { payload: body } : { error: FunctionErrorBody.parse(body) })
      response.writeHead(202).end()
    },

    /** Ends it at once, whatever it is doing. */
    kill() {
      child.kill('SIGKILL')
      return ended
    },
  }
}

const stopped: FunctionError = { errorType: 'ServiceException', errorMessage: 'The local stack was stopped.' }

const FunctionErrorBody = z.object({ errorType: z.string(), errorMessage: z.string() })

const timedOut = (seconds: number): FunctionError => ({
  errorType: 'Sandbox.Timedout',
  errorMessage: `Task timed out after ${seconds.toFixed(2)} seconds`,
})

/** What Lambda sets, what the template sets, what the caller sets; nothing of the parent's own environment but these. */
function environmentOf({ name, taskRoot, properties, environment }: FunctionDefinition, runtimeApi: string) {
  const { Handler, Runtime, MemorySize, LoggingConfig, Environment } = properties
  const { PATH, SystemRoot } = process.env
  return {
    PATH,
    // Windows opens no sockets without it.
    SystemRoot,
    // The developer's own ~/.aws has no part in this.
    HOME: taskRoot,
    USERPROFILE: taskRoot,
    LANG: 'en_US.UTF-8',
    TZ: ':UTC',
    _HANDLER: Handler,
    LAMBDA_TASK_ROOT: taskRoot,
    AWS_LAMBDA_RUNTIME_API: runtimeApi,
    LOCAL_SLOWNESS: String(slowness()),
    AWS_EXECUTION_ENV: `AWS_Lambda_${Runtime}`,
    AWS_LAMBDA_INITIALIZATION_TYPE: 'on-demand',
    AWS_LAMBDA_FUNCTION_NAME: name,
    AWS_LAMBDA_FUNCTION_VERSION: '$LATEST',
    AWS_LAMBDA_FUNCTION_MEMORY_SIZE: String(MemorySize),
    AWS_LAMBDA_LOG_GROUP_NAME: `/aws/lambda/${name}`,
    AWS_LAMBDA_LOG_STREAM_NAME: `${new Date().toISOString().slice(0, 10).replaceAll('-', '/')}/[$LATEST]${randomUUID().replaceAll('-', '')}`,
    AWS_LAMBDA_LOG_FORMAT: LoggingConfig.LogFormat ?? 'Text',
    ...(LoggingConfig.ApplicationLogLevel && { AWS_LAMBDA_LOG_LEVEL: LoggingConfig.ApplicationLogLevel }),
    ...Environment.Variables,
    ...environment,
  }
}
