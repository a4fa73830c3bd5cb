import { join } from 'node:path'
import { build, type Metafile } from 'esbuild'
import { bundle } from '../../../infra/relay/bundle.ts'
import type { Cloud } from './cloud.ts'
import { temporaryFolder } from './temporary.ts'

/** Who is compared: the relay, what a competent team writes by following the documentation, and Node alone. */
export const contenders = ['ours', 'peer', 'floor'] as const
export type Contender = (typeof contenders)[number]

/** The two functions that all three have. */
type FunctionName = 'hubspot-webhook' | 'update-status'

/** The contenders' functions, each in a folder as it would be uploaded, until they are removed. */
export type Built = Awaited<ReturnType<typeof buildContenders>>

/** Builds the functions of all three. */
export async function buildContenders() {
  const { folder: root, remove } = temporaryFolder('contenders-')
  const folder = (contender: string, name: string) => join(root, contender, name)
  const packages: Record<string, { name: string; bytes: number }[]> = {}
  for (const name of ['hubspot-webhook', 'update-status'] satisfies FunctionName[]) {
    packages[name] = byPackage(bundle(name, folder('ours', name)))
    for (const contender of ['peer', 'floor'] as const)
      await buildOneFile(`test/bench/${contender}/${name}.ts`, folder(contender, name))
  }
  return {
    root,
    /** Of the relay's functions: how many bytes of which packages, or of which of our folders, the most first. */
    packages,
    folder: folder as (contender: Contender, name: FunctionName) => string,
    [Symbol.asyncDispose]: async () => remove(),
  }
}

function byPackage({ outputs }: Metafile) {
  const bytes = new Map<string, number>()
  for (const [file, { bytesInOutput }] of Object.values(outputs).flatMap(({ inputs }) => Object.entries(inputs))) {
    const name = /.*node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(file)?.[1] ?? file.split('/').slice(0, 2).join('/')
    bytes.set(name, (bytes.get(name) ?? 0) + bytesInOutput)
  }
  return [...bytes].map(([name, bytes]) => ({ name, bytes })).sort((a, b) => b.bytes - a.bytes)
}

/** One ESM file, minified, with everything in it, as CDK's NodejsFunction makes it. */
async function buildOneFile(entry: string, outdir: string) {
  await build({
    entryPoints: { index: entry },
    outdir,
    outExtension: { '.js': '.mjs' },
    bundle: true,
    format: 'esm',
    platform: 'node',
    target: 'node24',
    mainFields: ['module', 'main'],
    banner: { js: `import{createRequire}from'node:module';const require=createRequire(import.meta.url);` },
    minify: true,
    logLevel: 'error',
  })
}

/** What Lambda and the templates of all three put into the environment. */
export function environmentOf(cloud: Pick<Cloud, 'awsUrl' | 'hubspotUrl' | 'certificateFile'>) {
  const queue = (name: string) => `${cloud.awsUrl}/000000000000/${name}`
  return {
    PATH: process.env['PATH'],
    NODE_EXTRA_CA_CERTS: cloud.certificateFile,
    AWS_REGION: 'us-east-1',
    AWS_ACCESS_KEY_ID: 'operator',
    AWS_SECRET_ACCESS_KEY: 'secret',
    AWS_SESSION_TOKEN: 'token',
    AWS_ENDPOINT_URL: cloud.awsUrl,
    AWS_EXECUTION_ENV: 'AWS_Lambda_nodejs24.x',
    AWS_LAMBDA_FUNCTION_NAME: 'function',
    AWS_LAMBDA_FUNCTION_MEMORY_SIZE: '256',
    AWS_LAMBDA_LOG_FORMAT: 'JSON',
    LAMBDA_TASK_ROOT: '/var/task',
    // The tracer sends what is sampled over UDP, to nobody here.
    AWS_XRAY_DAEMON_ADDRESS: '127.0.0.1:9',
    AWS_XRAY_CONTEXT_MISSING: 'IGNORE_ERROR',
    POWERTOOLS_SERVICE_NAME: 'function',
    POWERTOOLS_METRICS_NAMESPACE: 'bench',
    APP_SECRET_ARN: 'app-secret',
    CREDENTIALS_TABLE_NAME: 'bench-credentials',
    DELIVERY: 'on',
    JOBS_QUEUE_URL: queue('jobs'),
    JOBS_DEAD_LETTERS_URL: queue('jobs-dead-letters'),
    STATUS_UPDATES_QUEUE_URL: queue('status-updates'),
    STATUS_UPDATES_DEAD_LETTERS_URL: queue('status-updates-dead-letters'),
    MAX_RECEIVE_COUNT: '100',
    LEDGER_TABLE_NAME: 'ledger',
    PORTALS_TABLE_NAME: 'portals',
    IDEMPOTENCY_TABLE_NAME: 'idempotency',
    HUBSPOT_BASE_URL: cloud.hubspotUrl,
    HUBSPOT_API_VERSION: 'v3',
    // Out of the way: what is measured here is the code, not HubSpot's pace (docs/rate-limit.md).
    HUBSPOT_REQUEST_LIMIT: '1000000',
    HUBSPOT_REQUEST_SHARE: '1',
    HUBSPOT_LATE_EFFECT_SECONDS: '120',
    TELL_SENT: 'always',
    GIVE_UP_AFTER_SECONDS: '86400',
  }
}
