import { CfnOutput, Duration } from 'aws-cdk-lib'
import { HttpMethod } from 'aws-cdk-lib/aws-apigatewayv2'
import type { IGrantable } from 'aws-cdk-lib/aws-iam'
import { Function as LambdaFunction } from 'aws-cdk-lib/aws-lambda'
import { RetentionDays } from 'aws-cdk-lib/aws-logs'
import type { ITopic } from 'aws-cdk-lib/aws-sns'
import { Construct } from 'constructs'
import type { Env as DeliverMessageEnv } from '../functions/deliver-message.lambda.ts'
import type { Env as HandOnEnv } from '../functions/hand-on.lambda.ts'
import type { Env as HubspotWebhookEnv } from '../functions/hubspot-webhook.lambda.ts'
import type { Env as OauthInstallEnv } from '../functions/oauth-install.lambda.ts'
import type { Env as ProviderReceiptEnv } from '../functions/provider-receipt.lambda.ts'
import type { Env as UpdateStatusEnv } from '../functions/update-status.lambda.ts'
import { Alarms, alarmTopicFor } from './alarms.ts'
import { createDashboard } from './dashboard.ts'
import { createFunction } from './function.ts'
import { type Domain, PublicApi, type Throttle } from './http-api.ts'
import { saveLogQueries } from './log-queries.ts'
import { relayName } from './relay-name.ts'
import { channelSecrets, createAppSecret, createLedger, createPortals } from './storage.ts'
import { consumerTimeout, WorkQueue } from './work-queue.ts'

/** What can be chosen about a relay. Everything has a default. */
export interface StatusRelayProps {
  /** Tells several relays in one account apart, in the name of their stack and of their metrics. Default: none. */
  readonly stage?: string
  /** A domain name of your own for the HTTP API. Default: the one that API Gateway makes up. */
  readonly domain?: Domain
  /** `https://` and the host that HubSpot calls, where that is a CDN, for instance. Default: the API's own. */
  readonly publicBaseUrl?: string
  /** How HubSpot's API is called. */
  readonly hubspot?: Partial<HubSpotApi>
  /** How long a send whose outcome is unknown waits for a receipt before it counts as failed. Default: one hour. */
  readonly unconfirmedAfter?: Duration
  /** How long a message or a status is tried before it is given up. Default: 24 hours. */
  readonly giveUpAfter?: Duration
  /**
   * Whether HubSpot is told SENT always, or only to correct what it was told before: by its documentation it shows a new
   * message as SENT by itself. Default: always.
   */
  readonly tellSent?: 'always' | 'corrections'
  /** How long logs are kept. Default: one month. */
  readonly logRetention?: RetentionDays
  /** How many batches of each queue are worked off at once, 2 to 1000. Default: 10. */
  readonly maxConcurrency?: number
  /** How many requests the HTTP API takes. Default: 500 per second, 1000 at once. */
  readonly throttle?: Throttle
  /** Whether the relay hands messages to their providers itself. Default: true. */
  readonly delivery?: boolean
  /** Whether providers report what became of a message to the relay's HTTP API. Default: true. */
  readonly receipts?: boolean
  /** Whether HubSpot accounts are connected by a link to the relay. Default: true. */
  readonly install?: boolean
  /** Where alarms go. Default: to a topic of the relay's own, if it has subscribers. */
  readonly alarmTopic?: ITopic
  /** Who is told of alarms: e-mail addresses and https:// URLs. Default: nobody, alarms are only raised. */
  readonly alarmSubscribers?: string[]
  /** Where docs/runbook.md is read, which alarms refer to. Default: its path. */
  readonly runbookUrl?: string
}

/** How HubSpot's API is called. */
interface HubSpotApi {
  /** Default: https://api.hubapi.com. */
  readonly baseUrl: string
  /** Default: v3. */
  readonly apiVersion: 'v3' | '2026-03' | '2026-09'
  /** Requests in ten seconds that HubSpot allows the app in one account, until its answers say. Default: 110. */
  readonly requestLimit: number
  /** The share of them that the relay may use; the rest is left to the app's other calls. Default: 0.9. */
  readonly requestShare: number
  /** Where HubSpot's users give their consent. Default: https://app.hubspot.com. */
  readonly appBaseUrl: string
  /**
   * The scopes that the app's configuration at HubSpot requires: an installation has to ask for all of them. Default: those
   * that a custom channel needs.
   */
  readonly scopes: string[]
}

