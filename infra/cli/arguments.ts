import { readFile } from 'node:fs/promises'
import { InvalidArgumentError } from 'commander'
import { Digits, Id } from '../../functions/messages/ids.ts'
import { parseJson } from '../../functions/platform/json.ts'
import { ForwardAccount } from '../../functions/providers/forward/account.ts'
import { CommandError } from './command-error.ts'
import type { Terminal } from './terminal.ts'

/** The text of a file, or of the standard input where the file is `-`. */
export async function readGiven(terminal: Terminal, file: string) {
  if (file === '-') return terminal.readInput()
  try {
    return await readFile(file, 'utf8')
  } catch (error) {
    throw new CommandError(`${file} cannot be read.`, 'Check the path.', { cause: error })
  }
}

/** The same, as JSON. */
export async function readDocument(terminal: Terminal, file: string): Promise<unknown> {
  const document = parseJson(await readGiven(terminal, file))
  if (document === undefined) throw new CommandError('What was given is not JSON, and nothing was changed.')
  return document
}

/** Asks before something that cannot be undone. Where nobody can be asked, --yes has to say so. */
export async function confirm(terminal: Terminal, question: string, { yes }: { yes?: boolean | undefined }) {
  if (yes) return
  if (!terminal.isInteractive)
    throw new CommandError('Nothing was changed, since nobody can be asked here.', `With --yes: ${question}`)
  const answer = await terminal.ask(`${question} Type yes to go on:`)
  if (answer.trim().toLowerCase() !== 'yes') throw new CommandError('Nothing was changed.')
}

/** The URL of an endpoint, as an argument: HTTPS, or plain HTTP on loopback. */
export function endpoint(text: string) {
  if (!ForwardAccount.shape.url.safeParse(text).success) throw new InvalidArgumentError('It must be an https:// URL.')
  return text
}

/** A portal's or a channel's id, as an argument. */
export function digits(text: string) {
  if (!Digits.safeParse(text).success) throw new InvalidArgumentError('It must be a number, as HubSpot shows it.')
  return text
}

/** A message's id, HubSpot's or the provider's, as an argument. */
export function messageId(text: string) {
  if (!Id.safeParse(text).success)
    throw new InvalidArgumentError('It must be an id, as HubSpot or the provider shows it.')
  return text
}

/** A count, as an argument. */
export function positive(text: string) {
  if (!/^[1-9]\d{0,5}$/.test(text)) throw new InvalidArgumentError('It must be a number from 1 to 999999.')
  return Number(text)
}

/** How long ago, as an argument, in milliseconds. */
export function ageInMilliseconds(text: string) {
  const [, number, unit] = /^(\d+)([smhd])$/.exec(text) ?? []
  const age = Number(number) * (units[unit ?? ''] ?? Number.NaN)
  if (!(age <= maxAge))
    throw new InvalidArgumentError('It must be a number and a unit, of up to ten years: 90s, 15m, 2h or 3d.')
  return age
}

// Nothing that CloudWatch keeps for a time is older.
const maxAge = 3653 * 86_400_000

const units: Record<string, number> = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 }
