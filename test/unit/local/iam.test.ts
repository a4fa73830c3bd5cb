import { describe, expect, test } from 'vitest'
import type { AwsCall } from '../../../infra/local/aws/aws.ts'
import { createIam, matches } from '../../../infra/local/aws/iam.ts'
import { locateResources } from '../../../infra/local/aws/resources.ts'

const cloud = { region: 'eu-west-1', accountId: '000000000000', awsUrl: 'http://aws', apiUrl: 'http://api' }
const queue = 'arn:aws:sqs:eu-west-1:000000000000:Stack-Jobs'
const table = 'arn:aws:dynamodb:eu-west-1:000000000000:table/Stack-Tokens'
const key = 'arn:aws:kms:eu-west-1:000000000000:key/Stack-Key'
const secrets = 'arn:aws:secretsmanager:eu-west-1:000000000000:secret'

type Statement = Record<string, unknown>
const allow = (Action: unknown, Resource: unknown): Statement => ({ Effect: 'Allow', Action, Resource })

/** A stack whose function `Stack-Work` has a role with these statements; more resources stand beside it. */
function iam(statements: Statement[], more: Record<string, [type: string, properties: object]> = {}) {
  const resources = {
    Jobs: ['AWS::SQS::Queue', {}],
    Tokens: ['AWS::DynamoDB::Table', { SSESpecification: { KMSMasterKeyId: { 'Fn::GetAtt': ['Key', 'Arn'] } } }],
    Ledger: ['AWS::DynamoDB::GlobalTable', { Replicas: [{ Region: 'eu-west-1' }] }],
    Key: ['AWS::KMS::Key', {}],
    Role: ['AWS::IAM::Role', { AssumeRolePolicyDocument: {} }],
    Work: ['AWS::Lambda::Function', { Role: { 'Fn::GetAtt': ['Role', 'Arn'] } }],
    Policy: ['AWS::IAM::Policy', { PolicyDocument: { Statement: statements }, Roles: [{ Ref: 'Role' }] }],
    ...more,
  }
  const template = {
    stackName: 'Stack',
    resources: Object.entries(resources).map(([logicalId, [type, properties]]) => ({
      logicalId,
      name: logicalId,
      type: String(type),
      properties,
    })),
    outputs: {},
    assetFolder: () => '',
  }
  return createIam(locateResources(template, cloud), cloud)
}

function call(service: AwsCall['service'], operation: string, input: object, caller = 'Stack-Work'): AwsCall {
  return { service, operation, caller, headers: {}, body: JSON.stringify(input) }
}
const send = call('sqs', 'SendMessage', { QueueUrl: 'http://aws/000000000000/Stack-Jobs' })
const sendBatch = call('sqs', 'SendMessageBatch', { QueueUrl: 'http://aws/000000000000/Stack-Jobs' })
const put = (TableName: string) => call('dynamodb', 'PutItem', { TableName })
const readSecret = (SecretId: string) => call('secretsmanager', 'GetSecretValue', { SecretId })

test.each([
  ['sqs:*', 'sqs:SendMessage', true],
  ['sqs:Send*', 'sqs:ReceiveMessage', false],
  ['sqs:SendMessag?', 'sqs:SendMessage', true],
  ['sqs:SendMessage?', 'sqs:SendMessage', false],
  ['a.b', 'a-b', false],
  ['*', 'everything, also\nthis', true],
])('%s stands for %s: %s', (pattern, text, does) => {
  expect(matches(pattern, text)).toBe(does)
})

describe('a call passes', () => {
  test.each<[string, AwsCall, Statement[]]>([
    ['that its role allows', send, [allow('sqs:SendMessage', queue)]],
    ['whatever the case of the action', send, [allow(['sqs:sendmessage'], [queue])]],
    ['by wildcards', send, [allow('sqs:*', 'arn:aws:sqs:*:*:Stack-?obs')]],
    ['in a batch', sendBatch, [allow('sqs:SendMessage', queue)]],
    ['on a table', put('Stack-Ledger'), [allow('dynamodb:PutItem', table.replace('Tokens', 'Ledger'))]],
    ['on a table with a key', put('Stack-Tokens'), [allow('dynamodb:PutItem', table), allow('kms:Decrypt', key)]],
    [
      'on an index of a table',
      call('dynamodb', 'Query', { TableName: 'Stack-Ledger', IndexName: 'byPortal' }),
      [allow('dynamodb:Query', `${table.replace('Tokens', 'Ledger')}/index/byPortal`)],
    ],
    [
      'on a secret by name',
      readSecret('channels/7'),
      [allow('secretsmanager:GetSecretValue', `${secrets}:channels/*`)],
    ],
    [
      'on a secret by name, six characters later',
      readSecret('app'),
      [allow('secretsmanager:GetSecretValue', `${secrets}:app-??????`)],
    ],
    [
      'on a secret by its ARN',
      readSecret(`${secrets}:app-local0`),
      [allow('secretsmanager:GetSecretValue', `${secrets}:app-local0`)],
    ],
    ['of somebody who is no function', { ...send, caller: 'somebody' }, []],
  ])('%s', (_how, made, statements) => {
    expect(iam(statements).authorize(made)).toBeUndefined()
  })
})

