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
  messageId: z.string().optional(),
  statusType: z.string().optional(),
  reason: z.string().optional(),
  source: z.string().optional(),
})

/** What the functions of a relay have logged. */
export type Logs = {
  /** Their lines since a time, group by group; those that are no documents of theirs are left out. */
  linesSince(since: number): AsyncGenerator<LogLine>
  /** What CloudWatch Logs Insights finds in them: a row each, its fields by name. Absent where there is none. */
  query?(query: string, options: { since: number; signal: AbortSignal }): Promise<Record<string, string>[]>
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
      const { status, results = [] } = await client.send(new GetQueryResultsCommand({ queryId }))
      if (status === 'Complete')
        return results.map((row) => Object.fromEntries(row.map(({ field = '', value = '' }) => [field, value])))
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
