import { setTimeout as sleep } from 'node:timers/promises'
import type { Command } from 'commander'
import { type LedgerItem, messageOf } from '../../../functions/messages/record.ts'
import { maxReasonLength } from '../../../functions/messages/sanitise-reason.ts'
import type { StatusType } from '../../../functions/messages/status.ts'
import { statusToTell } from '../../../functions/messages/telling.ts'
import { relayVersion } from '../../relay/version.ts'
import { confirm } from '../arguments.ts'
import { CommandError } from '../command-error.ts'
import type { Context } from '../context.ts'
import { createAccess, type MessageAnswer } from '../hubspot-access.ts'
import type { Narrow } from '../narrow.ts'
import { narrowed, requireMessage } from './message.ts'

/** `probe <messageId>`: what this HubSpot account does with statuses, which HubSpot documents nowhere. */
export function addProbeCommand(program: Command, { terminal, deployment }: Context) {
  narrowed(
    program
      .command('probe')
      .description('finds out, on a test message of yours, what HubSpot really does with statuses; the agent sees it'),
  )
    .option('--yes', 'do not ask')
    .option('--json', 'print what was found as JSON')
    .option('--report', 'print what HubSpot did without ids or content, to be attached to an issue')
    .action(async (id: string, { yes, json, report, ...narrow }: Options) => {
      const found = await deployment()
      const item = await requireMessage(found, terminal, id, narrow)
      if (item.marks.length > 0)
        throw new CommandError(
          'HubSpot is being told of this message.',
          'Try again in some minutes, or with another one.',
        )
      const key = messageOf(item.pk)
      if (report) requireNew(item)
      const made = report ? ' Nobody but you should wait for it: it is a message that was sent to try this out.' : ''
      await confirm(terminal, `The status of message ${key.messageId} is changed some dozen times.${made}`, { yes })

      const { readMessage, patchMessage } = createAccess(found)
      const trial = createTrial({
        read: () => readMessage(key),
        patch: (statusType, errorMessage) => patchMessage(key, { statusType, errorMessage }),
        signal: terminal.signal,
        onCall: (calls) => terminal.progress('Calls of HubSpot', calls),
      })
      const before = await trial.read()
      if (!before.statusType) throw new CommandError(`HubSpot does not show the message (HTTP ${before.status}).`)
      try {
        const result = await probe(trial, before, { untold: item.told === undefined })
        if (report) terminal.print(asReport(result, found.outputs.HubSpotApiVersion))
        else terminal.print(json ? JSON.stringify(result, undefined, 2) : inWords(result))
      } finally {
        const toTell = statusToTell(item)
        const statusType = toTell?.statusType ?? (before.statusType as StatusType)
        const { statusType: held } = await trial.restore(statusType, toTell?.errorMessage ?? before.errorMessage)
        if (held !== statusType)
          terminal.note(`HubSpot does not take the message back to ${statusType}: it holds ${held}.`)
      }
    })
}

type Options = Narrow & { yes?: boolean; json?: boolean; report?: boolean }

/** A report is made on a message that was sent for it, not on one that a customer's conversation hangs on. */
function requireNew({ createdAt }: LedgerItem) {
  if (createdAt !== undefined && Date.now() - Date.parse(createdAt) < anHour) return
  throw new CommandError(
    'This message is older than an hour, so it was hardly made for this.',
    'Send one to yourself on the channel, and give its id.',
  )
}

const anHour = 3_600_000

/** What HubSpot did, in Markdown: words, status codes and figures, no ids and nothing that anybody wrote. */
function asReport(result: Result, apiVersion: string) {
  const about = { relay: relayVersion, apiVersion, day: new Date().toISOString().slice(0, 10) }
  return [
    'What HubSpot does with statuses, as found by `relay probe --report`:',
    '',
    '```json',
    JSON.stringify({ ...about, ...result }, undefined, 2),
    '```',
  ].join('\n')
}

/** Calls about one message: what was asked, and what HubSpot held afterwards. */
type Trial = ReturnType<typeof createTrial>

