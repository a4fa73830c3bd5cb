import { CfnOutput } from 'aws-cdk-lib'
import type { Construct } from 'constructs'
import type { Parts } from './parts.ts'
import { relayVersion } from './version.ts'

/** The stack's outputs by which operators and their tools find the parts. */
export function createOutputs(scope: Construct, parts: Parts) {
  for (const [name, value] of Object.entries(valuesOf(parts))) if (value) new CfnOutput(scope, name, { value })
}

function valuesOf(parts: Parts) {
  const { chosen, api, urls, deliveries, statusUpdates, handOns, ledger, portals, appSecret, credentials } = parts
  const { hubspot } = chosen
  return {
    WebhookUrl: urls.webhook,
    ReceiptsUrl: urls.receipts,
    InstallUrl: urls.install,
    DomainTarget: api.domainTarget,
    DeliveriesQueueUrl: deliveries?.queue.queueUrl,
    DeliveriesDeadLettersUrl: deliveries?.deadLetters.queueUrl,
    StatusUpdatesQueueUrl: statusUpdates.queue.queueUrl,
    StatusUpdatesDeadLettersUrl: statusUpdates.deadLetters.queueUrl,
    HandOnsQueueUrl: handOns?.queue.queueUrl,
    HandOnsDeadLettersUrl: handOns?.deadLetters.queueUrl,
    LedgerTableName: ledger.tableName,
    PortalsTableName: portals.table.tableName,
    AppSecretArn: appSecret.secretArn,
    AccessTokensUrl: hubspot.accessTokens?.url,
    AccessTokensSecretArn: parts.accessTokensSecret?.secretArn,
    CredentialsTableName: credentials?.table.tableName,
    HubSpotBaseUrl: hubspot.baseUrl,
    HubSpotApiVersion: hubspot.apiVersion,
    MetricsNamespace: parts.identity,
    Version: relayVersion,
  }
}

/**
 * The relays among a stack's outputs, each with its outputs under their plain names. In an app of somebody else's, CDK puts
 * the path of the construct before each name, and a hash behind it.
 */
export function relaysAmong<Value>(outputs: Record<string, Value>): Record<string, Value>[] {
  const prefixes = Object.keys(outputs).flatMap((key) => /^(.*)MetricsNamespace([0-9A-F]{8})?$/.exec(key)?.[1] ?? [])
  return prefixes.map((prefix) =>
    Object.fromEntries(
      Object.entries(outputs)
        .filter(([key]) => key.startsWith(prefix))
        .map(([key, value]) => [key.slice(prefix.length).replace(/[0-9A-F]{8}$/, ''), value]),
    ),
  )
}
