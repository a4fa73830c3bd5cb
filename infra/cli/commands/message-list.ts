import { type Command, Option } from 'commander'
import { ageInMilliseconds, digits, positive } from '../arguments.ts'
import type { Context } from '../context.ts'
import type { Deployment } from '../deployment.ts'
import { tableOf } from '../table.ts'
import type { Terminal } from '../terminal.ts'

/** `message list`: the messages that HubSpot was told of, by what the functions have logged: no table is read. */
export function addMessageListCommand(message: Command, { terminal, deployment }: Context) {
  message
    .command('list')
    .description('lists the messages that HubSpot was told of, the latest first, each with its last status')
    .option('--failed', 'only those that are FAILED')
    .addOption(new Option('--status <word>', 'only those of one status').choices(words).conflicts('failed'))
    .option('--since <age>', 'told of within this time: 90s, 15m, 2h, 3d', ageInMilliseconds, 86_400_000)
    .option('--portal <id>', 'only those of one HubSpot account', digits)
    .option('--channel <id>', 'only those of one channel', digits)
    .option('--reason <text>', 'only those whose reason contains this')
    .addOption(new Option('--limit <number>', 'so many at most').default(50).argParser(positive))
    .option('--json', 'print them as JSON')
    .addHelpText('after', '\nWhat HubSpot could not be told of is among the dead letters: relay dead-letters list.')
    .action(async (options: Options) => {
      const found = (await messagesTold(await deployment(), terminal, options)).filter((told) => isMeant(told, options))
      const shown = found.toSorted((a, b) => b.at - a.at).slice(0, options.limit)
      const inJson = shown.map(({ at, ...told }) => ({ at: new Date(at).toISOString(), ...told }))
      if (options.json) return terminal.print(JSON.stringify(inJson, undefined, 2))
      if (shown.length > 0) terminal.print(table(shown, terminal))
      const more = found.length > shown.length ? ` of ${found.length}; --limit shows more` : ''
      terminal.print(`${shown.length} ${shown.length === 1 ? 'message' : 'messages'}${more}.`)
    })
}

type Options = {
  failed?: boolean
  status?: string
  since: number
  portal?: string
  channel?: string
  reason?: string
  limit: number
  json?: boolean
}

const words = ['sent', 'failed', 'read']

/** What HubSpot was told last of a message. */
type Told = {
  at: number
  portalId: string
  channelId: string
  messageId: string
  statusType: string
  reason: string | undefined
  source: string | undefined
}

async function messagesTold({ logs }: Deployment, terminal: Terminal, options: Options): Promise<Told[]> {
  const since = Date.now() - options.since
  if (!logs.query) return lastOfEach(logs.linesSince(since))
  const rows = await logs.query(queryFor(options), { since, signal: terminal.signal })
  if (rows.length === most) terminal.note('There are more than Logs Insights gives: narrow it by --since or --portal.')
  return rows.map(({ at = '', portalId = '', channelId = '', messageId = '', word = '', why, by }) => ({
    at: timeOf(at),
    portalId,
    channelId,
    messageId,
    statusType: word,
    reason: why || undefined,
    source: by || undefined,
  }))
}

/** The most that Logs Insights gives. */
const most = 10_000

/** What is asked of Logs Insights. Nothing but numbers and fixed words gets into it. */
export function queryFor({ failed, status, portal, channel }: Partial<Options>) {
  const word = failed ? 'FAILED' : status?.toUpperCase()
  return [
    'fields @timestamp',
    `filter message = "HubSpot told"${portal ? ` and portalId = "${portal}"` : ''}${channel ? ` and channelId = "${channel}"` : ''}`,
    'stats max(@timestamp) as at, latest(statusType) as word, latest(reason) as why, latest(source) as by by portalId, channelId, messageId',
    ...(word ? [`filter word = "${word}"`] : []),
    'sort at desc',
    `limit ${most}`,
  ].join(' | ')
}

/** Logs Insights writes times as numbers or as dates without a zone, which are UTC. */
const timeOf = (text: string) => (/^\d+$/.test(text) ? Number(text) : Date.parse(`${text.replace(' ', 'T')}Z`))

async function lastOfEach(lines: AsyncIterable<{ at: number; message: string } & Partial<Told>>) {
  const last = new Map<string, Told>()
  for await (const { message, at, portalId, channelId, messageId, statusType, reason, source } of lines) {
    if (message !== 'HubSpot told' || !portalId || !channelId || !messageId || !statusType) continue
    const key = `${portalId}#${channelId}#${messageId}`
    if ((last.get(key)?.at ?? 0) <= at)
      last.set(key, { at, portalId, channelId, messageId, statusType, reason, source })
  }
  return [...last.values()]
}

function isMeant({ portalId, channelId, statusType, reason = '' }: Told, options: Options) {
  const word = options.failed ? 'FAILED' : options.status?.toUpperCase()
  return (
    (options.portal ?? portalId) === portalId &&
    (options.channel ?? channelId) === channelId &&
    (word ?? statusType) === statusType &&
    reason.toLowerCase().includes((options.reason ?? '').toLowerCase())
  )
}

const table = (messages: Told[], { columns }: Terminal) =>
  tableOf(
    ['Told', 'Portal', 'Channel', 'Message', 'Status', 'Reason'],
    messages.map(({ at, portalId, channelId, messageId, statusType, reason }) => [
      new Date(at).toISOString().slice(0, 19).replace('T', ' '),
      portalId,
      channelId,
      messageId,
      statusType,
      (statusType === 'FAILED' && reason) || '',
    ]),
    columns,
  )
