import {
  ConditionalCheckFailedException,
  type DynamoDBClient,
  GetItemCommand,
  PutItemCommand,
} from '@aws-sdk/client-dynamodb'
import { marshall, unmarshall } from '@aws-sdk/util-dynamodb'

/** An item that carries the number of its version, so that nobody writes over a change that they have not seen. */
export type Versioned = { pk: string; version: number }

/** A DynamoDB table with the key `pk`. */
export type Table = {
  /** The item, read consistently. */
  get(pk: string): Promise<unknown>
  /** Writes the item if the table still holds version `item.version - 1` of it (0: no item). False where it does not. */
  putIfNextVersion(item: Versioned): Promise<boolean>
}

/** A table in DynamoDB. */
export function createTable(client: DynamoDBClient, name: string): Table {
  return {
    async get(pk) {
      const { Item } = await client.send(
        new GetItemCommand({ TableName: name, Key: { pk: { S: pk } }, ConsistentRead: true }),
      )
      return Item && unmarshall(Item)
    },

    async putIfNextVersion(item) {
      const isFirst = item.version === 1
      try {
        await client.send(
          new PutItemCommand({
            TableName: name,
            Item: marshall(item, { removeUndefinedValues: true }),
            ConditionExpression: isFirst ? 'attribute_not_exists(pk)' : '#version = :seen',
            ...(isFirst
              ? {}
              : {
                  ExpressionAttributeNames: { '#version': 'version' },
                  ExpressionAttributeValues: { ':seen': { N: String(item.version - 1) } },
                }),
          }),
        )
        return true
      } catch (error) {
        if (error instanceof ConditionalCheckFailedException) return false
        throw error
      }
    },
  }
}
