import type { RemovalPolicy } from 'aws-cdk-lib'
import type { IEventBus } from 'aws-cdk-lib/aws-events'
import type { IKey } from 'aws-cdk-lib/aws-kms'
import type { RetentionDays } from 'aws-cdk-lib/aws-logs'
import type { ITopic } from 'aws-cdk-lib/aws-sns'
import type { Domain, Throttle } from './http-api.ts'
import type { HubSpotApi } from './hubspot-props.ts'
import type { MessageProps } from './message-props.ts'

/** What can be chosen about a relay. Everything has a default. */
export interface StatusRelayProps extends MessageProps {
  /**
   * A domain name of your own for the HTTP API.
   *
   * @default - the one that API Gateway makes up
   */
  readonly domain?: Domain
  /**
   * `https://` and the host that HubSpot calls, if that is not the API itself: a CDN, for instance.
   *
   * @default - the API's own
   */
  readonly publicBaseUrl?: string
  /**
   * How HubSpot's API is called.
   *
   * @default - as each of its props says
   */
  readonly hubspot?: Partial<HubSpotApi>
  /**
   * How long logs are kept.
   *
   * @default - one month
   */
  readonly logRetention?: RetentionDays
  /**
   * The key that encrypts the logs. The policy of a key in the same app is extended to let CloudWatch Logs use it; an
   * imported key must have such a policy.
   *
   * @default - a key of CloudWatch's
   */
  readonly logEncryptionKey?: IKey
  /**
   * How many batches of each queue are consumed at once, 2 to 1000. Raise it where the account's concurrency allows.
   *
   * @default - 2, so that the three queues leave room for the webhook in an account that may run ten functions at once,
   * which new ones may
   */
  readonly maxConcurrency?: number
  /**
   * Concurrency that is reserved for the webhook, where the account can spare it: AWS requires that a hundred stay
   * unreserved.
   *
   * @default - none, the webhook takes what is there
   */
  readonly webhookReservedConcurrency?: number
  /**
   * How many requests the HTTP API accepts.
   *
   * @default - 500 per second, 1000 at once
   */
  readonly throttle?: Throttle
  /**
   * Whether the relay sends agents' messages to their providers itself.
   *
   * @default true
   */
  readonly delivery?: boolean
  /**
   * Whether providers post their receipts to the relay's HTTP API.
   *
   * @default true
   */
  readonly receipts?: boolean
  /**
   * Whether administrators connect HubSpot accounts by opening a link to the relay.
   *
   * @default - true, unless access tokens come from your own endpoint (`hubspot.accessTokens`)
   */
  readonly install?: boolean
  /**
   * What happens to the tables, their keys and the app's secret when they are removed from the stack. `DESTROY` is for
   * stages that hold nothing of value.
   *
   * @default - they are kept, unless the deployment that made them failed
   */
  readonly removalPolicy?: RemovalPolicy
  /**
   * Whether DynamoDB refuses to delete the tables until this is turned off. CloudFormation keeps the tables in any
   * case.
   *
   * @default - false, for it would also refuse when a first deployment fails and is rolled back; turn it on once that
   * stands
   */
  readonly deletionProtection?: boolean
  /**
   * The key that encrypts HubSpot's OAuth tokens.
   *
   * @default - one of the relay's own, which is rotated each year
   */
  readonly encryptionKey?: IKey
  /**
   * The key that encrypts the messaging providers' credentials.
   *
   * @default - another one of the relay's own, which is rotated each year
   */
  readonly credentialsKey?: IKey
  /**
   * The topic that alarms are published to. The policy of a topic in the same app is extended to let CloudWatch publish;
   * an imported topic, and its key if it has one, must have such a policy.
   *
   * @default - to a topic of the relay's own, if it has subscribers
   */
  readonly alarmTopic?: ITopic
  /**
   * Who is notified of alarms: e-mail addresses and https:// URLs.
   *
   * @default - nobody, alarms are only raised
   */
  readonly alarmSubscribers?: string[]
  /**
   * Where what happens is published for your own systems: messages told, failed or given up, accounts that fail and
   * recover, portals that took their consent back. docs/events.md has them.
   *
   * @default - nowhere
   */
  readonly eventBus?: IEventBus
  /**
   * Where your operators read docs/runbook.md, for the links in alarms.
   *
   * @default - its path
   */
  readonly runbookUrl?: string
  /**
   * Whether the stack has outputs for URLs, queues, tables and secrets, by which the command line finds them. Their names
   * begin with the construct's path, so that they clash with nobody's.
   *
   * @default true
   */
  readonly outputs?: boolean
}
