import { DynamoDBClient } from '@aws-sdk/client-dynamodb'
import { SecretsManagerClient } from '@aws-sdk/client-secrets-manager'
import { RegionInfo } from 'aws-cdk-lib/region-info'
import { describe, expect, test } from 'vitest'
import { createAwsCall, type Service } from '../../../functions/platform/aws-json.ts'
import { type HttpRequest, type HttpResponse, NoAnswer } from '../../../functions/platform/fetch-json.ts'
import { endpointOf } from '../../../functions/platform/partitions.ts'

const endpoint = 'https://dynamodb.eu-central-1.amazonaws.com'
const input = { TableName: 'items', Item: { pk: { S: 'a' } } }
const now = Date.parse('2026-11-28T12:00:00Z')

test('a call is a signed POST in the JSON protocol, and its answer the output', async () => {
  const { call, requests } = caller([answer(200, { Attributes: { value: { N: '1' } } })])

  expect(await call('UpdateItem', { TableName: 'items', Key: { pk: { S: 'é' } } })).toEqual({
    Attributes: { value: { N: '1' } },
  })
  expect(requests).toEqual([
    {
      url: `${endpoint}/`,
      method: 'POST',
      headers: expect.objectContaining({
        host: 'dynamodb.eu-central-1.amazonaws.com',
        'content-type': 'application/x-amz-json-1.0',
        'x-amz-target': 'DynamoDB_20120810.UpdateItem',
        'x-amz-date': '20261128T120000Z',
        'x-amz-security-token': 'session',
        authorization: expect.stringMatching(
          /^AWS4-HMAC-SHA256 Credential=id\/20261128\/eu-central-1\/dynamodb\/aws4_request, SignedHeaders=content-type;host;x-amz-date;x-amz-security-token;x-amz-target, Signature=[0-9a-f]{64}$/,
        ),
      }),
      body: '{"TableName":"items","Key":{"pk":{"S":"é"}}}',
    },
  ])
})

test.each([
  ['events', 'PutEvents', 'AWSEvents.PutEvents', '1.1'],
  ['secretsmanager', 'GetSecretValue', 'secretsmanager.GetSecretValue', '1.1'],
  ['sqs', 'SendMessage', 'AmazonSQS.SendMessage', '1.0'],
] as const)(
  '%s is called by its own name, in its own version of the protocol',
  async (service, operation, target, v) => {
    const { call, requests } = caller([answer(200, {})], service)

    await call(operation, {})

    expect(requests[0]?.headers).toMatchObject({
      'content-type': `application/x-amz-json-${v}`,
      'x-amz-target': target,
      authorization: expect.stringContaining(`/eu-central-1/${service}/aws4_request, `),
    })
  },
)

test("a refusal has AWS's name and words, and the metadata that tell it from a bug", async () => {
  const { call, requests } = caller([answer(400, refusal('ConditionalCheckFailedException', 'The request failed'))])

  await expect(call('PutItem', input)).rejects.toMatchObject({
    name: 'ConditionalCheckFailedException',
    message: 'The request failed',
    $metadata: { httpStatusCode: 400, requestId: 'request-1' },
  })
  expect(requests).toHaveLength(1)
})

describe('a second attempt', () => {
  test.each([
    ['was throttled', answer(400, refusal('ProvisionedThroughputExceededException')), 500],
    ['was throttled by SQS', answer(400, refusal('RequestThrottled')), 500],
    ['was throttled by the account', answer(400, refusal('ThrottlingException')), 500],
    ['came too often', answer(429, undefined), 500],
    ['failed at AWS', answer(500, refusal('InternalServerError')), 100],
    ['found nobody at work', answer(503, undefined), 100],
    ['was answered by half a document', answer(200, undefined), 100],
    ['got no answer', new NoAnswer('POST: ECONNRESET', true, { cause: new Error() }), 100],
  ])('is made where the first %s, after a moment', async (_, first, longestPause) => {
    const { call, pauses, requests } = caller([first, answer(200, {})])

    expect(await call('PutItem', input)).toEqual({})
    expect(requests).toHaveLength(2)
    expect(pauses).toEqual([longestPause / 2])
  })

  test.each(['ValidationException', 'AccessDeniedException', 'ResourceNotFoundException'])(
    'is not made after a %s',
    async (name) => {
      const { call, requests } = caller([answer(400, refusal(name)), answer(200, {})])

      await expect(call('PutItem', input)).rejects.toMatchObject({ name })
      expect(requests).toHaveLength(1)
    },
  )

  test('is the last', async () => {
    const { call, requests } = caller(Array.from({ length: 3 }, () => answer(400, refusal('ThrottlingException'))))

    await expect(call('PutItem', input)).rejects.toMatchObject({ name: 'ThrottlingException' })
    expect(requests).toHaveLength(2)
  })
})

