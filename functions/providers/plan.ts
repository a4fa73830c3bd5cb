import { createHash } from 'node:crypto'
import type { DeliveryJob } from '../messages/jobs.ts'
import { maxSends } from '../messages/status-update.ts'
import { withoutSlash } from '../platform/url.ts'
import type { Provider } from './accounts.ts'
import type { Send, SendAdapter } from './provider.ts'
import { receiptsPath } from './receipts-path.ts'
import { withoutAddress } from './recipients.ts'

/** A send of a message, or why it takes none: for the agent to read. */
export type Planned = Send<unknown> | { problem: string }

/** How a message goes out: by which provider, and by which account. */
export type Route = { provider: Provider; adapter: SendAdapter<unknown>; account: unknown }

/** The sends that a message takes. One that the provider cannot carry takes none: its outcome is known. */
export function planSends(
  job: DeliveryJob,
  { adapter, account }: Route,
  { publicBaseUrl }: { publicBaseUrl: string | undefined },
): Planned[] {
  const planned = adapter.plan(job, account)
  if ('problem' in planned) return [planned]
  const parts = planned.sends
  const unreachable = unreachableBy(adapter, job)
  const of = parts.length + unreachable
  if (parts.length === 0 || of > maxSends)
    return [{ problem: 'The message cannot be sent: it has nobody to go to, or too many.' }]
  const receiptsUrl = publicBaseUrl && withoutSlash(publicBaseUrl) + receiptsPath(job)
  const sends = parts.map((part, index) => ({ job, part, index, of, receiptsUrl }))
  // The message fails for each recipient whom it cannot reach.
  return [...sends, ...Array.from({ length: unreachable }, () => ({ problem: nobody }))]
}

const nobody = 'A recipient has no address that can be read.'

/** How many of a message's recipients cannot be reached: those that could not be read, and those without an address. */
function unreachableBy({ needsAddresses = true }: SendAdapter<unknown>, job: DeliveryJob) {
  return (job.unreadableRecipients ?? 0) + (needsAddresses ? withoutAddress(job) : 0)
}

/**
 * Tells plans apart, but not by the sentences of what cannot be sent, which a new version may word otherwise. Kept in the
 * ledger, so too short for anybody to find out by trying what was in them.
 */
export function digestOf({ provider }: Route, sends: Planned[]) {
  const parts = sends.map((send) => ('problem' in send ? null : { part: send.part }))
  return createHash('sha256')
    .update(JSON.stringify([provider, parts]))
    .digest('base64url')
    .slice(0, 4)
}

/** What each of several sends is, where that can be said of all; undefined otherwise. */
export function describeAll({ adapter: { describe } }: Route, sends: Planned[]) {
  const described = sends.flatMap((send) => ('problem' in send || !describe ? [] : [describe(send.part)]))
  return sends.length > 1 && described.length === sends.length ? described : undefined
}

/** A digest of the idempotency scope of a message's sends; undefined where they have none. */
export function idempotencyScopeOf({ adapter, account }: Route, about: { job: DeliveryJob; now: number }) {
  const scope = adapter.idempotencyScope?.(account, about)
  return scope && createHash('sha256').update(scope).digest('base64url').slice(0, 12)
}
