import { setTimeout as sleep } from 'node:timers/promises'
import { NoAccess } from '../../functions/hubspot/access-errors.ts'
import { AppSecret } from '../../functions/hubspot/app-secret.ts'
import { missingScopes } from '../../functions/hubspot/oauth.ts'
import { keepTokens, type Portal } from '../../functions/hubspot/portal.ts'
import { createFetchJson } from '../../functions/platform/fetch-json.ts'
import { problems } from '../../functions/platform/problems.ts'
import { createAccounts } from '../../functions/providers/accounts.ts'
import { senders } from '../../functions/providers/senders.ts'
import { metrics } from '../operations/metrics.ts'
import { relayVersion } from '../relay/version.ts'
import { inWords, unknownFields } from '../unknown-fields.ts'
import { accountsOfChannel } from './accounts-of-channel.ts'
import { askProvider } from './ask-provider.ts'
import type { ChannelsOfApp } from './channels-of-app.ts'
import { credentialIds, credentialsOf, readCredentials } from './credentials.ts'
import type { Deployment } from './deployment.ts'
import { type Finding, skipped, well, wrong } from './findings.ts'
import { createAccess } from './hubspot-access.ts'
import type { LogLine } from './logs.ts'
import type { Monitoring } from './monitoring.ts'
import { readPortals } from './portals.ts'
import { depthsOf, jobsIn, jobsInWords } from './queues.ts'
import { atAPace, leftOut, type Scope } from './scope.ts'
import { readSecret } from './secret-values.ts'
import { post, signedWebhook, testEvent } from './signed-webhook.ts'
import type { Terminal } from './terminal.ts'

/** Whether the app's secret is filled in, and taken by HubSpot. */
export async function checkAppSecret(deployment: Deployment) {
  const { secretsManager, outputs } = deployment
  const { text, document } = await readSecret(secretsManager, outputs.AppSecretArn)
  const remedy = 'npm run relay -- secret set app'
  const secret = AppSecret.safeParse(document)
  if (/^\{"clientId":"","clientSecrets":\[\]\}$/.test(text))
    return [wrong("The app's secret is still empty: clientId and clientSecrets are missing.", remedy)]
  if (!secret.success) return [wrong(`The app's secret is invalid: ${problems(secret.error)}.`, remedy)]
  const filledIn = well("The app's secret is filled in.")
  const { isTaken, problem } = await createAccess(deployment).tryCredentials(secret.data)
  if (isTaken) return [filledIn, well("HubSpot accepts the app's credentials.")]
  if (isTaken === false) return [filledIn, wrong(`HubSpot rejects the app's credentials (${problem}).`, remedy)]
  return [
    filledIn,
    skipped(`HubSpot does not say whether it accepts the app's credentials (${problem}).`, 'Try again in a while.'),
  ]
}

/** Whether each portal gives access: refreshes its access token as the functions do, under the same lease. */
export async function* checkPortals(
  deployment: Deployment,
  terminal: Terminal,
  scope?: Scope,
): AsyncGenerator<Finding> {
  const { outputs } = deployment
  const { tokens, oauth, source, appSecret, portals } = createAccess(deployment)
  const all = await readPortals(deployment)
  const meant = all.filter(([portalId, portal]) => !scope || !portal || portal.problem || scope.ids.has(portalId))
  for await (const [portalId, portal] of atAPace(meant, terminal, { what: 'Portals looked at' }))
    yield* await checkPortal(portalId, portal)
  yield* leftOut('Portals', { of: all.length, looked: meant.length, scope })
  if (all.length === 0 && source.refreshesByToken)
    yield wrong('No HubSpot account gives access yet.', installing('<portalId>'))

  async function checkPortal(portalId: string, portal: Portal | undefined) {
    try {
      const token = await (portal?.problem
        ? askAgain(portalId, portal)
        : tokens.renew(portalId, portal?.accessToken ?? ''))
      const before = portal?.problem ? ` Until now it did not: ${portal.problem}.` : ''
      return [well(`Portal ${portalId} gives access.${before}`), ...(await checkScopes(portalId, token))]
    } catch (error) {
      if (error instanceof NoAccess) return [wrong(`${error.message}.`, installing(portalId))]
      return [wrong(`Portal ${portalId} cannot be tried now: ${problemOf(error)}.`, 'Try again in a minute.')]
    }
  }

  /** The functions would not ask for a while. What comes of it releases the portal's messages. */
  async function askAgain(portalId: string, { refreshToken }: Portal) {
    const answer = await source.renew({ portalId, refreshToken, refused: false })
    if (answer.kind !== 'tokens')
      throw new NoAccess(
        `No access to portal ${portalId}: ${source.name} refuses to refresh its access token (${answer.problem})`,
      )
    await keepTokens(portals, portalId, answer, { now: Date.now() })
    return answer.accessToken
  }

  async function checkScopes(portalId: string, token: string) {
    const answer = await oauth.introspect(await appSecret(), token, 'access_token')
    const scopes = answer.kind === 'token' ? answer.scopes : undefined
    if (!scopes)
      return [
        skipped(
          `HubSpot does not say which scopes portal ${portalId} has granted.`,
          'A missing one shows when a status is told.',
        ),
      ]
    const missing = missingScopes(scopes)
    if (missing.length === 0) return []
    return [wrong(`Portal ${portalId} has not granted ${missing.join(' and ')}.`, installing(portalId))]
  }

  function installing(portalId: string) {
    if (outputs.AccessTokensUrl) return `Have ${outputs.AccessTokensUrl} give access to it.`
    return outputs.InstallUrl
      ? `An administrator of the account opens ${outputs.InstallUrl}.`
      : `npm run relay -- portal import ${portalId}`
  }
}

