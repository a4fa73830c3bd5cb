import {
  GetSecretValueCommand,
  ResourceNotFoundException,
  type SecretsManagerClient,
} from '@aws-sdk/client-secrets-manager'
import type * as z from 'zod'
import { problems } from './problems.ts'
import { TryLater } from './retry.ts'

/** Thrown where a secret cannot be read, or is not what it should be. The message names the secret and the field, never a value. */
export class SecretUnavailable extends TryLater {
  override name = 'SecretUnavailable'
}

/** Secrets kept in Secrets Manager as JSON documents. */
export type Secrets = {
  /**
   * The secret, or undefined where there is none of that name. Cached for five minutes, an absence for one.
   * `fresh` asks Secrets Manager again, at most every ten seconds. Throws SecretUnavailable.
   */
  read<Schema extends z.ZodType>(
    id: string,
    schema: Schema,
    options?: { fresh?: boolean },
  ): Promise<z.infer<Schema> | undefined>
  /** The same for a secret that has to be there. */
  require<Schema extends z.ZodType>(id: string, schema: Schema, options?: { fresh?: boolean }): Promise<z.infer<Schema>>
}

/** Secrets Manager, with a memory. */
export function createSecrets(client: SecretsManagerClient, now: () => number = Date.now): Secrets {
  const remembered = new Map<string, { text: string | undefined; at: number }>()

  async function readText(id: string, fresh: boolean) {
    const known = remembered.get(id)
    const maxAge = fresh ? 10_000 : known?.text === undefined ? 60_000 : 300_000
    if (known && now() - known.at < maxAge) return known.text
    const text = await fetchText(client, id)
    // Whoever asks for ids that there are not must not fill the memory.
    if (remembered.size >= 1000) remembered.clear()
    remembered.set(id, { text, at: now() })
    return text
  }

  const secrets: Secrets = {
    async read(id, schema, { fresh = false } = {}) {
      const text = await readText(id, fresh)
      if (text === undefined) return undefined
      try {
        return parse(id, text, schema)
      } catch (error) {
        // Somebody may have put it right since it was read.
        const latest = await readText(id, true)
        if (latest === undefined || latest === text) throw error
        return parse(id, latest, schema)
      }
    },
    async require(id, schema, options) {
      const secret = await secrets.read(id, schema, options)
      if (secret === undefined) throw new SecretUnavailable(`Secret ${id} does not exist`)
      return secret
    },
  }
  return secrets
}

async function fetchText(client: SecretsManagerClient, id: string) {
  try {
    const { SecretString } = await client.send(new GetSecretValueCommand({ SecretId: id }))
    return SecretString ?? ''
  } catch (error) {
    if (error instanceof ResourceNotFoundException) return undefined
    throw new SecretUnavailable(`Secret ${id} cannot be read: ${error instanceof Error ? error.name : 'unknown error'}`)
  }
}

function parse<Schema extends z.ZodType>(id: string, text: string, schema: Schema): z.infer<Schema> {
  let document: unknown
  try {
    document = JSON.parse(text)
  } catch {
    // A SyntaxError quotes the text, so it is not handed on as the cause.
    throw new SecretUnavailable(`Secret ${id} is not JSON`)
  }
  const result = schema.safeParse(document)
  if (!result.success) throw new SecretUnavailable(`Secret ${id} is not as it should be: ${problems(result.error)}`)
  return result.data
}
