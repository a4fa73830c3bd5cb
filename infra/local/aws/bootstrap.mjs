// What runs in each execution environment: Lambda's runtime interface client for Node.js. It loads the handler named in
// `_HANDLER` and works through invocations that the Runtime API hands it.
// https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html
import { existsSync } from 'node:fs'
import { Agent, request } from 'node:http'
import { connect } from 'node:net'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { pathToFileURL } from 'node:url'
import { promisify } from 'node:util'

const { AWS_LAMBDA_RUNTIME_API, LAMBDA_TASK_ROOT, _HANDLER } = process.env

// Time limits of the function's own, of its AWS SDK and its HTTP requests, are for a quiet machine: on a busy one, where
// everything takes longer, they give as much. `setTimeout` of node:timers/promises, by which a function waits, stays.
let slowness = Number(process.env.LOCAL_SLOWNESS)
delete process.env.LOCAL_SLOWNESS
const { setTimeout: usualTimeout } = globalThis
globalThis.setTimeout = Object.assign(
  (act, milliseconds, ...rest) => usualTimeout(act, (milliseconds ?? 1) * slowness, ...rest),
  { [promisify.custom]: usualTimeout[promisify.custom] },
)
const { timeout: usualSignal } = AbortSignal
AbortSignal.timeout = (milliseconds) => usualSignal.call(AbortSignal, Math.ceil(milliseconds * slowness))

// One connection for a lifetime. When it breaks, whoever started this process is gone, and it must not outlive them.
const agent = Object.assign(new Agent({ keepAlive: true, maxSockets: 1 }), {
  createConnection: (options) => connect(options).once('close', () => process.exit(1)),
})

const handler = await loadHandler().catch(async (error) => {
  await call('POST', 'init/error', describe(error))
  process.exit(1)
})
for (;;) {
  const { headers, body } = await call('GET', 'invocation/next')
  const requestId = headers['lambda-runtime-aws-request-id']
  slowness = Number(headers['local-slowness'])
  process.env._X_AMZN_TRACE_ID = headers['lambda-runtime-trace-id']
  try {
    const result = await handler(JSON.parse(body), createContext(headers))
    await call('POST', `invocation/${requestId}/response`, result ?? null)
  } catch (error) {
    console.error(`${requestId}\tERROR\tInvoke Error\t${JSON.stringify(describe(error))}`)
    await call('POST', `invocation/${requestId}/error`, describe(error))
  }
}

async function loadHandler() {
  const [, file, name] = /^(.+)\.([^.]+)$/.exec(_HANDLER)
  const path = ['.mjs', '.js', '.cjs'].map((extension) => join(LAMBDA_TASK_ROOT, file + extension)).find(existsSync)
  if (!path) throw new Error(`There is no module ${file} for the handler ${_HANDLER}.`)
  const module = await import(pathToFileURL(path).href)
  const loaded = module[name] ?? module.default?.[name]
  if (typeof loaded !== 'function') throw new Error(`The handler ${_HANDLER} is not a function.`)
  return loaded
}

function createContext(headers) {
  const deadline = Number(headers['lambda-runtime-deadline-ms'])
  return {
    awsRequestId: headers['lambda-runtime-aws-request-id'],
    invokedFunctionArn: headers['lambda-runtime-invoked-function-arn'],
    functionName: process.env.AWS_LAMBDA_FUNCTION_NAME,
    functionVersion: process.env.AWS_LAMBDA_FUNCTION_VERSION,
    memoryLimitInMB: process.env.AWS_LAMBDA_FUNCTION_MEMORY_SIZE,
    logGroupName: process.env.AWS_LAMBDA_LOG_GROUP_NAME,
    logStreamName: process.env.AWS_LAMBDA_LOG_STREAM_NAME,
    callbackWaitsForEmptyEventLoop: true,
    getRemainingTimeInMillis: () => deadline - Date.now(),
  }
}

/** A call of the Runtime API. */
function call(method, path, body) {
  return new Promise((resolve, reject) => {
    request(`http://${AWS_LAMBDA_RUNTIME_API}/2018-06-01/runtime/${path}`, { method, agent }, (response) => {
      text(response).then((answer) => resolve({ headers: response.headers, body: answer }), reject)
    })
      .once('error', () => process.exit(1))
      .end(body === undefined ? undefined : JSON.stringify(body))
  })
}

function describe(error) {
  return error instanceof Error
    ? { errorType: error.name, errorMessage: error.message, trace: error.stack?.split('\n') ?? [] }
    : { errorType: typeof error, errorMessage: String(error), trace: [] }
}
