import { randomUUID } from 'node:crypto'
import * as z from 'zod'
import { type Emulator, errorAnswer } from './aws.ts'

/** An event that was published. */
export type PublishedEvent = { bus: string; source: string; type: string; detail: unknown; at: Date }

const Input = z.object({
  Entries: z
    .array(
      z.object({
        EventBusName: z.string().default('default'),
        Source: z.string().min(1),
        DetailType: z.string().min(1).max(128),
        Detail: z.string().refine((text) => typeof JSON.parse(text) === 'object'),
        Time: z.number(),
      }),
    )
    .min(1)
    .max(10),
})

/** EventBridge's PutEvents. There are no rules here: `onEvent` is told every event. */
export function createEventBridge(onEvent: (event: PublishedEvent) => void): Emulator {
  return async ({ operation, body }) => {
    if (operation !== 'PutEvents')
      return errorAnswer({ error: 'UnknownOperationException', statusCode: 400 }, operation)
    const { Entries } = Input.parse(JSON.parse(body))
    for (const { EventBusName, Source, DetailType, Detail, Time } of Entries)
      onEvent({
        bus: EventBusName.split('/').at(-1)!,
        source: Source,
        type: DetailType,
        detail: JSON.parse(Detail),
        at: new Date(Time * 1000),
      })
    const answered = Entries.map(() => ({ EventId: randomUUID() }))
    return { statusCode: 200, body: JSON.stringify({ FailedEntryCount: 0, Entries: answered }) }
  }
}
