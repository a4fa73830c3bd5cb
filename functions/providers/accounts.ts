import * as z from 'zod'
import type { Secrets } from '../platform/secrets.ts'

/** The messaging providers. */
export const Provider = z.enum(['forward', 'line', 'telegram', 'twilio', 'whatsapp'])
export type Provider = z.infer<typeof Provider>

/** Finds the provider of a message, its adapter, and the account that its secret holds. */
export type Accounts<Adapter> = {
  /** With the id that the secret is named after. Undefined where neither exists. Throws SecretUnavailable. */
  find(
    ids: { channelId: string; channelAccountId?: string | undefined },
    options?: { fresh?: boolean },
  ): Promise<{ id: string; provider: Provider; adapter: Adapter; account: unknown } | undefined>
}

/**
 * Whose credentials serve a message: its channel account's own secret, else its channel's. One app serves many customers
 * over one channel, each with a provider account of their own.
 */
export function createAccounts<Adapters extends Partial<Record<Provider, { account: z.ZodType }>>>(options: {
  /** By the ids of channels and channel accounts. */
  credentials: Secrets
  adapters: Adapters
}): Accounts<Adapters[Provider]> {
  const { credentials, adapters } = options
  return {
    async find(ids, { fresh = false } = {}) {
      for (const id of [ids.channelAccountId, ids.channelId]) {
        if (id === undefined || !/^[\w-]+$/.test(id)) continue
        const document = await credentials.read(id, WithProvider, { fresh })
        if (!document) continue
        const adapter = adapters[document.provider]
        // Read again for its provider's schema, from memory.
        return {
          id,
          provider: document.provider,
          adapter,
          account: adapter && (await credentials.read(id, adapter.account)),
        }
      }
      return undefined
    },
  }
}

const WithProvider = z.looseObject({ provider: Provider })
