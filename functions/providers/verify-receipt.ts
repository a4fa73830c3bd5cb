import type { VerifiedBy } from '../messages/authority.ts'
import { withRotatedSecret } from '../platform/rotated-secret.ts'
import type { Telemetry } from '../platform/telemetry.ts'
import type { Accounts, Provider } from './accounts.ts'
import type { Receipt, ReceiptAdapter, ReceiptRequest } from './provider.ts'
import { fingerprintOf, receiptKeys } from './receipt-keys.ts'

/** What a request's URL tells. What it leaves open is left to the receipt; over what it tells, a receipt has no say. */
export type ReceiptIds = { channelId: string; channelAccountId?: string }

/** An account by whose secret a request was read. */
export type ReceivingAccount = {
  /** The ids by which what is handed on finds this account again. */
  ids: ReceiptIds
  id: string
  provider: Provider
  adapter: ReceiptAdapter<unknown> | undefined
  account: unknown
}

type Received = { found: ReceivingAccount; receipt: Receipt | undefined }

/**
 * Reads a receipt by the account's own secret, else by its channel's: messages that went out before the account had one of
 * its own have receipts of the channel's. Whose word counts for a message, update-status decides. Undefined where there is
 * no secret.
 */
export function receive(
  accounts: Accounts<ReceiptAdapter<unknown> | undefined>,
  request: ReceiptRequest,
  ids: ReceiptIds,
): Promise<Received | undefined> {
  return withRotatedSecret(
    async (options) => readByEither(accounts, request, ids, options),
    (received) => received,
    { isWrong: (received) => received?.receipt?.kind === 'rejected', isSame: (_, latest) => latest === undefined },
  )
}

async function readByEither(
  accounts: Accounts<ReceiptAdapter<unknown> | undefined>,
  request: ReceiptRequest,
  ids: ReceiptIds,
  options?: { fresh: boolean },
) {
  const { channelId } = ids
  let first: Received | undefined
  for (const names of ids.channelAccountId === undefined ? [ids] : [ids, { channelId }]) {
    const account = await accounts.find(names, options)
    if (!account || account.id === first?.found.id) continue
    const found = { ...account, ids: first ? names : ids }
    const receipt = found.adapter?.receive(request, found.account)
    if (receipt && receipt.kind !== 'rejected') return { found, receipt }
    first ??= { found, receipt }
  }
  return first
}

/** What verifies a request. Of two keys it is counted which: the previous one has to stay for as long as it is used. */
export function verifierOf(
  request: ReceiptRequest,
  { id, provider, adapter, account }: ReceivingAccount,
  telemetry: Pick<Telemetry, 'count'>,
): VerifiedBy {
  const ring = receiptKeys[provider]
  const keys = ring?.keys(account) ?? []
  const verifies = (key: string) => adapter?.receive(request, ring?.withOnly(account, key)).kind !== 'rejected'
  const key = keys.length > 1 ? keys.find(verifies) : keys[0]
  if (keys.length > 1) {
    const metric = key === keys[0] ? 'ReceiptsByCurrentSecret' : 'ReceiptsByPreviousSecret'
    telemetry.count(metric, 1, { account: id })
  }
  return { secret: id, key: key === undefined ? '' : fingerprintOf(key) }
}
