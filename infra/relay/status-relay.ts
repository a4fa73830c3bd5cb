import type { HttpApi } from 'aws-cdk-lib/aws-apigatewayv2'
import type { Alarm } from 'aws-cdk-lib/aws-cloudwatch'
import type { ITable } from 'aws-cdk-lib/aws-dynamodb'
import type { IGrantable } from 'aws-cdk-lib/aws-iam'
import type { IKey } from 'aws-cdk-lib/aws-kms'
import { Function as LambdaFunction } from 'aws-cdk-lib/aws-lambda'
import type { ILogGroup } from 'aws-cdk-lib/aws-logs'
import type { ISecret } from 'aws-cdk-lib/aws-secretsmanager'
import type { ITopic } from 'aws-cdk-lib/aws-sns'
import type { IQueue } from 'aws-cdk-lib/aws-sqs'
import type { Construct } from 'constructs'
import { checkProps } from './check-props.ts'
import { withDefaults } from './defaults.ts'
import { createDelivery } from './delivery.ts'
import { createEvents } from './events.ts'
import { type Granted, grantOperate, grantSetCredentials, grantSupport } from './grants.ts'
import { createInstall } from './install.ts'
import { Measured } from './measured.ts'
import { createMonitoring } from './monitoring.ts'
import { createOutputs } from './outputs.ts'
import { createParts } from './parts.ts'
import type { StatusRelayProps } from './props.ts'
import { createReceipts } from './receipts.ts'
import { createStatusUpdates } from './status-updates.ts'
import { createWebhook } from './webhook.ts'

export type { StatusRelayProps } from './props.ts'

/** Everything that keeps the status of messages in HubSpot's custom channels true. */
export class StatusRelay extends Measured {
  /** Where HubSpot posts a channel's events: the channel's webhook URL. */
  readonly webhookUrl: string
  /** What the URL begins with that providers post receipts to; `/{channelId}` follows. Absent without `receipts`. */
  readonly receiptsUrl: string | undefined
  /** What an administrator opens to connect a HubSpot account. Absent without `install`. */
  readonly installUrl: string | undefined
  /** What the DNS record of `domain` has to point to. Absent without one. */
  readonly domainTarget: string | undefined
  /** The HTTP API that HubSpot and the providers call. */
  readonly api: HttpApi

  /** Agents' messages on their way to their providers. Absent without `delivery`. */
  readonly deliveriesQueue: IQueue | undefined
  readonly deliveriesDeadLetterQueue: IQueue | undefined
  /** Statuses on their way to HubSpot. */
  readonly statusUpdatesQueue: IQueue
  readonly statusUpdatesDeadLetterQueue: IQueue
  /** Customers' messages on their way to the team's own application. Absent without `receipts`. */
  readonly handOnsQueue: IQueue | undefined
  readonly handOnsDeadLetterQueue: IQueue | undefined

  /** One item per message: the status known, what HubSpot was told, and what was done when. */
  readonly ledgerTable: ITable
  /** HubSpot accounts with their OAuth tokens, encrypted under `encryptionKey`. */
  readonly portalsTable: ITable
  readonly encryptionKey: IKey
  /** The HubSpot app's client id and secrets, for operators to fill in. */
  readonly appSecret: ISecret
  /** The providers' credentials, an item for each channel or channel account. Absent without `delivery` and `receipts`. */
  readonly credentialsTable: ITable | undefined
  /** What encrypts them. */
  readonly credentialsKey: IKey | undefined

  /** The functions, by their names: `hubspot-webhook`, `update-status` and so on. */
  readonly functions: Readonly<Record<string, LambdaFunction>>
  /** The functions' logs, and the HTTP API's access log at the end. */
  readonly logGroups: readonly ILogGroup[]
  /** One for each thing that an operator has to do something about. */
  readonly alarms: readonly Alarm[]
  /** Where they go. Absent where nobody is told. */
  readonly alarmTopic: ITopic | undefined
  /** The relay's name, under which CloudWatch has its metrics: its stack's, and its path unless that is `Relay`. */
  readonly metricsNamespace: string

  readonly #granted: Granted

  constructor(scope: Construct, id: string, props: StatusRelayProps = {}) {
    super(scope, id)
    checkProps(this, props)
    const chosen = withDefaults(props)
    const parts = createParts(this, chosen)
    const { api, statusUpdates, deliveries, handOns, credentials } = parts

    createWebhook(this, parts)
    if (deliveries && credentials) createDelivery(this, deliveries, credentials, parts)
    if (handOns && credentials) createReceipts(this, handOns, credentials, parts)
    createStatusUpdates(this, parts)
    if (chosen.install) createInstall(this, parts)
    const events = chosen.eventBus && createEvents(this, chosen.eventBus, parts)
    const functions = this.node.findAll().filter((part) => part instanceof LambdaFunction)

    const { alarms, alarmTopic } = createMonitoring(this, functions, { ...parts, events })
    if (chosen.outputs) createOutputs(this, parts)

    this.webhookUrl = parts.urls.webhook
    this.receiptsUrl = parts.urls.receipts
    this.installUrl = parts.urls.install
    this.domainTarget = api.domainTarget
    this.api = api.api
    this.deliveriesQueue = deliveries?.queue
    this.deliveriesDeadLetterQueue = deliveries?.deadLetters
    this.statusUpdatesQueue = statusUpdates.queue
    this.statusUpdatesDeadLetterQueue = statusUpdates.deadLetters
    this.handOnsQueue = handOns?.queue
    this.handOnsDeadLetterQueue = handOns?.deadLetters
    this.ledgerTable = parts.ledger
    this.portalsTable = parts.portals.table
    this.encryptionKey = parts.portals.key
    this.appSecret = parts.appSecret
    this.credentialsTable = credentials?.table
    this.credentialsKey = credentials?.key
    this.functions = Object.fromEntries(functions.map((one) => [one.node.scope!.node.id, one]))
    this.logGroups = [...functions.map(({ logGroup }) => logGroup), api.accessLogs]
    this.alarms = alarms
    this.alarmTopic = alarmTopic
    this.metricsNamespace = parts.identity
    this.#granted = { parts, functions, alarmTopic }
  }

  /**
   * Lets somebody send status updates: a team that delivers messages by its own means. Somebody of another stack or account
   * (`new ArnPrincipal('arn:aws:iam::…:role/…')`) must exist when this is deployed; of another account, its own policies
   * must allow `sqs:SendMessage` as well.
   */
  grantSendStatuses(grantee: IGrantable) {
    return this.#granted.parts.statusUpdates.queue.grant(grantee, 'sqs:SendMessage')
  }

  /**
   * Lets a role of this account operate the relay: just what the command line needs. It may set and read secrets, use HubSpot
   * accounts' tokens, and read and redrive dead letters.
   */
  grantOperate(grantee: IGrantable) {
    return grantOperate(grantee, this, this.#granted)
  }

  /** Lets somebody of this account set the providers' credentials, as an item each (decision 32), and nothing else. */
  grantSetCredentials(grantee: IGrantable) {
    return grantSetCredentials(grantee, this.#granted)
  }

  /**
   * Lets a role or group of this account explain what became of a message: the ledger, the logs, alarms and figures. No secrets, no
   * tokens, and no queued message with its text.
   */
  grantSupport(grantee: IGrantable) {
    return grantSupport(grantee, this, this.#granted)
  }
}
