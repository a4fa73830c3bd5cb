import { CfnOutput, Duration } from 'aws-cdk-lib'
import type { IGrantable } from 'aws-cdk-lib/aws-iam'
import { Function as LambdaFunction } from 'aws-cdk-lib/aws-lambda'
import { Construct } from 'constructs'
import { Alarms, alarmTopicFor } from './alarms.ts'
import { checkProps } from './check-props.ts'
import { createDashboard } from './dashboard.ts'
import { createDelivery } from './delivery.ts'
import { PublicApi } from './http-api.ts'
import { createInstall } from './install.ts'
import { saveLogQueries } from './log-queries.ts'
import type { Parts } from './parts.ts'
import { type Chosen, type StatusRelayProps, withDefaults } from './props.ts'
import { createReceipts } from './receipts.ts'
import { relayName } from './relay-name.ts'
import { createStatusUpdates } from './status-updates.ts'
import { channelSecrets, createAppSecret, createLedger, createPortals } from './storage.ts'
import { relayVersion } from './version.ts'
import { createWebhook } from './webhook.ts'
import { consumerTimeout, createQueues } from './work-queue.ts'

export type { StatusRelayProps } from './props.ts'

/** Everything that keeps the status of messages in HubSpot's custom channels true. */
export class StatusRelay extends Construct {
  readonly #parts: Parts

  constructor(scope: Construct, id: string, props: StatusRelayProps = {}) {
    super(scope, id)
    checkProps(this, props)
    const chosen = withDefaults(props)
    const parts = createParts(this, chosen)
    this.#parts = parts

    createWebhook(this, parts)
    if (parts.deliveries) createDelivery(this, parts.deliveries, parts)
    if (parts.handOns) createReceipts(this, parts.handOns, parts)
    createStatusUpdates(this, parts)
    if (chosen.install) createInstall(this, parts)

    this.#watch(chosen)
    this.#output(valuesOf(parts))
  }

  /**
   * Lets somebody send status updates: a team that delivers messages by its own means. Somebody of another stack or account
   * (`new ArnPrincipal('arn:aws:iam::…:role/…')`) must exist when this is deployed; of another account, its own policies
   * must allow `sqs:SendMessage` as well.
   */
  grantSendStatuses(sender: IGrantable) {
    return this.#parts.statusUpdates.queue.grant(sender, 'sqs:SendMessage')
  }

  #watch({ stage, alarmTopic, alarmSubscribers, runbookUrl }: Chosen) {
    const { api, deliveries, statusUpdates, handOns } = this.#parts
    const watched = {
      namespace: relayName(stage),
      apiId: api.id,
      functions: this.node.findAll().filter((part) => part instanceof LambdaFunction),
      queues: [deliveries, statusUpdates, handOns].filter((queue) => queue !== undefined),
    }
    const topic = alarmTopicFor(this, alarmTopic, alarmSubscribers)
    const { all } = new Alarms(this, 'Alarms', { watched, topic, runbookUrl })
    createDashboard(this, watched, all)
    saveLogQueries(this, watched.functions)
  }

  /** What operators and their tools find the parts by, under names without CDK's prefix and hash. */
  #output(values: Record<string, string | false | undefined>) {
    for (const [name, value] of Object.entries(values)) {
      if (value) new CfnOutput(this, name, { value }).overrideLogicalId(name)
    }
  }
}

/** What is kept, what lies between the functions, and what they have in common. */
function createParts(scope: Construct, chosen: Chosen): Parts {
  const { stage, publicBaseUrl, logRetention } = chosen
  const ledger = createLedger(scope, chosen)
  const portals = createPortals(scope, chosen)
  const appSecret = createAppSecret(scope)
  const channels = channelSecrets(scope)
  const queues = createQueues(scope, chosen)
  const api = new PublicApi(scope, 'Api', chosen)
  const common = { logRetention, metricsNamespace: relayName(stage) }
  return {
    chosen,
    api,
    baseUrl: publicBaseUrl ?? api.url,
    ledger,
    portals,
    appSecret,
    channels,
    ...queues,
    // 256 MB bring a seventh of a CPU: enough for one request, since what is slow happens during init, at full speed.
    answering: { ...common, timeout: Duration.seconds(10), memorySize: 256 },
    // A batch takes up to 20 ms of a whole CPU; with the 0.3 of one at 512 MB, still less than HubSpot takes to answer.
    consuming: { ...common, timeout: consumerTimeout, memorySize: 512 },
  }
}

function valuesOf(parts: Parts) {
  const { chosen, api, baseUrl, deliveries, statusUpdates, handOns, ledger, portals, appSecret, channels } = parts
  return {
    WebhookUrl: `${baseUrl}/hubspot/webhook`,
    ReceiptsUrl: chosen.receipts && `${baseUrl}/receipts`,
    InstallUrl: chosen.install && `${baseUrl}/oauth/install`,
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
    ChannelSecretsPrefix: channels.prefix,
    HubSpotBaseUrl: chosen.hubspot.baseUrl,
    HubSpotApiVersion: chosen.hubspot.apiVersion,
    MetricsNamespace: relayName(chosen.stage),
    Version: relayVersion,
  }
}
