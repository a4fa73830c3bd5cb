import {
  CreateSecretCommand,
  PutSecretValueCommand,
  ResourceNotFoundException,
  type SecretsManagerClient,
} from '@aws-sdk/client-secrets-manager'
import { type Command, InvalidArgumentError } from 'commander'
import * as z from 'zod'
import { AppSecret } from '../../functions/hubspot/app-secret.ts'
import { problems } from '../../functions/platform/problems.ts'
import { Provider } from '../../functions/providers/accounts.ts'
import { senders } from '../../functions/providers/senders.ts'
import { readGiven } from './given.ts'
import type { Context } from './relay.ts'
import type { Terminal } from './terminal.ts'
import { Trouble } from './trouble.ts'

/** `secret set app` and `secret set channel <id>`: fill in what the functions read from Secrets Manager. */
export function addSecretCommands(program: Command, { terminal, deployment }: Context) {
  const set = program
    .command('secret')
    .description('secrets in Secrets Manager')
    .command('set')
    .description('fills in a secret, from prompts or from a JSON file')

  set
    .command('app')
    .description("the HubSpot app's client id and client secrets")
    .option(
      '--file <path>',
      'JSON: {"clientId": "…", "clientSecrets": ["current", "previous"?]}; - for the standard input',
    )
    .action(async ({ file }: { file?: string }) => {
      const { secretsManager, outputs } = await deployment()
      const document = file === undefined ? await askForApp(terminal) : await readDocument(terminal, file)
      await put(secretsManager, outputs.AppSecretArn, checked(AppSecret, document))
      terminal.print("The app's secret is set. The functions use it within five minutes.")
    })

  set
    .command('channel')
    .description("a provider's credentials, for a channel or for one channel account")
    .argument('<id>', 'the channel id, or the channel account id', secretId)
    .option(
      '--file <path>',
      'JSON, as the README describes it; - for the standard input. Questions are for forward alone.',
    )
    .action(async (id: string, { file }: { file?: string }) => {
      const { secretsManager, outputs } = await deployment()
      const document = file === undefined ? await askForForward(terminal) : await readDocument(terminal, file)
      const { provider } = checked(Named, document)
      const account = checked(senders[provider].account, document)
      const made = await put(secretsManager, outputs.ChannelSecretsPrefix + id, account)
      terminal.print(`The secret of ${id} (${provider}) is ${made}. The functions use it within five minutes.`)
    })
}

const Named = z.looseObject({ provider: Provider })

async function askForApp({ ask, askHidden }: Terminal) {
  const clientId = await ask('Client id:')
  const current = await askHidden('Client secret (hidden):')
  const previous = await askHidden('Previous client secret, while you rotate (hidden; empty for none):')
  return { clientId, clientSecrets: previous ? [current, previous] : [current] }
}

async function askForForward({ ask, askHidden }: Terminal) {
  const url = await ask('URL of the endpoint that takes the messages:')
  const format = await ask('Format, job or hubspot:', 'job')
  const secret = await askHidden('Standard Webhooks secret, whsec_… (hidden):')
  return { provider: 'forward', url, format, secrets: [secret] }
}

async function readDocument(terminal: Terminal, file: string): Promise<unknown> {
  const text = await readGiven(terminal, file)
  try {
    return JSON.parse(text)
  } catch {
    // A SyntaxError quotes the text.
    throw new Trouble('What was given is not JSON, and nothing is changed.')
  }
}

function checked<Schema extends z.ZodType>(schema: Schema, document: unknown): z.infer<Schema> {
  const result = schema.safeParse(document)
  if (result.success) return result.data
  throw new Trouble(`Nothing is changed. The secret is not as it should be: ${problems(result.error)}.`)
}

/** Gives the secret its value; creates it where it does not exist. */
async function put(client: SecretsManagerClient, id: string, document: unknown) {
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
function secretId(id: string) {
  if (!/^[\w-]+$/.test(id)) throw new InvalidArgumentError('An id has letters, digits, - and _ only.')
  return id
}
