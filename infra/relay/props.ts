import { Duration, RemovalPolicy } from 'aws-cdk-lib'
import type { IKey } from 'aws-cdk-lib/aws-kms'
import { RetentionDays } from 'aws-cdk-lib/aws-logs'
import type { ITopic } from 'aws-cdk-lib/aws-sns'
import type { Domain, Throttle } from './http-api.ts'

/** What can be chosen about a relay. Everything has a default. */
export interface StatusRelayProps {
  /**
   * A domain name of your own for the HTTP API.
   *
   * @default - the one that API Gateway makes up
   */
  readonly domain?: Domain
  /**
   * `https://` and the host that HubSpot calls, where that is a CDN, for instance.
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
   * How long a message is tried before it is FAILED, "not sent", and not sent any more. HubSpot calls it SENT all that
   * time.
   *
   * @default - 15 minutes
   */
  readonly deliverWithin?: Duration
  /**
   * How long a send may go without a word of its provider: by then it is not confirmed, if its answer was lost, or else
   * what `onSilence` says.
   *
   * @default - 10 minutes
   */
  readonly unconfirmedAfter?: Duration
  /**
   * What agents see where the provider took a message and no receipt comes: SENT, or FAILED.
   *
   * @default - sent
   */
  readonly onSilence?: 'sent' | 'failed'
  /**
   * Whether a message waits for those that the agent sent earlier in its thread, for a minute at most. Without, a
   * delivery costs one write less.
   *
   * @default - on
   */
  readonly threadOrder?: 'on' | 'off'
  /**
   * What is done where HubSpot announces a message again, by another event, that it was told is FAILED: an agent's second
   * try, if HubSpot keeps the message's id for that. With `send` it is sent again, unless something of it arrived or may have.
   *
   * @default - ignore
   */
  readonly resend?: 'ignore' | 'send'
  /**
   * How long a status is tried before it is given up, or what is handed on.
   *
   * @default - 24 hours
   */
  readonly giveUpAfter?: Duration
  /**
   * Whether HubSpot is told SENT always, or only to correct what it was told before: by its documentation it shows a
   * new message as SENT by itself.
   *
   * @default - always
   */
  readonly tellSent?: 'always' | 'corrections'
  /**
   * How long logs are kept.
   *
   * @default - one month
   */
  readonly logRetention?: RetentionDays
  /**
   * The key that encrypts the logs. A key of the same app is told to let CloudWatch Logs use it; one that is imported
   * must have a policy that does.
   *
   * @default - a key of CloudWatch's
   */
  readonly logEncryptionKey?: IKey
  /**
   * How many batches of each queue are worked off at once, 2 to 1000. More where the account allows it.
   *
   * @default - 2, so that the three queues leave room for the webhook in an account that may run ten functions at once,
   * which new ones may
   */
  readonly maxConcurrency?: number
  /**
   * Concurrency that nothing but the webhook may use, where the account can spare it: a hundred of its concurrency must
   * stay reserved for nothing.
   *
   * @default - none, the webhook takes what is there
   */
  readonly webhookReservedConcurrency?: number
  /**
   * How many requests the HTTP API takes.
   *
   * @default - 500 per second, 1000 at once
   */
  readonly throttle?: Throttle
  /**
   * Whether the relay hands messages to their providers itself.
   *
   * @default true
   */
  readonly delivery?: boolean
  /**
   * Whether providers report what became of a message to the relay's HTTP API.
   *
   * @default true
   */
  readonly receipts?: boolean
  /**
   * Whether HubSpot accounts are connected by a link to the relay.
   *
   * @default - true, unless access tokens come from your own endpoint (`hubspot.accessTokens`)
   */
  readonly install?: boolean
  /**
   * What becomes of the tables, their key and the app's secret when they leave the stack. `DESTROY` is for stages that
   * hold nothing of worth.
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
   * Where alarms go. A topic of the same app is told to let CloudWatch publish to it; one that is imported must have a
   * policy that does, and with a key of its own, the key as well.
   *
   * @default - to a topic of the relay's own, if it has subscribers
   */
  readonly alarmTopic?: ITopic
  /**
   * Who is told of alarms: e-mail addresses and https:// URLs.
   *
   * @default - nobody, alarms are only raised
   */
  readonly alarmSubscribers?: string[]
  /**
   * Where docs/runbook.md is read, which alarms refer to.
   *
   * @default - its path
   */
  readonly runbookUrl?: string
  /**
   * Whether the stack has outputs for URLs, queues, tables and secrets, by which the command line finds them. They are
   * named within the construct, so that they meet no other's.
   *
   * @default true
   */
  readonly outputs?: boolean
}

