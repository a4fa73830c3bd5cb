import * as z from 'zod'
import type { AwsCall } from './aws-json.ts'

/** An event as EventBridge carries it. */
export type BusEvent = { source: string; type: string; detail: object; at: Date }

/** A bus of EventBridge. */
export type EventBus = {
  /** Publishes events in order. Returns the indexes of those that failed. Throws where all of a request did. */
  publish(events: BusEvent[]): Promise<number[]>
}

/** The most entries that a request takes. */
const maxEntries = 10

const Answer = z.object({ Entries: z.array(z.object({ EventId: z.string().optional() })) })

/** A bus, by its name or ARN. What fails for now is published again by the caller. */
export function createEventBus(name: string, call: AwsCall): EventBus {
  return {
    async publish(events) {
      const failed: number[] = []
      for (let from = 0; from < events.length; from += maxEntries) {
        const entries = events.slice(from, from + maxEntries).map(({ source, type, detail, at }) => ({
          EventBusName: name,
          Source: source,
          DetailType: type,
          Detail: JSON.stringify(detail),
          Time: at.getTime() / 1000,
        }))
        const { Entries: taken } = Answer.parse(await call('PutEvents', { Entries: entries }))
        failed.push(...entries.flatMap((_, index) => (taken[index]?.EventId === undefined ? [from + index] : [])))
      }
      return failed
    },
  }
}
