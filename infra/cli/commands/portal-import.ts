import { createHash } from 'node:crypto'
import type { Command } from 'commander'
import * as z from 'zod'
import { keepTokens, keyOf, Portal } from '../../../functions/hubspot/portal.ts'
import { digits, readGiven } from '../arguments.ts'
import { CommandError } from '../command-error.ts'
import type { Context } from '../context.ts'
import type { Deployment } from '../deployment.ts'
import { createAccess } from '../hubspot-access.ts'
import { doLines, LineError } from '../json-lines.ts'

type Options = { file?: string; check: boolean; dryRun?: boolean; json?: boolean }

/** `portal import [portalId]`: keeps OAuth refresh tokens that were given elsewhere; without an id, one a line. */
export function addImportCommand(portal: Command, { terminal, deployment }: Context) {
  portal
    .command('import')
    .description(
      "keeps an account's OAuth refresh token, after trying it once at HubSpot; without an id, those of many",
    )
    .argument('[portalId]', "the HubSpot account's id", digits)
    .option(
      '--file <path>',
      'the refresh token alone, or without an id JSONL: {"portalId": "…", "refreshToken": "…"} on each line; - for the standard input, which is the default without a terminal',
    )
    .option('--no-check', 'keep it without asking HubSpot')
    .option('--dry-run', 'without an id: only say what would become of each line')
    .option('--json', 'print what was done as JSON, of many one a line')
    .action(async (portalId: string | undefined, options: Options) => {
      const found = await deployment()
      const { AccessTokensUrl } = found.outputs
      if (AccessTokensUrl)
        throw new CommandError(
          'This relay keeps no refresh tokens. Nothing was changed.',
          `Access comes from ${AccessTokensUrl} (hubspot.accessTokens).`,
        )
      const source = options.file ?? (terminal.isInteractive ? undefined : '-')
      if (portalId === undefined) return importMany(found, terminal, { ...options, source })
      const given =
        source === undefined ? await terminal.askHidden('Refresh token:') : await readGiven(terminal, source)
      const refreshToken = given.trim()
      if (!RefreshToken.safeParse(refreshToken).success)
        throw new CommandError('That is no refresh token: it must be one word. Nothing was changed.')

      const { check, json } = options
      const problem = await keep(found, { portalId, refreshToken }, check)
      if (problem) throw new CommandError(`${problem.sentence}. Nothing was changed.`, problem.remedy)
      if (json) return terminal.print(JSON.stringify({ portalId, isChecked: check }, undefined, 2))
      terminal.print(
        check
          ? `Portal ${portalId} is imported: HubSpot gives access.`
          : `Portal ${portalId} is imported. Whether HubSpot gives access was not checked.`,
      )
    })
}

const RefreshToken = z.string().regex(/^\S{1,4096}$/, 'must be one word')
const Imported = z.object({
  portalId: z.union([z.int().positive(), z.string().regex(/^[1-9]\d{0,19}$/, 'must be a number')]).transform(String),
  refreshToken: RefreshToken,
})
type Imported = z.infer<typeof Imported>

async function importMany(
  found: Deployment,
  terminal: Context['terminal'],
  { source, check, dryRun, json }: Options & { source: string | undefined },
) {
  if (source === undefined)
    throw new CommandError(
      'No portal is named, and no file.',
      'npm run relay -- portal import 12345678, or with --file portals.jsonl in place of the id',
    )
  const { portals } = createAccess(found)
  const lines = { file: source, schema: Imported, idOf: ({ portalId }: Imported) => portalId, json }
  await doLines(terminal, lines, async (entry) => {
    const kept = Portal.safeParse(await portals.get(keyOf(entry.portalId))).data
    if (kept && !kept.problem && isOf(kept, entry.refreshToken)) return 'unchanged'
    const problem = dryRun ? await tried(found, entry, check) : await keep(found, entry, check)
    if (problem?.isOfAll) throw new CommandError(`${problem.sentence}.`, problem.remedy)
    if (problem) throw new LineError(problem.sentence)
    return dryRun ? 'would be imported' : 'imported'
  })
}

/** Whether a portal's tokens came of this refresh token; HubSpot may have given another in its place since. */
const isOf = ({ refreshToken, importedAs }: Portal, given: string) =>
  refreshToken === given || importedAs === fingerprintOf(given)

const fingerprintOf = (refreshToken: string) =>
  createHash('sha256').update(refreshToken).digest('base64url').slice(0, 16)

/** Why a refresh token is not taken. `isOfAll`: no other would be, either. */
type Problem = { sentence: string; remedy?: string; isOfAll?: boolean }

/** Keeps the tokens that come of a refresh token. */
async function keep(deployment: Deployment, entry: Imported, check: boolean): Promise<Problem | undefined> {
  const { oauth, appSecret, portals } = createAccess(deployment)
  const { portalId, refreshToken } = entry
  const importedAs = fingerprintOf(refreshToken)
  if (!check) {
    // The functions find out whether it works, with their next message.
    const untried = { portalId, refreshToken, accessToken: '', expiresInSeconds: 0, scopes: undefined }
    await keepTokens(portals, portalId, { kind: 'tokens', ...untried }, { now: 0, importedAs })
    return undefined
  }
  const answer = await oauth.refresh(await appSecret(), refreshToken)
  if (answer.kind !== 'tokens') return problemOf(answer)
  if (answer.portalId !== undefined && answer.portalId !== portalId) return ofAnother(answer.portalId, portalId)
  await keepTokens(portals, portalId, answer, { now: Date.now(), importedAs })
  return undefined
}

/** What HubSpot says of a refresh token without trading it for another. */
async function tried(deployment: Deployment, entry: Imported, check: boolean): Promise<Problem | undefined> {
  if (!check) return undefined
  const { oauth, appSecret } = createAccess(deployment)
  const answer = await oauth.introspect(await appSecret(), entry.refreshToken)
  if (answer.kind !== 'token') return problemOf(answer)
  if (!answer.active) return problemOf({ kind: 'revoked', problem: 'not active' })
  if (answer.portalId !== undefined && answer.portalId !== entry.portalId)
    return ofAnother(answer.portalId, entry.portalId)
  return undefined
}

function problemOf({ kind, problem }: { kind: 'retryable' | 'revoked' | 'rejected'; problem: string }): Problem {
  if (kind === 'retryable')
    return { sentence: `HubSpot cannot be asked now (${problem})`, remedy: 'Try again in a while.' }
  if (kind === 'revoked')
    return {
      sentence: `HubSpot refuses this refresh token (${problem})`,
      remedy: 'Install the app in the account again, and import the refresh token that comes of it.',
    }
  return {
    sentence: `HubSpot refuses the app's own credentials (${problem})`,
    remedy: 'Correct them: npm run relay -- secret set app',
    isOfAll: true,
  }
}

const ofAnother = (owner: string, portalId: string): Problem => ({
  sentence: `This refresh token belongs to portal ${owner}, not ${portalId}`,
})
