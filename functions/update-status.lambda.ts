import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import * as z from 'zod'
import { AppSecret } from './hubspot/app-secret.ts'
import { ApiVersion, createHubSpot } from './hubspot/client.ts'
import { createOAuth } from './hubspot/oauth.ts'
import { createRateLimit } from './hubspot/rate-limit.ts'
import { TokenEndpointSecret, tokenEndpointAsSource } from './hubspot/token-endpoint.ts'
import { hubSpotAsSource } from './hubspot/token-source.ts'
import { createTokens } from './hubspot/tokens.ts'
import { createChannelAccounts } from './messages/channel-accounts.ts'
import { createLedger } from './messages/ledger.ts'
import { createRevocations } from './messages/revocations.ts'
import { connectDynamoDb, connectSecretsManager, createSqs } from './platform/aws.ts'
import { createFetchJson } from './platform/fetch-json.ts'
import { createQueue } from './platform/queue.ts'
import { inTable } from './platform/secret-table.ts'
import { createSecrets } from './platform/secrets.ts'
import { inSecretsManager } from './platform/secrets-manager.ts'
import { createTable, touchTable } from './platform/table.ts'
import { createTelemetry } from './platform/telemetry.ts'
import { withoutSlash } from './platform/url.ts'
import { warmUp } from './platform/warm-up.ts'
import { createAccounts } from './providers/accounts.ts'
import { receiptKeys } from './providers/receipt-keys.ts'
import { createHandler } from './update-status.ts'

const Env = z.object({
  /** The app's secret, which refreshes tokens; absent where the team's own endpoint gives them. */
  APP_SECRET_ARN: z.string().optional(),
  /** That endpoint, and the secret that signs requests to it. */
  ACCESS_TOKENS_URL: z.url().optional(),
  ACCESS_TOKENS_SECRET_ARN: z.string().optional(),
  /** The providers' credentials; absent where announcements say nothing of receipts. */
  CREDENTIALS_TABLE_NAME: z.string().optional(),
  LEDGER_TABLE_NAME: z.string(),
  PORTALS_TABLE_NAME: z.string(),
  STATUS_UPDATES_QUEUE_URL: z.url(),
  STATUS_UPDATES_DEAD_LETTERS_URL: z.url(),
  /** How often a job may be received before SQS makes it a dead letter. */
  MAX_RECEIVE_COUNT: z.string().regex(/^\d+$/),
  HUBSPOT_BASE_URL: z.url(),
  HUBSPOT_API_VERSION: ApiVersion,
  /** Requests in ten seconds that HubSpot allows an app in one account; its answers tell it, too. */
  HUBSPOT_REQUEST_LIMIT: z.string().regex(/^\d+$/),
  /** The share of them that the relay may use. */
  HUBSPOT_REQUEST_SHARE: z.string().regex(/^[01](\.\d+)?$/),
  /** How long after a timeout HubSpot could still be working on a request. */
  HUBSPOT_LATE_EFFECT_SECONDS: z.string().regex(/^\d+$/),
  /** Over how long the same refusal of HubSpot's makes it final. */
  HUBSPOT_REJECTED_FOR_SECONDS: z.string().regex(/^\d+$/).default('300'),
  TELL_SENT: z.enum(['always', 'corrections']),
  GIVE_UP_AFTER_SECONDS: z.string().regex(/^\d+$/),
})
export type Env = z.infer<typeof Env>

const env = Env.parse(process.env)
const credentialsTable = env.CREDENTIALS_TABLE_NAME
const telemetry = createTelemetry()
const clock = { now: Date.now, random: Math.random }
const sqs = createSqs(process.env)
const dynamoDb = connectDynamoDb(process.env)
const secrets = createSecrets(inSecretsManager(connectSecretsManager(process.env)), Date.now, telemetry)
const ledger = createTable(dynamoDb, env.LEDGER_TABLE_NAME)
const portals = createTable(dynamoDb, env.PORTALS_TABLE_NAME)
const api = {
  fetchJson: createFetchJson({ timeout: 10_000 }),
  baseUrl: withoutSlash(env.HUBSPOT_BASE_URL),
  version: env.HUBSPOT_API_VERSION,
}
const { ACCESS_TOKENS_URL: tokensUrl } = env
const tokenSource =
  tokensUrl === undefined
    ? hubSpotAsSource({
        oauth: createOAuth(api),
        appSecret: (options) => secrets.require(env.APP_SECRET_ARN ?? '', AppSecret, options),
      })
    : tokenEndpointAsSource({
        fetchJson: api.fetchJson,
        url: tokensUrl,
        secret: (options) => secrets.require(env.ACCESS_TOKENS_SECRET_ARN ?? '', TokenEndpointSecret, options),
        newId: randomUUID,
        now: Date.now,
      })
const allowed = { limit: Number(env.HUBSPOT_REQUEST_LIMIT), share: Number(env.HUBSPOT_REQUEST_SHARE) }

/** What AWS runs. */
export const handler = createHandler({
  ...clock,
  ledger: createLedger(ledger, Date.now),
  accounts:
    credentialsTable === undefined
      ? undefined
      : createAccounts({
          credentials: createSecrets(inTable(dynamoDb, credentialsTable), Date.now, telemetry),
          adapters: receiptKeys,
        }),
  channelAccounts: createChannelAccounts(ledger, Date.now),
  hubspot: createHubSpot({ ...api, ...clock }),
  tokens: createTokens({
    ...clock,
    table: portals,
    source: tokenSource,
    telemetry,
    noteRevoked: createRevocations(ledger, Date.now).note,
  }),
  rateLimit: createRateLimit({ ...clock, ...allowed, table: portals, sleep }),
  queue: createQueue(sqs, env.STATUS_UPDATES_QUEUE_URL),
  deadLetters: createQueue(sqs, env.STATUS_UPDATES_DEAD_LETTERS_URL),
  telemetry,
  sleep,
  tellSent: env.TELL_SENT,
  lateEffectSeconds: Number(env.HUBSPOT_LATE_EFFECT_SECONDS),
  rejectedForSeconds: Number(env.HUBSPOT_REJECTED_FOR_SECONDS),
  giveUpAfterSeconds: Number(env.GIVE_UP_AFTER_SECONDS),
  maxReceives: Number(env.MAX_RECEIVE_COUNT),
})

await warmUp(...Array.from({ length: 10 }, () => touchTable(dynamoDb, env.LEDGER_TABLE_NAME)))
