import { setTimeout as wait } from 'node:timers/promises'
import type { DynamoDBRecord } from 'aws-lambda'
import * as z from 'zod'
import type { LambdaFunction } from './lambda.ts'

/** The properties of `AWS::Lambda::EventSourceMapping` on a table's stream; strict, for any other one would change its work. */
export const StreamSourceProperties = z.strictObject({
  EventSourceArn: z.string().regex(/:table\/.+\/stream\//),
  FunctionName: z.string(),
  BatchSize: z.number().default(100),
  MaximumBatchingWindowInSeconds: z.number().default(0),
  FilterCriteria: z
    .strictObject({
      Filters: z.array(z.object({ Pattern: z.string().transform((text): unknown => JSON.parse(text)) })),
    })
    .optional(),
  FunctionResponseTypes: z.array(z.literal('ReportBatchItemFailures')),
  StartingPosition: z.literal('TRIM_HORIZON'),
  // Nothing is tried for that long here.
  MaximumRecordAgeInSeconds: z.number().min(3600),
  DestinationConfig: z.strictObject({ OnFailure: z.strictObject({ Destination: z.string() }) }),
  Tags: z.unknown().optional(),
})

/** The changes of a table, in their order. */
export type Stream = {
  /** Takes those that are there out, so many at most; waits for the first. */
  take(atMost: number, signal: AbortSignal): Promise<DynamoDBRecord[]>
  /** Puts some back, to be taken next. */
  putBack(records: DynamoDBRecord[]): void
  /** How many nobody has worked off. */
  waiting(): number
}

/**
 * Lambda's poller for a stream: one batch after the other, and what failed again, with all that came after it, until it is
 * done.
 */
export function startStreamSource({
  stream,
  properties,
  invoke,
}: {
  stream: Stream
  properties: z.infer<typeof StreamSourceProperties>
  invoke: LambdaFunction['invoke']
}) {
  const stopped = new AbortController()
  let working = 0

  void poll()
  async function poll() {
    while (!stopped.signal.aborted) {
      const batch = await gather().catch(() => [])
      working = batch.length
      const left = batch.length > 0 ? await leftOf(batch) : []
      stream.putBack(left)
      working = 0
      if (left.length > 0) await wait(200, undefined, { signal: stopped.signal }).catch(() => {})
    }
  }

  async function gather() {
    const first = await stream.take(properties.BatchSize, stopped.signal)
    const batch = first.filter(isWanted)
    if (batch.length === 0) return []
    working = batch.length
    await wait(Math.min(100, properties.MaximumBatchingWindowInSeconds * 1000))
    if (stream.waiting() > 0 && batch.length < properties.BatchSize)
      batch.push(...(await stream.take(properties.BatchSize - batch.length, stopped.signal)).filter(isWanted))
    return batch
  }

  /** What is to be handed out again: all from the first one that the function names. */
  async function leftOf(batch: DynamoDBRecord[]) {
    const outcome = await invoke({ Records: batch })
    if (outcome.error) return batch
    const { batchItemFailures } = Answer.parse(outcome.payload ?? {})
    const places = batchItemFailures.map(({ itemIdentifier }) =>
      batch.findIndex(({ dynamodb }) => dynamodb?.SequenceNumber === itemIdentifier),
    )
    return places.length > 0 ? batch.slice(Math.max(0, Math.min(...places))) : []
  }

  const isWanted = (record: DynamoDBRecord) =>
    properties.FilterCriteria?.Filters.some(({ Pattern }) => fits(record, Pattern)) ?? true

  return {
    /** Changes that nobody has worked off. */
    pending: () => working + stream.waiting(),
    async close() {
      stopped.abort()
    },
  }
}

const Answer = z.object({ batchItemFailures: z.array(z.object({ itemIdentifier: z.string() })).default([]) })

/**
 * Whether something fits a filter, of as much of their language as the relay uses. Throws at what it does not know.
 * https://docs.aws.amazon.com/lambda/latest/dg/invocation-eventfiltering.html
 */
function fits(value: unknown, pattern: unknown): boolean {
  if (Array.isArray(pattern)) return pattern.some((rule) => fitsRule(value, rule))
  return Object.entries(pattern as object).every(([name, inner]) =>
    fits(typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[name] : undefined, inner),
  )
}

const Rule = z.union([z.strictObject({ exists: z.boolean() }), z.strictObject({ prefix: z.string() }), z.string()])

function fitsRule(value: unknown, rule: unknown) {
  const known = Rule.parse(rule)
  if (typeof known === 'string') return value === known
  return 'exists' in known ? (value !== undefined) === known.exists : String(value ?? '').startsWith(known.prefix)
}
