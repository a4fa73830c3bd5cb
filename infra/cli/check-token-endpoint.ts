import { randomUUID } from 'node:crypto'
import { TokenEndpointSecret } from '../../functions/hubspot/token-endpoint.ts'
import { createFetchJson, NoAnswer } from '../../functions/platform/fetch-json.ts'
import type { Deployment } from './deployment.ts'
import { type Finding, well, wrong } from './findings.ts'
import { createAccess } from './hubspot-access.ts'
import { readPortals } from './portals.ts'
import { checked, readSecret } from './secret-values.ts'

const page = 'docs/install.md#tokens-that-you-keep-yourself says what it has to answer.'

/**
 * Whether the team's own endpoint, where access tokens come from one, gives a token to nobody but the relay: an unsigned
 * request must be refused, and a signed one understood. No token is shown.
 */
export async function checkTokenEndpoint(deployment: Deployment): Promise<Finding[]> {
  const { AccessTokensUrl: url, AccessTokensSecretArn: arn } = deployment.outputs
  if (url === undefined || arn === undefined) return []
  checked(TokenEndpointSecret, (await readSecret(deployment.secretsManager, arn)).document)
  const known = (await readPortals(deployment))[0]?.[0]
  // Where no portal was asked for yet, one that certainly is not there.
  const portalId = known ?? '1'

  const unsigned = await statusOf(url, JSON.stringify({ portalId }))
  if (unsigned !== 401 && unsigned !== 403)
    return [
      wrong(
        typeof unsigned === 'number' && unsigned < 300
          ? `${url} gives access tokens to anybody: it answered HTTP ${unsigned} to an unsigned request.`
          : `${url} gives ${typeof unsigned === 'number' ? `HTTP ${unsigned}` : unsigned} to an unsigned request, instead of HTTP 401.`,
        page,
      ),
    ]
  const refuses = well(`${url} answers, and rejects what the relay did not sign.`)
  const answer = await createAccess(deployment).source.renew({ portalId, refreshToken: undefined, refused: false })
  if (answer.kind === 'tokens' || (answer.kind === 'revoked' && known === undefined))
    return [refuses, well('It accepts what is signed with the secret of AccessTokensSecretArn.')]
  // Which portal it does not know, the check of the portals says.
  if (answer.kind === 'revoked') return [refuses]
  return [
    refuses,
    wrong(
      `It does not give what it should to a signed request (${answer.problem}).`,
      answer.kind === 'rejected'
        ? `Does it know the secret? aws secretsmanager get-secret-value --secret-id ${arn}`
        : `Try again in a while; ${page}`,
    ),
  ]
}

const fetchJson = createFetchJson({ timeout: 10_000 })

async function statusOf(url: string, body: string) {
  const headers = { 'content-type': 'application/json', 'webhook-id': randomUUID() }
  try {
    return (await fetchJson(url, { method: 'POST', headers, body })).status
  } catch (error) {
    if (!(error instanceof NoAnswer)) throw error
    return `no answer (${error.message})`
  }
}
