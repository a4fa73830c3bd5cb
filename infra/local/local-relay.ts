import { PutItemCommand } from '@aws-sdk/client-dynamodb'
import { ReceiveMessageCommand } from '@aws-sdk/client-sqs'
import { openEnvelope } from '../../functions/platform/envelope.ts'
import { type LocalStackOptions, type LogEntry, startLocalStack } from './aws/stack.ts'
import { putCredentials } from './credentials.ts'
import type { Behaviour } from './hubspot/behaviour.ts'
import { startHubSpot } from './hubspot/simulator.ts'
import type { HubSpotEvent } from './hubspot/state.ts'
import { startLiveService } from './live-service.ts'
import { secretOf, startForward } from './providers/forward.ts'
import type { Conduct, Delivery, ProviderEvent, ProviderSimulator } from './providers/simulator.ts'
import { createEvents } from './simulator.ts'
import { createStatusSender, type TeamEvent } from './team.ts'
import { startTokenEndpoint } from './token-endpoint.ts'

/** What happened anywhere around the relay. */
export type LocalRelayEvent = HubSpotEvent | TeamEvent | (ProviderEvent & { channelAccountId: string })

/** The relay with everything around it, as its users see it. */
export type LocalRelay = Awaited<ReturnType<typeof startLocalRelay>>

type ServiceOptions = Pick<Parameters<typeof startForward>[0], 'receiptsPerAccount' | 'format'> & {
  /** What becomes of a message; taken, delivered and read when absent. */
  conduct?: (delivery: Delivery) => Conduct
}

type LiveOptions = { url: string; format?: 'job' | 'hubspot' | undefined }

/** The secret of a service that a channel account's messages are forwarded to. */
export const whsecFor = (channelAccountId: string) => secretOf(`the secret of local account ${channelAccountId}`)

/** The portal and the channel that are there from the start. */
export const ids = { portalId: '1001', channelId: '2300310' }

/** The client secret that the simulated HubSpot signs with. */
export const clientSecret = 'local-client-secret'

/** The app that the simulated HubSpot knows. */
export const app = { clientId: 'local-client', clientSecrets: [clientSecret] }

/**
 * The relay as deployed, on this machine, between a simulated HubSpot, which has a portal and a channel, and the services
 * of a team, one for each channel account.
 */