function createTrial(options: {
  read(): Promise<MessageAnswer>
  patch(statusType: StatusType, errorMessage?: string): Promise<MessageAnswer>
  signal: AbortSignal
  onCall(calls: number): void
}) {
  const { signal } = options
  let calls = 0
  const limits: { max?: string; intervalMilliseconds?: string; retryAfter?: string } = {}

  /** HubSpot's answer, once its rate limit allows one. */
  async function call(ask: () => Promise<MessageAnswer>, { whenStopped = false } = {}) {
    for (;;) {
      if (signal.aborted && !whenStopped) throw new CommandError('Interrupted.')
      options.onCall(++calls)
      const answer = await ask()
      const header = (name: string) => {
        const value = answer.headers[name]
        return typeof value === 'string' ? value : undefined
      }
      const max = header('x-hubspot-ratelimit-max')
      const intervalMilliseconds = header('x-hubspot-ratelimit-interval-milliseconds')
      if (max) Object.assign(limits, { max, intervalMilliseconds })
      if (answer.status !== 429) return answer
      limits.retryAfter = header('retry-after') ?? 'none'
      await sleep(10_000, undefined, { signal }).catch(() => {})
    }
  }

  return {
    limits,
    read: () => call(options.read),
    /** Tells HubSpot a status, then looks what it holds. */
    async tell(statusType: StatusType, errorMessage?: string): Promise<Outcome> {
      const { status } = await call(() => options.patch(statusType, errorMessage))
      const held = await call(options.read)
      const isTaken = status >= 200 && status < 300
      const outcome = isTaken ? (held.statusType === statusType ? 'taken' : 'ignored') : 'refused'
      return { asked: statusType, outcome, status, statusType: held.statusType, errorMessage: held.errorMessage }
    },
    /** The same, after Ctrl-C as well. */
    async restore(statusType: StatusType, errorMessage?: string) {
      await call(() => options.patch(statusType, errorMessage), { whenStopped: true })
      return call(options.read, { whenStopped: true })
    },
  }
}

type Outcome = {
  asked: StatusType
  /** `ignored`: answered 2xx, and of no effect. */
  outcome: 'taken' | 'ignored' | 'refused'
  status: number
  statusType: string | undefined
  errorMessage: string | undefined
}

type Result = Awaited<ReturnType<typeof probe>>

/** Tries what the relay has to live with, and says which settings follow. */
async function probe(trial: Trial, before: MessageAnswer, { untold }: { untold: boolean }) {
  const outcomeOf = async (statusType: StatusType) => {
    const { outcome, status } = await trial.tell(statusType, statusType === 'FAILED' ? testReason : undefined)
    return `${outcome} (HTTP ${status})`
  }
  const found = {
    'before it is told anything': untold ? before.statusType : 'not known: this message was told already',
    SENT: await outcomeOf('SENT'),
    'SENT once more': await outcomeOf('SENT'),
    'FAILED after SENT': await outcomeOf('FAILED'),
    errorMessage: await longestErrorMessage(trial),
    'SENT after FAILED': await outcomeOf('SENT'),
    READ: await outcomeOf('READ'),
    'SENT after READ': await outcomeOf('SENT'),
  }
  return { found, limits: trial.limits, settings: settingsFor(found, trial.limits) }
}

const testReason = 'A test by the status relay: this message has not failed'
const maxTried = 65_536

/** How long an error message may be, and what becomes of a longer one. A SENT in between keeps repetitions out of it. */
async function longestErrorMessage(trial: Trial) {
  async function held(length: number) {
    await trial.tell('SENT')
    const { outcome, errorMessage = '' } = await trial.tell('FAILED', 'x'.repeat(length))
    return outcome === 'taken' ? Math.min(length, errorMessage.length) : undefined
  }
  const whole = await held(maxTried)
  if (whole === maxTried) return { longest: maxTried, beyond: 'not tried' }
  if (whole !== undefined) return { longest: whole, beyond: 'cut' }
  let [taken, refused] = [0, maxTried]
  while (refused - taken > 1) {
    const length = Math.floor((taken + refused) / 2)
    if ((await held(length)) === undefined) refused = length
    else taken = length
  }
  return { longest: taken, beyond: 'refused' }
}

function settingsFor(
  found: {
    'before it is told anything': string | undefined
    'SENT after FAILED': string
    errorMessage: { longest: number }
  },
  { max }: Trial['limits'],
) {
  const settings: string[] = []
  const shown = found['before it is told anything']
  if (shown === 'SENT')
    settings.push('tellSent: "corrections" spares a request for each message: HubSpot shows SENT by itself.')
  else settings.push('tellSent: "always", as long as it is not known that HubSpot shows SENT by itself.')
  if (!found['SENT after FAILED'].startsWith('taken'))
    settings.push('unconfirmedAfter: as long as a receipt may take, for HubSpot keeps FAILED.')
  if (found.errorMessage.longest < maxReasonLength)
    settings.push(`Reasons have up to ${maxReasonLength} characters, more than this account keeps: see errorMessage.`)
  if (max && max !== '110') settings.push(`hubspot.requestLimit: ${max}.`)
  return settings
}

function inWords({ found, limits, settings }: Result) {
  const { longest, beyond } = found.errorMessage
  const rows = { ...found, errorMessage: `up to ${longest} characters; longer ones: ${beyond}` }
  const limit = limits.max
    ? `${limits.max} requests in ${Number(limits.intervalMilliseconds ?? 10_000) / 1000} s`
    : 'not said'
  return [
    ...Object.entries({ ...rows, 'rate limit': limit, 'Retry-After': limits.retryAfter ?? 'no limit met' }).map(
      ([what, how]) => `${what.padEnd(28)}${how}`,
    ),
    ...settings.map((setting) => `→ ${setting}`),
  ].join('\n')
}
