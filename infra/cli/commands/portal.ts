import type { Command } from 'commander'
import { keyOf, Portal } from '../../../functions/hubspot/portal.ts'
import { digits } from '../arguments.ts'
import { CommandError } from '../command-error.ts'
import type { Context } from '../context.ts'
import { createAccess } from '../hubspot-access.ts'
import { readPortals } from '../portals.ts'
import { addImportCommand } from './portal-import.ts'
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
      const said = kept && (await introspect(kept))
      const shown = {
        ...summaryOf([portalId, kept]),
        hubspot: said?.kind === 'token' ? (said.active ? 'active' : 'revoked') : (said?.problem ?? 'not asked'),
        scopes: said?.kind === 'token' ? said.scopes : undefined,
      }
      if (json) return terminal.print(JSON.stringify(shown, undefined, 2))
      for (const [name, value] of Object.entries(shown))
        if (value !== undefined) terminal.print(`${name}: ${[value].flat().join(' ')}`)

      async function introspect({ refreshToken, accessToken }: Portal) {
        if (refreshToken) return oauth.introspect(await appSecret(), refreshToken)
        return accessToken ? oauth.introspect(await appSecret(), accessToken, 'access_token') : undefined
      }
    })

  addRemoveCommand(portal, context)

  addImportCommand(portal, context)
}

function summaryOf([portalId, portal]: [portalId: string, portal: Portal | undefined]) {
  const { problem, problemSince, accessTokenExpiresAt = 0, refreshToken, accessToken } = portal ?? {}
  if (!refreshToken && !accessToken && !problem) return { portalId, access: 'no tokens are kept' }
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