/** Whether what HubSpot answers shows the app's limit, by which the relay paces itself. */
export async function checkRateLimit(deployment: Deployment) {
  const access = createAccess(deployment)
  const [first] = await readPortals(deployment)
  if (!first) return []
  try {
    // A message that is certainly not there: the answer is a 404, with the same headers as any.
    const { headers } = await access.readMessage({ portalId: first[0], channelId: '1', messageId: 'none' })
    const max = headers['x-hubspot-ratelimit-max']
    if (typeof max === 'string')
      return [well(`HubSpot allows the app ${max} requests in ten seconds (portal ${first[0]}).`)]
    return [
      skipped('HubSpot does not say how many requests it allows.', 'hubspot.requestLimit in cdk.json is what counts.'),
    ]
  } catch {
    return [skipped('The rate limit cannot be seen without access.', 'Fix the access first.')]
  }
}

/** Whether each channel of the app posts to the relay. */
export async function checkChannels({ outputs }: Deployment, channels: ChannelsOfApp | undefined) {
  if (!channels)
    return [
      skipped(
        'Where HubSpot posts the messages of the channels is not checked.',
        'Give --app-id, and the developer API key in HUBSPOT_DEVELOPER_API_KEY or when asked.',
      ),
    ]
  const findings = (await channels.list()).map(({ id, webhookUrl }) => {
    if (webhookUrl === outputs.WebhookUrl) return well(`HubSpot posts the messages of channel ${id} to the relay.`)
    const where = webhookUrl ? `to ${webhookUrl}` : 'nowhere'
    return wrong(
      `HubSpot posts the messages of channel ${id} ${where}.`,
      `npm run relay -- channel set-webhook ${id} --app-id ${channels.appId}`,
    )
  })
  if (findings.length > 0) return findings
  return [
    wrong(
      'The app has no channel yet.',
      `npm run relay -- channel register "Messages" --app-id ${channels.appId} --webhook`,
    ),
  ]
}

