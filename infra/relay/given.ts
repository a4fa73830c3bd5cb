import { readFile } from 'node:fs/promises'
import { InvalidArgumentError } from 'commander'
import { Digits } from '../../functions/messages/jobs.ts'
import { ForwardAccount } from '../../functions/providers/forward/account.ts'
import type { Terminal } from './terminal.ts'
import { Trouble } from './trouble.ts'

/** The text of a file, or of the standard input where the file is `-`. */
export async function readGiven(terminal: Terminal, file: string) {
  if (file === '-') return terminal.readInput()
  try {
    return await readFile(file, 'utf8')
  } catch (error) {
    throw new Trouble(`${file} cannot be read.`, 'Check the path.', { cause: error })
  }
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
