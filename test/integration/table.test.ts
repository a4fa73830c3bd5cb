import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type BatchGetItemInput, CreateTableCommand, DynamoDBClient } from '@aws-sdk/client-dynamodb'
import dynalite from 'dynalite'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createAwsCall } from '../../functions/platform/aws-json.ts'
import type { DynamoDb } from '../../functions/platform/dynamodb.ts'
import { createFetchJson } from '../../functions/platform/fetch-json.ts'
import { RetryableError } from '../../functions/platform/retry.ts'
import { createTable, type Table } from '../../functions/platform/table.ts'
import { dynamoDbBySdk } from '../../infra/cli/dynamodb-by-sdk.ts'
import { createMemoryTable } from '../support/memory-table.ts'

let server: Server
let client: DynamoDBClient
let dynamoDb: DynamoDb

beforeAll(async () => {
  server = dynalite({ createTableMs: 0 }) as Server
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  const place = { endpoint: `http://127.0.0.1:${port}`, region: 'eu-central-1' }
  const credentials = { accessKeyId: 'local', secretAccessKey: 'local' }
  client = new DynamoDBClient({ ...place, credentials })
  const fetchJson = createFetchJson({ timeout: 5000 })
  dynamoDb = createAwsCall('dynamodb', { ...place, credentials: async () => credentials, fetchJson }) as DynamoDb
  await client.send(
    new CreateTableCommand({
      TableName: 'items',
      KeySchema: [{ AttributeName: 'pk', KeyType: 'HASH' }],
      AttributeDefinitions: [{ AttributeName: 'pk', AttributeType: 'S' }],
      BillingMode: 'PAY_PER_REQUEST',
    }),
  )
})
afterAll(() => {
  client.destroy()
  server.close()
})

let lastKey = 0

// What the tests' table promises is what DynamoDB does.
describe.each<[string, () => Table]>([
  ['the table in DynamoDB', () => createTable(dynamoDb, 'items')],
  ["the table in DynamoDB, by the SDK's client", () => createTable(dynamoDbBySdk(client), 'items')],
  ['the table in memory', createMemoryTable],
])('%s', (_name, create) => {
  const fresh = () => ({ table: create(), pk: `key-${++lastKey}` })

  test('holds nothing at first', async () => {
    const { table, pk } = fresh()

    expect(await table.get(pk)).toBeUndefined()
  })

  test('gives back what was put, without what was undefined', async () => {
    const { table, pk } = fresh()
    await table.putIfNextVersion({ pk, version: 1, list: [{ a: '1' }], nothing: undefined, number: 1.5 })

    expect(await table.get(pk)).toEqual({ pk, version: 1, list: [{ a: '1' }], number: 1.5 })
  })

  test('takes the next version only, once', async () => {
    const { table, pk } = fresh()

    expect(await table.putIfNextVersion({ pk, version: 2 })).toBe(false)
    expect(await table.putIfNextVersion({ pk, version: 1 })).toBe(true)
    expect(await table.putIfNextVersion({ pk, version: 1 })).toBe(false)
    expect(await table.putIfNextVersion({ pk, version: 2 })).toBe(true)
  })

  test('takes a first version over an item that has none', async () => {
    const { table, pk } = fresh()
    await table.addFrom(pk, 0, 1)

    expect(await table.putIfNextVersion({ pk, version: 1 })).toBe(true)
  })

  test('of many that write the same version at once, one succeeds', async () => {
    const { table, pk } = fresh()
    const answers = await Promise.all(
      Array.from({ length: 10 }, (_, i) => table.putIfNextVersion({ pk, version: 1, i })),
    )

    expect(answers.filter(Boolean)).toHaveLength(1)
  })

  test('adds from the floor where the value is lower or absent, else from the value', async () => {
    const { table, pk } = fresh()

    expect(await table.addFrom(pk, 100, 5)).toBe(105)
    expect(await table.addFrom(pk, 100, 5)).toBe(110)
    expect(await table.addFrom(pk, 200.5, 1)).toBe(201.5)
    expect(await table.addFrom(pk, 150, 0)).toBe(201.5)
  })

  test('loses no addition of many made at once', async () => {
    const { table, pk } = fresh()
    const values = await Promise.all(Array.from({ length: 20 }, () => table.addFrom(pk, 1000, 1)))

    expect(values.sort((a, b) => a - b)).toEqual(Array.from({ length: 20 }, (_, i) => 1001 + i))
  })
})

describe('reads that are asked for at once', () => {
  /** A table that holds `item-0`, `item-2`, … `item-98`; of what one request asks for, DynamoDB leaves `undone` for another. */
  function hurried(undone: (pk: string, among: number) => boolean) {
    const requests: number[] = []
    const answers = (async (operation: 'BatchGetItem', input: BatchGetItemInput) => {
      const { Keys = [] } = input.RequestItems!['items']!
      requests.push(Keys.length)
      const { Responses } = await dynamoDb(operation, input)
      const isUndone = (item: (typeof Keys)[number]) => undone(item['pk']!.S!, Keys.length)
      return {
        Responses: { items: Responses!['items']!.filter((item) => !isUndone(item)) },
        UnprocessedKeys: { items: { Keys: Keys.filter(isUndone) } },
      }
    }) as DynamoDb
    return { table: createTable(answers, 'items'), requests }
  }
  const even = Array.from({ length: 50 }, (_, index) => ({ pk: `item-${index * 2}`, version: 1 }))
  const itemOf = (pk: string) => even.find((item) => item.pk === pk)

  beforeAll(() => Promise.all(even.map((item) => createTable(dynamoDb, 'items').putIfNextVersion(item))))

  test('share one request, also where several ask for the same item', async () => {
    const { table, requests } = hurried(() => false)
    const pks = ['item-0', 'item-1', 'item-0', 'item-2']

    expect(await Promise.all(pks.map(table.get))).toEqual(pks.map(itemOf))
    expect(requests).toEqual([3])
    expect(await table.get('item-4')).toEqual(itemOf('item-4'))
  })

  test('each get their own item, whatever DynamoDB leaves undone', async () => {
    const keys = fc.array(fc.nat(99), { minLength: 1, maxLength: 130 })

    await fc.assert(
      fc.asyncProperty(keys, fc.func(fc.boolean()), async (numbers, isLeft) => {
        const { table } = hurried((pk, among) => among > 1 && isLeft(pk))
        const pks = numbers.map((number) => `item-${number}`)

        expect(await Promise.all(pks.map(table.get))).toEqual(pks.map(itemOf))
      }),
      { numRuns: 30 },
    )
  })

  test('are not cut off at the hundred that one request takes', async () => {
    const pks = Array.from({ length: 130 }, (_, index) => `item-${index}`)

    expect(await Promise.all(pks.map(createTable(dynamoDb, 'items').get))).toEqual(pks.map(itemOf))
  })

  test('do not suffer from one whose key DynamoDB refuses', async () => {
    const table = createTable(dynamoDb, 'items')
    const [refused, ...others] = await Promise.allSettled(['', 'item-0', 'item-1'].map(table.get))

    expect(refused?.status).toBe('rejected')
    expect(others).toEqual(['item-0', 'item-1'].map((pk) => ({ status: 'fulfilled', value: itemOf(pk) })))
  })

  test('do not take what stays undone for an item that is not there', async () => {
    const { table } = hurried(() => true)

    await expect(table.get('item-0')).rejects.toThrow(RetryableError)
  })
})
