import * as z from 'zod'
import { AppSecret } from './hubspot/app-secret.ts'
import { ApiVersion } from './hubspot/client.ts'
import { createOAuth } from './hubspot/oauth.ts'
import { createHandler } from './oauth-install.ts'
import { connectDynamoDb, connectSecretsManager } from './platform/aws.ts'
import { createFetchJson } from './platform/fetch-json.ts'
import { createSecrets } from './platform/secrets.ts'
import { inSecretsManager } from './platform/secrets-manager.ts'
import { createTable } from './platform/table.ts'
import { createTelemetry } from './platform/telemetry.ts'
import { withoutSlash } from './platform/url.ts'

const Env = z.object({
  APP_SECRET_ARN: z.string(),
  PORTALS_TABLE_NAME: z.string(),
  HUBSPOT_BASE_URL: z.url(),
  HUBSPOT_API_VERSION: ApiVersion,
  /** HubSpot's web app, which has the consent page. */
  HUBSPOT_APP_BASE_URL: z.url(),
  /** What the app asks for, separated by spaces. */
  HUBSPOT_SCOPES: z.string().min(1),
  PUBLIC_BASE_URL: z.url().optional(),
})
export type Env = z.infer<typeof Env>

const env = Env.parse(process.env)
const telemetry = createTelemetry()
const secrets = createSecrets(inSecretsManager(connectSecretsManager(process.env)), Date.now, telemetry)

/** What AWS runs. */
export const handler = createHandler({
  appSecret: (options) => secrets.require(env.APP_SECRET_ARN, AppSecret, options),
  oauth: createOAuth({
    // Up to three requests have to fit into the function's timeout, while somebody looks at an empty page.
    fetchJson: createFetchJson({ timeout: 7000 }),
    baseUrl: withoutSlash(env.HUBSPOT_BASE_URL),
    version: env.HUBSPOT_API_VERSION,
  }),
  portals: createTable(connectDynamoDb(process.env), env.PORTALS_TABLE_NAME),
  appBaseUrl: withoutSlash(env.HUBSPOT_APP_BASE_URL),
  scopes: env.HUBSPOT_SCOPES.split(' '),
  publicBaseUrl: env.PUBLIC_BASE_URL,
  telemetry,
  now: Date.now,
})
