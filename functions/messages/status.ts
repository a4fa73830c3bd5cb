import * as z from 'zod'

/**
 * The status order. What is known of a message only rises through it: late, repeated and out-of-order receipts are normal.
 * `unconfirmed` is the relay's own conclusion and yields to anything the provider reports; `delivered` refutes `failed`.
 */
export const statusOrder = ['unconfirmed', 'sent', 'failed', 'delivered', 'read'] as const

/** What a provider, or the relay itself, can say about a message. */
export const Status = z.enum(statusOrder)
export type Status = z.infer<typeof Status>

/** HubSpot's word for a status, as `statusType` of its "update a message" endpoint. */
export const StatusType = z.enum(['SENT', 'FAILED', 'READ'])
export type StatusType = z.infer<typeof StatusType>

const statusTypes: Record<Status, StatusType> = {
  unconfirmed: 'FAILED',
  sent: 'SENT',
  failed: 'FAILED',
  delivered: 'SENT',
  read: 'READ',
}

/** HubSpot's word for a status. */
export function statusTypeOf(status: Status) {
  return statusTypes[status]
}

/** Whether agents see a status as FAILED. */
export const isFailure = (status: Status | undefined) => status === 'failed' || status === 'unconfirmed'

/** Whether `status` stands above what is known; everything stands above nothing. */
export function isAbove(status: Status, known: Status | undefined) {
  return known === undefined || statusOrder.indexOf(status) > statusOrder.indexOf(known)
}

/**
 * Whether an agent reads the same in HubSpot for both: the same word and, where that is FAILED, the same kind of reason.
 * So a provider's refusal replaces "no receipt came", and `delivered` after `sent` costs no request.
 */
export function readsTheSame(a: Status, b: Status | undefined) {
  return b !== undefined && statusTypes[a] === statusTypes[b] && (statusTypes[a] !== 'FAILED' || a === b)
}
