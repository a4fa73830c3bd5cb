import { randomUUID } from 'node:crypto'
import { GetSecretValueCommand } from '@aws-sdk/client-secrets-manager'
import * as z from 'zod'
import { AppSecret } from '../../functions/hubspot/app-secret.ts'
import { messagePath } from '../../functions/hubspot/client.ts'
import { createOAuth } from '../../functions/hubspot/oauth.ts'
import { TokenEndpointSecret, tokenEndpointAsSource } from '../../functions/hubspot/token-endpoint.ts'
import { hubSpotAsSource } from '../../functions/hubspot/token-source.ts'
import { createTokens } from '../../functions/hubspot/tokens.ts'
import type { MessageKey } from '../../functions/messages/jobs.ts'
import type { StatusType } from '../../functions/messages/status.ts'
import { createFetchJson, type HttpRequest, type HttpResponse, NoAnswer } from '../../functions/platform/fetch-json.ts'
import { SecretUnavailable } from '../../functions/platform/fetch-secret.ts'
import { createSecrets } from '../../functions/platform/secrets.ts'
import { inSecretsManager } from '../../functions/platform/secrets-manager.ts'
import { createTable } from '../../functions/platform/table.ts'
import { CommandError } from './command-error.ts'
import type { Deployment } from './deployment.ts'
import { dynamoDbBySdk } from './dynamodb-by-sdk.ts'

/**
 * HubSpot, as the functions speak to it: with the app's secret, and each portal's access token under the same lease, from
 * HubSpot or from the team's own endpoint.
 */
export function createAccess({ outputs, dynamodb, secretsManager }: Deployment) {
  const secrets = createSecrets(inSecretsManager((input) => secretsManager.send(new GetSecretValueCommand(input))))
  const portals = createTable(dynamoDbBySdk(dynamodb), outputs.PortalsTableName)
  const oauth = createOAuth({ fetchJson, baseUrl: outputs.HubSpotBaseUrl, version: outputs.HubSpotApiVersion })
  const appSecret = (options?: { fresh?: boolean }) => secrets.require(outputs.AppSecretArn, AppSecret, options)
  const { AccessTokensUrl: url, AccessTokensSecretArn: signedBy = '' } = outputs
  const endpointSecret = (options?: { fresh?: boolean }) => secrets.require(signedBy, TokenEndpointSecret, options)
  const source =
    url === undefined
      ? hubSpotAsSource({ oauth, appSecret })
      : tokenEndpointAsSource({ fetchJson, url, secret: endpointSecret, newId: randomUUID, now: Date.now })
  const tokens = createTokens({ table: portals, source, now: Date.now, random: Math.random })

  async function callMessage(key: MessageKey, request: HttpRequest): Promise<MessageAnswer> {
    const token = await tokens.get(key.portalId)
    const { status, headers, json } = await fetchHubSpot(
      outputs.HubSpotBaseUrl + messagePath(outputs.HubSpotApiVersion, key),
      { ...request, headers: { ...request.headers, authorization: `Bearer ${token}` } },
    )
    const { status: held, category } = Body.safeParse(json).data ?? {}
    return { status, headers, category, statusType: held?.statusType, errorMessage: held?.failureDetails?.errorMessage }
  }

  return {
    portals,
    oauth,
    source,
    tokens,
    /** The app's secret. Throws CommandError where it is not filled in. */
    appSecret: () =>
      appSecret().catch((error) => {
        if (!(error instanceof SecretUnavailable)) throw error
        throw new CommandError(
          `The app's secret is not filled in: ${error.message}.`,
          'First: npm run relay -- secret set app',
          { cause: error },
        )
      }),
    /** Whether HubSpot takes an app's credentials; undefined where it does not say, with what it says instead. */
    async tryCredentials(app: AppSecret): Promise<{ isTaken?: boolean; problem?: string }> {
      // HubSpot looks at the credentials before it looks at the token.
      const answer = await oauth.introspect(app, 'no token, to try the credentials')
      if (answer.kind === 'token' || answer.kind === 'revoked') return { isTaken: true }
      const isRefused = answer.kind === 'rejected' && /BAD_CLIENT/.test(answer.code ?? '')
      return { problem: answer.problem, ...(isRefused && { isTaken: false }) }
    },
    /** What HubSpot holds of a message. */
    readMessage: (key: MessageKey) => callMessage(key, { method: 'GET' }),
    /** Tells HubSpot a status, past the ledger. */
    patchMessage: (key: MessageKey, status: { statusType: StatusType; errorMessage?: string | undefined }) =>
      callMessage(key, {
        method: 'PATCH',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(status),
      }),
  }
}

/** What HubSpot says of a message; `word` and `errorMessage` are what it holds. */
export type MessageAnswer = Pick<HttpResponse, 'status' | 'headers'> & {
  statusType: string | undefined
  errorMessage: string | undefined
  category: string | undefined
}

const fetchJson = createFetchJson({ timeout: 10_000 })

/** A request to HubSpot. Throws CommandError where no answer comes. */
export async function fetchHubSpot(url: string, request: HttpRequest) {
  try {
    return await fetchJson(url, request)
  } catch (error) {
    if (!(error instanceof NoAnswer)) throw error
    throw new CommandError(`HubSpot does not answer (${error.message}).`, 'Try again in a while.', { cause: error })
  }
}

const Body = z.object({
  category: z.string().optional().catch(undefined),
  status: z
    .object({
      statusType: z.string(),
      failureDetails: z.object({ errorMessage: z.string().optional() }).optional().catch(undefined),
    })
    .optional()
    // An error has the word "error" here.
    .catch(undefined),
})
