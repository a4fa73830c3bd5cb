import { type Command, Option } from 'commander'
import { ageInMilliseconds, digits, positive } from '../arguments.ts'
import type { Context } from '../context.ts'
import type { Deployment } from '../deployment.ts'
import { lookedThrough, maxRows, monthInMilliseconds, timeOfRow } from '../logs.ts'
import { isWithin } from '../narrow.ts'
import { tableOf } from '../table.ts'
import type { Terminal } from '../terminal.ts'

/** `message list`: the messages that HubSpot was told of, by what the functions have logged: no table is read. */
export function addMessageListCommand(message: Command, { terminal, deployment }: Context) {
  message
    .command('list')
    .description(
      'lists the messages that HubSpot was told of, or that wait, the latest first, each with its last status',
    )
    .option('--failed', 'only those that are FAILED')
    .addOption(new Option('--status <word>', 'only those of one status').choices(words).conflicts('failed'))
    .addOption(new Option('--waiting', 'only those that wait, and for what').conflicts(['failed', 'status']))
    .addOption(
      new Option('--since <age>', 'told of, or tried, within this time: 90s, 15m, 2h, 3d')
        .default(monthInMilliseconds, '30d')
        .argParser(ageInMilliseconds),
    )
    .option('--portal <id>', 'only those of one HubSpot account', digits)
    .option('--channel <id>', 'only those of one channel', digits)
    .option('--account <id>', 'only those of one channel account', digits)
    .option('--reason <text>', 'only those whose reason contains this')
    .addOption(new Option('--limit <number>', 'so many at most').default(50).argParser(positive))
    .option('--json', 'print them as JSON')
    .addHelpText(
      'after',
      '\nWhat HubSpot could not be told of is among the dead letters:\nnpm run relay -- dead-letters list',
    )
    .action(async (options: Options) => {
      const { told, bytes, isAll } = await messagesTold(await deployment(), terminal, options)
      const found = told.filter((told) => isMeant(told, options))
      const shown = found.toSorted((a, b) => b.at - a.at).slice(0, options.limit)
      const inJson = shown.map(({ at, ...told }) => ({ at: new Date(at).toISOString(), ...told }))
      terminal.note(lookedThrough({ age: options.since, bytes }))
      if (!isAll)
        terminal.note(
          `These are the latest ${maxRows}, the most that Logs Insights gives: --portal or --since narrows it.`,
        )
      if (options.json) return terminal.print(JSON.stringify(inJson, undefined, 2))
      if (shown.length > 0) terminal.print(table(shown, terminal))
      const more = found.length > shown.length ? ` of ${found.length}; --limit shows more` : ''
      terminal.print(`${shown.length} ${shown.length === 1 ? 'message' : 'messages'}${more}.`)
    })
}

type Options = {
  failed?: boolean
  status?: string
  waiting?: boolean
  since: number
  portal?: string
  channel?: string
  account?: string
  reason?: string
  limit: number
  json?: boolean
}

const words = ['sent', 'failed', 'read']

/** What HubSpot was told last of a message, or WAITING where a job of it waits. */
type ToldMessage = {
  /** When it was told; of one that waits, when that was noted last. In milliseconds since 1970. */
  at: number
  portalId: string
  channelId: string
  channelAccountId: string | undefined
  messageId: string
  statusType: string
  reason: string | undefined
  source: string | undefined
}

async function messagesTold({ logs }: Deployment, terminal: Terminal, options: Options) {
  const since = Date.now() - options.since
  if (!logs.query) return { told: await lastOfEach(logs.linesSince(since)), bytes: undefined, isAll: true }
  const { rows, bytes } = await logs.query(queryFor(options), { since, signal: terminal.signal })
  return { told: rows.map(toldMessageFrom), bytes, isAll: rows.length < maxRows }
}

