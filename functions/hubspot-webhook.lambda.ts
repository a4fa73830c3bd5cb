import * as z from 'zod'
import { AppSecret } from './hubspot/app-secret.ts'
import { createHandler } from './hubspot-webhook.ts'
import { about } from './messages/about.ts'
import { connectSecretsManager, createSqs } from './platform/aws.ts'
import { createQueue, touchQueue } from './platform/queue.ts'
import { createSecrets } from './platform/secrets.ts'
import { inSecretsManager } from './platform/secrets-manager.ts'
import { createTelemetry } from './platform/telemetry.ts'
import { warmUp } from './platform/warm-up.ts'

const Env = z.object({
  APP_SECRET_ARN: z.string(),
  /** The deliveries, or without delivery the status updates. */
  JOBS_QUEUE_URL: z.url(),
  JOBS_DEAD_LETTERS_URL: z.url(),
  DELIVERY: z.enum(['on', 'off']),
  PUBLIC_BASE_URL: z.url().optional(),
})
export type Env = z.infer<typeof Env>

const env = Env.parse(process.env)
const telemetry = createTelemetry()
const sqs = createSqs(process.env)
const secrets = createSecrets(inSecretsManager(connectSecretsManager(process.env)), Date.now, telemetry)
const appSecret = (options?: { fresh?: boolean }) => secrets.require(env.APP_SECRET_ARN, AppSecret, options)

/** What AWS runs. */
export const handler = createHandler({
  appSecret,
  queue: createQueue(sqs, env.JOBS_QUEUE_URL),
  deadLetters: createQueue(sqs, env.JOBS_DEAD_LETTERS_URL),
  delivers: env.DELIVERY === 'on',
  publicBaseUrl: env.PUBLIC_BASE_URL,
  telemetry,
  now: Date.now,
})

// Has zod compile the schema of its log lines, which it puts off until one is written: 2 ms.
about({})
await warmUp(appSecret(), touchQueue(sqs, env.JOBS_QUEUE_URL))