describe('a call is refused', () => {
  test.each<[string, AwsCall, Statement[]]>([
    ['that nothing allows', send, []],
    ['on another queue', send, [allow('sqs:SendMessage', `${queue}DeadLetters`)]],
    ['of another action', send, [allow('sqs:SendMessageBatch', queue)]],
    ['that is denied as well', send, [allow('*', '*'), { Effect: 'Deny', Action: 'sqs:*', Resource: queue }]],
    ['on a table whose key it may not use', put('Stack-Tokens'), [allow('dynamodb:*', '*')]],
    [
      'on an index, by a grant on its table',
      call('dynamodb', 'Query', { TableName: 'Stack-Ledger', IndexName: 'byPortal' }),
      [allow('dynamodb:Query', table.replace('Tokens', 'Ledger'))],
    ],
    [
      'on several tables of which it may touch one',
      call('dynamodb', 'BatchGetItem', { RequestItems: { 'Stack-Ledger': {}, 'Stack-Other': {} } }),
      [allow('dynamodb:BatchGetItem', table.replace('Tokens', 'Ledger'))],
    ],
    ['on no resource in particular', call('sqs', 'ListQueues', {}), [allow('sqs:ListQueues', queue)]],
    ['on a secret by a name without its six characters', readSecret('app'), [allow('*', `${secrets}:app`)]],
  ])('%s', (_why, made, statements) => {
    expect(iam(statements).authorize(made)).toBeDefined()
  })

  test("in the service's own shape and AWS's words", () => {
    const judge = iam([allow('dynamodb:PutItem', table)])
    const user = 'User: arn:aws:sts::000000000000:assumed-role/Stack-Role/Stack-Work'

    expect(judge.authorize(send)).toEqual({
      statusCode: 403,
      body: JSON.stringify({
        __type: 'AccessDenied',
        message: `${user} is not authorized to perform: sqs:SendMessage on resource: ${queue} because no policy allows the sqs:SendMessage action`,
      }),
    })
    expect(judge.authorize(put('Stack-Tokens'))).toMatchObject({
      statusCode: 400,
      body: expect.stringContaining('AccessDeniedException'),
    })
    expect(judge.denials).toEqual([
      expect.stringContaining('sqs:SendMessage'),
      expect.stringContaining(`is not authorized to perform: kms:Decrypt on resource: ${key}`),
    ])
  })
})

describe("a queue's own policy", () => {
  const withQueuePolicy = (statement: Statement) =>
    iam([allow('sqs:*', queue)], {
      QueuePolicy: ['AWS::SQS::QueuePolicy', { PolicyDocument: { Statement: [statement] }, Queues: [{ Ref: 'Jobs' }] }],
    })
  const deny = { Effect: 'Deny', Action: 'sqs:*', Resource: queue, Principal: { AWS: '*' } }

  test('denies what a role allows', () => {
    expect(withQueuePolicy(deny).authorize(send)).toBeDefined()
  })

  test('denies what comes without TLS, which no call here counts as', () => {
    const Condition = { Bool: { 'aws:SecureTransport': 'false' } }

    expect(withQueuePolicy({ ...deny, Condition }).authorize(send)).toBeUndefined()
  })

  test('is no matter of those whom it does not name', () => {
    const AWS = 'arn:aws:iam::111111111111:role/Somebody'

    expect(withQueuePolicy({ ...deny, Principal: { AWS } }).authorize(send)).toBeUndefined()
  })
})

test.each<[string, Statement]>([
  ['StringEquals', { Condition: { StringEquals: { 'aws:ResourceTag/team': 'relay' } } }],
  ['aws:ViaAWSService', { Condition: { Bool: { 'aws:ViaAWSService': 'true' } } }],
  ['NotResource', { NotResource: queue }],
])('a policy with %s is an error that says so', (what, more) => {
  expect(() => iam([{ ...allow('sqs:*', '*'), ...more }])).toThrow(
    `The local stack does not implement ${what} in a policy.`,
  )
})

test('an event source needs a role that may receive, delete, and look at the queue', () => {
  const all = ['sqs:ReceiveMessage', 'sqs:DeleteMessage', 'sqs:GetQueueAttributes']

  expect(() => iam([allow(all, queue)]).requireEventSource('Stack-Work', queue)).not.toThrow()
  for (const missing of all) {
    const rest = all.filter((action) => action !== missing)
    expect(() => iam([allow(rest, queue)]).requireEventSource('Stack-Work', queue)).toThrow(
      `does not have permissions to call ${missing.replace('sqs:', '')} on SQS`,
    )
  }
})

test('a grant remembers whether it was used', () => {
  const judge = iam([allow(['sqs:SendMessage', 'sqs:PurgeQueue'], queue)])

  judge.authorize(send)

  expect(judge.grants.map(({ action, used }) => [action, used])).toEqual([
    ['sqs:SendMessage', true],
    ['sqs:PurgeQueue', false],
  ])
})
