import type { Command } from 'commander'
import { keepTokens, keyOf, Portal } from '../../../functions/hubspot/tokens.ts'
import { digits, readGiven } from '../arguments.ts'
import { CommandError } from '../command-error.ts'
import type { Context } from '../context.ts'
import type { Deployment } from '../deployment.ts'
import { createAccess } from '../hubspot-access.ts'
import { readPortals } from '../portals.ts'
import { addRemoveCommand } from './portal-remove.ts'

/** `portal list | show | import | remove`: the HubSpot accounts that the relay has access to. */
export function addPortalCommands(program: Command, context: Context) {
  const { terminal, deployment } = context
  const portal = program.command('portal').description('HubSpot accounts that the relay has access to')

  portal
    .command('list')
    .description('lists them, and which of them refuse access')
    .option('--json', 'print them as JSON')
    .action(async ({ json }: { json?: boolean }) => {
      const found = (await readPortals(await deployment())).map(summaryOf)
      if (json) return terminal.print(JSON.stringify(found, undefined, 2))
      for (const { portalId, access } of found) terminal.print(`${portalId}  ${access}`)
      if (found.length === 0) terminal.print('No HubSpot account gives access yet.')
    })

  portal
    .command('show')
    .description('shows what is kept of one, without its tokens, and what HubSpot says of it')
    .argument('<portalId>', "the HubSpot account's id", digits)
    .option('--json', 'print it as JSON')
    .action(async (portalId: string, { json }: { json?: boolean }) => {
      const { portals, oauth, appSecret } = createAccess(await deployment())
      const item = await portals.get(keyOf(portalId))
      if (item === undefined) throw unknown(portalId)
      const kept = Portal.safeParse(item).data
      const said = kept && (await oauth.introspect(await appSecret(), kept.refreshToken))
      const shown = {
        ...summaryOf([portalId, kept]),
        hubspot: said?.kind === 'token' ? (said.active ? 'active' : 'revoked') : (said?.problem ?? 'not asked'),
        scopes: said?.kind === 'token' ? said.scopes : undefined,
      }
      if (json) return terminal.print(JSON.stringify(shown, undefined, 2))
      for (const [name, value] of Object.entries(shown))
        if (value !== undefined) terminal.print(`${name}: ${[value].flat().join(' ')}`)
    })

  addRemoveCommand(portal, context)

  portal
    .command('import')
    .description("keeps an account's OAuth refresh token, after trying it once at HubSpot")
    .argument('<portalId>', "the HubSpot account's id", digits)
    .option(
      '--file <path>',
      'the refresh token alone; - for the standard input, which is the default without a terminal',
    )
    .option('--no-check', 'keep it without asking HubSpot')
    .option('--json', 'print what was done as JSON')
    .action(async (portalId: string, { file, check, json }: { file?: string; check: boolean; json?: boolean }) => {
      const found = await deployment()
      const source = file ?? (terminal.isInteractive ? undefined : '-')
      const given =
        source === undefined ? await terminal.askHidden('Refresh token (hidden):') : await readGiven(terminal, source)
      const refreshToken = given.trim()
      if (!/^\S{1,4096}$/.test(refreshToken))
        throw new CommandError('That is no refresh token: it must be one word. Nothing is changed.')

      if (check) await keepIfItWorks(found, portalId, refreshToken)
      else await keepUntried(found, portalId, refreshToken)
      if (json) return terminal.print(JSON.stringify({ portalId, isChecked: check }, undefined, 2))
      terminal.print(
        check
          ? `Portal ${portalId} is imported: HubSpot gives access.`
          : `Portal ${portalId} is imported. Whether HubSpot gives access was not checked.`,
      )
    })
}

async function keepIfItWorks(deployment: Deployment, portalId: string, refreshToken: string) {
  const { oauth, appSecret, portals } = createAccess(deployment)
  const answer = await oauth.refresh(await appSecret(), refreshToken)
  if (answer.kind === 'busy')
    throw new CommandError(
      `HubSpot cannot be asked now (${answer.problem}). Nothing is changed.`,
      'Try again in a while.',
    )
  if (answer.kind === 'revoked')
    throw new CommandError(
      `HubSpot refuses this refresh token (${answer.problem}). Nothing is changed.`,
      'Install the app in the account anew, and import the refresh token that comes of it.',
    )
  if (answer.kind === 'refused')
    throw new CommandError(
      `HubSpot refuses the app's own credentials (${answer.problem}). Nothing is changed.`,
      'Correct them: npm run relay -- secret set app',
    )
  if (answer.portalId !== undefined && answer.portalId !== portalId)
    throw new CommandError(
      `This refresh token belongs to portal ${answer.portalId}, not ${portalId}. Nothing is changed.`,
    )
  await keepTokens(portals, portalId, answer, Date.now())
}

/** The functions find out whether it works, with their next message. */
async function keepUntried(deployment: Deployment, portalId: string, refreshToken: string) {
  const untried = { refreshToken, accessToken: '', expiresInSeconds: 0 }
  await keepTokens(
    createAccess(deployment).portals,
    portalId,
    { kind: 'tokens', portalId, scopes: undefined, ...untried },
    0,
  )
}

function summaryOf([portalId, portal]: [portalId: string, portal: Portal | undefined]) {
  if (!portal) return { portalId, access: 'no refresh token is kept' }
  const { problem, problemSince, accessTokenExpiresAt } = portal
  const iso = (time: number | undefined) => (time ? new Date(time).toISOString() : undefined)
  return {
    portalId,
    access: problem ?? 'given',
    refusedSince: iso(problemSince),
    accessTokenUntil: iso(accessTokenExpiresAt),
  }
}

const unknown = (portalId: string) =>
  new CommandError(`The relay knows no portal ${portalId}.`, 'Those that it knows: npm run relay -- portal list')
