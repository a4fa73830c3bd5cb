import * as z from 'zod'
import type { Circuit } from '../platform/circuit-breaker.ts'
import { changeItem, type Table } from '../platform/table.ts'
import type { ChannelAccountChanged } from './jobs.ts'
import { expiryOf } from './record.ts'

/** What is kept of a channel account: no address, which may be a phone number. */
const ChannelAccount = z.object({
  pk: z.string(),
  version: z.number(),
  state: z.enum(['created', 'updated', 'purged']),
  /** Whether it is authorized, where HubSpot says so. */
  authorized: z.boolean().optional(),
  /** When it entered this state, by HubSpot's time, in ISO 8601. */
  at: z.string(),
  /** Seconds since 1970, for DynamoDB's TTL: a purged account is remembered for as long as its messages. */
  expiresAt: z.number().optional(),
})
type ChannelAccount = z.infer<typeof ChannelAccount>

/** The channel accounts that HubSpot has sent events about, and what became of them. */
export type ChannelAccounts = ReturnType<typeof createChannelAccounts>

/** Channel accounts in the ledger's table, one item each. */
export function createChannelAccounts(table: Table, now: () => number) {
  return {
    /** Keeps the newest state, whatever order the events come in. */
    async record(change: ChannelAccountChanged) {
      await changeItem(table, accountKey(change), (item) => {
        const kept = ChannelAccount.optional().parse(item)
        return kept && orderOf(kept) >= orderOf(toState(change)) ? undefined : toItem(change)
      })
    },

    /** Whether an account is gone. One that HubSpot has said nothing about is not. */
    async isPurged({ portalId, channelId, channelAccountId }: ChannelKey & { channelAccountId?: string | undefined }) {
      if (channelAccountId === undefined) return false
      const kept = await read({ portalId, channelId, channelAccountId })
      return kept?.state === 'purged'
    },
  }

  async function read(key: AccountKey): Promise<ChannelAccount | undefined> {
    return ChannelAccount.optional().parse(await table.get(accountKey(key)))
  }

  function toItem(change: ChannelAccountChanged): Omit<ChannelAccount, 'pk' | 'version'> {
    const state = toState(change)
    return { ...state, ...(state.state === 'purged' && { expiresAt: expiryOf(now()) }) }
  }
}

type ChannelKey = Pick<ChannelAccountChanged, 'portalId' | 'channelId'>
type AccountKey = ChannelKey & Pick<ChannelAccountChanged, 'channelAccountId'>
type State = Pick<ChannelAccount, 'state' | 'authorized' | 'at'>

/** The key of a channel account's item. */
export const accountKey = ({ portalId, channelId, channelAccountId }: AccountKey) =>
  `account#${portalId}#${channelId}#${channelAccountId}`

/** Whose calls to a provider stand and fall together: a channel account's. */
export const circuitOf = ({ portalId, channelId, channelAccountId }: AccountKey): Circuit => ({
  key: `${portalId}#${channelId}#${channelAccountId}`,
  about: { portalId, channelId, channelAccountId },
})

const toState = ({ change, authorized, at }: ChannelAccountChanged): State => ({
  state: change,
  authorized,
  at: new Date(at).toISOString(),
})

/** Orders events by their time; of those with the same time, the one that cannot be undone comes last. */
const orderOf = ({ at, state, authorized }: State) => `${at} ${rank[state]} ${Number(authorized ?? -1)}`

const rank = { created: 0, updated: 1, purged: 2 }
