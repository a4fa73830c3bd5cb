import {
  CreateSecretCommand,
  GetSecretValueCommand,
  PutSecretValueCommand,
  ResourceNotFoundException,
  type SecretsManagerClient,
} from '@aws-sdk/client-secrets-manager'
import { type Command, InvalidArgumentError, Option } from 'commander'
import * as z from 'zod'
import { AppSecret } from '../../functions/hubspot/app-secret.ts'
import { problems } from '../../functions/platform/problems.ts'
import { Provider } from '../../functions/providers/accounts.ts'
import { senders } from '../../functions/providers/senders.ts'
import { checkAppSecret, checkChannelSecrets } from './checks.ts'
import { report } from './doctor.ts'
import { readDocument } from './given.ts'
import { askFor } from './questions.ts'
import type { Context } from './relay.ts'
import { addRotateCommands } from './secret-rotate.ts'
import { Trouble } from './trouble.ts'

/** `secret set | check | rotate`: what the functions read from Secrets Manager. */
export function addSecretCommands(program: Command, context: Context) {
  const { terminal, deployment } = context
  const secret = program.command('secret').description('secrets in Secrets Manager')
  const set = secret.command('set').alias('init').description('fills in a secret, from prompts or from a JSON file')

  set
    .command('app')
    .description("the HubSpot app's client id and client secrets")
    .option(
      '--file <path>',
      'JSON: {"clientId": "…", "clientSecrets": ["current", "previous"?]}; - for the standard input',
    )
    .action(async ({ file }: { file?: string }) => {
      const { secretsManager, outputs } = await deployment()
      const document = file === undefined ? await askFor(AppSecret, terminal) : await readDocument(terminal, file)
      await put(secretsManager, outputs.AppSecretArn, checked(AppSecret, document))
      terminal.print("The app's secret is set. The functions use it within five minutes.")
    })

  set
    .command('channel')
    .description("a provider's credentials, for a channel or for one channel account")
    .argument('<id>', 'the channel id, or the channel account id', secretId)
    .addOption(new Option('--provider <name>', 'whose; asked for when absent').choices(Provider.options))
    .option('--file <path>', 'JSON, as the README describes it; - for the standard input')
    .action(async (id: string, { provider, file }: { provider?: Provider; file?: string }) => {
      const { secretsManager, outputs } = await deployment()
      const document = file === undefined ? await askForAccount(provider) : await readDocument(terminal, file)
      const named = checked(Named, document)
      const account = checked(senders[named.provider].account, document)
      const made = await put(secretsManager, outputs.ChannelSecretsPrefix + id, account)
      terminal.print(`The secret of ${id} (${named.provider}) is ${made}. The functions use it within five minutes.`)
    })

  async function askForAccount(given: Provider | undefined) {
    const provider =
      given ?? ((await terminal.ask(`Provider (${Provider.options.join(', ')}):`, 'forward')) || 'forward')
    return askFor(senders[checked(Named, { provider }).provider].account, terminal)
  }

  secret
    .command('check')
    .description('says whether each secret is what the functions need, without its values')
    .option('--json', 'print the findings as JSON')
    .action(async ({ json }: { json?: boolean }) => {
      await report(terminal, await deployment(), [checkAppSecret, checkChannelSecrets], { json })
    })

  addRotateCommands(secret, context)
}

const Named = z.looseObject({ provider: Provider })

/** A document that the functions could read. Throws Trouble, which names the field and never the value. */
export function checked<Schema extends z.ZodType>(schema: Schema, document: unknown): z.infer<Schema> {
  const result = schema.safeParse(document)
  if (result.success) return result.data
  throw new Trouble(`Nothing is changed. The secret is not as it should be: ${problems(result.error)}.`)
}

/** The account that a secret holds, and since when. Throws Trouble where there is none. */
export async function readSecret(client: SecretsManagerClient, id: string) {
  const { SecretString = '', CreatedDate } = await client
    .send(new GetSecretValueCommand({ SecretId: id }))
    .catch((error) => {
      if (!(error instanceof ResourceNotFoundException)) throw error
      throw new Trouble(`There is no secret ${id}.`, 'npm run relay -- secret set', { cause: error })
    })
  return { text: SecretString, since: CreatedDate?.getTime() ?? 0 }
}

/** Gives the secret its value; creates it where it does not exist. */
export async function put(client: SecretsManagerClient, id: string, document: unknown) {
  const SecretString = JSON.stringify(document)
  try {
    await client.send(new PutSecretValueCommand({ SecretId: id, SecretString }))
    return 'set'
  } catch (error) {
    // The words of other errors might quote what they were given.
    if (!(error instanceof ResourceNotFoundException))
      throw new Trouble(
        `Secrets Manager does not take it (${error instanceof Error ? error.name : 'unknown error'}).`,
        'Use a profile that may write the secret. One that is scheduled for deletion has to be restored first.',
      )
    await client.send(new CreateSecretCommand({ Name: id, SecretString }))
    return 'created'
  }
}

/** What `functions/providers/accounts.ts` looks for. */
export function secretId(id: string) {
  if (!/^[\w-]+$/.test(id)) throw new InvalidArgumentError('An id has letters, digits, - and _ only.')
  return id
}
