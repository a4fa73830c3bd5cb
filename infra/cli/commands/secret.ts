import { isDeepStrictEqual } from 'node:util'
import { type Command, Option } from 'commander'
import * as z from 'zod'
import { AppSecret } from '../../../functions/hubspot/app-secret.ts'
import { Provider } from '../../../functions/providers/accounts.ts'
import { senders } from '../../../functions/providers/senders.ts'
import { confirm, readDocument } from '../arguments.ts'
import { checkTokenEndpoint } from '../check-token-endpoint.ts'
import { checkAppSecret, checkChannelSecrets } from '../checks.ts'
import { CommandError } from '../command-error.ts'
import type { Context } from '../context.ts'
import { deleteCredentials, putCredentials, readCredentials } from '../credentials.ts'
import type { Deployment } from '../deployment.ts'
import { doLines, strictly } from '../json-lines.ts'
import { askFor } from '../questions.ts'
import { checked, put, secretId, strictlyChecked, whenUsed } from '../secret-values.ts'
import type { Terminal } from '../terminal.ts'
import { report } from './doctor.ts'
import { addRotateCommands } from './secret-rotate.ts'

/** `secret set | check | rotate | remove`: the app's secret, and the credentials of channels and channel accounts. */
export function addSecretCommands(program: Command, context: Context) {
  const { terminal, deployment } = context
  const secret = program.command('secret').description("the app's secret, and the providers' credentials")
  const set = secret.command('set').alias('init').description('fills in a secret, from prompts or from a JSON file')

  set
    .command('app')
    .description("the HubSpot app's client id and client secrets")
    .option(
      '--file <path>',
      'JSON: {"clientId": "…", "clientSecrets": ["current", "previous"?]}; - for the standard input',
    )
    .option('--json', 'print what was done as JSON')
    .action(async ({ file, json }: { file?: string; json?: boolean }) => {
      const { secretsManager, outputs, isLocal } = await deployment()
      const document = file === undefined ? await askFor(AppSecret, terminal) : await readDocument(terminal, file)
      await put(secretsManager, outputs.AppSecretArn, strictlyChecked(AppSecret, document))
      if (json) return terminal.print(JSON.stringify({ secret: outputs.AppSecretArn, result: 'set' }, undefined, 2))
      terminal.print(`The app's secret is set. ${whenUsed({ isLocal })}`)
    })

  set
    .command('channel')
    .description("a provider's credentials, for a channel or for one channel account")
    .argument('[id]', 'the channel id, or the channel account id', secretId)
    .addOption(new Option('--provider <name>', 'whose; asked for when absent').choices(Provider.options))
    .option(
      '--file <path>',
      'JSON, as the provider\'s page in docs/providers shows it, or without an id JSONL: {"id": "…", "account": {…}} on each line; - for the standard input',
    )
    .option('--dry-run', 'without an id: only say what would become of each line')
    .option('--json', 'print what was done as JSON, of many one a line')
    .action(async (id: string | undefined, options: SetOptions) => {
      const { provider, file, json } = options
      const found = await deployment()
      if (id === undefined) return setMany(found, terminal, options)
      const kept = await readCredentials(found, id)
      const document =
        file === undefined ? await askForAccount(terminal, found, provider) : await readDocument(terminal, file)
      const named = checked(Named, document)
      const account = strictlyChecked(senders[named.provider].account, document)
      const made = await putCredentials(found, id, account, kept)
      if (json) return terminal.print(JSON.stringify({ id, provider: named.provider, result: made }, undefined, 2))
      terminal.print(`The secret of ${id} (${named.provider}) is ${made}. ${whenUsed(found)}`)
    })

  secret
    .command('check')
    .description('says whether each secret is what the functions need, without its values')
    .option('--json', 'print the findings as JSON')
    .action(async ({ json }: { json?: boolean }) => {
      await report(terminal, await deployment(), [checkAppSecret, checkTokenEndpoint, checkChannelSecrets], { json })
    })

  addRotateCommands(secret, context)

  secret
    .command('remove')
    .description('forgets a secret')
    .command('channel')
    .description("a provider's credentials; a channel account's messages then go by those of its channel")
    .argument('<id>', 'the channel id, or the channel account id', secretId)
    .option('--yes', 'do not ask')
    .option('--json', 'print what was done as JSON')
    .action(async (id: string, { yes, json }: { yes?: boolean; json?: boolean }) => {
      const found = await deployment()
      if (!(await readCredentials(found, id))) throw new CommandError(`${id} has no credentials. Nothing is changed.`)
      await confirm(terminal, `The secret of ${id} is forgotten.`, { yes })
      await deleteCredentials(found, id)
      if (json) return terminal.print(JSON.stringify({ id, result: 'removed' }, undefined, 2))
      terminal.print(
        `The secret of ${id} is removed. ${found.isLocal ? '' : 'The functions know it for another five minutes.'}`.trimEnd(),
      )
    })
}

type SetOptions = { provider?: Provider; file?: string; dryRun?: boolean; json?: boolean }

const Line = z.object({
  id: z.string().regex(/^[\w-]+$/, 'must be letters, digits, - and _'),
  account: z.looseObject({ provider: Provider }),
})

/** The credentials of many, one a line. What is there already, to the letter, is skipped. */
async function setMany(found: Deployment, terminal: Terminal, options: SetOptions) {
  const { file = terminal.isInteractive ? undefined : '-', dryRun, json } = options
  if (file === undefined)
    throw new CommandError(
      'No channel is named, and no file.',
      'npm run relay -- secret set channel 2300310, or with --file accounts.jsonl in place of the id',
    )
  const lines = { file, schema: Line, idOf: ({ id }: z.infer<typeof Line>) => id, json }
  await doLines(terminal, lines, async ({ id, account: given }) => {
    const account = strictly(senders[given.provider].account, given)
    const kept = await readCredentials(found, id)
    if (isDeepStrictEqual(kept?.document, JSON.parse(JSON.stringify(account)))) return 'unchanged'
    if (dryRun) return kept ? 'would be set' : 'would be created'
    return putCredentials(found, id, account, kept)
  })
}

/**
 * Asks for what a provider's account holds, and for the provider first, unless it is given. Beside a relay on this machine,
 * the provider that is simulated there is suggested.
 */
export async function askForAccount(
  terminal: Terminal,
  { providerUrls = {} }: Pick<Deployment, 'providerUrls'>,
  given: Provider | undefined,
) {
  const provider = given ?? Provider.parse(await askFor(Provider.default('forward'), terminal, ['provider']))
  const url = providerUrls[provider]
  return askFor(senders[provider].account, terminal, [], url === undefined ? {} : { url, baseUrl: url })
}

const Named = z.looseObject({ provider: Provider })
