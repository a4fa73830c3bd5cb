import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { CreateTableCommand, DynamoDBClient } from '@aws-sdk/client-dynamodb'
import dynalite from 'dynalite'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createTable, type Table } from '../../functions/platform/table.ts'
import { createMemoryTable } from '../support/memory-table.ts'

let server: Server
let client: DynamoDBClient

beforeAll(async () => {
  server = dynalite({ createTableMs: 0 }) as Server
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  client = new DynamoDBClient({
    endpoint: `http://127.0.0.1:${port}`,
    region: 'eu-central-1',
    credentials: { accessKeyId: 'local', secretAccessKey: 'local' },
  })
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
  ['the table in DynamoDB', () => createTable(client, 'items')],
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
