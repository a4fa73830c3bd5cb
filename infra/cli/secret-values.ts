import {
  GetSecretValueCommand,
  PutSecretValueCommand,
  ResourceNotFoundException,
  type SecretsManagerClient,
} from '@aws-sdk/client-secrets-manager'
import { InvalidArgumentError } from 'commander'
import type * as z from 'zod'
import { parseJson } from '../../functions/platform/json.ts'
import { problems } from '../../functions/platform/problems.ts'
import { inWords, unknownFields } from '../unknown-fields.ts'
import { CommandError } from './command-error.ts'

/** A document that the functions could read. Throws CommandError, which names the field and never the value. */
export function checked<Schema extends z.ZodType>(schema: Schema, document: unknown): z.infer<Schema> {
  const result = schema.safeParse(document)
  if (result.success) return result.data
  throw new CommandError(`Nothing was changed. The secret is invalid: ${problems(result.error)}.`)
}

/** The same for what somebody writes by hand: a field that nobody reads is refused, since it is misspelt. */
export function strictlyChecked<Schema extends z.ZodType>(schema: Schema, document: unknown): z.infer<Schema> {
  const result = checked(schema, document)
  const unknown = unknownFields(schema, document)
  if (unknown.length > 0)
    throw new CommandError(`Nothing was changed. The secret has fields that nobody reads: ${inWords(unknown)}.`)
  return result
}

/** What a secret holds, as text and as JSON, and since when (milliseconds since 1970). Throws CommandError where there is none. */
export async function readSecret(client: SecretsManagerClient, id: string) {
  const { SecretString: text = '', CreatedDate } = await client
    .send(new GetSecretValueCommand({ SecretId: id }))
    .catch((error) => {
      if (!(error instanceof ResourceNotFoundException)) throw error
      throw new CommandError(`There is no secret ${id}.`, 'Deploy the relay again: its stack has lost it.', {
        cause: error,
      })
    })
  return { text, document: parseJson(text), since: CreatedDate?.getTime() ?? 0 }
}

/** Gives a secret of the template its value. */
export async function put(client: SecretsManagerClient, id: string, document: unknown) {
  const SecretString = JSON.stringify(document)
  try {
    await client.send(new PutSecretValueCommand({ SecretId: id, SecretString }))
  } catch (error) {
    // The words of errors might quote what they were given.
    throw new CommandError(
      `Secrets Manager rejected it (${error instanceof Error ? error.name : 'unknown error'}).`,
      'Use a profile that may write the secret. One that is scheduled for deletion has to be restored first.',
    )
  }
}

/** When the functions know of a secret that was changed. */
export const whenUsed = ({ isLocal }: { isLocal: boolean }) =>
  isLocal ? 'The functions use it from now on.' : 'The functions use it within five minutes.'

/** What `functions/providers/accounts.ts` looks for. */
export function secretId(id: string) {
  if (!/^[\w-]+$/.test(id)) throw new InvalidArgumentError('An id has letters, digits, - and _ only.')
  return id
}
