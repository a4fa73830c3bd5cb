import { setImmediate as allHaveAsked } from 'node:timers/promises'
import type { AttributeValue } from '@aws-sdk/client-dynamodb'
import { marshall, unmarshall } from '@aws-sdk/util-dynamodb'
import type { DynamoDb } from './dynamodb.ts'
import { RetryableError } from './retry.ts'

/** An item with its version number, so that nobody overwrites a change that they have not seen. */
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
export function createTable(dynamoDb: DynamoDb, name: string): Table {
  const lastValues = new Map<string, number>()

  return {
    get: readTogether(dynamoDb, name),

    async putIfNextVersion(item) {
      const isFirst = item.version === 1
      try {
        await dynamoDb('PutItem', {
          TableName: name,
          Item: marshall(item, { removeUndefinedValues: true }),
          ConditionExpression: isFirst ? 'attribute_not_exists(#version)' : '#version = :seen',
          ExpressionAttributeNames: { '#version': 'version' },
          ...(!isFirst && { ExpressionAttributeValues: { ':seen': { N: String(item.version - 1) } } }),
        })
        return true
      } catch (error) {
        if (isNamed(error, 'ConditionalCheckFailedException')) return false
        throw error
      }
    },

    async addFrom(pk, floor, add) {
      // DynamoDB has no max(): one of two conditional writes applies. The last value tells which is likelier.
      const above = { UpdateExpression: 'SET #value = #value + :add', ConditionExpression: '#value >= :floor' }
      const below = {
        UpdateExpression: 'SET #value = :sum',
        ConditionExpression: 'attribute_not_exists(#value) OR #value < :floor',
      }
      let write = (lastValues.get(pk) ?? Number.NEGATIVE_INFINITY) >= floor ? above : below
      for (; ; write = write === above ? below : above) {
        const values = write === above ? { ':add': add, ':floor': floor } : { ':sum': floor + add, ':floor': floor }
        try {
          const { Attributes } = await dynamoDb('UpdateItem', {
            TableName: name,
            Key: { pk: { S: pk } },
            ...write,
            ExpressionAttributeNames: { '#value': 'value' },
            ExpressionAttributeValues: marshall(values),
            ReturnValues: 'UPDATED_NEW',
          })
          const value = Number(Attributes?.['value']?.N)
          lastValues.set(pk, value)
          return value
        } catch (error) {
          if (!isNamed(error, 'ConditionalCheckFailedException')) throw error
        }
      }
    },
  }
}

/**
 * Reads an item, decides what to write in its place, if anything, and writes that as its next version; once more where
 * somebody else wrote first. Returns the item that the decision was made on.
 */
export async function changeItem(
  table: Pick<Table, 'get' | 'putIfNextVersion'>,
  pk: string,
  decide: (item: unknown) => object | undefined,
): Promise<unknown> {
  for (;;) {
    const item = await table.get(pk)
    const next = decide(item)
    if (!next || (await table.putIfNextVersion({ ...next, pk, version: versionOf(item) + 1 }))) return item
  }
}

const versionOf = (item: unknown) => Number(Object(item).version ?? 0)

/** Runs the client once, over a connection of its own. */
export async function touchTable(dynamoDb: DynamoDb, name: string) {
  await readItems(dynamoDb, name, ['warm-up'])
}

/** Reads that are made at the same time, such as those of a batch's records, share a request. */
function readTogether(dynamoDb: DynamoDb, name: string) {
  let gathering: { pks: Set<string>; items: Promise<Items> } | undefined

  function gather() {
    const pks = new Set<string>()
    const items = allHaveAsked().then(() => {
      gathering = undefined
      return readItems(dynamoDb, name, [...pks].slice(0, maxBatchItems))
    })
    return { pks, items }
  }

  return async (pk: string) => {
    gathering ??= gather()
    const { pks, items } = gathering
    pks.add(pk)
    const together = await items
    const read = together.has(pk) ? together : await readItems(dynamoDb, name, [pk])
    if (!read.has(pk)) throw new RetryableError('DynamoDB returned unprocessed keys')
    const item = read.get(pk)
    return item && unmarshall(item)
  }
}

// In one BatchGetItem.
const maxBatchItems = 100

/** Items by key, undefined where there is none. Keys that DynamoDB left unprocessed are missing. */
type Items = Map<string, Record<string, AttributeValue> | undefined>

async function readItems(dynamoDb: DynamoDb, name: string, pks: string[]): Promise<Items> {
  const Keys = pks.map((pk) => ({ pk: { S: pk } }))
  try {
    const { Responses, UnprocessedKeys } = await dynamoDb('BatchGetItem', {
      RequestItems: { [name]: { Keys, ConsistentRead: true } },
    })
    const items: Items = new Map(pks.map((pk) => [pk, undefined]))
    for (const key of UnprocessedKeys?.[name]?.Keys ?? []) items.delete(key['pk']!.S!)
    for (const item of Responses?.[name] ?? []) items.set(item['pk']!.S!, item)
    return items
  } catch (error) {
    // A key that DynamoDB rejects must not keep the others from being read.
    if (pks.length > 1 && isNamed(error, 'ValidationException')) return new Map()
    throw error
  }
}

const isNamed = (error: unknown, name: string) => error instanceof Error && error.name === name
