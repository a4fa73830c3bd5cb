import { expect, test } from 'vitest'
import { functionsOf, nameOf, relayTemplate, resourcesOf } from './relay-template.ts'

const template = relayTemplate()
const allowed = allowedActions()

const whoMay = (action: RegExp, resource: string) => [
  ...new Set(allowed.filter((may) => action.test(may.action) && may.resource === resource).map((may) => may.by)),
]

test('only deliver-message and update-status write the ledger, and nothing deletes from it', () => {
  expect(whoMay(/^dynamodb:PutItem$/, 'Ledger')).toEqual(['deliver-message', 'update-status'])
  expect(whoMay(/^dynamodb:(?!BatchGetItem|PutItem)/, 'Ledger')).toEqual([])
})

test("only those who need a portal's tokens read them, and only they may decrypt them", () => {
  expect(whoMay(/^dynamodb:/, 'Portals')).toEqual(['update-status', 'oauth-install'])
  expect(whoMay(/^kms:/, 'PortalsKey')).toEqual(['update-status', 'oauth-install'])
})

test("whoever reads or writes a table under a customer's key may use that key, and nobody else may", () => {
  const keys = resourcesOf(template, 'AWS::DynamoDB::GlobalTable').flatMap(([id, { Properties }]) => {
    const key = Properties['Replicas'][0].SSESpecification?.KMSMasterKeyId
    return key ? [[nameOf({ Ref: id }), nameOf(key)] as const] : []
  })

  expect(keys).toEqual([
    ['Portals', 'PortalsKey'],
    ['Credentials', 'CredentialsKey'],
  ])
  for (const [table, key] of keys) {
    for (const action of [/^kms:Decrypt$/, /^kms:DescribeKey$/, /^kms:/])
      expect(whoMay(action, key)).toEqual(whoMay(/^dynamodb:/, table))
    for (const action of [/^kms:Encrypt$/, /^kms:GenerateDataKey$/])
      expect(whoMay(action, key)).toEqual(whoMay(/^dynamodb:(Put|Update|Delete|BatchWrite)/, table))
  }
})

test.each([
  ['DeliveriesQueue', ['hubspot-webhook', 'deliver-message']],
  ['DeliveriesDeadLetters', ['hubspot-webhook', 'deliver-message']],
  ['StatusUpdatesQueue', ['deliver-message', 'provider-receipt', 'update-status']],
  ['StatusUpdatesDeadLetters', ['update-status']],
  ['HandOnsQueue', ['provider-receipt', 'hand-on']],
  ['HandOnsDeadLetters', ['hand-on']],
])('%s takes messages from %j alone', (queue, senders) => {
  expect(whoMay(/^sqs:SendMessage$/, queue)).toEqual(senders)
})

test.each([
  ['DeliveriesQueue', ['deliver-message']],
  ['StatusUpdatesQueue', ['update-status']],
  ['HandOnsQueue', ['hand-on']],
  ['HandOnsDeadLetters', []],
  ['DeliveriesDeadLetters', []],
  ['StatusUpdatesDeadLetters', []],
])('%s is read by %j alone', (queue, readers) => {
  expect(whoMay(/^sqs:(?!SendMessage)/, queue)).toEqual(readers)
})

test("HubSpot's secrets stay with those who deal with HubSpot, the providers' with those who deal with them", () => {
  expect(whoMay(/^secretsmanager:/, 'AppSecret')).toEqual([
    'hubspot-webhook',
    'deliver-message',
    'update-status',
    'oauth-install',
  ])
  expect(whoMay(/^dynamodb:/, 'Credentials')).toEqual(['deliver-message', 'provider-receipt', 'hand-on'])
  expect(whoMay(/^dynamodb:(?!GetItem$)/, 'Credentials')).toEqual([])
  expect(whoMay(/^kms:/, 'CredentialsKey')).toEqual(['deliver-message', 'provider-receipt', 'hand-on'])
})

