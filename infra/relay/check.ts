import { paginateScan } from '@aws-sdk/client-dynamodb'
import { GetSecretValueCommand, paginateListSecrets } from '@aws-sdk/client-secrets-manager'
import { GetQueueAttributesCommand } from '@aws-sdk/client-sqs'
import { unmarshall } from '@aws-sdk/util-dynamodb'
import type { Command } from 'commander'
import { AppSecret } from '../../functions/hubspot/app-secret.ts'
import { createOAuth } from '../../functions/hubspot/oauth.ts'
import { createTokens, keyOf, NoAccess, Portal } from '../../functions/hubspot/tokens.ts'
import { createFetchJson } from '../../functions/platform/fetch-json.ts'
import { problems } from '../../functions/platform/problems.ts'
import { createSecrets, SecretUnavailable } from '../../functions/platform/secrets.ts'
import { createTable } from '../../functions/platform/table.ts'
import { createAccounts } from '../../functions/providers/accounts.ts'
import { senders } from '../../functions/providers/senders.ts'
import type { Deployment } from './deployment.ts'
import type { Context } from './relay.ts'
import { Trouble } from './trouble.ts'

/** What was found out about one thing that the relay needs. */
type Finding = { ok: boolean; sentence: string; remedy?: string }

/** `check`: is the deployment able to work? */
export function addCheckCommand(program: Command, { terminal, deployment }: Context) {
  program
    .command('check')
    .description('says whether the relay is able to work, and what is missing; refreshes the access tokens')
    .option('--json', 'print the findings as JSON')
    .action(async ({ json }: { json?: boolean }) => {
      const { colors } = terminal
      const found = await deployment()
      const findings: Finding[] = []
      for (const check of checks) {
        for (const finding of await check(found).catch(unable)) {
          findings.push(finding)
          if (json) continue
          terminal.print(`${finding.ok ? colors.green('✓') : colors.red('✗')} ${finding.sentence}`)
          if (finding.remedy) terminal.print(`  → ${finding.remedy}`)
        }
      }
      if (json) terminal.print(JSON.stringify(findings, undefined, 2))
      const wrong = findings.filter(({ ok }) => !ok).length
      if (wrong > 0) throw new Trouble(`Not able to work: ${wrong} of ${findings.length} findings are bad.`)
      if (!json) terminal.print(`Able to work: ${found.name}.`)
    })
}

const well = (sentence: string): Finding => ({ ok: true, sentence })
const wrong = (sentence: string, remedy: string): Finding => ({ ok: false, sentence, remedy })

/** In the order in which an operator mends them. */
const checks: ((deployment: Deployment) => Promise<Finding[]>)[] = [
  async ({ name }) => [well(`Found ${name}.`)],
  checkAppSecret,
  checkPortals,
  checkChannels,
  checkWebhook,
  checkQueues,
]

function unable(error: unknown): Finding[] {
  const name = error instanceof Error ? error.name : 'unknown error'
  return [wrong(`AWS did not let this be checked (${name}).`, 'Use a profile that may read the parts of the stack.')]
}

async function checkAppSecret({ secretsManager, outputs }: Deployment) {
  const { SecretString = '' } = await secretsManager.send(new GetSecretValueCommand({ SecretId: outputs.AppSecretArn }))
  const remedy = 'npm run relay -- secret set app'
  const secret = AppSecret.safeParse(parsed(SecretString))
  if (secret.success) return [well("The app's secret is filled in.")]
  if (/^\{"clientId":"","clientSecrets":\[\]\}$/.test(SecretString))
    return [wrong("The app's secret is still empty: clientId and clientSecrets are missing.", remedy)]
  return [wrong(`The app's secret is not as it should be: ${problems(secret.error)}.`, remedy)]
}