/** Whether the secret of each channel and channel account is what its provider needs, and whether the provider takes it. */
export async function* checkChannelSecrets(
  deployment: Deployment,
  terminal: Terminal,
  scope?: Scope,
): AsyncGenerator<Finding> {
  const { outputs, monitoring } = deployment
  if (!outputs.CredentialsTableName) return
  const accounts = createAccounts({ credentials: credentialsOf(deployment), adapters: senders })
  const all = await credentialIds(deployment)
  const meant = all.filter((id) => !scope || scope.ids.has(id))
  for await (const id of atAPace(meant, terminal, { what: 'Credentials looked at' })) yield* await checkSecret(id)
  yield* leftOut("Channels' and accounts' credentials", { of: all.length, looked: meant.length, scope })
  if (all.length === 0)
    yield wrong('No channel has the credentials of a provider yet.', 'npm run relay -- secret set channel <channelId>')

  async function checkSecret(id: string) {
    try {
      const found = await accounts.find({ channelId: id })
      if (!found)
        return [wrong(`The secret ${id} is named after no channel.`, `npm run relay -- secret remove channel ${id}`)]
      const { provider, account } = found
      const kept = await readCredentials(deployment, id)
      const unknown = unknownFields(senders[provider].account, kept?.document)
      const complete =
        unknown.length === 0
          ? well(`The secret of channel or channel account ${id} is complete (${provider}).`)
          : wrong(
              `The secret of ${id} has fields that nobody reads: ${inWords(unknown)}.`,
              `npm run relay -- secret set channel ${id}`,
            )
      const receiptsUrl = outputs.ReceiptsUrl
      return [
        complete,
        ...(await askProvider(provider, account, { id, receiptsUrl })),
        ...(await checkReceipts(monitoring, { id, provider })),
      ]
    } catch (error) {
      return [wrong(`${problemOf(error)}.`, `npm run relay -- secret set channel ${id}`)]
    }
  }
}

/** Whether each secret is of a channel of the app, or of an account of one: another's is used by no message. */
export async function checkOwners(
  deployment: Deployment,
  terminal: Terminal,
  { channels, scope }: { channels: ChannelsOfApp | undefined; scope: Scope },
): Promise<Finding[]> {
  if (!channels || !deployment.outputs.CredentialsTableName) return []
  const ids = await credentialIds(deployment)
  const listed = (await channels.list()).map(({ id }) => id)
  const known = new Set(listed)
  const unknown = () => ids.filter((id) => !known.has(id))
  if (unknown().length === 0) return []
  // Each portal is asked for the accounts of each channel.
  if (scope)
    return [skipped('Which channel accounts the secrets belong to is not looked at.', 'npm run relay -- doctor --all')]
  const portals = await readPortals(deployment)
  for (const channelId of listed)
    for await (const [portalId] of atAPace(portals, terminal, {
      what: `Accounts of channel ${channelId}, portals asked`,
    })) {
      const accounts = await accountsOfChannel(deployment, { portalId, channelId })
        .list()
        .catch(() => undefined)
      // Where one portal cannot be asked, nobody knows whose a secret is.
      if (!accounts)
        return [skipped('Which channel accounts the secrets belong to is not checked.', 'Fix the access first.')]
      for (const { id } of accounts) known.add(id)
    }
  if (known.size === listed.length)
    return [
      skipped(
        'Which channel accounts the secrets belong to shows once an account is connected.',
        `npm run relay -- channel accounts ${listed[0]}; then channel connect, as docs/relay.md shows it.`,
      ),
    ]
  return unknown().map((id) =>
    wrong(
      `The secret ${id} belongs to no channel of app ${channels.appId}, and to none of their accounts.`,
      `See npm run relay -- channel list --app-id ${channels.appId} and npm run relay -- channel accounts ${listed[0] ?? '<channelId>'}`,
    ),
  )
}

/** Whether the last administrator who tried could connect an account: a wrong redirect URL shows nowhere else. */
export async function checkInstallations({ logs, outputs }: Deployment): Promise<Finding[]> {
  const { InstallUrl } = outputs
  if (!InstallUrl) return []
  const since = Date.now() - 86_400_000
  const query = `fields @timestamp, message, why | filter message in ${JSON.stringify(endsOfInstallations)} | sort @timestamp desc | limit 1`
  const last = logs.query
    ? (await logs.query(query, { since, signal: AbortSignal.timeout(30_000) })).rows[0]
    : await lastInstallation(logs.linesSince(since))
  if (last?.['message'] !== 'Installation failed') return []
  const why = String(last['why'])
  return [
    wrong(
      `The last installation failed in the last day (${why}).`,
      why === 'redirect URL'
        ? `The app at HubSpot has to have the redirect URL ${InstallUrl.replace(/install$/, 'callback')}, to the letter; then the administrator opens ${InstallUrl} again.`
        : `docs/install.md says what each refusal means; then the administrator opens ${InstallUrl} again.`,
    ),
  ]
}

/** What oauth-install logs when one comes to an end. */
const endsOfInstallations = ['Installation failed', 'Portal installed', 'Portal reinstalled']