export async function startLocalRelay(
  options: Pick<LocalStackOptions, 'assembly' | 'port' | 'onLog' | 'onAwsCall' | 'onEvent' | 'overrides'> & {
    /** The relay's settings, over those of `cdk.json`. */
    settings?: Record<string, unknown>
    /** The API that the relay calls. Default: the simulated HubSpot's. */
    hubspotUrl?: string
    /** The port of the simulated HubSpot. Default: a free one. */
    hubspotPort?: number
    behaviour?: Partial<Behaviour>
    /** Whether the team keeps its accounts' tokens itself, and an endpoint of its own gives access. */
    keepsOwnTokens?: boolean
    /** As just deployed: no app's secret, no portal, no channel. */
    empty?: boolean
    /** Variables for every function, over those of the template. */
    environment?: Record<string, string>
  } = {},
) {
  const {
    settings = {},
    hubspotUrl,
    hubspotPort = 0,
    behaviour = {},
    environment = {},
    empty,
    ...stackOptions
  } = options
  const { emit, onEvent } = createEvents<LocalRelayEvent>()
  const logs = createEvents<LogEntry>()
  if (options.onLog) logs.onEvent(options.onLog)
  await using starting = new AsyncDisposableStack()

  const hubspot = starting.adopt(await startHubSpot({ ...app, behaviour, port: hubspotPort }), (started) =>
    started.stop(),
  )
  hubspot.onEvent(emit)
  const tokenSecret = whsecFor('the token endpoint')
  const tokenEndpoint = options.keepsOwnTokens
    ? starting.adopt(await startTokenEndpoint({ hubspotUrl: hubspot.url, app, secret: () => tokenSecret }), (started) =>
        started.stop(),
      )
    : undefined
  const context = {
    ...settings,
    ...(tokenEndpoint && { hubspot: { accessTokens: { url: tokenEndpoint.url } }, install: null }),
  }
  const stack = starting.adopt(
    await startLocalStack({
      ...stackOptions,
      onLog: logs.emit,
      context: Object.fromEntries(Object.entries(context).map(([name, value]) => [`relay.${name}`, value])),
      secrets: {
        ...(!empty && { AppSecret: app }),
        ...(tokenEndpoint && { AccessTokensSecret: { secret: tokenSecret } }),
      },
      environment: ({ url }) => ({
        PUBLIC_BASE_URL: url,
        HUBSPOT_BASE_URL: hubspotUrl ?? hubspot.url,
        HUBSPOT_APP_BASE_URL: hubspot.url,
        ...environment,
      }),
    }),
    (started) => started.stop(),
  )

  /** A portal installs the app, and the relay is given its refresh token, or the team's own endpoint is. */
  async function installApp(portalId: string) {
    const { refreshToken } = hubspot.installApp(portalId)
    if (tokenEndpoint) return tokenEndpoint.keep(portalId, refreshToken)
    const Item = { pk: { S: `portal#${portalId}` }, refreshToken: { S: refreshToken } }
    await stack.dynamodb.send(new PutItemCommand({ TableName: stack.tableName('Portals'), Item }))
  }

  /** Starts a service of the team's, with what the secret of its channel or channel account has to hold. */
  async function startService(channelAccountId: string, { conduct, ...options }: ServiceOptions = {}) {
    const service = await startForward({
      ...options,
      ...(conduct && { conduct: (delivery) => ({ receipts: [], ...conduct(delivery) }) }),
      takenAs: 'sent',
      secrets: [whsecFor(channelAccountId)],
      clientSecrets: [clientSecret],
      ...(stack.outputs['ReceiptsUrl'] && { receiptsUrl: stack.outputs['ReceiptsUrl'] }),
    })
    everything.defer(service.stop)
    service.onEvent((event) => emit({ ...event, channelAccountId }))
    return service
  }

  /** Connects a channel account, with a service of its own that its messages are forwarded to. */
  async function addChannelAccount(channelAccountId: string, options?: ServiceOptions) {
    const service = await startService(channelAccountId, options)
    // The smallest form needs nobody's credentials.
    if (stack.outputs['CredentialsTableName']) await putCredentials(stack, channelAccountId, service.account)
    return service
  }

  /** Connects a channel account to a service that is being written on this machine, in place of whatever it had. */
  async function addLiveService(channelAccountId: string, { url, format = 'job' }: LiveOptions) {
    const secrets = [whsecFor(channelAccountId)]
    const emitted = (event: ProviderEvent) => emit({ ...event, channelAccountId })
    const service = await startLiveService({ url, clientSecret, emit: emitted })
    everything.defer(service.stop)
    const account = { provider: 'forward', url: service.url, format, secrets }
    await putCredentials(stack, channelAccountId, account)
    stack.retireEnvironments('deliver-message')
  }

  /** Tells of what a simulated provider does; it ends with the relay. */
  function watch(channelAccountId: string, provider: ProviderSimulator) {
    everything.defer(provider.stop)
    provider.onEvent((event) => emit({ ...event, channelAccountId }))
  }

  /** Connects a channel account to a simulated provider, which ends with the relay. */
  async function addProvider(channelAccountId: string, provider: ProviderSimulator) {
    watch(channelAccountId, provider)
    await putCredentials(stack, channelAccountId, provider.account)
  }

  /** What lies in the queues of dead letters. It stays there, out of sight for a second. */
  async function deadLetters() {
    const letters: unknown[] = []
    for (const QueueUrl of [stack.outputs['DeliveriesDeadLettersUrl'], stack.outputs['StatusUpdatesDeadLettersUrl']]) {
      for (let more = QueueUrl !== undefined; more; ) {
        const command = new ReceiveMessageCommand({ QueueUrl, MaxNumberOfMessages: 10, VisibilityTimeout: 1 })
        const { Messages = [] } = await stack.sqs.send(command)
        letters.push(...Messages.map(({ Body = '' }) => openEnvelope(Body).body))
        more = Messages.length > 0
      }
    }
    return letters
  }

  if (!empty) {
    await installApp(ids.portalId)
    hubspot.registerChannel(ids.channelId, stack.outputs['WebhookUrl']!)
  }
  const everything = starting.move()

  return {
    stack,
    hubspot,
    /** The team's own, where it keeps tokens itself. */
    tokenEndpoint,
    installApp,
    startService,
    addChannelAccount,
    addLiveService,
    addProvider,
    watch,
    sendStatus: createStatusSender(stack, emit),
    deadLetters,
    /** Has something end with the relay. */
    defer: (end: () => unknown) => everything.defer(async () => void (await end())),
    onEvent,
    /** Tells the listener of each line that a function writes from now on. Returns the way to unsubscribe. */
    onLog: logs.onEvent,
    /** Ends everything, in the order opposite to that of its start. */
    stop: () => everything.disposeAsync(),
    [Symbol.asyncDispose]: () => everything.disposeAsync(),
  }
}
