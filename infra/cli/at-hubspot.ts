import { setTimeout as sleep } from 'node:timers/promises'
import { LedgerItem, messageOf } from '../../functions/messages/record.ts'
import { statusToTell } from '../../functions/messages/telling.ts'
import { createQueue } from '../../functions/platform/queue.ts'
import { CommandError } from './command-error.ts'
import type { Deployment } from './deployment.ts'
import { driftOf, updateToTellAgain } from './drift.ts'
import { createAccess, type MessageAnswer } from './hubspot-access.ts'
import { scanTable } from './scan.ts'
import type { Terminal } from './terminal.ts'

/** What is compared: one portal's messages since a time (milliseconds since 1970), and how fast HubSpot is asked. */
export type AtHubSpot = {
  portal: string
  since: number
  share: number
  segments: number
  fix?: boolean
  json?: boolean
}

type Difference = {
  portalId: string
  channelId: string
  messageId: string
  known: string
  shouldShow: string
  shows: string
}

/** Asks HubSpot what it shows of each message that something is known of, and tells it again where that differs. */
export async function reconcileAtHubSpot(deployment: Deployment, terminal: Terminal, options: AtHubSpot) {
  const { sqs, outputs } = deployment
  const { portal, since, fix } = options
  const ask = paced(createAccess(deployment).readMessage, options.share, terminal.signal)
  const queue = createQueue(sqs, outputs.StatusUpdatesQueueUrl)
  const id = `reconcile-${new Date().toISOString()}`
  const counts = { compared: 0, agree: 0, underWay: 0, notAtHubSpot: 0, notAnswered: 0 }
  const differences: Difference[] = []

  for (const item of await itemsSince(deployment, terminal, options)) {
    if (terminal.signal.aborted) break
    const toTell = statusToTell(item)!
    if (driftOf(item, { now: Date.now(), id }).kind === 'under way') {
      counts.underWay++
      continue
    }
    const held = await ask(messageOf(item.pk))
    terminal.progress('Messages compared with HubSpot', ++counts.compared)
    if (held.statusType === undefined) {
      if (held.status === 404) counts.notAtHubSpot++
      else counts.notAnswered++
      continue
    }
    if (held.statusType === toTell.statusType) {
      counts.agree++
      continue
    }
    differences.push({
      ...messageOf(item.pk),
      known: toTell.status,
      shouldShow: toTell.statusType,
      shows: held.statusType,
    })
    if (fix) await queue.send(updateToTellAgain(item, { now: Date.now(), id }), { group: portal })
  }
  conclude(terminal, { counts, differences }, { ...options, since })
}

async function itemsSince(deployment: Deployment, terminal: Terminal, { portal, since, segments }: AtHubSpot) {
  const items: LedgerItem[] = []
  const ledger = {
    TableName: deployment.outputs.LedgerTableName,
    what: 'Messages read',
    segments,
    FilterExpression: 'begins_with(pk, :portal)',
    ExpressionAttributeValues: { ':portal': { S: `${portal}#` } },
  }
  await scanTable(deployment, terminal, ledger, async (raw) => {
    const { data } = LedgerItem.safeParse(raw)
    if (data?.known && lastChange(data) >= since) items.push(data)
  })
  return items.toSorted((a, b) => lastChange(a) - lastChange(b))
}

const lastChange = ({ createdAt, timeline }: LedgerItem) =>
  Math.max(0, ...[createdAt, ...timeline.map(({ at }) => at)].map((at) => (at ? Date.parse(at) : 0)))

/** At most a share of the limit that HubSpot's answers name; where others have used it up, nothing until they have left some. */
function paced(
  read: (key: ReturnType<typeof messageOf>) => Promise<MessageAnswer>,
  share: number,
  signal: AbortSignal,
) {
  let next = 0
  let interval = 10_000 / (110 * share)
  const wait = (milliseconds: number) => sleep(milliseconds, undefined, { signal }).catch(() => {})
  return async (key: ReturnType<typeof messageOf>) => {
    for (;;) {
      if (next > Date.now()) await wait(next - Date.now())
      next = Date.now() + interval
      const answer = await read(key)
      const number = (name: string) => Number(answer.headers[`x-hubspot-ratelimit-${name}`] ?? Number.NaN)
      const [max, remaining, window] = [number('max'), number('remaining'), number('interval-milliseconds') || 10_000]
      if (max > 0) interval = window / (max * share)
      // What is left is for those who cannot wait.
      if (max > 0 && remaining < max * (1 - share) * 0.25) next = Date.now() + window / 4
      if (answer.status !== 429 || signal.aborted) return answer
      await wait(window)
    }
  }
}

function conclude(
  terminal: Terminal,
  { counts, differences }: { counts: Record<string, number>; differences: Difference[] },
  { fix, json, portal, since }: AtHubSpot,
) {
  if (json) terminal.print(JSON.stringify({ ...counts, differences }, undefined, 2))
  else {
    for (const { channelId, messageId, known, shouldShow, shows } of differences)
      terminal.print(`${channelId} ${messageId}: ${known}, so ${shouldShow}; HubSpot shows ${shows}`)
    const others = [
      counts['underWay'] && `of ${counts['underWay']} HubSpot is being told`,
      counts['notAtHubSpot'] && `${counts['notAtHubSpot']} are not at HubSpot any more`,
      counts['notAnswered'] && `${counts['notAnswered']} it did not show`,
    ].filter(Boolean)
    terminal.print(
      `Of ${counts['compared']} messages of portal ${portal} since ${new Date(since).toISOString()}, HubSpot shows ${counts['agree']} as they are and ${differences.length} otherwise${others.length > 0 ? `; ${others.join(', ')}` : ''}.`,
    )
  }
  if (terminal.signal.aborted) terminal.note('Interrupted: these are not all.')
  if (differences.length === 0) return
  if (!fix)
    throw new CommandError('HubSpot shows another status than is known. Nothing was changed.', '--fix tells it again.')
  terminal.note('Queued: HubSpot is told within minutes.')
}
