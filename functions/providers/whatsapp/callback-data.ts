import { fromQuery, type Reference, referenceOf, toQuery } from '../references.ts'

/** The most that `biz_opaque_callback_data` holds, in characters. Meta returns it with every status of the message. */
export const maxCallbackDataLength = 512

const prefix = 'relay?'

/** What goes out with a send. */
export function callbackDataOf(send: Parameters<typeof referenceOf>[0]) {
  return prefix + toQuery(referenceOf(send))
}

/** The reference of the send that it went out with; undefined for what others sent. */
export function referenceFrom(callbackData: string): Reference | undefined {
  return callbackData.startsWith(prefix) ? fromQuery(callbackData.slice(prefix.length)) : undefined
}
