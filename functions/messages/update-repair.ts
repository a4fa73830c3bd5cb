import { createHash } from 'node:crypto'
import { failureCode } from '../platform/failure-code.ts'
import { wholeNumber } from '../platform/json.ts'
import { readTime } from '../platform/times.ts'
import { sanitiseReason } from './sanitise-reason.ts'

/** The fields of a status update that nobody needs to know what became of a message. */
export const repairable = [
  'reason',
  'code',
  'source',
  'id',
  'providerMessageId',
  'occurredAt',
  'messageCreatedAt',
  'traceId',
] as const

/** A field of them. */
type Repairable = (typeof repairable)[number]

/** What can be made of those of these fields that came in another form; the rest is dropped. */
export function repaired(update: object, unexpected: Repairable[]) {
  const fields: Partial<Record<Repairable, unknown>> = update
  return Object.fromEntries(unexpected.map((name) => [name, repairs[name](fields[name])]))
}

const repairs: Record<Repairable, (value: unknown) => string | undefined> = {
  reason: (reason) => (typeof reason === 'string' ? sanitiseReason(reason) : undefined),
  code: failureCode,
  source: (source) => textOf(source, 64) || 'unknown',
  id: (id) => shortened(id, 128),
  providerMessageId: (id) => shortened(id, 512),
  occurredAt: (time) => inIso(time) ?? new Date().toISOString(),
  messageCreatedAt: (time) => inIso(time),
  traceId: (traceId) => textOf(traceId, 128),
}

const textOf = (value: unknown, length: number) =>
  typeof value === 'string' ? value.slice(0, length).toWellFormed() : undefined

/** An id as it is; one that is too long by what stands for it alone. */
function shortened(id: unknown, length: number) {
  const text = typeof id === 'string' ? id.toWellFormed() : wholeNumber(id)
  return text === undefined || text.length <= length ? text : createHash('sha256').update(text).digest('base64url')
}

function inIso(time: unknown) {
  const read = readTime(time, Date.now())
  return read === undefined ? undefined : new Date(read).toISOString()
}
