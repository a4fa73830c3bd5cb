import { App, Stack } from 'aws-cdk-lib'
import { Template } from 'aws-cdk-lib/assertions'
import { ArnPrincipal, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam'
import { describe, expect, test } from 'vitest'
import { StatusRelay } from '../../infra/relay/status-relay.ts'
import { readSettings } from '../../infra/settings.ts'
import { functionsOf, nameOf, relayTemplate, resourcesOf } from './relay-template.ts'

/** Resources by their type, each under its name in the construct tree; but what watches them: monitoring.test.ts. */
type Inventory = Record<string, string[]>

/** API Gateway → webhook → queue → consumer → HubSpot: the team sends statuses to the queue. */
const smallest: Inventory = {
  'AWS::ApiGatewayV2::Api': ['Api'],
  'AWS::ApiGatewayV2::Integration': ['ApiPOSThubspotwebhookIntegration'],
  'AWS::ApiGatewayV2::Route': ['ApiPOSThubspotwebhook'],
  'AWS::ApiGatewayV2::Stage': ['ApiStage'],
  'AWS::DynamoDB::GlobalTable': ['Ledger', 'Portals'],
  'AWS::IAM::Policy': ['hubspotwebhookRoleDefaultPolicy', 'updatestatusRoleDefaultPolicy'],
  'AWS::IAM::Role': ['hubspotwebhookRole', 'updatestatusRole'],
  'AWS::KMS::Key': ['PortalsKey'],
  'AWS::Lambda::EventSourceMapping': ['StatusUpdatesConsumer'],
  'AWS::Lambda::Function': ['hubspotwebhookFunction', 'updatestatusFunction'],
  'AWS::Lambda::Permission': ['ApiPOSThubspotwebhookIntegrationPermission'],
  'AWS::Logs::LogGroup': ['ApiAccessLogs', 'hubspotwebhookLogs', 'updatestatusLogs'],
  'AWS::Logs::MetricFilter': ['ThrottledRequests'],
  'AWS::SQS::Queue': ['StatusUpdatesDeadLetters', 'StatusUpdatesQueue'],
  'AWS::SQS::QueuePolicy': ['StatusUpdatesDeadLettersPolicy', 'StatusUpdatesQueuePolicy'],
  'AWS::SecretsManager::Secret': ['AppSecret'],
}

/** The same, and the team may send statuses over HTTP, signed. */
const withReceipts = plus(smallest, {
  'AWS::DynamoDB::GlobalTable': ['Credentials'],
  'AWS::KMS::Key': ['CredentialsKey'],
  'AWS::ApiGatewayV2::Integration': ['ApiPOSTreceiptschannelIdIntegration'],
  'AWS::ApiGatewayV2::Route': [
    'ApiPOSTreceiptschannelId',
    'ApiGETreceiptschannelId',
    'ApiPOSTreceiptschannelIdchannelAccountId',
    'ApiGETreceiptschannelIdchannelAccountId',
  ],
  'AWS::IAM::Policy': ['providerreceiptRoleDefaultPolicy', 'handonRoleDefaultPolicy'],
  'AWS::IAM::Role': ['providerreceiptRole', 'handonRole'],
  'AWS::Lambda::EventSourceMapping': ['HandOnsConsumer'],
  'AWS::Lambda::Function': ['providerreceiptFunction', 'handonFunction'],
  'AWS::Lambda::Permission': [
    'ApiPOSTreceiptschannelIdIntegrationPermission',
    'ApiGETreceiptschannelIdIntegrationPermission',
    'ApiPOSTreceiptschannelIdchannelAccountIdIntegrationPermission',
    'ApiGETreceiptschannelIdchannelAccountIdIntegrationPermission',
  ],
  'AWS::Logs::LogGroup': ['providerreceiptLogs', 'handonLogs'],
  'AWS::SQS::Queue': ['HandOnsDeadLetters', 'HandOnsQueue'],
  'AWS::SQS::QueuePolicy': ['HandOnsDeadLettersPolicy', 'HandOnsQueuePolicy'],
})

/** The relay delivers the messages as well. */
const withDelivery = plus(withReceipts, {
  'AWS::IAM::Policy': ['delivermessageRoleDefaultPolicy'],
  'AWS::IAM::Role': ['delivermessageRole'],
  'AWS::Lambda::EventSourceMapping': ['DeliveriesConsumer'],
  'AWS::Lambda::Function': ['delivermessageFunction'],
  'AWS::Logs::LogGroup': ['delivermessageLogs'],
  'AWS::SQS::Queue': ['DeliveriesDeadLetters', 'DeliveriesQueue'],
  'AWS::SQS::QueuePolicy': ['DeliveriesDeadLettersPolicy', 'DeliveriesQueuePolicy'],
})

/** And HubSpot accounts are connected by a link to it. */
const full = plus(withDelivery, {
  'AWS::ApiGatewayV2::Integration': ['ApiGEToauthinstallIntegration'],
  'AWS::ApiGatewayV2::Route': ['ApiGEToauthinstall', 'ApiGEToauthcallback'],
  'AWS::IAM::Policy': ['oauthinstallRoleDefaultPolicy'],
  'AWS::IAM::Role': ['oauthinstallRole'],
  'AWS::Lambda::Function': ['oauthinstallFunction'],
  'AWS::Lambda::Permission': ['ApiGEToauthinstallIntegrationPermission', 'ApiGEToauthcallbackIntegrationPermission'],
  'AWS::Logs::LogGroup': ['oauthinstallLogs'],
})

test.each([
  {
    form: 'without delivery, receipts and install',
    template: relayTemplate({ delivery: false, receipts: false, install: false }),
    is: smallest,
  },
  {
    form: 'without delivery and install',
    template: relayTemplate({ delivery: false, install: false }),
    is: withReceipts,
  },
  { form: 'without install', template: relayTemplate({ install: false }), is: withDelivery },
  { form: 'in full', template: relayTemplate(), is: full },
])('$form, the relay is these resources and no others', ({ template, is }) => {
  expect(inventoryOf(template)).toEqual(is)
})

describe('without delivery', () => {
  const template = relayTemplate({ delivery: false })
  const { Environment } = functionsOf(template)['hubspot-webhook']!

  test('the webhook hands messages to update-status, which records them', () => {
    expect(Environment.Variables.DELIVERY).toBe('off')
    expect(nameOf(Environment.Variables.JOBS_QUEUE_URL)).toBe('StatusUpdatesQueue')
    expect(nameOf(Environment.Variables.JOBS_DEAD_LETTERS_URL)).toBe('StatusUpdatesDeadLetters')
  })

  test("the webhook's role allows that and no more", () => {
    expect(allowedTo(template, 'hubspotwebhookRole')).toEqual([
      'logs:CreateLogStream on hubspotwebhookLogs',
      'logs:PutLogEvents on hubspotwebhookLogs',
      'secretsmanager:GetSecretValue on AppSecret',
      'sqs:SendMessage on StatusUpdatesDeadLetters',
      'sqs:SendMessage on StatusUpdatesQueue',
    ])
  })
})

describe('who may send statuses', () => {
  const teamsRole = 'arn:aws:iam::123456789012:role/messaging/sms-sender'

  test('a role that the settings name may send to the queue of status updates, and nothing else', () => {
    const template = templateWith((relay) => relay.grantSendStatuses(new ArnPrincipal(teamsRole)))

    expect(letIn(template)).toEqual([
      {
        queues: ['StatusUpdatesQueue'],
        statement: {
          Effect: 'Allow',
          Principal: { AWS: teamsRole },
          Action: 'sqs:SendMessage',
          Resource: { 'Fn::GetAtt': [expect.stringContaining('StatusUpdatesQueue'), 'Arn'] },
        },
      },
    ])
  })

  test('a role of the same app is granted that in its own policy', () => {
    const template = templateWith((relay, stack) =>
      relay.grantSendStatuses(new Role(stack, 'Team', { assumedBy: new ServicePrincipal('lambda.amazonaws.com') })),
    )

    expect(allowedTo(template, 'Team')).toEqual(['sqs:SendMessage on StatusUpdatesQueue'])
    expect(letIn(template)).toEqual([])
  })

  test.each([
    ['everybody', '*'],
    ['every role of an account', 'arn:aws:iam::123456789012:role/*'],
    ['a whole account', 'arn:aws:iam::123456789012:root'],
    ['a service', 'sqs.amazonaws.com'],
  ])('%s is no sender', (_, arn) => {
    const { node } = new App({ context: { relay: { statusSenderArns: [teamsRole, arn] } } })

    expect(() => readSettings(node)).toThrow(/must be a role or a user/)
  })
})

function plus(base: Inventory, more: Inventory): Inventory {
  const types = [...new Set([...Object.keys(base), ...Object.keys(more)])]
  return Object.fromEntries(types.map((type) => [type, [...(base[type] ?? []), ...(more[type] ?? [])].toSorted()]))
}

function inventoryOf(template: Template): Inventory {
  const resources = Object.entries(template.toJSON()['Resources'] as Record<string, { Type: string }>).filter(
    ([, { Type }]) => !/^AWS::CloudWatch::|::QueryDefinition$/.test(Type),
  )
  const types = Map.groupBy(resources, ([, { Type }]) => Type)
  return Object.fromEntries([...types].map(([type, all]) => [type, all.map(([id]) => nameOf({ Ref: id })).toSorted()]))
}

/** What the policies of a role allow, in words. */
function allowedTo(template: Template, role: string) {
  const policies = resourcesOf(template, 'AWS::IAM::Policy').filter(([, { Properties }]) =>
    nameOf(Properties['Roles'][0]).startsWith(role),
  )
  return policies
    .flatMap(([, { Properties }]) => Properties['PolicyDocument'].Statement as Record<string, unknown>[])
    .flatMap(({ Action, Resource }) =>
      [Action].flat().flatMap((action) => [Resource].flat().map((resource) => `${action} on ${nameOf(resource)}`)),
    )
}

/** What queues allow by their own policies. */
function letIn(template: Template) {
  return resourcesOf(template, 'AWS::SQS::QueuePolicy').flatMap(([, { Properties }]) =>
    (Properties['PolicyDocument'].Statement as { Effect: string }[])
      .filter(({ Effect }) => Effect === 'Allow')
      .map((statement) => ({ queues: (Properties['Queues'] as unknown[]).map(nameOf), statement })),
  )
}

function templateWith(grant: (relay: StatusRelay, stack: Stack) => unknown) {
  const stack = new Stack(new App({ context: { 'aws:cdk:bundling-stacks': [] } }), 'HubSpotStatusRelay')
  grant(new StatusRelay(stack, 'Relay', { delivery: false }), stack)
  return Template.fromStack(stack)
}
