import { Duration } from 'aws-cdk-lib'
import type { IGrantable } from 'aws-cdk-lib/aws-iam'
import { Function as LambdaFunction } from 'aws-cdk-lib/aws-lambda'
import { Construct } from 'constructs'
import { Alarms, alarmTopicFor } from './alarms.ts'
import { checkProps } from './check-props.ts'
import { createDashboard } from './dashboard.ts'
import { createDelivery } from './delivery.ts'
import { PublicApi } from './http-api.ts'
import { identityOf } from './identity.ts'
import { createInstall } from './install.ts'
import { letLogsUse } from './log-group.ts'
import { saveLogQueries } from './log-queries.ts'
import { createOutputs } from './outputs.ts'
import type { Parts } from './parts.ts'
import { type Chosen, type StatusRelayProps, withDefaults } from './props.ts'
import { createReceipts } from './receipts.ts'
import { createStatusUpdates } from './status-updates.ts'
import { channelSecrets, createAppSecret, createLedger, createPortals } from './storage.ts'
import { countThrottledRequests } from './watched.ts'
import { createWebhook } from './webhook.ts'
import { consumerTimeout, createQueues } from './work-queue.ts'

export type { StatusRelayProps } from './props.ts'

/** Everything that keeps the status of messages in HubSpot's custom channels true. */
export class StatusRelay extends Construct {
  /** The relay's name, under which CloudWatch has its metrics: its stack's, and its path unless that is `Relay`. */
  readonly metricsNamespace: string
  readonly #parts: Parts

  constructor(scope: Construct, id: string, props: StatusRelayProps = {}) {
    super(scope, id)
    checkProps(this, props)
    const chosen = withDefaults(props)
    const parts = createParts(this, chosen)
    this.#parts = parts
    this.metricsNamespace = parts.identity

    createWebhook(this, parts)
    if (parts.deliveries) createDelivery(this, parts.deliveries, parts)
    if (parts.handOns) createReceipts(this, parts.handOns, parts)
    createStatusUpdates(this, parts)
    if (chosen.install) createInstall(this, parts)

    this.#watch(chosen)
    if (chosen.outputs) createOutputs(this, parts)
  }

  /**
   * Lets somebody send status updates: a team that delivers messages by its own means. Somebody of another stack or account
   * (`new ArnPrincipal('arn:aws:iam::…:role/…')`) must exist when this is deployed; of another account, its own policies
   * must allow `sqs:SendMessage` as well.
   */
  grantSendStatuses(sender: IGrantable) {
    return this.#parts.statusUpdates.queue.grant(sender, 'sqs:SendMessage')
  }

  #watch({ alarmTopic, alarmSubscribers, runbookUrl }: Chosen) {
    const { identity, api, deliveries, statusUpdates, handOns } = this.#parts
    countThrottledRequests(this, api.accessLogs, identity)
    const watched = {
      namespace: identity,
      apiId: api.api.apiId,
      functions: this.node.findAll().filter((part) => part instanceof LambdaFunction),
      queues: [deliveries, statusUpdates, handOns].filter((queue) => queue !== undefined),
    }
    const topic = alarmTopicFor(this, alarmTopic, alarmSubscribers)
    const { all } = new Alarms(this, 'Alarms', { watched, topic, runbookUrl })
    createDashboard(this, watched, all)
    saveLogQueries(this, identity, watched.functions)
  }
}

/** What is kept, what lies between the functions, and what they have in common. */
function createParts(scope: Construct, chosen: Chosen): Parts {
  const identity = identityOf(scope)
  const { publicBaseUrl, logEncryptionKey } = chosen
  const logs = { retention: chosen.logRetention, encryptionKey: logEncryptionKey }
  if (logEncryptionKey) letLogsUse(logEncryptionKey, scope)
  const ledger = createLedger(scope, chosen)
  const portals = createPortals(scope, chosen)
  const appSecret = createAppSecret(scope, chosen)
  const channels = channelSecrets(scope, identity)
  const queues = createQueues(scope, chosen)
  const api = new PublicApi(scope, 'Api', { identity, logs, throttle: chosen.throttle, domain: chosen.domain })
  const common = { logs, metricsNamespace: identity }
  return {
    chosen,
    identity,
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
