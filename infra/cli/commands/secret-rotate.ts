import type { Command } from 'commander'
import * as z from 'zod'
import { AppSecret } from '../../../functions/hubspot/app-secret.ts'
import { Provider } from '../../../functions/providers/accounts.ts'
import { senders } from '../../../functions/providers/senders.ts'
import { readGiven } from '../arguments.ts'
import { CommandError } from '../command-error.ts'
import type { Context } from '../context.ts'
import { putCredentials, readCredentials } from '../credentials.ts'
import type { Deployment } from '../deployment.ts'
import { createAccess } from '../hubspot-access.ts'
import type { Monitoring } from '../monitoring.ts'
import { rotatingFields } from '../questions.ts'
import { checked, put, readSecret, secretId, whenUsed } from '../secret-values.ts'
import type { Terminal } from '../terminal.ts'

/** `secret rotate app | channel <id>`: a new secret in front, while the previous one still counts; `--finish` drops that. */
export function addRotateCommands(secret: Command, { terminal, deployment }: Context) {
  const rotate = secret
    .command('rotate')
    .description('puts a new secret before the current one, which stays valid until --finish')
  const withOptions = (command: Command) =>
    command
      .option('--file <path>', 'the new secret alone; - for the standard input; asked for when absent')
      .option('--finish', 'remove the previous secret, unless it was used in the last 24 hours')
      .option('--force', 'with --finish: remove it, whether it is used or not')
      .option('--json', 'print what was done as JSON')

  withOptions(rotate.command('app').description("the HubSpot app's client secret")).action(async (options: Options) => {
    const found = await deployment()
    const { AppSecretArn } = found.outputs
    const { document, since } = await readSecret(found.secretsManager, AppSecretArn)
    const app = checked(AppSecret, document)
    if (options.finish && app.clientSecrets.length > 1 && !options.force) await requireUnused(found, since, ofApp)
    const clientSecrets = options.finish
      ? dropPrevious(terminal, app.clientSecrets, options)
      : await addCurrent(terminal, app.clientSecrets, options)
    if (!clientSecrets) return
    const changed = checked(AppSecret, { ...app, clientSecrets })
    if (!options.finish) await tryAtHubSpot(found, changed)
    await put(found.secretsManager, AppSecretArn, changed)
    conclude(terminal, found, options)
  })

  withOptions(rotate.command('channel').description("a secret of a provider's account"))
    .argument('<id>', 'the channel id, or the channel account id', secretId)
    .action(async (id: string, options: Options) => {
      const found = await deployment()
      const kept = await readCredentials(found, id)
      if (!kept) throw new CommandError(`${id} has no credentials yet.`, `npm run relay -- secret set channel ${id}`)
      const account = checked(Account, kept.document)
      const { account: schema } = senders[account.provider]
      const field = rotatingFields(schema).find((name) => name in account)
      if (!field)
        throw new CommandError(
          `${account.provider} knows one secret at a time.`,
          `Change it there and here at once: npm run relay -- secret set channel ${id}`,
        )
      const secrets = checked(z.array(z.string()), account[field])
      if (options.finish && secrets.length > 1 && !options.force) await requireUnused(found, kept.since, ofChannel(id))
      const changed = options.finish
        ? dropPrevious(terminal, secrets, options)
        : await addCurrent(terminal, secrets, options)
      if (!changed) return
      await putCredentials(found, id, checked(schema, { ...account, [field]: changed }), kept)
      conclude(terminal, found, options)
    })
}

type Options = { file?: string; finish?: boolean; force?: boolean; json?: boolean }

const Account = z.looseObject({ provider: Provider })

async function addCurrent(terminal: Terminal, secrets: string[], { file }: Options) {
  if (secrets.length > 1)
    throw new CommandError(
      'The rotation before is not finished: there is a previous secret. Nothing was changed.',
      'First the same command with --finish.',
    )
  const given = file === undefined ? terminal.askHidden('New secret:') : readGiven(terminal, file)
  const current = (await given).trim()
  if (current === '' || secrets.includes(current)) throw new CommandError('That is no new secret. Nothing was changed.')
  return [current, ...secrets]
}

function dropPrevious({ print }: Terminal, secrets: string[], { json }: Options) {
  if (secrets.length > 1) return secrets.slice(0, 1)
  print(
    json
      ? JSON.stringify({ result: 'there is no previous secret' }, undefined, 2)
      : 'There is no previous secret. Nothing was changed.',
  )
  return undefined
}

async function tryAtHubSpot(deployment: Deployment, app: AppSecret) {
  const { isTaken, problem } = await createAccess(deployment).tryCredentials(app)
  if (isTaken === false)
    throw new CommandError(
      `HubSpot rejects this client secret (${problem}). Nothing was changed.`,
      "Take it from the app's page at HubSpot, after it was rotated there.",
    )
}

const day = 86_400_000

/** The metrics that tell which secret verified what came in. */
type Use = { of: string; byPrevious: string; toShowIt: string; by?: Record<string, string> }
export const ofApp: Use = {
  of: 'hubspot-webhook',
  byPrevious: 'VerifiedByPreviousSecret',
  toShowIt: 'MessagesAccepted',
}
const ofChannel = (id: string): Use => ({
  of: 'provider-receipt',
  byPrevious: 'ReceiptsByPreviousSecret',
  toShowIt: 'ReceiptsByCurrentSecret',
  by: { account: id },
})

/** Throws CommandError where the previous secret is in use, or where that cannot be known. `since` is when it was rotated. */
export async function requireUnused(
  { monitoring }: { monitoring?: Pick<Monitoring, 'sumSince'> },
  since: number,
  { of, byPrevious, toShowIt, by }: Use,
) {
  const remedy = 'Wait; or --force removes it all the same.'
  if (!monitoring)
    throw new CommandError(
      'The local relay keeps no metrics: whether the previous secret is in use cannot be known. Nothing was changed.',
      '--force removes it all the same.',
    )
  if (Date.now() - since < day)
    throw new CommandError('The secret was rotated less than 24 hours ago. Nothing was changed.', remedy)
  const sum = (metric: string) => monitoring.sumSince(of, metric, Date.now() - day, by)
  const uses = await sum(byPrevious)
  if (uses > 0)
    throw new CommandError(
      `The previous secret has verified requests in the last 24 hours: ${uses}. Nothing was changed.`,
      remedy,
    )
  if ((await sum(toShowIt)) === 0)
    throw new CommandError(
      'Nothing came in the last 24 hours that would show whether it is used. Nothing was changed.',
      remedy,
    )
}

function conclude({ print }: Terminal, deployment: Deployment, { finish, json }: Options) {
  if (json)
    return print(JSON.stringify({ result: finish ? 'previous secret removed' : 'new secret set' }, undefined, 2))
  const forAWhile = deployment.isLocal ? '' : ' The functions know it for another five minutes.'
  print(
    finish
      ? `The previous secret is removed.${forAWhile}`
      : `The new secret is the current one; the previous one stays valid until --finish. ${whenUsed(deployment)}`,
  )
}
