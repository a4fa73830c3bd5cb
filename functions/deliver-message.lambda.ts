import * as z from 'zod'
import { createHandler } from './deliver-message.ts'
import { AppSecret } from './hubspot/app-secret.ts'
import { sign } from './hubspot/signature.ts'
import { createChannelAccounts } from './messages/channel-accounts.ts'
import { createLedger } from './messages/ledger.ts'
import { createThreads } from './messages/threads.ts'
import { connectDynamoDb, connectSecretsManager, createSqs } from './platform/aws.ts'
import { createCircuitBreaker } from './platform/circuit-breaker.ts'
import { createFetchJson } from './platform/fetch-json.ts'
import { createQueue, touchQueue } from './platform/queue.ts'
import { inTable } from './platform/secret-table.ts'
import { createSecrets } from './platform/secrets.ts'
import { inSecretsManager } from './platform/secrets-manager.ts'
import { createTable } from './platform/table.ts'
import { createTelemetry } from './platform/telemetry.ts'
import { warmUp } from './platform/warm-up.ts'
import { createAccounts } from './providers/accounts.ts'
import { senders } from './providers/senders.ts'
import { ProviderError } from './providers/verdict.ts'

const Env = z.object({
  APP_SECRET_ARN: z.string(),
  CREDENTIALS_TABLE_NAME: z.string(),
  LEDGER_TABLE_NAME: z.string(),
  DELIVERIES_QUEUE_URL: z.url(),
  DELIVERIES_DEAD_LETTERS_URL: z.url(),
  /** How often a job may be received before SQS makes it a dead letter. */
  MAX_RECEIVE_COUNT: z.string().regex(/^\d+$/),
  STATUS_UPDATES_QUEUE_URL: z.url(),
  /** `https://` and the host that providers call with receipts; absent where the relay takes none. */
  PUBLIC_BASE_URL: z.url().optional(),
  /** How long a message may go without a word of its provider, and what it counts as then if its provider took it. */
  UNCONFIRMED_AFTER_SECONDS: z.string().regex(/^\d+$/),
  ON_SILENCE: z.enum(['sent', 'failed']),
  /** How long a message is tried before it is given up. */
  DELIVER_WITHIN_SECONDS: z.string().regex(/^\d+$/),
  THREAD_ORDER: z.enum(['on', 'off']),
  RESEND: z.enum(['ignore', 'send']),
})
export type Env = z.infer<typeof Env>

const env = Env.parse(process.env)
const telemetry = createTelemetry()
const sqs = createSqs(process.env)
const dynamoDb = connectDynamoDb(process.env)
const ledger = createTable(dynamoDb, env.LEDGER_TABLE_NAME)
const secrets = createSecrets(inSecretsManager(connectSecretsManager(process.env)), Date.now, telemetry)
const credentials = createSecrets(inTable(dynamoDb, env.CREDENTIALS_TABLE_NAME), Date.now, telemetry)
const appSecret = () => secrets.require(env.APP_SECRET_ARN, AppSecret)

/** What AWS runs. */
export const handler = createHandler({
  accounts: createAccounts({ credentials, adapters: senders }),
  tools: {
    fetchJson: createFetchJson({ timeout: 20_000 }),
    signForHubSpot: async (request) => sign(request, (await appSecret()).clientSecrets[0]),
    now: Date.now,
  },
  ledger: createLedger(ledger, Date.now),
  threads: env.THREAD_ORDER === 'on' ? createThreads(ledger, Date.now) : undefined,
  channelAccounts: createChannelAccounts(ledger, Date.now),
  circuits: createCircuitBreaker({
    table: ledger,
    postponed: (notBefore) => new ProviderError('The provider does not answer', { notBefore }),
    telemetry,
    now: Date.now,
    random: Math.random,
  }),
  queue: createQueue(sqs, env.DELIVERIES_QUEUE_URL),
  deadLetters: createQueue(sqs, env.DELIVERIES_DEAD_LETTERS_URL),
  statusUpdates: createQueue(sqs, env.STATUS_UPDATES_QUEUE_URL),
  publicBaseUrl: env.PUBLIC_BASE_URL,
  unconfirmedAfterSeconds: Number(env.UNCONFIRMED_AFTER_SECONDS),
  silenceMeans: env.ON_SILENCE,
  resend: env.RESEND,
  giveUpAfterSeconds: Number(env.DELIVER_WITHIN_SECONDS),
  maxReceives: Number(env.MAX_RECEIVE_COUNT),
  telemetry,
  now: Date.now,
  random: Math.random,
})

await warmUp(appSecret(), ledger.get('warm-up'), touchQueue(sqs, env.STATUS_UPDATES_QUEUE_URL))
