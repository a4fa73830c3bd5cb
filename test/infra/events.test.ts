import { EventBus } from 'aws-cdk-lib/aws-events'
import { expect, test } from 'vitest'
import { functionsOf, nameOf, type Properties, relayTemplate, resourcesOf } from './relay-template.ts'

const off = relayTemplate()
const on = relayTemplate((stack) => ({ eventBus: EventBus.fromEventBusName(stack, 'Bus', 'messaging') }))
const tablesOf = (template: typeof on) =>
  Object.fromEntries(
    resourcesOf(template, 'AWS::DynamoDB::GlobalTable').map(([id, { Properties }]) => [
      nameOf({ Ref: id }),
      Properties,
    ]),
  )
const mapping = resourcesOf(on, 'AWS::Lambda::EventSourceMapping')
  .map(([, { Properties }]) => Properties)
  .find(({ StartingPosition }) => StartingPosition)!

test('nothing is published unless a bus is named: no stream, no function', () => {
  expect(Object.values(tablesOf(off)).flatMap(({ StreamSpecification = [] }) => StreamSpecification)).toEqual([])
  expect(functionsOf(off)).not.toHaveProperty('publish-events')
})

test("events come out of the ledger's changes, not the portals', which have tokens", () => {
  expect(tablesOf(on)['Ledger']).toHaveProperty('StreamSpecification.StreamViewType', 'NEW_AND_OLD_IMAGES')
  expect(tablesOf(on)['Portals']).not.toHaveProperty('StreamSpecification')
  expect(nameOf(mapping['EventSourceArn'])).toBe('Ledger')
})

test('turned on, every other resource stays as it was', () => {
  const before = Object.entries(off.toJSON()['Resources'] as Record<string, { Type: string }>)
  const after = on.toJSON()['Resources'] as Record<string, unknown>
  const changed = before.filter(([id, resource]) => JSON.stringify(after[id]) !== JSON.stringify(resource))

  // What watches all functions watches one more.
  expect(
    changed.map(([id, { Type }]) => [nameOf({ Ref: id }), Type]).filter(([, type]) => !/CloudWatch|Logs/.test(type!)),
  ).toEqual([['Ledger', 'AWS::DynamoDB::GlobalTable']])
})

test('what fails is tried for as long as the stream keeps it, then it lies among the dead letters', () => {
  expect(mapping).toMatchObject({
    StartingPosition: 'TRIM_HORIZON',
    FunctionResponseTypes: ['ReportBatchItemFailures'],
    MaximumRecordAgeInSeconds: 23 * 3600,
  })
  expect(mapping).not.toHaveProperty('MaximumRetryAttempts')
  expect(nameOf(mapping['DestinationConfig'].OnFailure.Destination)).toBe('EventsDeadLetters')
})

test('the function that publishes may do that, read the stream, and touch nothing of the ledger but what accounts met', () => {
  const role = functionsOf(on)['publish-events']!['Role']['Fn::GetAtt'][0]
  const [policy] = resourcesOf(on, 'AWS::IAM::Policy').filter(
    ([, { Properties }]) => Properties['Roles'][0].Ref === role,
  )
  const statements = policy![1].Properties['PolicyDocument'].Statement.filter(
    ({ Action }: Properties) => ![Action].flat()[0].startsWith('logs:'),
  )

  expect(
    statements.map(({ Action, Resource, Condition }: Properties) => [
      [Action].flat().join(' '),
      nameOf(Resource),
      Condition,
    ]),
  ).toEqual([
    ['events:PutEvents', 'arn:AWS::Partition:events:AWS::Region:AWS::AccountId:event-bus/messaging', undefined],
    ['dynamodb:DescribeStream dynamodb:GetRecords dynamodb:GetShardIterator', 'Ledger', undefined],
    ['dynamodb:ListStreams', '*', undefined],
    ['sqs:SendMessage', 'EventsDeadLetters', undefined],
    [
      'dynamodb:BatchGetItem dynamodb:PutItem',
      'Ledger',
      { 'ForAllValues:StringLike': { 'dynamodb:LeadingKeys': ['health#*'] } },
    ],
  ])
})
