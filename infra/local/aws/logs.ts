import * as z from 'zod'
import { type Emulator, errorAnswer } from './aws.ts'

/** CloudWatch Logs in memory: DescribeLogGroups, and FilterLogEvents by time, a page at a time. */
export function createLogs() {
  const groups = new Map<string, { timestamp: number; message: string }[]>()

  /** Keeps a line that a function wrote. */
  function write(group: string, message: string) {
    const lines = groups.get(group) ?? []
    groups.set(group, lines)
    if (lines.push({ timestamp: Date.now(), message }) > maxLines) lines.shift()
  }

  const emulate: Emulator = async ({ operation, body }) => {
    const { logGroupName = '', startTime, nextToken } = Input.parse(JSON.parse(body))
    if (operation === 'DescribeLogGroups')
      return answer({ logGroups: [...groups.keys()].map((name) => ({ logGroupName: name })) })
    if (operation !== 'FilterLogEvents')
      return errorAnswer({ error: 'UnknownOperationException', statusCode: 400 }, operation)
    const lines = (groups.get(logGroupName) ?? []).filter(({ timestamp }) => timestamp >= startTime)
    const from = Number(nextToken ?? 0)
    const isLast = from + pageLength >= lines.length
    return answer({
      events: lines.slice(from, from + pageLength),
      ...(!isLast && { nextToken: String(from + pageLength) }),
    })
  }

  return { emulate, write }
}

const pageLength = 1000
const maxLines = 100_000

const answer = (document: object) => ({ statusCode: 200, body: JSON.stringify(document) })

const Input = z.object({
  logGroupName: z.string().optional(),
  startTime: z.number().default(0),
  nextToken: z.string().optional(),
})
