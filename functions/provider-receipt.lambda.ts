import * as z from 'zod'
import { connectDynamoDb, createSqs } from './platform/aws.ts'
import { createQueue, touchQueue } from './platform/queue.ts'
import { inTable } from './platform/secret-table.ts'
import { createSecrets } from './platform/secrets.ts'
import { createTelemetry } from './platform/telemetry.ts'
import { warmUp } from './platform/warm-up.ts'
import { createHandler } from './provider-receipt.ts'
import { createAccounts } from './providers/accounts.ts'
import { receipts } from './providers/receipts.ts'

const Env = z.object({
  CREDENTIALS_TABLE_NAME: z.string(),
  STATUS_UPDATES_QUEUE_URL: z.url(),
  HAND_ONS_QUEUE_URL: z.url(),
  PUBLIC_BASE_URL: z.url().optional(),
})
export type Env = z.infer<typeof Env>

const env = Env.parse(process.env)
const telemetry = createTelemetry()
const sqs = createSqs(process.env)
const table = inTable(connectDynamoDb(process.env), env.CREDENTIALS_TABLE_NAME)
const credentials = createSecrets(table, Date.now, telemetry)

/** What AWS runs. */
export const handler = createHandler({
  accounts: createAccounts({
    credentials,
    adapters: receipts,
  }),
  statusUpdates: createQueue(sqs, env.STATUS_UPDATES_QUEUE_URL),
  handOns: createQueue(sqs, env.HAND_ONS_QUEUE_URL),
  publicBaseUrl: env.PUBLIC_BASE_URL,
  telemetry,
  now: Date.now,
})

// Credentials that there are none of: which channel is meant, only the first request says.
await warmUp(credentials.read('warm-up', z.unknown()), touchQueue(sqs, env.STATUS_UPDATES_QUEUE_URL))
