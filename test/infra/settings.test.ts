import { App } from 'aws-cdk-lib'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { createRelayApp } from '../../infra/relay-app.ts'
import { readSettings } from '../../infra/settings.ts'

const settingsFrom = (context: Record<string, unknown>) => readSettings(new App({ context }).node)

test('everything may be left out', () => {
  expect(settingsFrom({ relay: {} })).toEqual({})
  expect(settingsFrom({})).toEqual({})
})

test('the command line wins over cdk.json, one setting at a time', () => {
  const settings = settingsFrom({
    relay: { stage: 'beta', maxConcurrency: 5, unconfirmedAfter: 'PT30M' },
    'relay.maxConcurrency': '20',
    'relay.delivery': 'false',
    'relay.publicBaseUrl': 'https://relay.example.com',
    'relay.hubspot': '{"apiVersion":"2026-03"}',
  })

  expect({ ...settings, unconfirmedAfter: settings.unconfirmedAfter?.toSeconds() }).toEqual({
    stage: 'beta',
    maxConcurrency: 20,
    delivery: false,
    publicBaseUrl: 'https://relay.example.com',
    hubspot: { apiVersion: '2026-03' },
    unconfirmedAfter: 1800,
  })
})

test('null on the command line brings a setting of cdk.json back to its default', () => {
  const relay = { stage: 'beta', publicBaseUrl: 'https://relay.example.com' }

  expect(settingsFrom({ relay, 'relay.publicBaseUrl': null })).toEqual({ stage: 'beta' })
  expect(settingsFrom({ relay, 'relay.publicBaseUrl': 'null' })).toEqual({ stage: 'beta' })
})

test('a part is named by its dotted name, as the README writes it, and objects are merged', () => {
  const relay = { hubspot: { requestLimit: 100, requestShare: 0.8 } }

  expect(settingsFrom({ relay, 'relay.hubspot.requestShare': '0.5' })).toEqual({
    hubspot: { requestLimit: 100, requestShare: 0.5 },
  })
  expect(settingsFrom({ relay, 'relay.hubspot.requestShare': '0.5', 'relay.hubspot': '{"requestLimit":50}' })).toEqual({
    hubspot: { requestLimit: 50, requestShare: 0.5 },
  })
  expect(settingsFrom({ relay, 'relay.hubspot.requestShare': 'null' })).toEqual({ hubspot: { requestLimit: 100 } })
  expect(settingsFrom({ relay, 'relay.hubspot': 'null' })).toEqual({})
  expect(settingsFrom({ 'relay.throttle.rate': '5', 'relay.throttle.burst': '9' })).toEqual({
    throttle: { rate: 5, burst: 9 },
  })
  expect(
    settingsFrom({ relay: { alarmSubscribers: ['a@example.com'] }, 'relay.alarmSubscribers': '["b@example.com"]' }),
  ).toEqual({
    alarmSubscribers: ['b@example.com'],
  })
})

test.each([
  ['delivery', 'relay.delivery'],
  ['relay/delivery', 'relay.delivery'],
  ['relay:delivery', 'relay.delivery'],
  ['relay-delivery', 'relay.delivery'],
  ['relay_delivery', 'relay.delivery'],
  ['relayDelivery', 'relay.delivery'],
  ['RELAY.DELIVERY', 'relay.delivery'],
  [' relay.hubspot.requestShare', 'relay.hubspot.requestShare'],
  ['realy.delivery', 'relay.delivery'],
  ['Relay.stage', 'relay.stage'],
  ['hubspot.requestShare', 'relay.hubspot.requestShare'],
  ['requestShare', 'relay.hubspot.requestShare'],
  ['apiversion', 'relay.hubspot.apiVersion'],
  ['certificateArn', 'relay.domain.certificateArn'],
  ['relay:hubspot:requestShare', 'relay.hubspot.requestShare'],
  ['relay-requestShare', 'relay.hubspot.requestShare'],
  ['delivry', 'relay.delivery'],
  ['stage', 'relay.stage'],
])('-c %s=… is named, since it would change nothing', (given, right) => {
  expect(() => settingsFrom({ [given]: 'false' })).toThrow(`"${given}" is no setting. Did you mean "${right}"?`)
})

test.each([
  [{ 'relay.requestShare': '0.5' }, 'Did you mean "relay.hubspot.requestShare"?'],
  [{ 'relay.stgae': 'beta' }, '"relay.stgae" is no setting. Did you mean "relay.stage"?'],
  [
    { 'relay.hubspot.requestshare': '0.5' },
    '"relay.hubspot.requestshare" is no setting. Did you mean "relay.hubspot.requestShare"?',
  ],
  [{ relay: { hubspot: { apiVersio: 'v3' } } }, 'Did you mean "relay.hubspot.apiVersion"?'],
])('a misspelt name is told with the one that is meant: %j', (context, sentence) => {
  expect(() => settingsFrom(context)).toThrow(sentence)
})

