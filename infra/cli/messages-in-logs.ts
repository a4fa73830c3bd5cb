import type { MessageKey } from '../../functions/messages/jobs.ts'
import { type Logs, maxRows, monthInMilliseconds, timeOfRow } from './logs.ts'
import { isWithin, type Narrow } from './narrow.ts'

/** A message that log lines name, and when the first of those was written, in milliseconds since 1970. */
export type NamedMessage = MessageKey & {
  channelAccountId: string | undefined
  threadId: string | undefined
  at: number
}

/** Whose id it is: a message's, a thread's of HubSpot's or a channel account's; and the messages that it stands for, the latest first. */
export type Named = { by: 'message' | 'thread' | 'channel account'; messages: NamedMessage[] }

/** What an id stands for by the logs of the last 30 days; undefined where they do not name it. No table is read. */
export async function messagesInLogs(
  logs: Logs,
  id: string,
  narrow: Narrow,
  signal: AbortSignal,
): Promise<Named | undefined> {
  if (!canBeAskedFor.test(id)) return undefined
  const since = Date.now() - monthInMilliseconds
  const found = logs.query
    ? fromRows((await logs.query(queryForId(id, narrow), { since, signal })).rows)
    : await fromLines(logs.linesSince(since), id, narrow)
  const by = kinds.find((kind) => found.some((message) => idOf(message, kind) === id))
  if (!by) return undefined
  const messages = found.filter((message) => idOf(message, by) === id)
  return { by, messages: messages.toSorted((a, b) => b.at - a.at) }
}

/** No id that has a quote or a backslash gets into a query; HubSpot's have none. */
const canBeAskedFor = /^[\w.:=+/-]{1,200}$/

/** Where an id is several of them, the first is meant. */
const kinds = ['message', 'thread', 'channel account'] as const

function idOf({ messageId, threadId, channelAccountId }: NamedMessage, kind: Named['by']) {
  return { message: messageId, thread: threadId, 'channel account': channelAccountId }[kind]
}

/** What Logs Insights is asked. */
export function queryForId(id: string, { portal, channel }: Narrow) {
  const within = [portal && `portalId = "${portal}"`, channel && `channelId = "${channel}"`].filter(Boolean)
  const named = `(${idFields.map((name) => `${name} = "${id}"`).join(' or ')})`
  return [
    `filter ${[named, 'ispresent(messageId)', ...within].join(' and ')}`,
    'stats min(@timestamp) as at, latest(channelAccountId) as account, latest(threadId) as thread by portalId, channelId, messageId',
    'sort at desc',
    `limit ${maxRows}`,
  ].join(' | ')
}

const idFields = ['messageId', 'threadId', 'channelAccountId'] as const

function fromRows(rows: Record<string, string>[]): NamedMessage[] {
  return rows.flatMap(({ portalId, channelId, messageId, at = '', account, thread }) =>
    portalId && channelId && messageId
      ? [
          {
            ...{ portalId, channelId, messageId, at: timeOfRow(at) },
            channelAccountId: account || undefined,
            threadId: thread || undefined,
          },
        ]
      : [],
  )
}

async function fromLines(lines: ReturnType<Logs['linesSince']>, id: string, narrow: Narrow) {
  const found = new Map<string, NamedMessage>()
  for await (const line of lines) {
    const { portalId, channelId, messageId, at, channelAccountId, threadId } = line
    if (!portalId || !channelId || !messageId || !idFields.some((name) => line[name] === id)) continue
    if (!isWithin({ portalId, channelId }, narrow)) continue
    const key = JSON.stringify([portalId, channelId, messageId])
    const before = found.get(key)
    found.set(key, {
      ...{ portalId, channelId, messageId, at: Math.min(at, before?.at ?? at) },
      channelAccountId: channelAccountId ?? before?.channelAccountId,
      threadId: threadId ?? before?.threadId,
    })
  }
  return [...found.values()]
}
