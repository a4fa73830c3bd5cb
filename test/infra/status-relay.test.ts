import { App, Duration, RemovalPolicy, Stack } from 'aws-cdk-lib'
import { Match, Template } from 'aws-cdk-lib/assertions'
import { Key } from 'aws-cdk-lib/aws-kms'
import { RetentionDays } from 'aws-cdk-lib/aws-logs'
import { describe, expect, test } from 'vitest'
import { StatusRelay } from '../../infra/relay/status-relay.ts'
import { functionsOf, nameOf, outputsOf, type Resource, relayTemplate, resourcesOf } from './relay-template.ts'

const template = relayTemplate()
const functions = Object.entries(functionsOf(template))

describe('the tables', () => {
  test('keep their logical ids, and with them their items', () => {
    expect(resourcesOf(template, 'AWS::DynamoDB::GlobalTable').map(([id]) => id)).toEqual([
      'RelayLedger72ACEE6B',
      'RelayPortalsB7895113',
      'RelayCredentials4C072AC0',
    ])
  })

  test.each(resourcesOf(template, 'AWS::DynamoDB::GlobalTable'))(
    '%s outlives its stack, save one whose first deployment failed, and can be brought back to any minute of the last month',
    (_, table) => {
      const [replica, ...others] = table.Properties['Replicas']

      expect(table).toMatchObject({ DeletionPolicy: 'RetainExceptOnCreate', UpdateReplacePolicy: 'Retain' })
      expect(replica.PointInTimeRecoverySpecification.PointInTimeRecoveryEnabled).toBe(true)
      expect(others).toEqual([])
    },
  )

  test.each(resourcesOf(template, 'AWS::DynamoDB::GlobalTable'))(
    '%s is keyed by pk alone, billed by the request, and drops what has expired',
    (_, { Properties }) => {
      expect(Properties).toMatchObject({
        KeySchema: [{ AttributeName: 'pk', KeyType: 'HASH' }],
        AttributeDefinitions: [{ AttributeName: 'pk', AttributeType: 'S' }],
        BillingMode: 'PAY_PER_REQUEST',
        TimeToLiveSpecification: { AttributeName: 'expiresAt', Enabled: true },
      })
    },
  )

  test('the portals are encrypted under a key of their own, which is rotated and outlives the stack', () => {
    const [, portals] = resourcesOf(template, 'AWS::DynamoDB::GlobalTable')[1]!
    const [, key] = resourcesOf(template, 'AWS::KMS::Key')[0]!

    expect(portals.Properties['SSESpecification']).toEqual({ SSEEnabled: true, SSEType: 'KMS' })
    expect(nameOf(portals.Properties['Replicas'][0].SSESpecification.KMSMasterKeyId)).toBe('PortalsKey')
    expect(key).toMatchObject({ DeletionPolicy: 'RetainExceptOnCreate', Properties: { EnableKeyRotation: true } })
  })
})

test('a failed first deployment can delete everything: what it keeps, and what refuses to go', () => {
  const resources = Object.values(template.toJSON()['Resources'] as Record<string, Resource>)

  expect(resources.filter(({ DeletionPolicy }) => DeletionPolicy === 'Retain')).toEqual([])
  expect(JSON.stringify(resources)).not.toMatch(/"Deletion\w*Protection\w*":true/)
})

test('the tables are protected from being deleted where that is chosen', () => {
  const guarded = resourcesOf(relayTemplate({ deletionProtection: true }), 'AWS::DynamoDB::GlobalTable')

  expect(guarded.map(([, { Properties }]) => Properties['Replicas'][0].DeletionProtectionEnabled)).toEqual([
    true,
    true,
    true,
  ])
})

test('the queues keep their logical ids, and with them what waits in them', () => {
  expect(resourcesOf(template, 'AWS::SQS::Queue').map(([id]) => id)).toEqual([
    'RelayStatusUpdatesDeadLetters8DD7D0B3',
    'RelayStatusUpdatesQueue24B019B3',
    'RelayDeliveriesDeadLettersE665839B',
    'RelayDeliveriesQueueA5F64952',
    'RelayHandOnsDeadLetters6969659E',
    'RelayHandOnsQueue745EEA4B',
  ])
})