/** Refreshes each portal's access token as the functions do, under the same lease. */
async function checkPortals({ dynamodb, secretsManager, outputs }: Deployment) {
  const secrets = createSecrets(secretsManager)
  const tokens = createTokens({
    table: createTable(dynamodb, outputs.PortalsTableName),
    oauth: createOAuth({
      fetchJson: createFetchJson({ timeout: 10_000 }),
      baseUrl: outputs.HubSpotBaseUrl,
      version: outputs.HubSpotApiVersion,
    }),
    appSecret: () => secrets.require(outputs.AppSecretArn, AppSecret),
    now: Date.now,
    random: Math.random,
  })
  const findings: Finding[] = []
  for await (const { Items = [] } of paginateScan({ client: dynamodb }, { TableName: outputs.PortalsTableName })) {
    for (const item of Items.map((item) => unmarshall(item))) {
      const portalId = String(item['pk']).slice(keyOf('').length)
      if (item['pk'] !== keyOf(portalId)) continue
      findings.push(await checkPortal(portalId, Portal.safeParse(item).data))
    }
  }
  if (findings.length > 0) return findings
  return [wrong('No HubSpot account gives access yet.', 'npm run relay -- portal import <portalId>')]

  async function checkPortal(portalId: string, portal: Portal | undefined) {
    try {
      await tokens.renew(portalId, portal?.accessToken ?? '')
      const before = portal?.problem ? ` Until now HubSpot refused it: ${portal.problem}.` : ''
      return well(`Portal ${portalId} gives access.${before}`)
    } catch (error) {
      if (error instanceof NoAccess) return wrong(`${error.message}.`, `npm run relay -- portal import ${portalId}`)
      if (error instanceof SecretUnavailable)
        return wrong(`Portal ${portalId} cannot be tried without the app's secret.`, 'npm run relay -- secret set app')
      const problem = error instanceof Error ? error.message : 'unknown error'
      return wrong(`Portal ${portalId} cannot be tried now: ${problem}.`, 'Try again in a minute.')
    }
  }
}

async function checkChannels({ secretsManager, outputs }: Deployment) {
  if (!outputs.DeliveriesQueueUrl && !outputs.ReceiptsUrl) return []
  const prefix = outputs.ChannelSecretsPrefix
  const accounts = createAccounts({ secrets: createSecrets(secretsManager), prefix, faces: senders })
  const findings: Finding[] = []
  const ofPrefix = { Filters: [{ Key: 'name' as const, Values: [prefix] }] }
  for await (const { SecretList = [] } of paginateListSecrets({ client: secretsManager }, ofPrefix)) {
    for (const { Name = '' } of SecretList) findings.push(await checkChannel(Name.slice(prefix.length)))
  }
  if (findings.length > 0) return findings
  return [wrong('No channel has the credentials of a provider yet.', 'npm run relay -- secret set channel <channelId>')]

  async function checkChannel(id: string) {
    try {
      const found = await accounts.find({ channelId: id })
      if (found) return well(`The secret of channel or channel account ${id} is valid (${found.provider}).`)
      return wrong(`Secret ${prefix}${id} is named after no channel.`, 'Delete it, or name it after a channel.')
    } catch (error) {
      const problem = error instanceof Error ? error.message : 'unknown error'
      return wrong(`${problem}.`, `npm run relay -- secret set channel ${id}`)
    }
  }
}

/** An unsigned webhook must be refused: that shows that the function runs behind the URL that HubSpot is given. */
async function checkWebhook({ outputs: { WebhookUrl } }: Deployment) {
  const answer = await createFetchJson({ timeout: 10_000 })(WebhookUrl, { method: 'POST', body: '{}' }).then(
    ({ status }) => `HTTP ${status}`,
    () => 'no answer',
  )
  if (answer === 'HTTP 401') return [well(`${WebhookUrl} answers, and refuses what HubSpot did not sign.`)]
  return [
    wrong(
      `${WebhookUrl} gives ${answer} to an unsigned webhook, instead of HTTP 401.`,
      'Check publicBaseUrl in cdk.json, the domain and its routing; then the log of hubspot-webhook.',
    ),
  ]
}

async function checkQueues({ sqs, outputs }: Deployment) {
  const deadLetters = [outputs.DeliveriesDeadLettersUrl, outputs.StatusUpdatesDeadLettersUrl]
  const count = async (QueueUrl: string) => {
    const AttributeNames = ['ApproximateNumberOfMessages' as const, 'ApproximateNumberOfMessagesNotVisible' as const]
    const { Attributes = {} } = await sqs.send(new GetQueueAttributesCommand({ QueueUrl, AttributeNames }))
    return AttributeNames.reduce((sum, name) => sum + Number(Attributes[name]), 0)
  }
  const sum = async (urls: (string | undefined)[]) =>
    (await Promise.all(urls.flatMap((url) => url ?? []).map(count))).reduce((a, b) => a + b, 0)
  const waiting = await sum([outputs.DeliveriesQueueUrl, outputs.StatusUpdatesQueueUrl])
  const dead = await sum(deadLetters)
  return [
    well(`The queues can be reached (about ${waiting} ${waiting === 1 ? 'job' : 'jobs'} in them).`),
    dead === 0
      ? well('There are no dead letters.')
      : wrong(`There are dead letters: about ${dead}.`, 'npm run relay -- dead-letters list'),
  ]
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
