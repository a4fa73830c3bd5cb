import { randomUUID } from 'node:crypto'
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http'
import { Readable } from 'node:stream'
import { isDeepStrictEqual } from 'node:util'
import type { AttributeValue, DynamoDBRecord } from 'aws-lambda'
import dynalite from 'dynalite'
import * as z from 'zod'
import type { AwsAnswer, AwsCall, Emulator } from './aws.ts'
import type { Stream } from './stream-source.ts'

const KeySchema = z.array(z.object({ AttributeName: z.string(), KeyType: z.enum(['HASH', 'RANGE']) }))

/** The properties of `AWS::DynamoDB::Table` and `GlobalTable` that are run; named as DynamoDB's CreateTable names them. */
export const TableProperties = z.object({
  AttributeDefinitions: z.array(z.object({ AttributeName: z.string(), AttributeType: z.enum(['S', 'N', 'B']) })),
  KeySchema,
  GlobalSecondaryIndexes: z
    .array(
      z.object({
        IndexName: z.string(),
        KeySchema,
        Projection: z.object({
          ProjectionType: z.enum(['ALL', 'KEYS_ONLY', 'INCLUDE']),
          NonKeyAttributes: z.array(z.string()).optional(),
        }),
      }),
    )
    .optional(),
  StreamSpecification: z.strictObject({ StreamViewType: z.literal('NEW_AND_OLD_IMAGES') }).optional(),
})

/** DynamoDB in memory, by dynalite, and the streams of its tables, which that has not. */
export function createDynamoDb() {
  const [handle] = dynalite({ createTableMs: 0 }).listeners('request') as [RequestListener]
  const streams = new Map<string, ReturnType<typeof createStream>>()

  const emulate: Emulator = (call) => {
    const { TableName = '' } = call.operation in writes ? Write.parse(JSON.parse(call.body)) : {}
    const stream = streams.get(TableName)
    return stream ? stream.observe(call, ask) : ask(call)
  }

  // Its handler is given a request that has arrived in full: dynalite throws, beyond anybody's reach, when the
  // connection of a caller breaks, which happens here each time a function is killed at its work.
  const ask = ({ headers, body }: Pick<AwsCall, 'headers' | 'body'>) =>
    new Promise<AwsAnswer>((resolve) => {
      const request = Object.assign(Readable.from([Buffer.from(body)]), { method: 'POST', url: '/', headers })
      const response = {
        statusCode: 200,
        setHeader() {},
        end(text: string) {
          resolve({ statusCode: response.statusCode, body: text })
        },
      }
      handle(request as unknown as IncomingMessage, response as unknown as ServerResponse & { req: IncomingMessage })
    })

  return {
    emulate,
    /** The stream of a table: from now on its writes of one item each are observed. */
    streamOf(table: string): Stream {
      const stream = createStream()
      streams.set(table, stream)
      return stream
    },
  }
}

/** The writes that a stream shows, and where each has the key of its item. */
const writes = { PutItem: 'Item', UpdateItem: 'Key', DeleteItem: 'Key' }
const Write = z.object({
  TableName: z.string(),
  Key: z.record(z.string(), z.unknown()).optional(),
  Item: z.record(z.string(), z.unknown()).optional(),
})
const Got = z.object({ Item: z.record(z.string(), z.unknown()).optional() })
type Item = z.infer<typeof Got>['Item']

/** The changes of a table: before and after each write of an item the item is read, and its other writes wait meanwhile. */
function createStream() {
  const changes: DynamoDBRecord[] = []
  const lastOf = new Map<string, Promise<unknown>>()
  let awaited: (() => void) | undefined
  let sequence = 0

  function observe(call: AwsCall, ask: (call: Pick<AwsCall, 'headers' | 'body'>) => Promise<AwsAnswer>) {
    const { TableName, Key, Item } = Write.parse(JSON.parse(call.body))
    const pk = (Key ?? Item)!['pk']
    const headers = { ...call.headers, 'x-amz-target': 'DynamoDB_20120810.GetItem' }
    const body = JSON.stringify({ TableName, Key: { pk }, ConsistentRead: true })
    const read = async () => Got.parse(JSON.parse((await ask({ headers, body })).body)).Item
    const key = JSON.stringify(pk)
    const answer = (lastOf.get(key) ?? Promise.resolve()).then(async () => {
      const before = await read()
      const answered = await ask(call)
      if (answered.statusCode === 200) note(pk, before, await read())
      return answered
    })
    lastOf.set(key, answer)
    void answer.finally(() => lastOf.get(key) === answer && lastOf.delete(key))
    return answer
  }

  function note(pk: unknown, before: Item, after: Item) {
    if (isDeepStrictEqual(before, after)) return
    changes.push({
      eventID: randomUUID().replaceAll('-', ''),
      eventName: !before ? 'INSERT' : after ? 'MODIFY' : 'REMOVE',
      eventSource: 'aws:dynamodb',
      dynamodb: {
        ApproximateCreationDateTime: Math.floor(Date.now() / 1000),
        Keys: { pk: pk as AttributeValue },
        ...(before && { OldImage: before as Record<string, AttributeValue> }),
        ...(after && { NewImage: after as Record<string, AttributeValue> }),
        SequenceNumber: String(++sequence).padStart(21, '0'),
        StreamViewType: 'NEW_AND_OLD_IMAGES',
      },
    })
    awaited?.()
  }

  return {
    observe,
    async take(atMost: number, signal: AbortSignal) {
      while (changes.length === 0 && !signal.aborted)
        await new Promise<void>((resolve) => {
          awaited = resolve
          signal.addEventListener('abort', () => resolve(), { once: true })
        })
      return changes.splice(0, atMost)
    },
    putBack: (records: DynamoDBRecord[]) => void changes.unshift(...records),
    waiting: () => changes.length,
  }
}
