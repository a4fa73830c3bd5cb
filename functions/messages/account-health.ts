import * as z from 'zod'
import type { Table } from '../platform/table.ts'
import { expiryOf } from './record.ts'
import { common, type ItemChange, type MessageChange, type RelayEvent } from './relay-events.ts'
import { isFailure } from './status.ts'

/** After so many messages in a row that failed, an account is failing. */
const failuresInARow = 5
/** Where nobody says that a message arrived, so many in a row that were sent and did not fail mean that it recovered. */
const sentInARow = 3
/** Failures that were counted, so that none counts twice when changes are handed out again. */
const remembered = 20

/** What an account's last messages met. Kept while there is something to say: an account that does well has no item, or keeps its last. */
const Health = z.object({
  pk: z.string(),
  version: z.number().default(0),
  /** Messages that failed since one last went well. */
  failures: z.number().default(0),
  /** The last messages whose failure was counted. */
  counted: z.array(z.string()).default([]),
  /** Messages that were sent since, and have not failed. */
  sent: z.array(z.string()).default([]),
  /** Since when the account is failing, in ISO 8601. */
  failingSince: z.string().optional(),
  /** When that began or ended, in ISO 8601. */
  at: z.string().optional(),
  code: z.string().optional(),
})
type Health = z.infer<typeof Health>

/** What a message met, as far as it tells something about its account. */
export type Fate = 'arrived' | 'sent' | 'failed' | 'account error'

/** What a change of a message tells about its account; undefined where that is nothing new. */
export function fateIn({ before, after }: MessageChange): Fate | undefined {
  const { known, waiting, send } = after
  if (waiting?.isAccountError && !before.waiting?.isAccountError) return 'account error'
  if (known === undefined || known === before.known) return undefined
  if (isFailure(known)) return 'failed'
  // A provider that takes a message for sent at once has no more to say of it.
  return known !== 'sent' || send?.result?.status === 'sent' ? 'arrived' : 'sent'
}

/** The health of an account after what one more of its messages met; the same object where nothing changes. */
function afterFate(
  health: Health,
  { messageId, fate, code, at }: { messageId: string; fate: Fate; code?: string | undefined; at: string },
): Health {
  const isWell = health.failures === 0 && health.failingSince === undefined
  if (fate === 'arrived') return isWell ? health : recovered(health, at)
  const isCounted = health.counted.includes(messageId)
  if (fate === 'sent') {
    if (isWell || isCounted || health.sent.includes(messageId)) return health
    const sent = [...health.sent, messageId]
    return sent.length >= sentInARow ? recovered(health, at) : { ...health, sent }
  }
  if (isCounted && (fate === 'failed' || health.failingSince)) return health
  const next = {
    ...health,
    failures: health.failures + (isCounted ? 0 : 1),
    counted: isCounted ? health.counted : [...health.counted, messageId].slice(-remembered),
    sent: health.sent.filter((id) => id !== messageId),
    code,
  }
  const isFailing = fate === 'account error' || next.failures >= failuresInARow
  return isFailing && !health.failingSince ? { ...next, failingSince: at, at } : next
}

function recovered(health: Health, at: string): Health {
  const isNews = health.failingSince !== undefined
  return { ...health, failures: 0, sent: [], failingSince: undefined, code: undefined, ...(isNews && { at }) }
}

/** Keeps the health of accounts. */
export type AccountHealth = ReturnType<typeof createAccountHealth>

/**
 * The health of accounts in the ledger's table, one item each. What begins or ends in it is itself a change of an item, so
 * it is published as surely as any other, and once.
 */
export function createAccountHealth(table: Table, now: () => number) {
  return {
    /** Records what one more message of an account met. */
    async record({ ids, after }: MessageChange, fate: Fate, at: string) {
      const pk = healthKey(ids)
      for (;;) {
        const health = Health.parse((await table.get(pk)) ?? { pk })
        const next = afterFate(health, { messageId: ids.messageId, fate, code: after.code, at })
        if (next === health) return
        if (await table.putIfNextVersion({ ...next, version: health.version + 1, expiresAt: expiryOf(now()) })) return
      }
    },
  }
}

const healthKey = ({ portalId, channelId, channelAccountId = '' }: MessageChange['ids']) =>
  `health#${portalId}#${channelId}#${channelAccountId}`

/** What a change of an account's health is to others. */
export function eventsOfHealth(change: ItemChange, relay: string): RelayEvent[] {
  const [, portalId = '', channelId = '', channelAccountId = ''] = /^health#(\d+)#(\d+)#(.*)$/s.exec(change.pk) ?? []
  const after = Health.safeParse(change.after).data
  if (!after || portalId === '') return []
  const before = Health.safeParse(change.before).data
  if ((before?.failingSince === undefined) === (after.failingSince === undefined)) return []
  const of = { portalId, channelId, ...(channelAccountId && { channelAccountId }) }
  const { at = change.at, code } = after
  const said = (type: string) => ({ ...common(change, type, { relay, at }), ...of })
  return after.failingSince === undefined
    ? [{ type: 'account.recovered', detail: said('recovered') }]
    : [{ type: 'account.failing', detail: { ...said('failing'), ...(code && { code }) } }]
}
