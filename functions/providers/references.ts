import * as z from 'zod'
import { Digits, Id } from '../messages/ids.ts'
import type { StatusUpdate } from '../messages/status-update.ts'

/** Our ids, as they go out with a send and come back with its receipts: no look-up is needed, whichever comes first. */
export type Reference = Pick<StatusUpdate, 'portalId' | 'channelId' | 'channelAccountId' | 'messageId' | 'part'>

/**
 * The names are a public contract, version 1 (docs/providers/references.md): teams that send by their own means use them, too.
 * Names that are not here are ignored; a reference of another version is none.
 */
const Query = z.object({
  v: z.literal('1').optional(),
  p: Digits,
  c: Digits,
  a: Id.optional(),
  m: Id,
  n: z
    .string()
    .regex(/^\d{1,4}\.\d{1,4}$/)
    .optional(),
})

/**
 * A reference in the form of a query string: `a=…&c=…&m=…&p=…`, with `n=0.3` for the first of three sends. The names are in
 * sorted order: Twilio signs a URL as it was given, and may call it with its query sorted.
 */
export function toQuery({ portalId: p, channelId: c, channelAccountId: a, messageId: m, part }: Reference) {
  return new URLSearchParams({ ...(a && { a }), c, m, ...(part && { n: `${part.index}.${part.of}` }), p }).toString()
}

/** The reference that `toQuery` was given; undefined for anything else. Never throws, whatever the text is. */
export function fromQuery(query: string): Reference | undefined {
  const {
    p: portalId,
    c: channelId,
    a: channelAccountId,
    m: messageId,
    n,
  } = Query.safeParse(Object.fromEntries(new URLSearchParams(query))).data ?? {}
  if (portalId === undefined || channelId === undefined || messageId === undefined) return undefined
  const [index = 0, of = 1] = n?.split('.').map(Number) ?? []
  return { portalId, channelId, channelAccountId, messageId, ...(of > 1 && index < of && { part: { index, of } }) }
}

/** The reference of a send. */
export function referenceOf({ job, index, of }: { job: Reference; index: number; of: number }): Reference {
  const { portalId, channelId, channelAccountId, messageId } = job
  return { portalId, channelId, channelAccountId, messageId, ...(of > 1 && { part: { index, of } }) }
}
