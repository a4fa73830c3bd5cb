import {
  ConditionalCheckFailedException,
  type DynamoDBClient,
  GetItemCommand,
  PutItemCommand,
  UpdateItemCommand,
} from '@aws-sdk/client-dynamodb'
import { marshall, unmarshall } from '@aws-sdk/util-dynamodb'

/** An item that carries the number of its version, so that nobody writes over a change that they have not seen. */
type Versioned = { pk: string; version: number }

/** A DynamoDB table with the key `pk`. */
export type Table = {
  /** The item, read consistently. */
  get(pk: string): Promise<unknown>
  /** Writes the item if the table still holds version `item.version - 1` of it (0: no item). False where it does not. */
  putIfNextVersion<Item extends Versioned>(item: Item): Promise<boolean>
  /** Adds to the item's `value`, counted from `floor` if it stands lower or there is none; returns the new value. */
  addFrom(pk: string, floor: number, add: number): Promise<number>
}

/** A table in DynamoDB. */
export function createTable(client: DynamoDBClient, name: string): Table {
  const lastValues = new Map<string, number>()

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
            ConditionExpression: isFirst ? 'attribute_not_exists(#version)' : '#version = :seen',
            ExpressionAttributeNames: { '#version': 'version' },
            ...(!isFirst && { ExpressionAttributeValues: { ':seen': { N: String(item.version - 1) } } }),
          }),
        )
        return true
      } catch (error) {
        if (error instanceof ConditionalCheckFailedException) return false
        throw error
      }
    },

    async addFrom(pk, floor, add) {
      // DynamoDB has no max(): one of two conditional writes applies. What stood there last tells the likelier one.
      const above = { UpdateExpression: 'SET #value = #value + :add', ConditionExpression: '#value >= :floor' }
      const below = {
        UpdateExpression: 'SET #value = :sum',
        ConditionExpression: 'attribute_not_exists(#value) OR #value < :floor',
      }
      let write = (lastValues.get(pk) ?? Number.NEGATIVE_INFINITY) >= floor ? above : below
      for (; ; write = write === above ? below : above) {
        const values = write === above ? { ':add': add, ':floor': floor } : { ':sum': floor + add, ':floor': floor }
        try {
          const { Attributes } = await client.send(
            new UpdateItemCommand({
              TableName: name,
              Key: { pk: { S: pk } },
              ...write,
              ExpressionAttributeNames: { '#value': 'value' },
              ExpressionAttributeValues: marshall(values),
              ReturnValues: 'UPDATED_NEW',
            }),
          )
          const value = Number(Attributes?.['value']?.N)
          lastValues.set(pk, value)
          return value
        } catch (error) {
          if (!(error instanceof ConditionalCheckFailedException)) throw error
        }
      }
    },
  }
}
