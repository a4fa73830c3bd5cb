import { readFileSync, rmSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { createRelayApp } from '../../infra/relay-app.ts'

/**
 * What is tried of each setting in the README's table, as `-c relay.<setting>=…` says it; of `hubspot.x`, within
 * `relay.hubspot`. A row without a try fails.
 */
const tries: Record<string, string[]> = {
  stage: ['beta', 'eu-1'],
  domain: [
    '{"name":"relay.example.com","certificateArn":"arn:aws:acm:eu-west-1:123456789012:certificate/0b1c2d3e-4f50-6172-8394-a5b6c7d8e9f0"}',
    '{"name":"relay.example.com","hostedZone":{"id":"Z0123456789ABC","name":"example.com"}}',
  ],
  removalPolicy: ['destroy', 'retain'],
  publicBaseUrl: ['https://cdn.example.com'],
  'hubspot.apiVersion': ['"v3"', '"2026-03"', '"2026-09"'],
  'hubspot.baseUrl': ['"https://api.hubapi.com"'],
  'hubspot.requestLimit': ['190'],
  'hubspot.requestShare': ['0.5', '1'],
  'hubspot.accessTokens': ['{"url":"https://tokens.example.com/hubspot"}'],
  'hubspot.scopes': ['["oauth","conversations.custom_channels.write","crm.objects.contacts.write"]'],
  'hubspot.appBaseUrl': ['"https://app-eu1.hubspot.com"'],
  deliverWithin: ['PT15M', 'PT2H'],
  onSilence: ['sent', 'failed'],
  threadOrder: ['on', 'off'],
  resend: ['ignore', 'send'],
  unconfirmedAfter: ['PT10M', 'P1D'],
  giveUpAfter: ['PT6H', 'P1DT12H'],
  tellSent: ['corrections', 'always'],
  logRetention: ['7', '3653'],
  maxConcurrency: ['2', '50'],
  webhookReservedConcurrency: ['20'],
  throttle: ['{"rate":1000,"burst":2000}'],
  delivery: ['false'],
  receipts: ['false'],
  install: ['false'],
  deletionProtection: ['true'],
  statusSenderArns: ['["arn:aws:iam::123456789012:role/messaging/sms-sender","arn:aws:iam::123456789012:user/ops"]'],
  alarmSubscribers: [
    '["ops@example.com"]',
    '["ops@example.com","night@example.com","https://pager.example.com/relay"]',
  ],
  alarmTopicArn: ['arn:aws:sns:eu-west-1:123456789012:ops'],
  eventBus: ['default', 'arn:aws:events:eu-west-1:123456789012:event-bus/messaging'],
  runbookUrl: ['https://wiki.example.com/relay'],
}

test('every setting in the README is tried, and no other', () => {
  expect(settingsOfReadme().toSorted()).toEqual(Object.keys(tries).toSorted())
})

describe.each(Object.entries(tries))('%s', (setting, values) => {
  test.each(values)('%s synthesizes, and the checks find nothing unexplained', (value) => {
    expect(() => synthesize(contextOf(setting, value))).not.toThrow()
  })
})

test('all of them together synthesize, too', () => {
  const all = Object.entries(tries).flatMap(([setting, [value = '']]) =>
    setting.startsWith('hubspot.') ? [] : Object.entries(contextOf(setting, value)),
  )

  expect(() => synthesize(Object.fromEntries(all))).not.toThrow()
})

function settingsOfReadme() {
  const readme = readFileSync(new URL('../../README.md', import.meta.url), 'utf8')
  const [, table = ''] = /^\| setting \|.*\n\|[-|]+\n((?:\|.*\n)+)/m.exec(readme) ?? []
  return table.split('\n').flatMap((row) => {
    const [, names = ''] = row.split('|')
    return [...names.matchAll(/`([\w.]+)`/g)].map(([, name = '']) => name)
  })
}

function contextOf(setting: string, value: string) {
  const [group = '', name] = setting.split('.')
  return { [`relay.${group}`]: name ? `{"${name}":${value}}` : value }
}

/** Synthesizes with cdk-nag's packs on, which throw at whatever nobody has explained. */
function synthesize(context: object) {
  const assembly = createRelayApp({ ...context, 'aws:cdk:bundling-stacks': [] }).synth()
  rmSync(assembly.directory, { recursive: true })
}
