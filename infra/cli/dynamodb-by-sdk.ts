import {
  BatchGetItemCommand,
  type DynamoDBClient,
  GetItemCommand,
  PutItemCommand,
  UpdateItemCommand,
} from '@aws-sdk/client-dynamodb'
import type { DynamoDb } from '../../functions/platform/dynamodb.ts'

/** DynamoDB by the SDK's client, which finds an operator's credentials wherever AWS's tools keep them. */
export function dynamoDbBySdk(client: DynamoDBClient): DynamoDb {
  const calls = {
    BatchGetItem: (input: never) => client.send(new BatchGetItemCommand(input)),
    GetItem: (input: never) => client.send(new GetItemCommand(input)),
    PutItem: (input: never) => client.send(new PutItemCommand(input)),
    UpdateItem: (input: never) => client.send(new UpdateItemCommand(input)),
  }
  return ((operation: keyof typeof calls, input: never) => calls[operation](input)) as DynamoDb
}
