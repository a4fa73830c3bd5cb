import * as z from 'zod'
import { changeItem, type Table } from '../platform/table.ts'
import { expiryOf } from './record.ts'
import { common, type ItemChange, type MessageChange, type RelayEvent } from './relay-events.ts'
import { isFailure } from './status.ts'

/** An account is failing once this many messages in a row have failed. */
const failuresInARow = 5
/** Where nothing reports that messages arrive, it has recovered once this many in a row were sent and did not fail. */
const sentInARow = 3
/** How many counted failures are remembered, so that none counts twice when the stream repeats changes. */
const remembered = 20

/** How an account's last messages fared. An account that has always done well has no item. */
const Health = z.object({
  pk: z.string(),
  version: z.number().default(0),
  /** Messages that have failed since one last succeeded. */
  failures: z.number().default(0),
  /** The last messages whose failure was counted. */
  counted: z.array(z.string()).default([]),
  /** Messages that were sent since then, and have not failed. */
  sent: z.array(z.string()).default([]),
  /** Since when the account is failing, in ISO 8601. */
  failingSince: z.string().optional(),
  /** When that began or ended, in ISO 8601. */
  at: z.string().optional(),
  code: z.string().optional(),
})
type Health = z.infer<typeof Health>

/** How a message fared, as far as that says something about its account. */
export type Fate = 'arrived' | 'sent' | 'failed' | 'account error'

/** What a change of a message says about its account; undefined where that is nothing new. */
export function fateIn({ before, after }: MessageChange): Fate | undefined {
  const { known, waiting, send, sends } = after
  if (waiting?.isAccountError && !before.waiting?.isAccountError) return 'account error'
  if (known === undefined || known === before.known) return undefined
  if (isFailure(known)) return 'failed'
  // A provider that reports a message as sent at once has nothing more to report.
  const outcomes = sends?.outcomes ?? [send?.result]
  return known !== 'sent' || outcomes.every((outcome) => outcome?.status === 'sent') ? 'arrived' : 'sent'
}

/** The health of an account after one more of its messages; the same object where nothing changes. */
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
 * The health of accounts in the ledger's table, one item each. When an account starts or stops failing, its item changes, so
 * that is published as reliably as any other change, and once.
 */
export function createAccountHealth(table: Table, now: () => number) {
  return {
    /** Records how one more message of an account fared. */
    async record({ ids, after }: MessageChange, fate: Fate, at: string) {
      const pk = healthKey(ids)
      await changeItem(table, pk, (item) => {
        const health = Health.parse(item ?? { pk })
        const next = afterFate(health, { messageId: ids.messageId, fate, code: after.code, at })
        return next === health ? undefined : { ...next, expiresAt: expiryOf(now()) }
      })
    },
  }
}

const healthKey = ({ portalId, channelId, channelAccountId = '' }: MessageChange['ids']) =>
  `health#${portalId}#${channelId}#${channelAccountId}`

/** The events that a change of an account's health is published as. */
export function eventsOfHealth(change: ItemChange, relay: string): RelayEvent[] {
  const key = /^health#(\d+)#(\d+)#(.*)/s.exec(change.pk)
  const after = Health.safeParse(change.after).data
  if (!after || !key) return []
  const before = Health.safeParse(change.before).data
  if ((before?.failingSince === undefined) === (after.failingSince === undefined)) return []
  const [, portalId, channelId, channelAccountId] = key
  const of = { portalId: portalId!, channelId: channelId!, ...(channelAccountId && { channelAccountId }) }
  const { at = change.at, code } = after
  const said = (type: string) => ({ ...common(change, type, { relay, at }), ...of })
  return after.failingSince === undefined
    ? [{ type: 'account.recovered', detail: said('recovered') }]
    : [{ type: 'account.failing', detail: { ...said('failing'), ...(code && { code }) } }]
}
