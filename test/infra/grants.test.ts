import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { App, Stack } from 'aws-cdk-lib'
import { Template } from 'aws-cdk-lib/assertions'
import { AccountPrincipal, ArnPrincipal, Group, type IGrantable, Role, User } from 'aws-cdk-lib/aws-iam'
import { describe, expect, test } from 'vitest'
import { StatusRelay, type StatusRelayProps } from '../../infra/relay/status-relay.ts'
import { nameOf, resourcesOf } from './relay-template.ts'

type Grant = 'grantOperate' | 'grantSupport' | 'grantSetCredentials'
const forms: [string, StatusRelayProps][] = [
  ['in full', { alarmSubscribers: ['ops@example.com'] }],
  ['without delivery', { delivery: false, alarmSubscribers: ['ops@example.com'] }],
  ['the smallest', { delivery: false, receipts: false, install: false }],
]

describe('an operator', () => {
  test('may do what the command line does, and nothing else', () => {
    const actions = new Set(allowed('grantOperate', forms[0]![1]).map(({ action }) => action))
    // DynamoDB uses the key in the caller's name.
    const asked = [...actions].filter((action) => !action.startsWith('kms:'))

    expect(asked.toSorted()).toEqual(actionsOfCommandLine())
    expect([...actions].filter((action) => action.startsWith('kms:'))).toContain('kms:Decrypt')
  })

  test('reads no queue but the dead letters, and deletes from no other', () => {
    const touched = allowed('grantOperate').filter(({ action }) => /sqs:(Receive|Delete|Change)/.test(action))

    expect(touched.length).toBeGreaterThan(0)
    for (const { resource } of touched) expect(resource).toMatch(/DeadLetters$/)
  })

  test('is told of the parts by this relay alone, save where AWS checks an action on everything', () => {
    const anywhere = allowed('grantOperate').flatMap(({ action, resource }) => (resource === '*' ? [action] : []))

    expect(anywhere).toEqual([
      'cloudwatch:DescribeAlarms',
      'cloudwatch:GetMetricStatistics',
      'lambda:GetAccountSettings',
      'logs:DescribeLogGroups',
      'logs:GetQueryResults',
    ])
  })
})

test.each(['grantOperate', 'grantSupport', 'grantSetCredentials'] as const)(
  '%s to whom only an ARN is known fails, since it would grant nothing',
  (grant) => {
    const relay = new StatusRelay(new Stack(new App({ context: { 'aws:cdk:bundling-stacks': [] } }), 'Theirs'), 'Relay')

    expect(() => relay[grant](new ArnPrincipal('arn:aws:iam::123456789012:role/ops'))).toThrow(/is not of this app/)
    expect(() => relay[grant](Role.fromRoleArn(relay, 'Ops', 'arn:aws:iam::123456789012:role/ops'))).not.toThrow()
  },
)

test.each<Grant>(['grantOperate', 'grantSupport', 'grantSetCredentials'])(
  '%s to a role of another account fails, since it would grant nothing',
  (grant) => {
    const stack = new Stack(new App({ context: { 'aws:cdk:bundling-stacks': [] } }), 'Theirs', {
      env: { account: '123456789012', region: 'eu-west-1' },
    })
    const relay = new StatusRelay(stack, 'Relay')
    const roleOf = (account: string) => Role.fromRoleArn(stack, account, `arn:aws:iam::${account}:role/ops`)

    expect(() => relay[grant](roleOf('210987654321'))).toThrow(/is of another account .* a role of 123456789012/)
    expect(() => relay[grant](roleOf('123456789012'))).not.toThrow()
  },
)

test.each<[Grant, string, (stack: Stack) => IGrantable, boolean]>([
  ['grantOperate', 'a user', (stack) => new User(stack, 'Ada'), false],
  ['grantOperate', 'a user of elsewhere', (stack) => User.fromUserName(stack, 'Ada', 'ada'), false],
  ['grantOperate', 'a group', (stack) => new Group(stack, 'Ops'), false],
  ['grantSupport', 'a user', (stack) => new User(stack, 'Ada'), false],
  ['grantSupport', 'a group', (stack) => new Group(stack, 'Ops'), true],
  ['grantSetCredentials', 'a user', (stack) => new User(stack, 'Ada'), true],
])('%s to %s: whose own policies have no room for it is refused', (grant, _, grantee, hasRoom) => {
  const stack = new Stack(new App({ context: { 'aws:cdk:bundling-stacks': [] } }), 'Theirs')
  const give = () => new StatusRelay(stack, 'Relay')[grant](grantee(stack))

  if (hasRoom) expect(give).not.toThrow()
  else expect(give).toThrow(/is a (user|group), whose own policies have no room/)
})

describe('support', () => {
  const may = allowed('grantSupport')

  test('reads the ledger and the logs', () => {
    expect(may).toContainEqual({ action: 'dynamodb:Scan', resource: 'Ledger' })
    expect(may.filter(({ action }) => action === 'logs:StartQuery').map(({ resource }) => resource)).toEqual([
      'hubspotwebhookLogs',
      'delivermessageLogs',
      'providerreceiptLogs',
      'handonLogs',
      'updatestatusLogs',
      'oauthinstallLogs',
      'ApiAccessLogs',
    ])
  })

  test('sees no secret, no token and no queued message, and changes nothing', () => {
    const reading =
      /^(cloudformation:Describe|cloudwatch:(Describe|Get)|dynamodb:(BatchGetItem|Scan)|logs:(Describe|Filter|Get|StartQuery)|sqs:GetQueueAttributes)/

    expect(may.filter(({ action }) => !reading.test(action))).toEqual([])
    expect(may.filter(({ resource }) => /Portals|Secret|Key/.test(resource))).toEqual([])
  })
})