test.each([
  ['TimeoutError', Object.assign(new Error('No answer in time'), { name: 'TimeoutError', code: 'ETIMEDOUT' })],
  ['ECONNREFUSED', Object.assign(new Error('connect'), { code: 'ECONNREFUSED' })],
])('where no answer comes twice, that is a %s of AWS', async (name, cause) => {
  const none = new NoAnswer('POST', true, { cause })
  const { call } = caller([none, none])

  await expect(call('PutItem', input)).rejects.toMatchObject({ name, $metadata: {}, cause: none })
})

describe('a clock that is an hour slow', () => {
  const date = new Date(now + 3_600_000).toUTCString()
  const skewed = answer(400, refusal('InvalidSignatureException', 'Signature not yet current'), { date })

  test('is set by what AWS says, and stays so', async () => {
    const { call, requests, pauses } = caller([skewed, answer(200, {}), answer(200, {})])

    await call('PutItem', input)
    await call('PutItem', input)

    expect(requests.map(({ headers }) => headers?.['x-amz-date'])).toEqual([
      '20261128T120000Z',
      '20261128T130000Z',
      '20261128T130000Z',
    ])
    expect(pauses).toEqual([])
  })

  test('is no excuse for a signature that is wrong at the right time', async () => {
    const { call, requests } = caller([skewed, skewed, skewed])

    await expect(call('PutItem', input)).rejects.toMatchObject({ name: 'InvalidSignatureException' })
    await expect(call('PutItem', input)).rejects.toMatchObject({ name: 'InvalidSignatureException' })
    expect(requests).toHaveLength(3)
  })
})

// What the SDK's own rules say, for each region that CDK knows.
describe.each([
  ['dynamodb', DynamoDBClient],
  ['secretsmanager', SecretsManagerClient],
] as const)('%s is where the SDK looks for it', (service, Client) => {
  test.each([
    { fips: false, dualStack: false },
    { fips: true, dualStack: false },
    { fips: false, dualStack: true },
    { fips: true, dualStack: true },
  ])('with %o', ({ fips, dualStack }) => {
    const newer = ['eusc-de-east-1', 'eu-isoe-west-1', 'us-isof-south-1']
    const { endpointProvider } = new Client({ region: 'us-east-1' }).config
    const bySdk = (Region: string) => {
      try {
        return endpointProvider({ Region, UseFIPS: fips, UseDualStack: dualStack }).url.origin
      } catch {
        // The partition offers no such endpoint.
        return undefined
      }
    }

    const known = [...RegionInfo.regions.map(({ name }) => name), ...newer].flatMap((region) =>
      bySdk(region) ? [[region, bySdk(region)]] : [],
    )

    expect(known.length).toBeGreaterThan(30)
    expect(known.map(([region = '']) => [region, endpointOf(service, region, { fips, dualStack })])).toEqual(known)
  })
})

/** A service that gives these answers, one after another. */
function caller(answers: (HttpResponse | NoAnswer)[], service: Service = 'dynamodb') {
  const requests: ({ url: string } & HttpRequest)[] = []
  const pauses: number[] = []
  const call = createAwsCall(service, {
    region: 'eu-central-1',
    endpoint,
    credentials: async () => ({ accessKeyId: 'id', secretAccessKey: 'secret', sessionToken: 'session' }),
    async fetchJson(url, request) {
      requests.push({ url, ...request })
      const next = answers.shift()
      if (next === undefined || next instanceof NoAnswer) throw next
      return next
    },
    now: () => now,
    random: () => 0.5,
    sleep: async (milliseconds) => void pauses.push(milliseconds),
  })
  return { call, requests, pauses }
}

function answer(status: number, json: unknown, headers: Record<string, string> = {}): HttpResponse {
  return { status, json, text: '', headers: { 'x-amzn-requestid': 'request-1', ...headers } }
}

function refusal(name: string, message = name) {
  return { __type: `com.amazonaws.dynamodb.v20120810#${name}`, message }
}
