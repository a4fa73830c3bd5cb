import { setTimeout as sleep } from 'node:timers/promises'
import {
  type CloudWatchLogsClient,
  GetQueryResultsCommand,
  paginateFilterLogEvents,
  StartQueryCommand,
} from '@aws-sdk/client-cloudwatch-logs'
import * as z from 'zod'
import { parseJson } from '../../functions/platform/json.ts'
import { CommandError } from './command-error.ts'

/** A line that a function wrote: when, in milliseconds since 1970, and its fields. */
export type LogLine = z.infer<typeof Line> & { at: number }

const Line = z.looseObject({
  message: z.string(),
  service: z.string().optional(),
  level: z.string().optional(),
  portalId: z.string().optional(),
  channelId: z.string().optional(),
  channelAccountId: z.string().optional(),
  messageId: z.string().optional(),
  threadId: z.string().optional(),
  statusType: z.string().optional(),
  reason: z.string().optional(),
  source: z.string().optional(),
})

/** What the functions of a relay have logged. */
export type Logs = {
  /** Their lines since a time, group by group; those that are no documents of theirs are left out. */
  linesSince(since: number): AsyncGenerator<LogLine>
  /** What CloudWatch Logs Insights finds in them, `maxRows` at most. Absent where there is none. */
  query?(query: string, options: { since: number; signal: AbortSignal }): Promise<Found>
}

/** A row each, its fields by name, and how many bytes of log lines were looked through for them. */
type Found = { rows: Record<string, string>[]; bytes: number }

/** The most rows that Logs Insights gives. */
export const maxRows = 10_000

/** How far back commands look where nobody says: as long as logs are kept by default. */
export const monthInMilliseconds = 30 * 86_400_000

/** A time of a row, in milliseconds since 1970: Logs Insights writes it as a number, or as a date without a zone, which is UTC. */
export function timeOfRow(text: string) {
  const number = Number(text)
  return Number.isNaN(number) ? Date.parse(`${text.replace(' ', 'T')}Z`) : number
}

/** What was looked through, for an operator who wonders what is missing. */
export function lookedThrough({ age, bytes }: { age: number; bytes?: number | undefined }) {
  const size = bytes === undefined ? '' : ` (${(bytes / 1e9).toFixed(bytes < 1e8 ? 3 : 1)} GB)`
  return `Looked through the logs of the last ${inUnits(age)}${size}, as far as they are kept.`
}

function inUnits(age: number) {
  const units = { days: 86_400_000, hours: 3_600_000, minutes: 60_000, seconds: 1000 }
  const [name, unit] = Object.entries(units).find(([, unit]) => age >= unit && age % unit === 0) ?? ['seconds', 1000]
  const count = Math.round(age / unit)
  return count === 1 ? name.replace(/s$/, '') : `${count} ${name}`
}

/** The logs of these groups. Insights reads gigabytes in seconds, and is not emulated. */
export function createLogs(
  client: CloudWatchLogsClient,
  groups: () => Promise<string[]>,
  { hasInsights }: { hasInsights: boolean },
): Logs {
  async function* linesSince(since: number) {
    for (const logGroupName of await groups())
      for await (const { events = [] } of paginateFilterLogEvents({ client }, { logGroupName, startTime: since }))
        for (const { message = '', timestamp = 0 } of events) {
          const line = Line.safeParse(parseJson(message)).data
          if (line) yield { ...line, at: timestamp }
        }
  }

  async function query(queryString: string, { since, signal }: { since: number; signal: AbortSignal }) {
    const [startTime, endTime] = [since, Date.now()].map((time) => Math.floor(time / 1000))
    const { queryId } = await client.send(
      new StartQueryCommand({ logGroupNames: await groups(), queryString, startTime, endTime }),
    )
    for (;;) {
      const { status, results = [], statistics } = await client.send(new GetQueryResultsCommand({ queryId }))
      if (status === 'Complete') {
        const rows = results.map((row) => Object.fromEntries(row.map(({ field = '', value = '' }) => [field, value])))
        return { rows, bytes: statistics?.bytesScanned ?? 0 }
      }
      if (status !== 'Running' && status !== 'Scheduled')
        throw new CommandError(
          `CloudWatch Logs Insights did not answer (${status}).`,
          'Try again, or with a shorter --since.',
        )
      await sleep(500, undefined, { signal })
    }
  }

  return { linesSince, ...(hasInsights && { query }) }
}