test('the app secret keeps its logical id and first value: a change would overwrite what operators put in', () => {
  expect(resourcesOf(template, 'AWS::SecretsManager::Secret')).toMatchObject([
    [
      'RelayAppSecret80E0E6CF',
      { DeletionPolicy: 'RetainExceptOnCreate', Properties: { SecretString: '{"clientId":"","clientSecrets":[]}' } },
    ],
  ])
})

test('nothing has a physical name, save by the name of the relay, so that several fit into one account', () => {
  const named = Object.entries(template.toJSON()['Resources'] as Record<string, { Type: string; Properties?: object }>)
    .flatMap(([id, { Properties = {} }]) => Object.keys(Properties).map((property) => `${id}.${property}`))
    .filter((property) => /\.(?!FunctionName$|PolicyName$|StageName$|MetricName$)\w*Name$/.test(property))

  // Names of APIs need not be unique; those of saved queries begin with the stack's.
  expect(named.filter((property) => !property.startsWith('RelayLogQueries'))).toEqual([
    'RelayApi7D9A0246.Name',
    'RelayApiAccessLogs66633A47.LogGroupName',
    // The log group's, which it filters.
    'RelayThrottledRequests197474F4.LogGroupName',
  ])
})

describe.each(functions)('%s', (name, lambda) => {
  test('runs on Node.js 24 and arm64', () => {
    expect(lambda).toMatchObject({ Runtime: 'nodejs24.x', Architectures: ['arm64'], Handler: 'index.handler' })
  })

  test('has no secret in its environment, only where to find it', () => {
    const variables = Object.entries(lambda['Environment'].Variables)

    expect(JSON.stringify(variables)).not.toContain('resolve:')
    expect(
      variables.map(([variable]) => variable).filter((variable) => /SECRET|TOKEN|PASSWORD|KEY/.test(variable)),
    ).toEqual(variables.map(([variable]) => variable).filter((variable) => /^APP_SECRET_ARN$/.test(variable)))
  })

  test('names itself to its logs and metrics', () => {
    expect(lambda['Environment'].Variables).toMatchObject({
      POWERTOOLS_SERVICE_NAME: name,
      POWERTOOLS_METRICS_NAMESPACE: 'HubSpotStatusRelay',
    })
  })

  test("logs JSON to a log group that forgets, without Lambda's own lines, and is not traced by X-Ray", () => {
    const groups = Object.fromEntries(resourcesOf(template, 'AWS::Logs::LogGroup'))

    expect(lambda['LoggingConfig']).toMatchObject({
      LogFormat: 'JSON',
      ApplicationLogLevel: 'INFO',
      SystemLogLevel: 'WARN',
    })
    expect(groups[lambda['LoggingConfig'].LogGroup.Ref]!.Properties['RetentionInDays']).toBe(30)
    expect(lambda).not.toHaveProperty('TracingConfig')
  })
})

describe('the HTTP API', () => {
  const stage = resourcesOf(template, 'AWS::ApiGatewayV2::Stage')[0]![1].Properties

  test('has a route for HubSpot, two for providers, which post and may ask, and two for who connects an account', () => {
    const integrations = Object.fromEntries(resourcesOf(template, 'AWS::ApiGatewayV2::Integration'))
    const routes = resourcesOf(template, 'AWS::ApiGatewayV2::Route').map(([, { Properties }]) => {
      const integration = integrations[Properties['Target']['Fn::Join'][1][1].Ref]!.Properties
      expect(integration['PayloadFormatVersion']).toBe('2.0')
      return [Properties['RouteKey'], nameOf(integration['IntegrationUri'])]
    })

    expect(routes).toEqual([
      ['POST /hubspot/webhook', 'hubspotwebhookFunction'],
      ['POST /receipts/{channelId}', 'providerreceiptFunction'],
      ['GET /receipts/{channelId}', 'providerreceiptFunction'],
      ['POST /receipts/{channelId}/{channelAccountId}', 'providerreceiptFunction'],
      ['GET /receipts/{channelId}/{channelAccountId}', 'providerreceiptFunction'],
      ['GET /oauth/install', 'oauthinstallFunction'],
      ['GET /oauth/callback', 'oauthinstallFunction'],
    ])
  })

  test('has its one stage at the root, so that no stage name gets into the URL that HubSpot signs', () => {
    expect(resourcesOf(template, 'AWS::ApiGatewayV2::Stage')).toHaveLength(1)
    expect(stage).toMatchObject({ StageName: '$default', AutoDeploy: true })
  })

  test('is throttled', () => {
    expect(stage['DefaultRouteSettings']).toEqual({ ThrottlingRateLimit: 500, ThrottlingBurstLimit: 1000 })
  })

  test('logs who called which route with what result, but no query strings, paths, headers or bodies', () => {
    const line = JSON.parse(stage['AccessLogSettings'].Format)

    expect(Object.values(line)).toEqual([
      '$context.requestId',
      '$context.requestTime',
      '$context.identity.sourceIp',
      '$context.routeKey',
      '$context.status',
      '$context.responseLatency',
      '$context.integration.integrationStatus',
      '$context.integrationLatency',
      '$context.integrationErrorMessage',
    ])
  })

  test('answers before API Gateway gives up', () => {
    for (const name of ['hubspot-webhook', 'provider-receipt', 'oauth-install']) {
      expect(functionsOf(template)[name]!['Timeout']).toBeLessThan(30)
    }
  })
})

