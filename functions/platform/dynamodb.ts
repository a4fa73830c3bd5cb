import type {
  BatchGetItemInput,
  BatchGetItemOutput,
  GetItemInput,
  GetItemOutput,
  PutItemInput,
  PutItemOutput,
  UpdateItemInput,
  UpdateItemOutput,
} from '@aws-sdk/client-dynamodb'

/** The operations that are needed, each with its input and output. */
type Operations = {
  GetItem: [GetItemInput, GetItemOutput]
  BatchGetItem: [BatchGetItemInput, BatchGetItemOutput]
  PutItem: [PutItemInput, PutItemOutput]
  UpdateItem: [UpdateItemInput, UpdateItemOutput]
}

/** Calls DynamoDB. Throws an error that has DynamoDB's name for it, and `$metadata` as the SDK's errors have. */
export type DynamoDb = <Operation extends keyof Operations>(
  operation: Operation,
  input: Operations[Operation][0],
) => Promise<Operations[Operation][1]>