test('the whole of them may be given in one, and a part over it', () => {
  expect(settingsFrom({ relay: '{"delivery":false,"stage":"alpha"}', 'relay.stage': 'beta' })).toEqual({
    delivery: false,
    stage: 'beta',
  })
  expect(() => settingsFrom({ relay: 'delivery=false', 'relay.stage': 'beta' })).toThrow('relay must be an object')
})

test.each(['2', '007', '1e3', '4815e162', '12345678901234567890'])('a stage may look like a number: %s', (stage) => {
  expect(settingsFrom({ 'relay.stage': stage })).toEqual({ stage })
})

test('a stage in cdk.json may be a number', () => {
  expect(settingsFrom({ relay: { stage: 2 } })).toEqual({ stage: '2' })
  expect(settingsFrom({ relay: { stage: 2 }, 'relay.stage': 'null' })).toEqual({})
})

test("CDK's own context, and that of others, is left alone", () => {
  expect(
    settingsFrom({ '@aws-cdk/core:newStyleStackSynthesis': true, 'aws:cdk:bundling-stacks': [], team: 'a' }),
  ).toEqual({})
})

test.each<[string, Record<string, unknown>, RegExp]>([
  ['a misspelt name', { 'relay.stgae': 'beta' }, /stgae/],
  ['a misspelt name within a setting', { relay: { hubspot: { version: 'v3' } } }, /version/],
  ['an API version that HubSpot does not have', { relay: { hubspot: { apiVersion: 'v4' } } }, /hubspot\.apiVersion/],
  ['scopes in one string', { relay: { hubspot: { scopes: ['oauth conversations.read'] } } }, /hubspot\.scopes must be/],
  ['no scope at all', { relay: { hubspot: { scopes: [] } } }, /hubspot\.scopes must be/],
  [
    'more than all of the limit',
    { relay: { hubspot: { requestShare: 2 } } },
    /hubspot\.requestShare must be .* 0\.01 to 1/,
  ],
  ['half a request', { relay: { hubspot: { requestLimit: 0.5 } } }, /hubspot\.requestLimit must be a whole number/],
  ['a duration in words', { relay: { giveUpAfter: 'a day' } }, /- giveUpAfter must be an ISO 8601.*PT1H/],
  ['a duration in years', { 'relay.unconfirmedAfter': 'P1Y' }, /- unconfirmedAfter must be an ISO 8601.*PT1H/],
  ['a duration in weeks', { 'relay.unconfirmedAfter': 'P2W' }, /- unconfirmedAfter must be an ISO 8601.*PT1H/],
  ['half a second', { 'relay.unconfirmedAfter': 'PT0.5S' }, /- unconfirmedAfter must be an ISO 8601.*PT1H/],
  ['no time at all', { 'relay.unconfirmedAfter': 'PT0S' }, /unconfirmedAfter must be .*at least one/],
  ['no time to deliver', { 'relay.deliverWithin': 'PT0S' }, /deliverWithin must be .*at least one/],
  ['weeks to deliver', { 'relay.deliverWithin': 'P15D' }, /deliverWithin must be .*at most 14 days/],
  ['a runbook with an anchor of its own', { 'relay.runbookUrl': 'https://x.example.com/#top' }, /runbookUrl must be/],
  ['half a throttle', { 'relay.throttle.rate': '5' }, /burst/],
  [
    'a HubSpot over plain HTTP',
    { 'relay.hubspot.baseUrl': 'http://api.hubapi.com' },
    /hubspot\.baseUrl must be an https/,
  ],
  ['a duration of nothing', { 'relay.unconfirmedAfter': 'PT' }, /- unconfirmedAfter must be an ISO 8601.*PT1H/],
  ['a duration beyond what queues keep', { relay: { giveUpAfter: 'P400D' } }, /giveUpAfter must be .*at most 14 days/],
  ['a retention that CloudWatch does not offer', { relay: { logRetention: 31 } }, /logRetention/],
  ['more concurrency than SQS event sources offer', { 'relay.maxConcurrency': '1001' }, /maxConcurrency .*2 to 1000/],
  ['less concurrency than SQS event sources take', { 'relay.maxConcurrency': '1' }, /maxConcurrency .*2 to 1000/],
  ['a throttle of nothing', { 'relay.throttle': '{"rate":0,"burst":1}' }, /throttle\.rate must be/],
  ['a domain with its scheme', domain({ name: 'https://example.com' }), /domain\.name must be a host name/],
  ['a domain in capitals', domain({ name: 'Relay.example.com' }), /domain\.name must be a host name in lower case/],
  ['a domain without a certificate', { relay: { domain: { name: 'relay.example.com' } } }, /certificateArn/],
  ['no certificate', domain({ certificateArn: 'arn:hello' }), /domain\.certificateArn must be a certificate/],
  [
    'an ARN of something else',
    domain({ certificateArn: 'arn:aws:iam::123456789012:server-certificate/relay' }),
    /domain\.certificateArn must be a certificate/,
  ],
  [
    'a certificate of no account',
    domain({ certificateArn: 'arn:aws:acm:eu-west-1:1:certificate/1' }),
    /domain\.certificateArn must be a certificate/,
  ],
  [
    'a bus that is none',
    { 'relay.eventBus': 'arn:aws:sns:eu-west-1:123456789012:ops' },
    /eventBus must be a bus of EventBridge/,
  ],
  ['a bus with a space', { 'relay.eventBus': 'my bus' }, /- eventBus must be `default`/],
  ['a topic that is none', { 'relay.alarmTopicArn': 'arn:hello' }, /- alarmTopicArn must be a standard topic/],
  [
    'a queue for a topic',
    { 'relay.alarmTopicArn': 'arn:aws:sqs:eu-west-1:123456789012:ops' },
    /- alarmTopicArn must be a standard topic/,
  ],
  [
    'a subscription for its topic',
    { 'relay.alarmTopicArn': 'arn:aws:sns:eu-west-1:123456789012:ops:0b1c2d3e-4f50-6172-8394-a5b6c7d8e9f0' },
    /- alarmTopicArn must be a standard topic/,
  ],
  [
    'a topic in order, which no alarm notifies',
    { 'relay.alarmTopicArn': 'arn:aws:sns:eu-west-1:123456789012:ops.fifo' },
    /- alarmTopicArn must be a standard topic/,
  ],
  [
    'a subscriber without TLS',
    { 'relay.alarmSubscribers': '["http://pager.example.com"]' },
    /alarmSubscribers must be/,
  ],
  ['a subscriber that is nobody', { 'relay.alarmSubscribers': '["ops"]' }, /alarmSubscribers must be/],
  [
    'one subscriber in no list',
    { 'relay.alarmSubscribers': 'ops@example.com' },
    /- alarmSubscribers must be a list, like \["…"\]\./,
  ],
  ['a number in words', { 'relay.maxConcurrency': 'many' }, /- maxConcurrency must be a number\./],
  ['a word that is no answer', { 'relay.delivery': 'no' }, /- delivery must be true or false\./],
  ['a word that is none of them', { 'relay.onSilence': 'ok' }, /- onSilence must be one of sent, failed\./],
  ['a stage with a quote', { 'relay.stage': "it's" }, /- stage must be letters/],
  [
    "a stage for which the stack's name has no room",
    { 'relay.stage': 'x'.repeat(101) },
    /- stage must be .*100 at most/,
  ],
  [
    'a domain for which AWS makes no certificate',
    {
      'relay.domain': JSON.stringify({
        name: `${'a'.repeat(55)}.example.com`,
        hostedZone: { id: 'Z0123', name: 'example.com' },
      }),
    },
    /- domain\.certificateArn must be given, since domain\.name has over 64 characters\./,
  ],
  [
    'a base URL with a path, which no route has',
    { relay: { publicBaseUrl: 'https://example.com/relay' } },
    /publicBaseUrl/,
  ],
  [
    'a base URL with a slash at its end, which HubSpot does not sign',
    { relay: { publicBaseUrl: 'https://example.com/' } },
    /publicBaseUrl must be https:\/\/ and a host/,
  ],
  ['a base URL without TLS', { relay: { publicBaseUrl: 'http://example.com' } }, /publicBaseUrl must be/],
])('%s is refused, in a sentence that names it', (_, context, sentence) => {
  expect(() => createRelayApp({ ...context, 'aws:cdk:bundling-stacks': [] })).toThrow(sentence)
})

describe('where the region is known', () => {
  const certificateArn = 'arn:aws:acm:us-east-1:123456789012:certificate/1'
  const alarmTopicArn = 'arn:aws:sns:us-east-1:123456789012:ops'
  const appIn = (region: string, context: object) => {
    vi.stubEnv('CDK_DEFAULT_REGION', region)
    return () => createRelayApp({ ...context, 'aws:cdk:bundling-stacks': [] })
  }
  afterEach(() => void vi.unstubAllEnvs())

  test.each([
    ['domain.certificateArn', domain({ certificateArn })],
    ['alarmTopic', { 'relay.alarmTopicArn': alarmTopicArn }],
  ])('%s must be of that region', (prop, context) => {
    expect(appIn('eu-west-1', context)).toThrow(`${prop} must be in the region of the stack, eu-west-1`)
    expect(appIn('us-east-1', context)).not.toThrow()
  })
})

function domain(part: object) {
  const whole = { name: 'relay.example.com', certificateArn: 'arn:aws:acm:eu-west-1:123456789012:certificate/1' }
  return { relay: { domain: { ...whole, ...part } } }
}
