import * as z from 'zod'
import type { SendOutcome } from '../messages/record.ts'
import { failureCode } from '../platform/failure-code.ts'
import { type RetryAfter, RetryableError } from '../platform/retry.ts'
import type { Catalogue } from './catalogue.ts'

/**
 * What an answer that is no success means for a message. `final`: refused, for a reason that stays. `later`: not taken, and
 * another attempt may fare better. `account`: not taken, since something is wrong with the account, whatever the message is.
 * `in doubt`: perhaps taken.
 */
export type Verdict = 'final' | 'later' | 'account' | 'in doubt'

/** What each of a provider's codes means, by code. */
export type Verdicts = ReadonlyMap<string, Verdict>

/** A provider's code that is a number in its documents, also where it comes in quotes. */
export const NumericCode = z.union([
  z.number(),
  z
    .string()
    .regex(/^-?\d{1,9}$/)
    .transform(Number),
])

/** Thrown where a provider did not take a send, but may later: `sentence` for agents, and a `detail` for operators alone. */
export class ProviderError extends RetryableError {
  override name = 'ProviderError'
  readonly sentence: string

  constructor(
    sentence: string,
    { detail, ...options }: ConstructorParameters<typeof RetryableError>[1] & { detail?: string } = {},
  ) {
    super(detail === undefined ? sentence : `${sentence} (${detail})`, options)
    this.sentence = sentence
  }
}

/** A fault of the account (credentials, number, bot, plan): the message waits for somebody to mend it, who is told at once. */
export class AccountError extends ProviderError {
  override name = 'AccountError'
}

/** What an agent reads of a message that is given up for an error: the provider's sentence, and of a fault of our own only that. */
export const whyNotSent = (error: Error) =>
  error instanceof ProviderError
    ? `Not sent: ${error.sentence}`
    : 'Not sent, because of a technical fault. Send it again.'

/** The verdicts of a catalogue: each of its codes is final unless it is named here, and `byStatus` leaves it to the HTTP status. */
export function verdictsOf(
  catalogue: Catalogue,
  others: Record<Exclude<Verdict, 'final'>, readonly number[]> & { byStatus?: readonly number[] },
): Verdicts {
  const { byStatus = [], ...byVerdict } = others
  const verdicts = new Map<string, Verdict>(Object.keys(catalogue).map((code) => [code, 'final']))
  for (const [verdict, codes] of Object.entries(byVerdict))
    for (const code of codes) verdicts.set(`${code}`, verdict as Verdict)
  for (const code of byStatus) verdicts.delete(`${code}`)
  return verdicts
}

/**
 * What an answer means. A code that is known outranks the HTTP status: a daily limit is final also as a 429. A status says
 * that a request was not taken only where it says nothing else: a proxy in front of a provider may answer 503 in its place
 * while it works on the message.
 */
export function verdictOf(
  verdicts: Verdicts,
  { code, status }: { code: number | string | undefined; status: number },
): Verdict {
  const known = code === undefined ? undefined : verdicts.get(`${code}`)
  if (known) return known
  if ([425, 429].includes(status)) return 'later'
  if (status < 300 || status === 408 || status >= 500) return 'in doubt'
  if (status < 400 || status === 401) return 'account'
  // Without a word of the provider's own, the account is not paid for, or leads to a place that is not there, or that lets
  // nobody in.
  return code === undefined && [402, 403, 404, 405, 407].includes(status) ? 'account' : 'final'
}

/** Acts on a verdict: what came of the send, or an error that has it made later. `service` and `answer` are for the log. */
export function actOn(
  verdict: Verdict,
  {
    service,
    answer,
    reason,
    code,
    retryAfter,
  }: {
    service: string
    answer: string
    reason: () => string
    code?: number | string | undefined
    retryAfter?: RetryAfter | undefined
  },
): SendOutcome {
  if (verdict === 'final') return rejected(reason(), code)
  if (verdict === 'in doubt') return { outcome: 'in doubt' }
  if (verdict === 'account')
    throw new AccountError(`${service} does not accept this account as it is set up`, { detail: answer, retryAfter })
  throw new ProviderError(`${service} answered ${answer}`, { retryAfter })
}

type Rejected = Extract<SendOutcome, { outcome: 'rejected' }>

/** What came of a send that its provider refused for good, with the provider's code, if it gave one. */
export function rejected(reason: string, code: number | string | undefined): Rejected {
  const known = failureCode(code)
  return { outcome: 'rejected', reason, ...(known !== undefined && { code: known }) }
}

/** An answer in a few words: its code, if there is one, and its HTTP status. */
export const answerOf = (code: number | string | undefined, status: number) =>
  code === undefined ? `HTTP ${status}` : `error ${code}, HTTP ${status}`

/** Notes a code that no table knows, so that the tables can grow. */
export function noteUnknown(
  code: number | string | undefined,
  {
    verdicts,
    catalogue,
    note,
  }: { verdicts: Verdicts; catalogue: Catalogue; note: ((code: string) => void) | undefined },
) {
  if (code === undefined || verdicts.has(`${code}`) || Object.hasOwn(catalogue, code)) return
  note?.(String(code))
}