async function lastInstallation(lines: AsyncIterable<LogLine>) {
  let last: LogLine | undefined
  for await (const line of lines)
    if (endsOfInstallations.includes(line.message) && line.at >= (last?.at ?? 0)) last = line
  return last
}

/** Whether the messages of an account get their receipts. A few may stay without for reasons of their own. */
export async function checkReceipts(
  monitoring: Pick<Monitoring, 'sumSince'> | undefined,
  { id, provider }: { id: string; provider: string },
) {
  const { of } = metrics.ReceiptsMissing
  const count = await monitoring?.sumSince(of[0], 'ReceiptsMissing', Date.now() - 86_400_000, { account: id })
  if (!count || count < 5) return []
  const sentence = `Of ${count} messages that the provider of channel or channel account ${id} took in the last 24 hours, no receipt came.`
  return [wrong(sentence, `See that it posts receipts, and where to: docs/providers/${provider}.md.`)]
}

/** Whether the public URL leads to the function: it refuses what HubSpot did not sign, and takes what it could have signed. */
export async function checkWebhook(deployment: Deployment, { progress, signal }: Terminal) {
  const { WebhookUrl } = deployment.outputs
  const remedy = 'Check publicBaseUrl in cdk.json, the domain and its routing; then the log of hubspot-webhook.'
  const unsigned = await post({ url: WebhookUrl, headers: {}, body: '{}' })
  if (unsigned !== 'HTTP 401')
    return [wrong(`${WebhookUrl} gives ${unsigned} to an unsigned webhook, instead of HTTP 401.`, remedy)]
  const refuses = well(`${WebhookUrl} answers, and rejects what HubSpot did not sign.`)

  const { document } = await readSecret(deployment.secretsManager, deployment.outputs.AppSecretArn)
  const { data: secret } = AppSecret.safeParse(document)
  if (!secret)
    return [
      refuses,
      skipped(
        'Whether it accepts what is signed shows once the app has its secret.',
        'npm run relay -- secret set app',
      ),
    ]
  const send = () => post(signedWebhook(WebhookUrl, testEvent(), secret.clientSecrets[0]))
  let signed = await send()
  // For ten seconds the function remembers a secret that was no good, for up to as long one that was rotated.
  if (!signed.startsWith('HTTP 2')) {
    progress('Waiting eleven seconds, until the function reads its secret again')
    await sleep(11_000, undefined, { signal }).catch(() => {})
    signed = await send()
  }
  return signed.startsWith('HTTP 2')
    ? [refuses, well('It accepts what is signed with the current client secret.')]
    : [
        refuses,
        wrong(
          `It gives ${signed} to a webhook that is signed with the current client secret.`,
          `${remedy} The clocks have to agree, too.`,
        ),
      ]
}

/** Whether the clocks of HubSpot, the relay and this machine agree: signatures count for five minutes. */
export async function checkClocks({ outputs }: Deployment) {
  const endpoints = { HubSpot: outputs.HubSpotBaseUrl, 'the relay': outputs.WebhookUrl }
  const findings = Object.entries(endpoints).map(async ([name, url]) => {
    const before = Date.now()
    const date = await fetchJson(url, { method: 'GET' }).then(
      ({ headers }) => Date.parse(headers.date ?? ''),
      () => Number.NaN,
    )
    if (Number.isNaN(date)) return skipped(`The clock of ${name} cannot be read.`, `Look whether ${url} answers.`)
    // The header has whole seconds, and the answer took a while.
    const seconds = Math.round(Math.max(0, before - date - 1000, date - Date.now()) / 1000)
    return seconds <= 30
      ? well(`This machine's clock agrees with that of ${name}.`)
      : wrong(
          `This machine's clock and that of ${name} are ${seconds} seconds apart.`,
          'Set the clock; from five minutes on, no signature counts.',
        )
  })
  return Promise.all(findings)
}

/** Whether the queues can be reached, and nothing lies among the dead letters. */
export async function checkQueues(deployment: Deployment) {
  const depths = await depthsOf(deployment)
  const waiting = depths.filter((depth) => jobsIn(depth) > 0)
  const dead = depths.reduce((sum, { deadLetters }) => sum + deadLetters, 0)
  return [
    well(
      waiting.length === 0
        ? 'The queues can be reached, and no jobs wait in them.'
        : `The queues can be reached. Jobs in them, about: ${waiting.map((depth) => `${depth.queue} ${jobsInWords(depth)}`).join('; ')}.`,
    ),
    dead === 0
      ? well('There are no dead letters.')
      : wrong(`There are dead letters: about ${dead}.`, 'npm run relay -- dead-letters list'),
  ]
}

