import * as z from 'zod'
import type { Secrets } from '../platform/secrets.ts'

/** The providers that there are. */
export const Provider = z.enum(['forward'])
export type Provider = z.infer<typeof Provider>

/**
 * Whose credentials serve a message: its channel account's own secret, else its channel's. One app serves many customers
 * over one channel, each with a provider account of their own.
 */
export function createAccounts<Face extends { account: z.ZodType }>(options: {
  secrets: Secrets
  prefix: string
  faces: Record<Provider, Face>
}) {
  const { secrets, prefix, faces } = options
  return {
    /** The provider and the account, or undefined where neither secret exists. Throws SecretUnavailable. */
    async find(
      ids: { channelId: string; channelAccountId?: string | undefined },
      { fresh = false } = {},
    ): Promise<{ provider: Provider; face: Face; account: unknown } | undefined> {
      for (const id of [ids.channelAccountId, ids.channelId]) {
        if (id === undefined || !/^[\w-]+$/.test(id)) continue
        const named = await secrets.read(prefix + id, Named, { fresh })
        if (!named) continue
        const face = faces[named.provider]
        // Read again for its provider's schema, from memory.
        return { provider: named.provider, face, account: await secrets.read(prefix + id, face.account) }
      }
      return undefined
    },
  }
}

const Named = z.looseObject({ provider: Provider })
