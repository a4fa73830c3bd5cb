import { Command, CommanderError } from 'commander'
import { RetryableError } from '../../functions/platform/retry.ts'
import { relayVersion } from '../relay/version.ts'
import { CommandError } from './command-error.ts'
import { addChannelCommands } from './commands/channel.ts'
import { addDeadLettersCommands } from './commands/dead-letters.ts'
import { addDoctorCommand } from './commands/doctor.ts'
import { addMessageCommands } from './commands/message.ts'
import { addMessageEraseCommand } from './commands/message-erase.ts'
import { addPortalCommands } from './commands/portal.ts'
import { addProbeCommand } from './commands/probe.ts'
import { addQueuesCommand } from './commands/queues.ts'
import { addReconcileCommand } from './commands/reconcile.ts'
import { addSecretCommands } from './commands/secret.ts'
import { addSetupCommand } from './commands/setup.ts'
import { addSignCommand } from './commands/sign.ts'
import { addStatusCommands } from './commands/status.ts'
import { addTailCommand } from './commands/tail.ts'
import { addTriggerCommand } from './commands/trigger.ts'
import type { Context } from './context.ts'
import { findDeployment, type Which } from './deployment.ts'
import { shellWord } from './shell-word.ts'
import { processTerminal, type Terminal } from './terminal.ts'

/**
 * The operator's command line. Resolves to the exit code: 0 for well done, 1 where something is wrong or failed, 2 for a
 * command that does not exist like that, 130 after Ctrl-C, 141 where nobody read on. `note` is where a local relay left word of itself.
 */
export async function relay(args: string[], { note, ...options }: { terminal: Terminal; note?: string }) {
  let isPrinted = false
  const terminal = repeatingFlags(
    {
      ...options.terminal,
      print(text) {
        isPrinted = true
        options.terminal.print(text)
      },
    },
    () => program.opts<Which>(),
  )
  /** Whoever reads JSON reads of an error in JSON, too, unless a result stands there already. */
  const printError = (error: string, remedy?: string) => {
    if (args.includes('--json') && !isPrinted) terminal.print(JSON.stringify({ error, remedy }, undefined, 2))
  }
  const program = new Command('relay')
    .description('Operates a HubSpot status relay: in AWS, or the one that npm start runs on this machine.')
    .version(relayVersion, '--version', 'print the version of this command line')
    .option('--local', 'the relay that runs on this machine, instead of one in AWS')
    .option('--stage <name>', 'the relay of this stage, where the account has several')
    .option('--stack <name>', 'the CloudFormation stack, where it has another name')
    .option('--region <name>', 'the AWS region, instead of the one that AWS_REGION or the profile names')
    .option('--profile <name>', 'the profile of the AWS command line, instead of the one that AWS_PROFILE names')
    .configureOutput({
      writeOut: (text) => terminal.print(text.trimEnd()),
      writeErr: (text) => terminal.note(text.trimEnd()),
    })
    .configureHelp({ minWidthToWrap: 20 })
    .showHelpAfterError('(--help tells more)')
    .exitOverride()
  const context: Context = { terminal, deployment: () => findDeployment(program.opts<Which>(), note) }
  addDoctorCommand(program, context)
  addSetupCommand(program, context)
  addSecretCommands(program, context)
  addPortalCommands(program, context)
  addChannelCommands(program, context)
  addQueuesCommand(program, context)
  addDeadLettersCommands(program, context)
  addReconcileCommand(program, context)
  addMessageEraseCommand(addMessageCommands(program, context), context)
  addStatusCommands(program, context)
  addSignCommand(program, context)
  addProbeCommand(program, context)
  addTriggerCommand(program, context)
  addTailCommand(program, context)

  try {
    await program.parseAsync(args, { from: 'user' })
    return exitCodeOf(terminal) ?? 0
  } catch (error) {
    if (error instanceof CommanderError) {
      if (error.exitCode === 0) return 0
      printError(error.message.replace(/^error: /, ''))
      return 2
    }
    if (isInterruption(error)) return exitCodeOf(terminal) ?? 130
    if (terminal.signal.aborted) return exitCodeOf(terminal)
    const { message, remedy } = error instanceof CommandError ? error : inWords(error)
    terminal.note(terminal.colors.red(message))
    if (remedy) terminal.note(remedy)
    printError(message, remedy)
    return 1
  }
}

/** The terminal, with the flags of this call in every command that it names: copied, a remedy reaches the same relay. */
function repeatingFlags(terminal: Terminal, which: () => Which): Terminal {
  const repeated = (text: string) => {
    const { local, ...named } = which()
    const { profile, region } = named
    const flagsOf = (flags: Record<string, string | undefined>) =>
      Object.entries(flags).flatMap(([name, value]) => (value === undefined ? [] : `--${name} ${shellWord(value)} `))
    // Within JSON, a quotation mark stands behind a backslash.
    const escaped = (flags: string[]) =>
      /^\s*[[{]/.test(text) ? JSON.stringify(flags.join('')).slice(1, -1) : flags.join('')
    const ofRelay = escaped([...(local ? ['--local '] : []), ...flagsOf(named)])
    const ofAws = escaped(flagsOf({ profile, region }))
    // CDK has no --region.
    const inRegion = escaped(region === undefined ? [] : [`AWS_REGION=${shellWord(region)} `])
    const deploy = `${inRegion}npm run deploy`
    const withProfile = escaped(flagsOf({ profile }))
    return text
      .replaceAll(/npm run relay -- (?!--)/g, () => `npm run relay -- ${ofRelay}`)
      .replaceAll(/npm run deploy(?: --)?(?= ?)/g, (found) =>
        withProfile ? `${deploy} -- ${withProfile.trimEnd()}` : found.replace('npm run deploy', deploy),
      )
      .replaceAll(/\baws (?=(?:sns|service-quotas|secretsmanager) )/g, () => `aws ${ofAws}`)
  }
  return {
    ...terminal,
    print: (text) => terminal.print(repeated(text)),
    note: (text) => terminal.note(repeated(text)),
  }
}

/** The exit code of a command that was ended from outside; undefined where it was not. */
const exitCodeOf = ({ signal }: Terminal) =>
  signal.aborted ? (typeof signal.reason === 'number' ? signal.reason : 130) : undefined

/** A prompt that was left by Ctrl-C. */
const isInterruption = (error: unknown) => error instanceof Error && error.name === 'ExitPromptError'

function inWords(error: unknown): { message: string; remedy?: string } {
  if (!(error instanceof Error)) return { message: 'Something unexpected went wrong.' }
  // Of a portal, or of the app's secret.
  if (error instanceof RetryableError)
    return { message: `${error.message}.`, remedy: 'npm run relay -- doctor says what is missing.' }
  const message = `${error.name}: ${error.message}`
  if (/region is missing/i.test(message))
    return {
      message: 'No AWS region is named.',
      remedy: '--region, AWS_REGION or a profile with a region says which; --local means the relay on this machine.',
    }
  if (/credential|token|region/i.test(message))
    return {
      message,
      remedy:
        '--profile and --region, or AWS_PROFILE and AWS_REGION, say which account and region are meant; log in if need be.',
    }
  if (/AccessDenied|NotAuthorized|UnauthorizedOperation/.test(message))
    return { message, remedy: 'Use a profile that may do this.' }
  return { message }
}

if (import.meta.main) {
  // What the process ends with where its input ends at a prompt (Ctrl-D), and nothing can come any more: as after Ctrl-C.
  process.exitCode = 130
  void relay(process.argv.slice(2), { terminal: processTerminal() }).then((exitCode) => {
    process.exitCode = exitCode
  })
}
