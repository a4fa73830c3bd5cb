import { describe, expect, test } from 'vitest'
import * as z from 'zod'
import { createAwsCall } from '../../../functions/platform/aws-json.ts'
import type { DynamoDb } from '../../../functions/platform/dynamodb.ts'
import { type FetchJson, type HttpResponse, NoAnswer } from '../../../functions/platform/fetch-json.ts'
import { SecretUnavailable } from '../../../functions/platform/fetch-secret.ts'
import { inTable } from '../../../functions/platform/secret-table.ts'
import { createSecrets } from '../../../functions/platform/secrets.ts'
import { collectTelemetry } from '../../support/telemetry.ts'

const Schema = z.object({ user: z.string(), key: z.string() })
const good = { user: 'ada', key: 'key-number-1' }

test('a secret is its document in the table, read by its name, consistently', async () => {
  const world = createWorld({ 3000000001: good })

  expect(await world.secrets.read('3000000001', Schema)).toEqual(good)
  expect(await world.secrets.read('2300310', Schema)).toBeUndefined()
  expect(world.requests).toEqual([
    { TableName: 'credentials', Key: { pk: { S: '3000000001' } }, ConsistentRead: true },
    { TableName: 'credentials', Key: { pk: { S: '2300310' } }, ConsistentRead: true },
  ])
})

test('is read once in five minutes, an absence once in one', async () => {
  const world = createWorld({ here: good })
  const readBoth = async () => [await world.secrets.read('here', Schema), await world.secrets.read('gone', Schema)]

  for (const seconds of [0, 59, 2, 200, 40]) {
    world.pass(seconds)
    await readBoth()
  }

  const reads = (id: string) => world.requests.filter(({ Key }) => Key.pk.S === id).length
  expect([reads('here'), reads('gone')]).toEqual([2, 3])
})

test.each([
  ['an item without a document', undefined],
  ['a document that is no JSON', 'key-number-1'],
])('%s is unavailable, and not quoted', async (_, document) => {
  const world = createWorld({})
  world.items.set('s', document)

  await expect(world.secrets.read('s', Schema)).rejects.toThrow('Secret s is not JSON')
})

describe('while DynamoDB', () => {
  const answer = (status: number, name: string) => ({ status, json: { __type: `com.amazon#${name}`, message: 'no' } })

  test.each<[string, Answer]>([
    ['is down', answer(500, 'InternalServerError')],
    ['throttles', answer(400, 'ThrottlingException')],
    ['has no room', answer(400, 'ProvisionedThroughputExceededException')],
    ['gives no answer', 'silence'],
  ])('%s, what was read serves for a day', async (_, failure) => {
    const world = createWorld({ s: good })
    await world.secrets.read('s', Schema)
    world.failure = failure

    world.pass(301)
    expect(await world.secrets.read('s', Schema)).toEqual(good)
    expect(world.telemetry.counts).toEqual({ StaleSecretsServed: 1 })
    world.pass(86_400)
    await expect(world.secrets.read('s', Schema)).rejects.toThrow(SecretUnavailable)
  })

  test.each<[string, Answer]>([
    ['refuses', answer(400, 'AccessDeniedException')],
    ['may not use the key', answer(400, 'KMSAccessDeniedException')],
    ['finds the key disabled', answer(400, 'KMSInvalidStateException')],
    ['finds the table closed', answer(400, 'InaccessibleEncryptionCredentialsException')],
  ])('%s, nothing serves any more, also after that', async (_, refusal) => {
    const world = createWorld({ s: good })
    await world.secrets.read('s', Schema)
    world.failure = refusal
    world.pass(301)

    await expect(world.secrets.read('s', Schema)).rejects.toThrow(SecretUnavailable)
    world.failure = 'silence'
    await expect(world.secrets.read('s', Schema)).rejects.toThrow(SecretUnavailable)
  })

  test('has no such table, no secret counts as absent', async () => {
    const world = createWorld({})
    world.failure = answer(400, 'ResourceNotFoundException')

    await expect(world.secrets.read('s', Schema)).rejects.toThrow('Secret s cannot be read: ResourceNotFoundException')
  })
})

type Answer = Pick<HttpResponse, 'status' | 'json'> | 'silence'

/** A table of secrets, by their names, and a clock that only moves when told. */
function createWorld(secrets: Record<string, object>) {
  let time = Date.parse('2026-11-28T12:00:00Z')
  const items = new Map<string, string | undefined>(
    Object.entries(secrets).map(([id, document]) => [id, JSON.stringify(document)]),
  )
  const telemetry = collectTelemetry()
  const world = {
    items,
    telemetry,
    requests: [] as { Key: { pk: { S: string } } }[],
    failure: undefined as Answer | undefined,
    pass: (seconds: number) => {
      time += seconds * 1000
    },
  }
  const fetchJson: FetchJson = async (_url, { body }) => {
    if (world.failure === 'silence') throw new NoAnswer('POST dynamodb: ETIMEDOUT', true)
    const usual = { headers: {}, text: '' }
    if (world.failure) return { ...usual, ...world.failure }
    const request = JSON.parse(String(body))
    world.requests.push(request)
    const id = request.Key.pk.S
    const document = items.get(id)
    const Item = { pk: { S: id }, ...(document !== undefined && { document: { S: document } }) }
    return { ...usual, status: 200, json: items.has(id) ? { Item } : {} }
  }
  const dynamoDb = createAwsCall('dynamodb', {
    region: 'eu-west-1',
    endpoint: 'https://dynamodb.eu-west-1.amazonaws.com',
    credentials: async () => ({ accessKeyId: 'id', secretAccessKey: 'key' }),
    fetchJson,
    sleep: async () => {},
  }) as DynamoDb
  return Object.assign(world, {
    secrets: createSecrets(inTable(dynamoDb, 'credentials'), () => time, telemetry.telemetry),
  })
}