/** What a custom channel needs, by HubSpot's guide. */
const channelScopes = [
  'oauth',
  'conversations.read',
  'conversations.custom_channels.read',
  'conversations.custom_channels.write',
]

/** Everything that keeps the status of messages in HubSpot's custom channels true. */
export class StatusRelay extends Construct {
  readonly #statusUpdates: WorkQueue

  constructor(
    scope: Construct,
    id: string,
    {
      stage,
      domain,
      publicBaseUrl = domain && `https://${domain.name}`,
      hubspot = {},
      unconfirmedAfter = Duration.hours(1),
      giveUpAfter = Duration.hours(24),
      tellSent = 'always',
      logRetention = RetentionDays.ONE_MONTH,
      maxConcurrency = 10,
      throttle = { rate: 500, burst: 1000 },
      delivery = true,
      receipts = true,
      install = true,
      alarmTopic,
      alarmSubscribers = [],
      runbookUrl = 'docs/runbook.md',
    }: StatusRelayProps = {},
  ) {
    super(scope, id)
    const ledger = createLedger(this)
    const portals = createPortals(this)
    const appSecret = createAppSecret(this)
    const channels = channelSecrets(this)

    // A second's wait fills the batches of status updates, which spares invocations; messages to customers go at once.
    const statusUpdates = new WorkQueue(this, 'StatusUpdates', {
      title: 'Status updates',
      impact: 'Agents see an outdated status on some messages.',
      batchingWindow: Duration.seconds(1),
      maxConcurrency,
    })
    this.#statusUpdates = statusUpdates
    const deliveries = delivery
      ? new WorkQueue(this, 'Deliveries', {
          title: 'Deliveries',
          impact: 'Some messages have not reached their customers.',
          batchingWindow: Duration.seconds(0),
          maxConcurrency,
        })
      : undefined

    const api = new PublicApi(this, 'Api', { throttle, logRetention, domain })
    const baseUrl = publicBaseUrl ?? api.url

    const common = { logRetention, metricsNamespace: relayName(stage) }
    // 256 MB bring a seventh of a CPU: enough for one request, since what is slow happens during init, at full speed.
    const answering = { ...common, timeout: Duration.seconds(10), memorySize: 256 }
    // A batch takes up to 20 ms of a whole CPU; with the 0.3 of one at 512 MB, still less than HubSpot takes to answer.
    const consuming = { ...common, timeout: consumerTimeout, memorySize: 512 }

    // Where the relay does not deliver, the webhook's jobs are recorded by update-status.
    const announced = deliveries ?? statusUpdates
    const hubspotWebhook = createFunction(this, 'hubspot-webhook', {
      ...answering,
      environment: {
        APP_SECRET_ARN: appSecret.secretArn,
        JOBS_QUEUE_URL: announced.queue.queueUrl,
        JOBS_DEAD_LETTERS_URL: announced.deadLetters.queueUrl,
        DELIVERY: delivery ? 'on' : 'off',
        PUBLIC_BASE_URL: publicBaseUrl,
      } satisfies HubspotWebhookEnv,
      may: {
        'secretsmanager:GetSecretValue': [appSecret.secretArn],
        'sqs:SendMessage': [announced.queue.queueArn, announced.deadLetters.queueArn],
      },
    })
    api.route([HttpMethod.POST], ['/hubspot/webhook'], hubspotWebhook)

    if (deliveries) {
      const deliverMessage = createFunction(this, 'deliver-message', {
        ...consuming,
        environment: {
          APP_SECRET_ARN: appSecret.secretArn,
          CHANNEL_SECRETS_PREFIX: channels.prefix,
          LEDGER_TABLE_NAME: ledger.tableName,
          DELIVERIES_QUEUE_URL: deliveries.queue.queueUrl,
          DELIVERIES_DEAD_LETTERS_URL: deliveries.deadLetters.queueUrl,
          STATUS_UPDATES_QUEUE_URL: statusUpdates.queue.queueUrl,
          PUBLIC_BASE_URL: receipts ? baseUrl : undefined,
          UNCONFIRMED_AFTER_SECONDS: String(unconfirmedAfter.toSeconds()),
          GIVE_UP_AFTER_SECONDS: String(giveUpAfter.toSeconds()),
        } satisfies DeliverMessageEnv,
        may: {
          'secretsmanager:GetSecretValue': [appSecret.secretArn, channels.arns],
          'sqs:SendMessage': [deliveries.queue.queueArn, deliveries.deadLetters.queueArn, statusUpdates.queue.queueArn],
          'dynamodb:BatchGetItem': [ledger.tableArn],
          'dynamodb:PutItem': [ledger.tableArn],
        },
      })
      deliveries.feed(deliverMessage)
    }

    // What providers post beside receipts goes on to the team's own application.
    const handOns = receipts
      ? new WorkQueue(this, 'HandOns', {
          title: 'Hand-ons',
          impact: "Some customers' messages have not reached your application.",
          batchingWindow: Duration.seconds(0),
          maxConcurrency,
        })
      : undefined
    if (handOns) {
      const providerReceipt = createFunction(this, 'provider-receipt', {
        ...answering,
        environment: {
          CHANNEL_SECRETS_PREFIX: channels.prefix,
          STATUS_UPDATES_QUEUE_URL: statusUpdates.queue.queueUrl,
          HAND_ONS_QUEUE_URL: handOns.queue.queueUrl,
          PUBLIC_BASE_URL: publicBaseUrl,
        } satisfies ProviderReceiptEnv,
        may: {
          'secretsmanager:GetSecretValue': [channels.arns],
          'sqs:SendMessage': [statusUpdates.queue.queueArn, handOns.queue.queueArn],
        },
      })
      // Some providers ask by GET whether the URL is ours.
      const paths = ['/receipts/{channelId}', '/receipts/{channelId}/{channelAccountId}']
      api.route([HttpMethod.POST, HttpMethod.GET], paths, providerReceipt)

      const handOn = createFunction(this, 'hand-on', {
        ...consuming,
        environment: {
          CHANNEL_SECRETS_PREFIX: channels.prefix,
          HAND_ONS_QUEUE_URL: handOns.queue.queueUrl,
          HAND_ONS_DEAD_LETTERS_URL: handOns.deadLetters.queueUrl,
          GIVE_UP_AFTER_SECONDS: String(giveUpAfter.toSeconds()),
        } satisfies HandOnEnv,
        may: {
          'secretsmanager:GetSecretValue': [channels.arns],
          'sqs:SendMessage': [handOns.queue.queueArn, handOns.deadLetters.queueArn],
        },
      })
      handOns.feed(handOn)
    }

    // What CDK's own grants give to read and write a table under a key; AWS's pages name less, and do not agree.
    const underPortalsKey = {
      'kms:Decrypt': [portals.key.keyArn],
      'kms:DescribeKey': [portals.key.keyArn],
      'kms:Encrypt': [portals.key.keyArn],
      'kms:GenerateDataKey': [portals.key.keyArn],
    }
    const { baseUrl: hubspotBaseUrl = 'https://api.hubapi.com', apiVersion: hubspotApiVersion = 'v3' } = hubspot
    const updateStatus = createFunction(this, 'update-status', {
      ...consuming,
      environment: {
        APP_SECRET_ARN: appSecret.secretArn,
        LEDGER_TABLE_NAME: ledger.tableName,
        PORTALS_TABLE_NAME: portals.table.tableName,
        STATUS_UPDATES_QUEUE_URL: statusUpdates.queue.queueUrl,
        STATUS_UPDATES_DEAD_LETTERS_URL: statusUpdates.deadLetters.queueUrl,
        HUBSPOT_BASE_URL: hubspotBaseUrl,
        HUBSPOT_API_VERSION: hubspotApiVersion,
        HUBSPOT_REQUEST_LIMIT: String(hubspot.requestLimit ?? 110),
        HUBSPOT_REQUEST_SHARE: String(hubspot.requestShare ?? 0.9),
        // The edge gives up on HubSpot's servers after 100 seconds (HTTP 524); what they began may still take effect.
        HUBSPOT_LATE_EFFECT_SECONDS: '120',
        TELL_SENT: tellSent,
        GIVE_UP_AFTER_SECONDS: String(giveUpAfter.toSeconds()),
      } satisfies UpdateStatusEnv,
      may: {
        'secretsmanager:GetSecretValue': [appSecret.secretArn],
        'sqs:SendMessage': [statusUpdates.queue.queueArn, statusUpdates.deadLetters.queueArn],
        'dynamodb:BatchGetItem': [ledger.tableArn, portals.table.tableArn],
        'dynamodb:PutItem': [ledger.tableArn, portals.table.tableArn],
        'dynamodb:UpdateItem': [portals.table.tableArn],
        ...underPortalsKey,
      },
    })
    statusUpdates.feed(updateStatus)

    if (install) {
      const oauthInstall = createFunction(this, 'oauth-install', {
        ...answering,
        // HubSpot may be asked three times while somebody waits for the page.
        timeout: Duration.seconds(25),
        environment: {
          APP_SECRET_ARN: appSecret.secretArn,
          PORTALS_TABLE_NAME: portals.table.tableName,
          HUBSPOT_BASE_URL: hubspotBaseUrl,
          HUBSPOT_API_VERSION: hubspotApiVersion,
          HUBSPOT_APP_BASE_URL: hubspot.appBaseUrl ?? 'https://app.hubspot.com',
          HUBSPOT_SCOPES: (hubspot.scopes ?? channelScopes).join(' '),
          PUBLIC_BASE_URL: publicBaseUrl,
        } satisfies OauthInstallEnv,
        may: {
          'secretsmanager:GetSecretValue': [appSecret.secretArn],
          'dynamodb:BatchGetItem': [portals.table.tableArn],
          'dynamodb:PutItem': [portals.table.tableArn],
          ...underPortalsKey,
        },
      })
      api.route([HttpMethod.GET], ['/oauth/install', '/oauth/callback'], oauthInstall)
    }

    const watched = {
      namespace: relayName(stage),
      apiId: api.id,
      functions: this.node.findAll().filter((part) => part instanceof LambdaFunction),
      queues: [deliveries, statusUpdates, handOns].filter((queue) => queue !== undefined),
    }
    const topic = alarmTopic ?? alarmTopicFor(this, alarmSubscribers)
    const { all } = new Alarms(this, 'Alarms', { watched, topic, runbookUrl })
    createDashboard(this, watched, all)
    saveLogQueries(this, watched.functions)

    this.#output({
      WebhookUrl: `${baseUrl}/hubspot/webhook`,
      ReceiptsUrl: receipts && `${baseUrl}/receipts`,
      InstallUrl: install && `${baseUrl}/oauth/install`,
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
      HubSpotBaseUrl: hubspotBaseUrl,
      HubSpotApiVersion: hubspotApiVersion,
      MetricsNamespace: relayName(stage),
    })
  }

  /**
   * Lets somebody send status updates: a team that delivers messages by its own means. Somebody of another stack or account
   * (`new ArnPrincipal('arn:aws:iam::…:role/…')`) must exist when this is deployed; of another account, its own policies
   * must allow `sqs:SendMessage` as well.
   */
  grantSendStatuses(sender: IGrantable) {
    return this.#statusUpdates.queue.grant(sender, 'sqs:SendMessage')
  }

  /** What operators and their tools find the parts by, under names without CDK's prefix and hash. */
  #output(values: Record<string, string | false | undefined>) {
    for (const [name, value] of Object.entries(values)) {
      if (value) new CfnOutput(this, name, { value }).overrideLogicalId(name)
    }
  }
}
