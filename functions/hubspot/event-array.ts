import { elementsOf } from '../platform/json-elements.ts'

/** The most events that one body may hold: ten times as many as HubSpot's app webhooks have, and no more than there is time for. */
export const maxEvents = 1000
/** The largest event that becomes a job, in bytes: what fits into SQS. */
export const maxEventBytes = 1024 * 1024

/**
 * The events of a body, each in its own bytes: HubSpot documents one object, and arrays for webhooks of another kind.
 * A body that is no array is one event. Never throws, and judges nothing.
 */
export function eventsIn(body: Uint8Array): Uint8Array[] {
  const events = elementsOf(body) ?? [body]
  return events.length > maxEvents ? events : events.flatMap((event) => elementsOf(event) ?? [event])
}
