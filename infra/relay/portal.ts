import type { Command } from 'commander'
import { AppSecret } from '../../functions/hubspot/app-secret.ts'
import { createOAuth } from '../../functions/hubspot/oauth.ts'
import { keyOf, Portal } from '../../functions/hubspot/tokens.ts'
import { createFetchJson } from '../../functions/platform/fetch-json.ts'
import { createSecrets, SecretUnavailable } from '../../functions/platform/secrets.ts'
import { createTable } from '../../functions/platform/table.ts'
import type { Deployment } from './deployment.ts'
import { digits, readGiven } from './given.ts'
import type { Context } from './relay.ts'
import { Trouble } from './trouble.ts'

/** `portal import <portalId>`: gives the relay the refresh token of a HubSpot account that installed the app elsewhere. */
export function addPortalCommands(program: Command, { terminal, deployment }: Context) {
  program
    .command('portal')
    .description('HubSpot accounts that the relay has access to')
    .command('import')
    .description("keeps an account's OAuth refresh token, after trying it once at HubSpot")
    .argument('<portalId>', "the HubSpot account's id", digits)
    .option(
      '--file <path>',
      'the refresh token alone; - for the standard input, which is the default without a terminal',
    )
    .option('--no-check', 'keep it without asking HubSpot')
    .action(async (portalId: string, { file, check }: { file?: string; check: boolean }) => {
      const found = await deployment()
      const source = file ?? (terminal.isInteractive ? undefined : '-')
      const given =
        source === undefined ? await terminal.askHidden('Refresh token (hidden):') : await readGiven(terminal, source)
      const refreshToken = given.trim()
      if (!/^\S{1,4096}$/.test(refreshToken))
        throw new Trouble('That is no refresh token: it must be one word. Nothing is changed.')

      const tokens = check ? await tryAtHubSpot(found, portalId, refreshToken) : { refreshToken }
      await keep(found, portalId, tokens)
      terminal.print(
        check
          ? `Portal ${portalId} is imported: HubSpot gives access.`
          : `Portal ${portalId} is imported. Whether HubSpot gives access was not checked.`,
      )
    })
}

type Tokens = Pick<Portal, 'refreshToken'> & Partial<Pick<Portal, 'accessToken' | 'accessTokenExpiresAt'>>

async function tryAtHubSpot(
  { outputs, secretsManager }: Deployment,
  portalId: string,
  refreshToken: string,
): Promise<Tokens> {
  const oauth = createOAuth({
    fetchJson: createFetchJson({ timeout: 10_000 }),
    baseUrl: outputs.HubSpotBaseUrl,
    version: outputs.HubSpotApiVersion,
  })
  const appSecret = await createSecrets(secretsManager)
    .require(outputs.AppSecretArn, AppSecret)
    .catch((error) => {
      if (!(error instanceof SecretUnavailable)) throw error
      throw new Trouble(
        `The refresh token cannot be tried, for the app's secret is not filled in: ${error.message}.`,
        'First: npm run relay -- secret set app',
      )
    })
  const answer = await oauth.refresh(appSecret, refreshToken)
  if (answer.kind === 'busy')
    throw new Trouble(`HubSpot cannot be asked now (${answer.problem}). Nothing is changed.`, 'Try again in a while.')
  if (answer.kind === 'revoked')
    throw new Trouble(
      `HubSpot refuses this refresh token (${answer.problem}). Nothing is changed.`,
      'Install the app in the account anew, and import the refresh token that comes of it.',
    )
  if (answer.kind === 'refused')
    throw new Trouble(
      `HubSpot refuses the app's own credentials (${answer.problem}). Nothing is changed.`,
      'Correct them: npm run relay -- secret set app',
    )
  if (answer.portalId !== undefined && answer.portalId !== portalId)
    throw new Trouble(`This refresh token belongs to portal ${answer.portalId}, not ${portalId}. Nothing is changed.`)
  return {
    accessToken: answer.accessToken,
    accessTokenExpiresAt: Date.now() + answer.expiresInSeconds * 1000,
    refreshToken: answer.refreshToken,
  }
}

/** Writes the tokens as the functions read them; whoever refreshes the old ones just now loses to this. */
async function keep({ dynamodb, outputs }: Deployment, portalId: string, tokens: Tokens) {
  const table = createTable(dynamodb, outputs.PortalsTableName)
  const pk = keyOf(portalId)
  for (;;) {
    const known = Portal.partial().parse((await table.get(pk)) ?? {})
    const { lease: _lease, problem: _problem, accessToken: _old, accessTokenExpiresAt: _oldExpiry, ...lasting } = known
    if (await table.putIfNextVersion({ ...lasting, ...tokens, pk, version: (known.version ?? 0) + 1 })) return
  }
}
