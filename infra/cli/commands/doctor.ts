import type { Command } from 'commander'
import { checkApiVersion } from '../api-version.ts'
import { digits } from '../arguments.ts'
import { aboutTheKey, type ChannelsOfApp, channelsOfApp, developerApiKey } from '../channels-of-app.ts'
import { checkTokenEndpoint } from '../check-token-endpoint.ts'
import * as checks from '../checks.ts'
import { CommandError } from '../command-error.ts'
import type { Context } from '../context.ts'
import type { Deployment } from '../deployment.ts'
import { checkEvents } from '../events.ts'
import { type Finding, skipped, wrong } from '../findings.ts'
import { type Scope, scopeOf } from '../scope.ts'
import type { Terminal } from '../terminal.ts'

/** `doctor`: is the deployment able to work, from end to end? */
export function addDoctorCommand(program: Command, { terminal, deployment }: Context) {
  program
    .command('doctor')
    .description('says whether the relay is able to work, and what to do where it is not; refreshes the access tokens')
    .option(
      '--all',
      'look at every portal and account, a few a second, where there are many; else at what failed lately',
    )
    .option('--app-id <id>', "the HubSpot app's id, to look at its channels as well", digits)
    .option('--json', 'print the findings as JSON')
    .addHelpText('after', aboutTheKey)
    .action(async ({ all, appId, json }: { all?: boolean; appId?: string; json?: boolean }) => {
      const found = await deployment()
      const channels = await channelsToCheck(terminal, found, appId)
      const scope = await scopeOf(found, terminal, { all })
      await report(terminal, found, inOrder({ channels, scope }), { json })
    })
}

/** Finds all at once, or one after the other where that takes a while. */
type Check = (deployment: Deployment, terminal: Terminal) => Promise<Finding[]> | AsyncIterable<Finding>

/** Makes checks, says what each finds, and throws CommandError where something is wrong. */
export async function report(
  terminal: Terminal,
  deployment: Deployment,
  all: Check[],
  { json }: { json?: boolean | undefined },
) {
  const findings: Finding[] = []
  for (const check of all) {
    if (terminal.signal.aborted) return
    for await (const finding of findingsOf(check, deployment, terminal)) {
      findings.push(finding)
      if (!json) print(terminal, finding)
    }
  }
  if (terminal.signal.aborted) return
  if (json) terminal.print(JSON.stringify(findings, undefined, 2))
  const count = (result: Finding['result']) => findings.filter((finding) => finding.result === result).length
  if (count('wrong') > 0)
    throw new CommandError(`Not able to work: ${count('wrong')} of ${findings.length} findings are bad.`)
  if (json) return
  terminal.print(
    count('skipped') === 0
      ? `All is well with ${deployment.name}.`
      : `Nothing wrong was found with ${deployment.name}. Not looked at: ${count('skipped')}.`,
  )
}

async function* findingsOf(check: Check, deployment: Deployment, terminal: Terminal): AsyncGenerator<Finding> {
  try {
    const found = check(deployment, terminal)
    yield* 'then' in found ? await found : found
  } catch (error) {
    yield* unable(error)
  }
}

/** In the order in which an operator fixes them. */
export const inOrder = ({ channels, scope }: { channels: ChannelsOfApp | undefined; scope: Scope }): Check[] => [
  checks.checkVersion,
  checks.checkAppSecret,
  checkTokenEndpoint,
  (deployment, terminal) => checks.checkPortals(deployment, terminal, scope),
  checks.checkInstallations,
  checks.checkRateLimit,
  (deployment) => checkApiVersion(deployment),
  (deployment, terminal) => checks.checkChannelSecrets(deployment, terminal, scope),
  (deployment) => checks.checkChannels(deployment, channels),
  (deployment, terminal) => checks.checkOwners(deployment, terminal, { channels, scope }),
  checks.checkWebhook,
  checks.checkClocks,
  checks.checkConcurrency,
  checks.checkQueues,
  checkEvents,
  checks.checkAlarms,
]

async function channelsToCheck(terminal: Terminal, deployment: Deployment, appId: string | undefined) {
  const canBeHad = terminal.isInteractive || process.env['HUBSPOT_DEVELOPER_API_KEY']
  if (!appId || !canBeHad) return undefined
  return channelsOfApp(deployment, { appId, hapikey: await developerApiKey(terminal) })
}

function unable(error: unknown): Finding[] {
  if (error instanceof CommandError) return [wrong(error.message, error.remedy ?? 'See --help.')]
  const name = error instanceof Error ? error.name : 'unknown error'
  const remedy = 'Use a profile that may read the parts of the stack.'
  // What nobody may look at may be as it should be.
  if (/AccessDenied|NotAuthorized|AuthorizationError|UnauthorizedOperation/.test(name))
    return [skipped(`AWS does not let this be checked (${name}).`, remedy)]
  return [wrong(`AWS did not let this be checked (${name}).`, remedy)]
}

function print({ print, colors }: Terminal, { result, sentence, remedy }: Finding) {
  const mark = { well: colors.green('✓'), wrong: colors.red('✗'), skipped: colors.dim('–') }[result]
  print(`${mark} ${sentence}`)
  if (remedy) print(`  → ${remedy}`)
}
