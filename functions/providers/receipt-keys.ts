import { createHash } from 'node:crypto'
import type * as z from 'zod'
import type { TrustedSecret } from '../messages/authority.ts'
import type { Provider } from './accounts.ts'
import { ForwardAccount } from './forward/account.ts'
import { TwilioAccount } from './twilio/account.ts'
import { WhatsAppAccount } from './whatsapp/account.ts'

/** What verifies a provider's receipts. */
export type ReceiptKeys<Account> = {
  account: z.ZodType<Account>
  /** The keys that do, the current one first. */
  keys(account: Account): string[]
  /** The account as if it had only this one of them. */
  withOnly(account: Account, key: string): Account
}

const forward: ReceiptKeys<ForwardAccount> = {
  account: ForwardAccount,
  keys: ({ secrets }) => secrets,
  withOnly: (account, key) => ({ ...account, secrets: [key] }),
}

const twilio: ReceiptKeys<TwilioAccount> = {
  account: TwilioAccount,
  keys: ({ authTokens }) => authTokens,
  withOnly: (account, key) => ({ ...account, authTokens: [key] }),
}

const whatsapp: ReceiptKeys<WhatsAppAccount> = {
  account: WhatsAppAccount,
  keys: (account) =>
    'appSecrets' in account ? account.appSecrets : (account.platformSecrets ?? account.webhookHeader?.secrets ?? []),
  withOnly(account, key) {
    if ('appSecrets' in account) return { ...account, appSecrets: [key] }
    const { platformSecrets, webhookHeader } = account
    if (platformSecrets) return { ...account, platformSecrets: [key] }
    return { ...account, webhookHeader: webhookHeader && { ...webhookHeader, secrets: [key] } }
  },
}

/** What verifies the receipts of each provider that posts any. */
export const receiptKeys: Partial<Record<Provider, ReceiptKeys<unknown>>> = { forward, twilio, whatsapp }

/** The secret whose receipts count for the messages that go out by an account. */
export function trustedSecretOf({ id, provider, account }: NamedAccount): TrustedSecret {
  return { secret: id, keys: receiptKeys[provider]?.keys(account).map(fingerprintOf) ?? [] }
}

type NamedAccount = { id: string; provider: Provider; account: unknown }

/** A key's fingerprint: tells keys apart, but not what they are. 96 bits, so that nobody finds another key with the same one. */
export const fingerprintOf = (key: string) =>
  createHash('sha256').update('receipt key ').update(key).digest('base64url').slice(0, 16)
