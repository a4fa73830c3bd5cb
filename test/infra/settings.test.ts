import { App } from 'aws-cdk-lib'
import { expect, test } from 'vitest'
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

test.each([
  ['a misspelt name', { 'relay.stgae': 'beta' }],
  ['a misspelt name within a setting', { relay: { hubspot: { version: 'v3' } } }],
  ['an API version that HubSpot does not have', { relay: { hubspot: { apiVersion: 'v4' } } }],
  ['scopes in one string', { relay: { hubspot: { scopes: ['oauth conversations.read'] } } }],
  ['no scope at all', { relay: { hubspot: { scopes: [] } } }],
  ['a duration in words', { relay: { giveUpAfter: 'a day' } }],
  ['a retention that CloudWatch does not offer', { relay: { logRetention: 31 } }],
  ['more concurrency than SQS event sources offer', { 'relay.maxConcurrency': '1001' }],
  ['a domain with its scheme', { relay: { domain: { name: 'https://example.com', certificateArn: 'arn:aws:acm:x' } } }],
  ['a domain without a certificate', { relay: { domain: { name: 'relay.example.com' } } }],
  ['a base URL with a path, which no route has', { relay: { publicBaseUrl: 'https://example.com/relay' } }],
  [
    'a base URL with a slash at its end, which HubSpot does not sign',
    { relay: { publicBaseUrl: 'https://example.com/' } },
  ],
  ['a base URL without TLS', { relay: { publicBaseUrl: 'http://example.com' } }],
])('%s is refused', (_, context) => {
  expect(() => settingsFrom(context)).toThrow(/^The relay's settings are not right/)
})