test("where the team's own endpoint gives access tokens, what signs for them is update-status's alone", () => {
  const endpoint = { url: 'https://tokens.example.com/hubspot' }
  const withEndpoint = relayTemplate({ hubspot: { accessTokens: endpoint } })
  const may = allowedActions(withEndpoint)
  const readers = (secret: string) =>
    may.filter(({ action, resource }) => /^secretsmanager:/.test(action) && resource === secret).map(({ by }) => by)

  expect(readers('AccessTokensSecret')).toEqual(['update-status'])
  expect(readers('AppSecret')).toEqual(['hubspot-webhook', 'deliver-message'])
  expect(functionsOf(withEndpoint)['oauth-install']).toBeUndefined()
})

test('a function logs to its own log group and no other', () => {
  for (const { by, resource } of allowed.filter(({ action }) => action.startsWith('logs:'))) {
    expect(resource).toBe(nameOf(functionsOf(template)[by]!['LoggingConfig'].LogGroup))
  }
})

test('there is no wildcard', () => {
  expect(allowed.filter(({ action, resource }) => action.includes('*') || resource.includes('*'))).toEqual([])
})

test('without delivery, update-status reads the credentials as well, to say whose receipts count', () => {
  const may = allowedActions(relayTemplate({ delivery: false }))
  const who = (resource: string) => [...new Set(may.filter((one) => one.resource === resource).map(({ by }) => by))]

  expect(who('Credentials')).toEqual(['provider-receipt', 'hand-on', 'update-status'])
  expect(who('CredentialsKey')).toEqual(['provider-receipt', 'hand-on', 'update-status'])
})

test('the functions use these actions and no others', () => {
  expect([...new Set(allowed.map(({ action }) => action))].sort()).toEqual([
    'dynamodb:BatchGetItem',
    'dynamodb:GetItem',
    'dynamodb:PutItem',
    'dynamodb:UpdateItem',
    'kms:Decrypt',
    'kms:DescribeKey',
    'kms:Encrypt',
    'kms:GenerateDataKey',
    'logs:CreateLogStream',
    'logs:PutLogEvents',
    'secretsmanager:GetSecretValue',
    'sqs:DeleteMessage',
    'sqs:GetQueueAttributes',
    'sqs:ReceiveMessage',
    'sqs:SendMessage',
  ])
})

test('every function has a role of its own, without managed policies', () => {
  const roles = resourcesOf(template, 'AWS::IAM::Role')
  const used = Object.values(functionsOf(template)).map((lambda) => lambda['Role']['Fn::GetAtt'][0])

  expect(used.toSorted()).toEqual(roles.map(([id]) => id).toSorted())
  for (const [, { Properties }] of roles) {
    expect(Object.keys(Properties)).toEqual(['AssumeRolePolicyDocument'])
  }
})

test('nobody outside the account is let in, but API Gateway on the routes of this API', () => {
  const key = resourcesOf(template, 'AWS::KMS::Key')[0]![1].Properties['KeyPolicy'].Statement
  const invokers = resourcesOf(template, 'AWS::Lambda::Permission').map(([, { Properties }]) => Properties)

  expect(key).toHaveLength(1)
  expect(nameOf(key[0].Principal.AWS)).toBe('arn:AWS::Partition:iam::AWS::AccountId:root')
  for (const { Principal, SourceArn } of invokers) {
    expect(Principal).toBe('apigateway.amazonaws.com')
    expect(nameOf(SourceArn)).toMatch(/:Api\/\*\/\*\/(hubspot|receipts|oauth)\//)
  }
})

/** Every action that a function's role allows on a resource. */
function allowedActions(of = template) {
  const functions = Object.entries(functionsOf(of))
  return resourcesOf(of, 'AWS::IAM::Policy').flatMap(([, { Properties }]) => {
    const [role] = Properties['Roles']
    const [by] = functions.find(([, lambda]) => lambda['Role']['Fn::GetAtt'][0] === role.Ref)!
    return Properties['PolicyDocument'].Statement.flatMap(({ Effect, Action, Resource }: Record<string, string>) => {
      expect(Effect).toBe('Allow')
      return [Action]
        .flat()
        .flatMap((action) => [Resource].flat().map((resource) => ({ by, action: action!, resource: nameOf(resource) })))
    })
  }) as { by: string; action: string; resource: string }[]
}