/** A row of what Logs Insights finds. */
export function toldMessageFrom(row: Record<string, string>): ToldMessage {
  const { at = '', told, portalId = '', channelId = '', messageId = '', account, last, word = '', why, by } = row
  const isWaiting = last === 'Waiting'
  return {
    at: (!isWaiting && Number(told)) || timeOfRow(at),
    portalId,
    channelId,
    channelAccountId: account || undefined,
    messageId,
    statusType: isWaiting ? 'WAITING' : word,
    reason: why || undefined,
    source: by || undefined,
  }
}

/** The log lines that say how far a message has come, up to what HubSpot was told. */
const milestones = ['Told HubSpot', 'Waiting', 'Send outcome queued', 'Nothing new', 'Dead-lettered']

/** What is asked of Logs Insights. Nothing but numbers and fixed words gets into it. */
export function queryFor({ failed, status, waiting, portal, channel, account }: Partial<Options>) {
  const word = failed ? 'FAILED' : status?.toUpperCase()
  const ids = [portal && `portalId = "${portal}"`, channel && `channelId = "${channel}"`].filter(Boolean)
  return [
    'fields @timestamp, toMillis(@timestamp) * strcontains(message, "Told HubSpot") as toldAt',
    `filter ${[`message in ${JSON.stringify(milestones)}`, 'ispresent(messageId)', ...ids].join(' and ')}`,
    'stats max(@timestamp) as at, max(toldAt) as told, latest(message) as last, latest(statusType) as word, latest(reason) as why, latest(source) as by, latest(channelAccountId) as account by portalId, channelId, messageId',
    waiting ? 'filter last = "Waiting"' : 'filter ispresent(word) or last = "Waiting"',
    ...(word ? [`filter word = "${word}" and last != "Waiting"`] : []),
    ...(account ? [`filter account = "${account}"`] : []),
    'sort at desc',
    `limit ${maxRows}`,
  ].join(' | ')
}

/** The same out of lines, where there is no Logs Insights. */
export async function lastOfEach(lines: AsyncIterable<{ at: number; message: string } & Partial<ToldMessage>>) {
  const found = new Map<string, ToldMessage & { last: string; toldAt: number | undefined }>()
  const all: ({ at: number; message: string } & Partial<ToldMessage>)[] = []
  for await (const line of lines) if (milestones.includes(line.message)) all.push(line)
  for (const { message, at, portalId, channelId, messageId, ...line } of all.toSorted((a, b) => a.at - b.at)) {
    if (!portalId || !channelId || !messageId) continue
    const key = `${portalId}#${channelId}#${messageId}`
    const before = found.get(key)
    const { channelAccountId = before?.channelAccountId, statusType = before?.statusType ?? '' } = line
    const { reason = before?.reason, source = before?.source } = line
    const toldAt = message === 'Told HubSpot' ? at : before?.toldAt
    const ids = { portalId, channelId, channelAccountId, messageId }
    found.set(key, { at, ...ids, statusType, reason, source, last: message, toldAt })
  }
  return [...found.values()].flatMap(({ last, toldAt, ...told }) => {
    if (last === 'Waiting') return [{ ...told, statusType: 'WAITING' }]
    return told.statusType === '' ? [] : [{ ...told, at: toldAt ?? told.at }]
  })
}

function isMeant({ portalId, channelId, channelAccountId, statusType, reason = '' }: ToldMessage, options: Options) {
  const word = options.failed ? 'FAILED' : options.waiting ? 'WAITING' : options.status?.toUpperCase()
  return (
    isWithin({ portalId, channelId }, options) &&
    (options.account ?? channelAccountId) === channelAccountId &&
    (word ?? statusType) === statusType &&
    reason.toLowerCase().includes((options.reason ?? '').toLowerCase())
  )
}

const table = (messages: ToldMessage[], { columns }: Terminal) =>
  tableOf(
    ['Told', 'Portal', 'Channel', 'Message', 'Status', 'Reason'],
    messages.map(({ at, portalId, channelId, messageId, statusType, reason }) => [
      `${new Date(at).toISOString().slice(0, 19)}Z`,
      portalId,
      channelId,
      messageId,
      statusType,
      (['FAILED', 'WAITING'].includes(statusType) && reason) || '',
    ]),
    columns,
  )