test('a back end that takes on customers sets their credentials, and sees no token, message or log', () => {
  const may = allowed('grantSetCredentials')

  expect(may.filter(({ action }) => action.startsWith('dynamodb:'))).toEqual([
    { action: 'dynamodb:DeleteItem', resource: 'Credentials' },
    { action: 'dynamodb:GetItem', resource: 'Credentials' },
    { action: 'dynamodb:PutItem', resource: 'Credentials' },
  ])
  expect([...new Set(may.map(({ resource }) => resource))]).toEqual(['Credentials', 'CredentialsKey'])
})

test.each<[Grant, string]>([
  ['grantSetCredentials', 'A back end'],
  ['grantOperate', 'An operator'],
  ['grantSupport', 'Support'],
])('%s is on paper as it is granted', (grant, heading) => {
  const page = readFileSync(new URL('../../docs/relay.md', import.meta.url), 'utf8')
  const [, table = ''] = page.split(`**${heading}**`)[1]?.split(/^\| action .*\n\|[-|]+\n((?:\|.*\n)+)/m) ?? []
  const written = [...table.matchAll(/`(\w+:\w+)`/g)].map(([, action]) => action)

  expect(written.toSorted()).toEqual([...new Set(allowed(grant, forms[0]![1]).map(({ action }) => action))].toSorted())
})

describe.each(forms)('%s', (_, props) => {
  test.each<Grant>(['grantOperate', 'grantSupport'])('%s refers to nothing that this form does not have', (grant) => {
    for (const { resource } of allowed(grant, props)) expect(resource).not.toBe('')
  })
})

/** What a role is allowed by a grant: each action with its resource, by name. */
function allowed(grant: Grant, props: StatusRelayProps = {}) {
  const stack = new Stack(new App({ context: { 'aws:cdk:bundling-stacks': [] } }), 'Theirs')
  const role = new Role(stack, 'Somebody', { assumedBy: new AccountPrincipal('123456789012') })
  new StatusRelay(stack, 'Relay', props)[grant](role).assertSuccess()
  const template = Template.fromStack(stack)
  // What does not fit into the role's own policy, CDK puts into others.
  return ['AWS::IAM::Policy', 'AWS::IAM::ManagedPolicy']
    .flatMap((type) => resourcesOf(template, type))
    .filter(([id]) => id.startsWith('Somebody'))
    .flatMap(([, { Properties }]) => Properties['PolicyDocument'].Statement as { Action: string; Resource: unknown }[])
    .flatMap(({ Action, Resource }) =>
      [Action]
        .flat()
        .flatMap((action) => [Resource].flat().map((resource) => ({ action, resource: nameOf(resource) }))),
    )
    .toSorted((a, b) => (a.action < b.action ? -1 : Number(a.action > b.action)))
}

/** The IAM actions of every operation of AWS in the sources of the command line, the local relay's aside. */
function actionsOfCommandLine() {
  const operations = [...sourcesFrom('infra/cli/relay.ts')].flatMap(([path, text]) =>
    path.startsWith('infra/local/')
      ? []
      : [...text.matchAll(/\bnew (\w+)Command\(|\bpaginate(\w+)\(/g)].map(
          ([, command, pages]) => command ?? pages ?? '',
        ),
  )
  const actions = operations.map((operation) => {
    const [service] = Object.entries(services).find(([, names]) => names.includes(operation)) ?? ['unknown']
    // A batch of SQS's demands what its single calls do.
    return `${service}:${service === 'sqs' ? operation.replace(/Batch$/, '') : operation}`
  })
  return [...new Set(actions)].sort()
}

const services = {
  cloudformation: ['DescribeStacks', 'ListStackResources'],
  cloudwatch: ['DescribeAlarms', 'GetMetricStatistics'],
  dynamodb: ['BatchGetItem', 'DeleteItem', 'GetItem', 'PutItem', 'Scan', 'UpdateItem'],
  lambda: ['GetAccountSettings', 'GetEventSourceMapping'],
  logs: ['DescribeLogGroups', 'FilterLogEvents', 'GetQueryResults', 'StartQuery'],
  secretsmanager: ['GetSecretValue', 'PutSecretValue'],
  sns: ['ListSubscriptionsByTopic'],
  sqs: ['ChangeMessageVisibilityBatch', 'DeleteMessage', 'GetQueueAttributes', 'ReceiveMessage', 'SendMessage'],
}

function sourcesFrom(path: string, texts = new Map<string, string>()) {
  const file = new URL(`../../${path}`, import.meta.url)
  if (!existsSync(file)) return texts
  const text = readFileSync(file, 'utf8')
  texts.set(path, text)
  for (const [, imported = ''] of text.matchAll(/from '(\..+\.ts)'/g)) {
    const next = join(dirname(path), imported)
    if (!texts.has(next)) sourcesFrom(next, texts)
  }
  return texts
}
