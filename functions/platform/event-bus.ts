import * as z from 'zod'
import type { FetchJson } from './fetch-json.ts'
import { type Credentials, signedHeaders } from './sign-request.ts'

/** An event as EventBridge carries it. */
export type BusEvent = { source: string; type: string; detail: object; at: Date }

/** A bus of EventBridge. */
export type EventBus = {
  /** Publishes events, in their order. Answers the places of those that the bus did not take. Throws where it took none. */
  publish(events: BusEvent[]): Promise<number[]>
}

/** What one request takes. */
const maxEntries = 10

const Answer = z.object({ Entries: z.array(z.object({ EventId: z.string().optional() })) })

/** A bus, by its name or ARN, in EventBridge's JSON protocol. What is refused for now, whoever publishes tries again. */
export function createEventBus(
  name: string,
  options: {
    region: string
    endpoint: string
    credentials(): Promise<Credentials>
    fetchJson: FetchJson
    now?(): number
  },
): EventBus {
  const { region, credentials, fetchJson, now = Date.now } = options
  const { host, href } = new URL(options.endpoint)

  async function putEvents(Entries: object[]) {
    const body = JSON.stringify({ Entries })
    const headers = { host, 'content-type': 'application/x-amz-json-1.1', 'x-amz-target': 'AWSEvents.PutEvents' }
    const signed = signedHeaders({ service: 'events', region, headers, body }, await credentials(), now())
    const { status, json } = await fetchJson(href, { method: 'POST', headers: signed, body })
    const answer = Answer.safeParse(json).data
    if (status === 200 && answer) return answer.Entries
    const { __type: kind = 'no document' } = Object(json) as { __type?: string }
    throw new Error(`EventBridge answered HTTP ${status} (${kind})`)
  }

  return {
    async publish(events) {
      const refused: number[] = []
      for (let from = 0; from < events.length; from += maxEntries) {
        const entries = events.slice(from, from + maxEntries).map(({ source, type, detail, at }) => ({
          EventBusName: name,
          Source: source,
          DetailType: type,
          Detail: JSON.stringify(detail),
          Time: at.getTime() / 1000,
        }))
        const taken = await putEvents(entries)
        refused.push(...entries.flatMap((_, index) => (taken[index]?.EventId === undefined ? [from + index] : [])))
      }
      return refused
    },
  }
}
