import * as z from 'zod'
import { createHandler } from './hand-on.ts'
import { connectDynamoDb, createSqs } from './platform/aws.ts'
import { createFetchJson } from './platform/fetch-json.ts'
import { createQueue } from './platform/queue.ts'
import { inTable } from './platform/secret-table.ts'
import { createSecrets } from './platform/secrets.ts'
import { createTelemetry } from './platform/telemetry.ts'
import { createAccounts } from './providers/accounts.ts'
import { receipts } from './providers/receipts.ts'

const Env = z.object({
  CREDENTIALS_TABLE_NAME: z.string(),
  HAND_ONS_QUEUE_URL: z.url(),
  HAND_ONS_DEAD_LETTERS_URL: z.url(),
  /** How often a job may be received before SQS makes it a dead letter. */
  MAX_RECEIVE_COUNT: z.string().regex(/^\d+$/),
  GIVE_UP_AFTER_SECONDS: z.string().regex(/^\d+$/),
})
export type Env = z.infer<typeof Env>

const env = Env.parse(process.env)
const telemetry = createTelemetry()
const sqs = createSqs(process.env)

/** What AWS runs. */
export const handler = createHandler({
  accounts: createAccounts({
    credentials: createSecrets(inTable(connectDynamoDb(process.env), env.CREDENTIALS_TABLE_NAME), Date.now, telemetry),
    adapters: receipts,
  }),
  fetchJson: createFetchJson({ timeout: 20_000 }),
  queue: createQueue(sqs, env.HAND_ONS_QUEUE_URL),
  deadLetters: createQueue(sqs, env.HAND_ONS_DEAD_LETTERS_URL),
  giveUpAfterSeconds: Number(env.GIVE_UP_AFTER_SECONDS),
  maxReceives: Number(env.MAX_RECEIVE_COUNT),
  telemetry,
  now: Date.now,
  random: Math.random,
})