/** Whether no alarm of the stack is raised, and somebody would be told of one. */
export async function checkAlarms(deployment: Deployment) {
  const { monitoring } = deployment
  if (!monitoring) return [skipped('The local relay has no alarms.', 'Deployed, it has.')]
  const { count, raised, topics } = await monitoring.alarms()
  const findings =
    raised.length === 0
      ? [well(`None of the ${count} alarms is firing.`)]
      : raised.map(({ name, says }) => wrong(`Alarm ${name} is firing.`, says))
  if (topics.length === 0)
    return [
      ...findings,
      wrong(
        'Alarms reach nobody: they have no topic.',
        deploying(deployment, `'relay.alarmSubscribers=["ops@example.com"]'`),
      ),
    ]
  const subscriptions = await Promise.all(topics.map(async (topic) => checkSubscriptions(topic, monitoring)))
  return [...findings, ...subscriptions.flat()]
}

async function checkSubscriptions(topic: string, { subscribers }: Monitoring): Promise<Finding[]> {
  const found = await subscribers(topic).catch((error: Error) => error.name)
  if (typeof found === 'string')
    return [skipped(`Who is told of alarms is not known (${found}).`, `Look at the subscriptions of ${topic}.`)]
  const { confirmed, pending } = found
  return [
    confirmed > 0
      ? well(`Alarms are sent to ${confirmed} ${confirmed === 1 ? 'subscriber' : 'subscribers'}.`)
      : wrong(
          'Alarms reach nobody: no subscription to their topic is confirmed.',
          pending.length > 0
            ? 'See the next line.'
            : `aws sns subscribe --topic-arn ${topic} --protocol email --notification-endpoint ops@example.com`,
        ),
    ...pending.map((endpoint) =>
      wrong(
        `${endpoint} has not confirmed that it wants to be told of alarms.`,
        'Follow the link that AWS sent there.',
      ),
    ),
  ]
}

/** Whether the account lets so many functions run at once that busy queues leave room for HubSpot's webhooks. */
export async function checkConcurrency(deployment: Deployment) {
  const { monitoring } = deployment
  if (!monitoring) return [skipped('The local relay knows no limit of concurrent functions.', 'An AWS account does.')]
  const { limit, unreserved, ofQueues } = await monitoring.concurrency()
  const taken = ofQueues.reduce((sum, most) => sum + most, 0)
  if (taken + roomForRequests <= unreserved)
    return [well(`The account runs ${limit} functions at once, of which the queues take ${taken} at most.`)]
  const fitting = Math.max(2, Math.floor((unreserved - roomForRequests) / Math.max(1, ofQueues.length)))
  return [
    wrong(
      `The account runs ${unreserved === limit ? limit : `${unreserved} of ${limit}`} functions at once, and the queues may take ${taken} of them: while they are busy, webhooks would be refused.`,
      `Ask AWS for more, which costs nothing: aws service-quotas request-service-quota-increase --service-code lambda --quota-code L-B99A9384 --desired-value 1000. Until then: ${deploying(deployment, `relay.maxConcurrency=${fitting}`)}`,
    ),
  ]
}

/** How many functions answer requests at once while all queues are busy: webhooks, receipts, an installation. */
const roomForRequests = 3

/** Whether the relay that is deployed and this command line are of one version. */
export async function checkVersion({ name, outputs: { Version } }: Deployment) {
  if (Version === relayVersion) return [well(`Found ${name}, of version ${Version}.`)]
  return [
    wrong(
      `Found ${name}, of version ${Version ?? 'unknown'}; this command line is of version ${relayVersion}.`,
      'Deploy this version, or use the command line of the version that is deployed.',
    ),
  ]
}

const deploying = ({ stage }: Deployment, setting: string) =>
  `npm run deploy -- ${stage ? `-c relay.stage=${stage} ` : ''}-c ${setting}`

const fetchJson = createFetchJson({ timeout: 10_000 })

const problemOf = (error: unknown) => (error instanceof Error ? error.message : 'unknown error')
