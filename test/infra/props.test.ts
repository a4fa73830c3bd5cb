import { readFileSync } from 'node:fs'
import { App, Duration, RemovalPolicy, Stack } from 'aws-cdk-lib'
import { EventBus } from 'aws-cdk-lib/aws-events'
import { Alias, Key } from 'aws-cdk-lib/aws-kms'
import { HostedZone } from 'aws-cdk-lib/aws-route53'
import { Topic } from 'aws-cdk-lib/aws-sns'
import { describe, expect, test } from 'vitest'
import { StatusRelay, type StatusRelayProps } from '../../infra/relay/status-relay.ts'

/** A relay in a stack of a known account and region, of props that JavaScript lets anybody give. */
function made(props: (stack: Stack) => object, env = { account: '123456789012', region: 'eu-west-1' }) {
  const stack = new Stack(new App({ context: { 'aws:cdk:bundling-stacks': [] } }), 'Theirs', { env })
  return () => new StatusRelay(stack, 'Relay', props(stack) as StatusRelayProps)
}

const certificateArn = 'arn:aws:acm:eu-west-1:123456789012:certificate/1'
const domain = { name: 'relay.example.com', certificateArn }
const within = (name: string, value: unknown): object => {
  const [first = '', second, third] = name.split('.')
  if (first === 'domain' && second) return { domain: { ...domain, [second]: value } }
  if (first === 'throttle' && second) return { throttle: { rate: 5, burst: 5, [second]: value } }
  if (third) return { [first]: { [second!]: { [third]: value } } }
  return second ? { [first]: { [second]: value } } : { [first]: value }
}
const times = [Duration.seconds(0), Duration.millis(500), Duration.millis(1500), Duration.days(15), 'PT1H', null]
const noBoolean = ['false', 0, null]
const notKeys = [
  (stack: Stack) => Alias.fromAliasName(stack, 'Alias', 'alias/relay'),
  (stack: Stack) => Key.fromKeyArn(stack, 'Key', 'arn:aws:kms:us-east-1:123456789012:key/1'),
  (stack: Stack) => Key.fromKeyArn(stack, 'Key', 'arn:aws-cn:kms:eu-west-1:123456789012:key/1'),
  'arn:aws:kms:eu-west-1:123456789012:key/1',
]
const noUrls = [
  'ftp://example.com',
  'http://example.com',
  'https://ada:secret@example.com',
  'https://example.com?x',
  '',
]