test('operators find every part under a plain name', () => {
  expect(Object.keys(outputsOf(template))).toEqual([
    'WebhookUrl',
    'ReceiptsUrl',
    'InstallUrl',
    'DeliveriesQueueUrl',
    'DeliveriesDeadLettersUrl',
    'StatusUpdatesQueueUrl',
    'StatusUpdatesDeadLettersUrl',
    'HandOnsQueueUrl',
    'HandOnsDeadLettersUrl',
    'LedgerTableName',
    'PortalsTableName',
    'AppSecretArn',
    'CredentialsTableName',
    'HubSpotBaseUrl',
    'HubSpotApiVersion',
    'MetricsNamespace',
    'Version',
  ])
})

describe('what can be chosen', () => {
  test('what is kept may go with its stack', () => {
    const fleeting = relayTemplate({ removalPolicy: RemovalPolicy.DESTROY })
    const kept = ['AWS::DynamoDB::GlobalTable', 'AWS::KMS::Key', 'AWS::SecretsManager::Secret']

    for (const type of kept)
      for (const [id, { DeletionPolicy }] of resourcesOf(fleeting, type))
        expect([id, DeletionPolicy]).toEqual([id, 'Delete'])
  })

  test("the tokens and the credentials may be encrypted under keys of the team's, and then no others are made", () => {
    const arn = 'arn:aws:kms:eu-west-1:123456789012:key/0b1c2d3e'
    const another = 'arn:aws:kms:eu-west-1:123456789012:key/4f5a6b7c'
    const app = new App({ context: { 'aws:cdk:bundling-stacks': [] } })
    const stack = new Stack(app, 'Theirs')
    new StatusRelay(stack, 'Relay', {
      encryptionKey: Key.fromKeyArn(stack, 'Key', arn),
      credentialsKey: Key.fromKeyArn(stack, 'AnotherKey', another),
    })
    const theirs = Template.fromStack(stack)
    const [, portals, credentials] = resourcesOf(theirs, 'AWS::DynamoDB::GlobalTable').map(([, one]) => one)

    theirs.resourceCountIs('AWS::KMS::Key', 0)
    expect(portals!.Properties['Replicas'][0].SSESpecification.KMSMasterKeyId).toBe(arn)
    expect(credentials!.Properties['Replicas'][0].SSESpecification.KMSMasterKeyId).toBe(another)
    expect(JSON.stringify(resourcesOf(theirs, 'AWS::IAM::Policy'))).toContain(`"Resource":"${arn}"`)
  })

  test('the logs may be encrypted under a key, which lets CloudWatch Logs use it for them', () => {
    const stack = new Stack(new App({ context: { 'aws:cdk:bundling-stacks': [] } }), 'Theirs')
    new StatusRelay(stack, 'Relay', { logEncryptionKey: new Key(stack, 'LogsKey') })
    const theirs = Template.fromStack(stack)

    theirs.allResourcesProperties('AWS::Logs::LogGroup', {
      KmsKeyId: { 'Fn::GetAtt': [Match.stringLikeRegexp('LogsKey'), 'Arn'] },
    })
    theirs.hasResourceProperties('AWS::KMS::Key', {
      KeyPolicy: {
        Statement: Match.arrayWith([
          Match.objectLike({
            // In China it has another name.
            Principal: {
              Service: { 'Fn::Join': ['', ['logs.', { Ref: 'AWS::Region' }, '.', { Ref: 'AWS::URLSuffix' }]] },
            },
          }),
        ]),
      },
    })
  })

  test('a public base URL is the one that signatures are checked against, and the one that is handed out', () => {
    const custom = relayTemplate({ publicBaseUrl: 'https://relay.example.com' })

    const outputs = outputsOf(custom)
    const told = Object.entries(functionsOf(custom)).filter(
      ([, { Environment }]) => Environment.Variables.PUBLIC_BASE_URL,
    )
    expect(outputs['WebhookUrl']).toBe('https://relay.example.com/hubspot/webhook')
    expect(outputs['ReceiptsUrl']).toBe('https://relay.example.com/receipts')
    expect(told.map(([name]) => name)).toEqual([
      'hubspot-webhook',
      'deliver-message',
      'provider-receipt',
      'oauth-install',
    ])
  })

  describe('a domain of the team', () => {
    const domain = { name: 'relay.example.com', certificateArn: 'arn:aws:acm:eu-west-1:123456789012:certificate/1' }
    const custom = relayTemplate({ domain })

    test('leads to the one stage, under the certificate of the team, over TLS 1.2 at least', () => {
      custom.hasResourceProperties('AWS::ApiGatewayV2::DomainName', {
        DomainName: domain.name,
        DomainNameConfigurations: [
          { CertificateArn: domain.certificateArn, EndpointType: 'REGIONAL', SecurityPolicy: 'TLS_1_2' },
        ],
      })
      const [, mapping] = resourcesOf(custom, 'AWS::ApiGatewayV2::ApiMapping')[0]!
      expect(mapping.Properties).toMatchObject({ Stage: '$default' })
      expect(mapping.Properties).not.toHaveProperty('ApiMappingKey')
    })

    test('is what signatures are checked against, and handed out, with what its DNS record has to point to', () => {
      const outputs = outputsOf(custom)

      expect(outputs['WebhookUrl']).toBe('https://relay.example.com/hubspot/webhook')
      expect(functionsOf(custom)['hubspot-webhook']!['Environment'].Variables.PUBLIC_BASE_URL).toBe(
        'https://relay.example.com',
      )
      expect(outputs['DomainTarget']).toMatchObject({ 'Fn::GetAtt': [expect.anything(), 'RegionalDomainName'] })
    })

    test('may stand behind another host, which is then the one', () => {
      const behind = relayTemplate({ domain, publicBaseUrl: 'https://cdn.example.com' })

      expect(outputsOf(behind)['WebhookUrl']).toBe('https://cdn.example.com/hubspot/webhook')
    })
  })

  test('without delivery, the webhook hands over to update-status and nothing of deliveries is left', () => {
    const small = relayTemplate({ delivery: false, receipts: false, install: false })

    expect(Object.keys(functionsOf(small))).toEqual(['hubspot-webhook', 'update-status'])
    expect(functionsOf(small)['hubspot-webhook']!['Environment'].Variables.JOBS_QUEUE_URL).toEqual({
      Ref: 'RelayStatusUpdatesQueue24B019B3',
    })
    expect(resourcesOf(small, 'AWS::ApiGatewayV2::Route')).toHaveLength(1)
    expect(JSON.stringify(small.toJSON())).not.toMatch(/Deliveries(Queue|DeadLetters)/)
    expect(outputsOf(small)).not.toHaveProperty('ReceiptsUrl')
    expect(outputsOf(small)).not.toHaveProperty('InstallUrl')
  })

  test('turning delivery off and on again leaves the tables and the status updates as they are', () => {
    const lasting = /^Relay(Ledger|Portals|AppSecret|StatusUpdates)/
    const idsOf = (any: typeof template) => Object.keys(any.toJSON()['Resources']).filter((id) => lasting.test(id))

    expect(idsOf(relayTemplate({ delivery: false }))).toEqual(idsOf(template))
  })

  test('an installation asks for the scopes of a custom channel, or for those that the app requires', () => {
    const scopes = ['oauth', 'conversations.custom_channels.write', 'crm.objects.contacts.write']
    const own = relayTemplate({ hubspot: { scopes, appBaseUrl: 'https://app-eu1.hubspot.com' } })

    expect(functionsOf(template)['oauth-install']!['Environment'].Variables).toMatchObject({
      HUBSPOT_APP_BASE_URL: 'https://app.hubspot.com',
      HUBSPOT_SCOPES: 'oauth conversations.read conversations.custom_channels.read conversations.custom_channels.write',
    })
    expect(functionsOf(own)['oauth-install']!['Environment'].Variables).toMatchObject({
      HUBSPOT_APP_BASE_URL: 'https://app-eu1.hubspot.com',
      HUBSPOT_SCOPES: scopes.join(' '),
    })
  })

  test('where your own endpoint gives access tokens, nobody installs here, and it must be one that nobody overhears', () => {
    const accessTokens = { url: 'https://tokens.example.com/hubspot' }
    const own = functionsOf(relayTemplate({ hubspot: { accessTokens } }))

    expect(Object.keys(own)).not.toContain('oauth-install')
    expect(own['update-status']!['Environment'].Variables).toMatchObject({ ACCESS_TOKENS_URL: accessTokens.url })
    expect(own['update-status']!['Environment'].Variables).not.toHaveProperty('APP_SECRET_ARN')
    expect(() => relayTemplate({ hubspot: { accessTokens }, install: true })).toThrow('- install must be false where')
    expect(() => relayTemplate({ hubspot: { accessTokens: { url: 'http://tokens.example.com' } } })).toThrow(
      '- hubspot.accessTokens.url must be an https:// URL.',
    )
  })

  test('by default agents see the truth within a quarter of an hour, and silence is no failure', () => {
    expect(functionsOf(relayTemplate())['deliver-message']!['Environment'].Variables).toMatchObject({
      DELIVER_WITHIN_SECONDS: '900',
      UNCONFIRMED_AFTER_SECONDS: '600',
      ON_SILENCE: 'sent',
      THREAD_ORDER: 'on',
      RESEND: 'ignore',
    })
  })

  test('times, limits and retention reach the functions', () => {
    const tuned = relayTemplate({
      hubspot: { apiVersion: '2026-09', requestLimit: 190, requestShare: 0.5 },
      deliverWithin: Duration.minutes(5),
      unconfirmedAfter: Duration.minutes(20),
      onSilence: 'failed',
      threadOrder: 'off',
      resend: 'send',
      giveUpAfter: Duration.hours(6),
      logRetention: RetentionDays.ONE_WEEK,
      maxConcurrency: 4,
      throttle: { rate: 20, burst: 40 },
    })

    expect(functionsOf(tuned)['update-status']!['Environment'].Variables).toMatchObject({
      HUBSPOT_BASE_URL: 'https://api.hubapi.com',
      HUBSPOT_API_VERSION: '2026-09',
      HUBSPOT_REQUEST_LIMIT: '190',
      HUBSPOT_REQUEST_SHARE: '0.5',
      GIVE_UP_AFTER_SECONDS: '21600',
    })
    expect(functionsOf(tuned)['deliver-message']!['Environment'].Variables).toMatchObject({
      DELIVER_WITHIN_SECONDS: '300',
      UNCONFIRMED_AFTER_SECONDS: '1200',
      ON_SILENCE: 'failed',
      THREAD_ORDER: 'off',
      RESEND: 'send',
    })
    tuned.allResourcesProperties('AWS::Logs::LogGroup', { RetentionInDays: 7 })
    tuned.allResourcesProperties('AWS::Lambda::EventSourceMapping', { ScalingConfig: { MaximumConcurrency: 4 } })
    tuned.hasResourceProperties('AWS::ApiGatewayV2::Stage', {
      DefaultRouteSettings: { ThrottlingRateLimit: 20, ThrottlingBurstLimit: 40 },
    })
  })
})
