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

/**
 * A status update with what is needed as it is usually written: ids that are whole numbers as texts, a status in small
 * letters, and what says nothing left out: null for what may be absent, the only one of one part.
 */
export function inUsualForm(update: unknown) {
  // What is no object has none of the fields that are needed.
  const fields: Record<string, unknown> = { ...(update as object) }
  for (const name of optional) if (fields[name] === null) delete fields[name]
  for (const name of ids) fields[name] = wholeNumber(fields[name]) ?? fields[name]
  if (typeof fields['status'] === 'string') fields['status'] = fields['status'].trim().toLowerCase()
  const part = fields['part'] as { of?: unknown } | undefined
  if (part?.of === 1) delete fields['part']
  // Only the relay itself has a reason to set it.
  if (fields['onSilence'] !== true) delete fields['onSilence']
  return fields
}

const optional = ['type', 'channelAccountId', 'part', 'verifiedBy']
const ids = ['portalId', 'channelId', 'channelAccountId', 'messageId']

/** Whether a time in ISO 8601 is one at which something of a message may have happened. */
export const isLikelyTime = (time: string) => readTime(time, 0) !== undefined

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
  id: shortened,
  providerMessageId: shortened,
  occurredAt: (time) => inIso(time) ?? new Date().toISOString(),
  messageCreatedAt: (time) => inIso(time),
  traceId: (traceId) => textOf(traceId, 128),
}

const textOf = (value: unknown, length: number) =>
  typeof value === 'string' ? value.slice(0, length).toWellFormed() : undefined

/** A number's digits; of a text, which is too long, what stands for it alone. */
function shortened(id: unknown) {
  if (typeof id !== 'string') return wholeNumber(id)
  return createHash('sha256').update(id.toWellFormed()).digest('base64url')
}

function inIso(time: unknown) {
  const read = readTime(time, Date.now())
  return read === undefined ? undefined : new Date(read).toISOString()
}