/** How HubSpot's API is called. */
interface HubSpotApi {
  /**
   * @default https://api.hubapi.com
   */
  readonly baseUrl: string
  /**
   * @default v3
   */
  readonly apiVersion: 'v3' | '2025-09' | '2026-03' | '2026-09'
  /**
   * Requests in ten seconds that HubSpot allows the app in one account, until its answers say.
   *
   * @default 110
   */
  readonly requestLimit: number
  /**
   * The share of them that the relay may use; the rest is left to the app's other calls.
   *
   * @default 0.6
   */
  readonly requestShare: number
  /**
   * Your own endpoint that gives access tokens, where you keep your accounts' refresh tokens yourself: it is posted
   * `{portalId}`, signed by Standard Webhooks, and answers `{accessToken, expiresAt}`. No refresh token is kept here, and
   * `install` is off.
   *
   * @default - none, HubSpot gives them, for refresh tokens that are kept here
   */
  readonly accessTokens?: AccessTokens
  /**
   * Where HubSpot's users give their consent.
   *
   * @default https://app.hubspot.com
   */
  readonly appBaseUrl: string
  /**
   * The scopes that the app's configuration at HubSpot requires: an installation has to ask for all of them.
   *
   * @default - those that a custom channel needs
   */
  readonly scopes: string[]
}

/** Where access tokens come from, if not from HubSpot. */
interface AccessTokens {
  /** `https://…` */
  readonly url: string
}

/** The props with their defaults in place of what is left out. */
export type Chosen = Omit<StatusRelayProps, keyof Defaults> & Defaults
type Defaults = ReturnType<typeof defaults>

/** Fills in what is left out. */
export function withDefaults(props: StatusRelayProps): Chosen {
  const hubspot = { ...hubspotDefaults, ...given(props.hubspot ?? {}) }
  return { ...defaults(props), ...given(props), hubspot }
}

function defaults({ domain, hubspot }: StatusRelayProps) {
  return {
    publicBaseUrl: domain && (`https://${domain.name}` as string),
    deliverWithin: Duration.minutes(15),
    unconfirmedAfter: Duration.minutes(10),
    onSilence: 'sent' as NonNullable<StatusRelayProps['onSilence']>,
    threadOrder: 'on' as NonNullable<StatusRelayProps['threadOrder']>,
    resend: 'ignore' as NonNullable<StatusRelayProps['resend']>,
    giveUpAfter: Duration.hours(24),
    tellSent: 'always' as NonNullable<StatusRelayProps['tellSent']>,
    logRetention: RetentionDays.ONE_MONTH,
    maxConcurrency: 2,
    throttle: { rate: 500, burst: 1000 } as Throttle,
    delivery: true,
    receipts: true,
    install: hubspot?.accessTokens === undefined,
    removalPolicy: RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE,
    deletionProtection: false,
    alarmSubscribers: [] as string[],
    runbookUrl: 'docs/runbook.md',
    outputs: true,
    hubspot: hubspotDefaults,
  }
}

const hubspotDefaults: HubSpotApi = {
  baseUrl: 'https://api.hubapi.com',
  apiVersion: 'v3',
  requestLimit: 110,
  requestShare: 0.6,
  appBaseUrl: 'https://app.hubspot.com',
  // What a custom channel needs, by HubSpot's guide.
  scopes: ['oauth', 'conversations.read', 'conversations.custom_channels.read', 'conversations.custom_channels.write'],
}

/** What is not undefined: a prop that is passed on as undefined is one that is left out. */
function given<Props extends object>(props: Props) {
  return Object.fromEntries(Object.entries(props).filter(([, value]) => value !== undefined)) as {
    [Name in keyof Props]: Exclude<Props[Name], undefined>
  }
}
