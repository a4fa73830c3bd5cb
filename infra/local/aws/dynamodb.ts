import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http'
import { Readable } from 'node:stream'
import dynalite from 'dynalite'
import * as z from 'zod'
import type { AwsAnswer, Emulator } from './aws.ts'

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
})

/** DynamoDB in memory, by dynalite. */
export function createDynamoDb(): Emulator {
  const [handle] = dynalite({ createTableMs: 0 }).listeners('request') as [RequestListener]

  // Its handler is given a request that has arrived in full: dynalite throws, beyond anybody's reach, when the
  // connection of a caller breaks, which happens here each time a function is killed at its work.
  return ({ headers, body }) =>
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
}
