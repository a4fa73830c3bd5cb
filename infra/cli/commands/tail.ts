import { setTimeout as sleep } from 'node:timers/promises'
import { type Command, Option } from 'commander'
import { ageInMilliseconds, digits } from '../arguments.ts'
import type { Context } from '../context.ts'
import type { LogLine } from '../logs.ts'
import type { Terminal } from '../terminal.ts'

/** `tail`: what the functions log, as it happens. */
export function addTailCommand(program: Command, { terminal, deployment }: Context) {
  program
    .command('tail')
    .description('follows what the functions log, until Ctrl-C')
    .addOption(
      new Option('--since <age>', 'from this long ago on: 90s, 15m, 2h')
        .default(10_000, '10s')
        .argParser(ageInMilliseconds),
    )
    .option('--portal <id>', 'only lines about one HubSpot account', digits)
    .option('--message <id>', "only lines about one message, by HubSpot's id")
    .option('--problems', 'only warnings and errors')
    .option('--json', 'print each line as it was written')
    .action(async (options: Options) => {
      const { logs, isLocal } = await deployment()
      const seen = new Set<string>()
      let from = Date.now() - options.since
      while (!terminal.signal.aborted) {
        const found: LogLine[] = []
        for await (const line of logs.linesSince(from)) {
          const id = JSON.stringify(line)
          if (seen.has(id)) continue
          seen.add(id)
          if (isMeant(line, options)) found.push(line)
        }
        for (const line of found.toSorted((a, b) => a.at - b.at))
          terminal.print(options.json ? JSON.stringify(line) : inWords(line, terminal))
        // CloudWatch may show a line some seconds after those that were written later.
        from = Math.max(from, Date.now() - (isLocal ? 2000 : 30_000))
        await sleep(isLocal ? 200 : 2000, undefined, { signal: terminal.signal }).catch(() => {})
      }
    })
}

type Options = { since: number; portal?: string; message?: string; problems?: boolean; json?: boolean }

const isMeant = (line: LogLine, { portal, message, problems }: Options) =>
  (portal ?? line.portalId) === line.portalId &&
  (message ?? line.messageId) === line.messageId &&
  (!problems || (line.level !== undefined && !['INFO', 'DEBUG'].includes(line.level)))

function inWords({ at, service = '', message, level, portalId, messageId, ...line }: LogLine, { colors }: Terminal) {
  const about = [messageId && `message ${messageId}`, portalId && `portal ${portalId}`].filter(Boolean).join(', ')
  const more = ['statusType', 'status', 'source', 'reason', 'why', 'problem', 'until', 'statusCode']
    .filter((name) => line[name] !== undefined)
    .map((name) => `${name}: ${String(line[name])}`)
    .join(', ')
  const sentence = level === 'WARN' || level === 'ERROR' || level === 'CRITICAL' ? colors.red(message) : message
  const time = new Date(at).toISOString().slice(11, 23)
  return [`${colors.dim(time)}  ${service.padEnd(17)}${sentence}`, about, more].filter(Boolean).join('  ')
}
