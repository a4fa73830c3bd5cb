import * as z from 'zod'
import { createSecretsManager, createSqs } from './platform/aws.ts'
import { createQueue } from './platform/queue.ts'
import { createSecrets } from './platform/secrets.ts'
import { createTelemetry } from './platform/telemetry.ts'
import { createHandler } from './provider-receipt.ts'
import { createAccounts } from './providers/accounts.ts'
import { receipts } from './providers/receipts.ts'

const Env = z.object({
  CHANNEL_SECRETS_PREFIX: z.string(),
  STATUS_UPDATES_QUEUE_URL: z.url(),
  HAND_ONS_QUEUE_URL: z.url(),
  PUBLIC_BASE_URL: z.url().optional(),
})
export type Env = z.infer<typeof Env>

const env = Env.parse(process.env)
const sqs = createSqs()

/** What AWS runs. */
export const handler = createHandler({
  accounts: createAccounts({
    secrets: createSecrets(createSecretsManager()),
    prefix: env.CHANNEL_SECRETS_PREFIX,
    faces: receipts,
  }),
  statusUpdates: createQueue(sqs, env.STATUS_UPDATES_QUEUE_URL),
  handOns: createQueue(sqs, env.HAND_ONS_QUEUE_URL),
  publicBaseUrl: env.PUBLIC_BASE_URL,
  telemetry: createTelemetry(),
  now: Date.now,
})
