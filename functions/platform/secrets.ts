import type * as z from 'zod'
import { fetchText, type SecretStore, SecretUnavailable } from './fetch-secret.ts'
import { parseJson } from './json.ts'
import { problems } from './problems.ts'
import type { Telemetry } from './telemetry.ts'

/** Where it is reported that a secret could not be refreshed. */
type SecretsTelemetry = Pick<Telemetry, 'warn' | 'count'>

/** Secrets kept as JSON documents, in Secrets Manager or in a table. */
export type Secrets = {
  /**
   * The secret, or undefined where there is none of that name. Cached for five minutes, an absence for one; while
   * AWS cannot answer, for a day. Where it denies access, nothing is served any more: that is a revocation. `fresh` asks again, at most every ten seconds, and takes no older answer. Throws SecretUnavailable.
   */
  read<Schema extends z.ZodType>(
    id: string,
    schema: Schema,
    options?: { fresh?: boolean },
  ): Promise<z.infer<Schema> | undefined>
  /** The same for a secret that has to be there. */
  require<Schema extends z.ZodType>(id: string, schema: Schema, options?: { fresh?: boolean }): Promise<z.infer<Schema>>
}

// In milliseconds.
const servedWhileDown = 86_400_000
const askedAgainAfter = 10_000
// With an old answer at hand, a webhook is not kept waiting for a better one.
const timeoutWithOldAnswer = 1500

/** A store of secrets, cached. */
export function createSecrets(
  store: SecretStore,
  now: () => number = Date.now,
  telemetry?: SecretsTelemetry | undefined,
): Secrets {
  const remembered = new Map<string, { text: string | undefined; at: number; askAgainAt: number }>()

  async function readText(id: string, fresh: boolean) {
    const known = remembered.get(id)
    const maxAge = fresh ? 10_000 : known?.text === undefined ? 60_000 : 300_000
    if (known && now() - known.at < maxAge) return known.text
    const old = !fresh && known?.text !== undefined && now() - known.at < servedWhileDown ? known : undefined
    if (old && now() < old.askAgainAt) return old.text
    try {
      const text = await fetchText(store, id, old && timeoutWithOldAnswer)
      // Requests for ids that do not exist must not fill the memory.
      if (remembered.size >= 1000) remembered.clear()
      remembered.set(id, { text, at: now(), askAgainAt: 0 })
      return text
    } catch (error) {
      if (!(error instanceof SecretUnavailable)) throw error
      if (error.why === 'denied') remembered.delete(id)
      if (error.why !== 'down' || !old) throw error
      remembered.set(id, { ...old, askAgainAt: now() + askedAgainAfter })
      telemetry?.warn('A secret cannot be refreshed, so the cached one is used', { secret: id, problem: error.message })
      telemetry?.count('StaleSecretsServed')
      return old.text
    }
  }

  const secrets: Secrets = {
    async read(id, schema, { fresh = false } = {}) {
      const text = await readText(id, fresh)
      if (text === undefined) return undefined
      try {
        return parse(id, text, schema)
      } catch (error) {
        // It may have been corrected since it was read.
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

function parse<Schema extends z.ZodType>(id: string, text: string, schema: Schema): z.infer<Schema> {
  const document = parseJson(text)
  if (document === undefined) throw new SecretUnavailable(`Secret ${id} is not JSON`)
  const result = schema.safeParse(document)
  if (!result.success) throw new SecretUnavailable(`Secret ${id} is invalid: ${problems(result.error)}`)
  return result.data
}