/** For each prop, values that are none: a function makes one in the stack. */
const hostile: Record<string, unknown[]> = {
  domain: ['relay.example.com', null, [domain]],
  'domain.name': [undefined, '', 'relay.example.com.', '*.example.com', 'my_relay.example.com', 'Relay.example.com'],
  'domain.certificateArn': [
    'arn:hello',
    'arn:aws:acm:us-east-1:123456789012:certificate/1',
    'arn:aws:acm:eu-west-1:210987654321:certificate/1',
    'arn:aws-cn:acm:eu-west-1:123456789012:certificate/1',
    'arn:aws:acm:eu-west-1:123456789012:certificate/1/',
  ],
  'domain.hostedZone': [
    (stack: Stack) =>
      HostedZone.fromHostedZoneAttributes(stack, 'Zone', { hostedZoneId: 'Z1', zoneName: 'other.example' }),
  ],
  publicBaseUrl: [
    'https://example.com/',
    'https://example.com/relay',
    'https://Relay.example.com',
    'https://my_relay.example.com',
    'https://relay.example.com:443',
    'https://relay.müller.example',
    'https://relay.exa"mple.com',
    'https://relay.example.com\\a',
    'http://example.com',
    '',
    null,
  ],
  hubspot: [null, 'v3', []],
  'hubspot.baseUrl': noUrls,
  'hubspot.appBaseUrl': noUrls,
  'hubspot.apiVersion': ['v4', '', null],
  'hubspot.requestLimit': [0, -1, 0.5, Number.NaN, Number.POSITIVE_INFINITY, '110'],
  'hubspot.requestShare': [0, -0.5, 2, Number.NaN, '0.5'],
  'hubspot.accessTokens': [null, 'https://tokens.example.com'],
  'hubspot.accessTokens.url': [undefined, '', 'http://tokens.example.com'],
  'hubspot.scopes': ['oauth', [], ['oauth conversations.read']],
  deliverWithin: times,
  unconfirmedAfter: times,
  giveUpAfter: times,
  onSilence: ['SENT', true, ''],
  threadOrder: ['ON', true, ''],
  resend: ['always', true, ''],
  tellSent: ['never', true, ''],
  logRetention: [31, '30', 0, Number.NaN],
  logEncryptionKey: notKeys,
  encryptionKey: notKeys,
  credentialsKey: notKeys,
  maxConcurrency: [1, 1001, 2.5, -2, Number.NaN, '5', null],
  webhookReservedConcurrency: [0, -1, 1.5, Number.NaN, '5'],
  throttle: [null, 5],
  'throttle.rate': [undefined, 0, -1, 0.5, Number.NaN, '5'],
  'throttle.burst': [undefined, 0, -1, 0.5, Number.NaN, '5'],
  delivery: noBoolean,
  receipts: noBoolean,
  install: noBoolean,
  deletionProtection: noBoolean,
  outputs: noBoolean,
  removalPolicy: [RemovalPolicy.SNAPSHOT, 'keep', null],
  alarmTopic: [
    'arn:aws:sns:eu-west-1:123456789012:ops',
    (stack: Stack) => new Topic(stack, 'Topic', { fifo: true }),
    (stack: Stack) => new Topic(stack, 'Topic', { masterKey: Alias.fromAliasName(stack, 'Key', 'alias/aws/sns') }),
    (stack: Stack) => Topic.fromTopicArn(stack, 'Topic', 'arn:aws:sns:us-east-1:123456789012:ops'),
    (stack: Stack) => Topic.fromTopicArn(stack, 'Topic', 'arn:aws-us-gov:sns:eu-west-1:123456789012:ops'),
    (stack: Stack) => Topic.fromTopicArn(stack, 'Topic', 'arn:aws:sqs:eu-west-1:123456789012:ops'),
  ],
  alarmSubscribers: ['ops@example.com', [''], ['ops'], ['+15550100001'], ['http://pager.example.com'], null],
  eventBus: [
    'default',
    (stack: Stack) => EventBus.fromEventBusArn(stack, 'Bus', 'arn:aws:events:us-east-1:123456789012:event-bus/x'),
    (stack: Stack) => EventBus.fromEventBusArn(stack, 'Bus', 'arn:aws-cn:events:eu-west-1:123456789012:event-bus/x'),
  ],
  runbookUrl: ['', 'two words', 'https://wiki.example.com/relay#runbook', 'x'.repeat(401)],
}

describe.each(Object.entries(hostile))('%s', (name, values) => {
  test.each(values.map((value) => [typeof value === 'function' ? String(value) : value, value]))(
    'may not be %j: the error names it',
    (_, value) => {
      const props = (stack: Stack) => within(name, typeof value === 'function' ? value(stack) : value)

      expect(made(props)).toThrow(new RegExp(`^Theirs/Relay cannot be made of these props:\\n(.*\\n)*- ${name} must `))
    },
  )
})

test('every prop that there is was tried', () => {
  const sources = ['props', 'message-props', 'hubspot-props', 'http-api'].map((name) =>
    readFileSync(new URL(`../../infra/relay/${name}.ts`, import.meta.url), 'utf8'),
  )
  const prefixes: Record<string, string> = { HubSpotApi: 'hubspot.', Domain: 'domain.', Throttle: 'throttle.' }
  const [, ...interfaces] = sources.join('\n').split(/^export interface /m)
  const props = interfaces
    .filter((text) => /^(StatusRelayProps|MessageProps|HubSpotApi|Domain|Throttle) /.test(text))
    .flatMap((text) =>
      [...text.split('\n}')[0]!.matchAll(/^ {2}readonly (\w+)/gm)].map(
        ([, name]) => (prefixes[/^\w+/.exec(text)![0]] ?? '') + name,
      ),
    )

  expect(props.length).toBeGreaterThan(30)
  expect(props.filter((name) => !(name in hostile))).toEqual([])
})

test.each([
  ['China', 'cn-north-1', 'aws-cn'],
  ['GovCloud', 'us-gov-west-1', 'aws-us-gov'],
])('in %s, ARNs are of its partition', (_, region, partition) => {
  const props = (of: string) => (stack: Stack) => ({
    domain: { ...domain, certificateArn: `arn:${of}:acm:${region}:123456789012:certificate/1` },
    alarmTopic: Topic.fromTopicArn(stack, 'Topic', `arn:${of}:sns:${region}:123456789012:ops`),
  })

  expect(made(props(partition), { account: '123456789012', region })).not.toThrow()
  expect(made(props('aws'), { account: '123456789012', region })).toThrow(
    `- alarmTopic must be a standard topic of SNS: arn:${partition}:sns:`,
  )
})
