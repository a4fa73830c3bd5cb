import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PutItemCommand } from '@aws-sdk/client-dynamodb'
import { PurgeQueueCommand, SendMessageCommand } from '@aws-sdk/client-sqs'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Finding } from '../../../infra/cli/findings.ts'
import { noteRunning } from '../../../infra/cli/running.ts'
import { type LocalStack, startLocalStack } from '../../../infra/local/aws/stack.ts'
import { deleteCredentials, putCredentials } from '../../../infra/local/credentials.ts'
import { type HubSpot, startHubSpot } from '../../../infra/local/hubspot/simulator.ts'
import { startLine } from '../../../infra/local/providers/line.ts'
import type { ProviderSimulator } from '../../../infra/local/providers/simulator.ts'
import { startTelegram } from '../../../infra/local/providers/telegram.ts'
import { startTwilio } from '../../../infra/local/providers/twilio.ts'
import { startWhatsApp } from '../../../infra/local/providers/whatsapp.ts'
import { createLinkBrowser } from '../../support/link-browser.ts'
import { runRelay } from '../../support/relay-terminal.ts'

/**
 * A relay that is able to work, in which one mistake after the other is planted, found by doctor, and fixed again.
 * What this machine has not is planted elsewhere: clocks, concurrency, alarms and regions.
 */
const channelId = '2300310'
const app = { clientId: 'client', clientSecrets: ['the-client-secret'] }
const developerApiKey = 'the-developer-key'
const accounts = { twilio: '3100000000', telegram: '3100000001', line: '3100000002', whatsapp: '3100000003' }

let folder: string
let note: string
let hubspot: HubSpot
let stack: LocalStack
const providers: Record<string, ProviderSimulator> = {}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'relay-'))
  note = join(folder, 'note.json')
  hubspot = await startHubSpot({ ...app, developerApiKey })
  stack = await startLocalStack({
    environment: ({ url }) => ({
      PUBLIC_BASE_URL: url,
      HUBSPOT_BASE_URL: hubspot.url,
      HUBSPOT_APP_BASE_URL: hubspot.url,
    }),
    secrets: { AppSecret: app },
  })
  const receiptsUrl = stack.outputs['ReceiptsUrl']!
  providers['twilio'] = await startTwilio()
  providers['telegram'] = await startTelegram()
  providers['line'] = await startLine()
  providers['whatsapp'] = await startWhatsApp({ receiptsUrl })
  for (const [name, id] of Object.entries(accounts)) await putSecret(id, providers[name]!.account)
  hubspot.registerChannel(channelId, stack.outputs['WebhookUrl']!)
  await putPortal(hubspot.installApp('1001').refreshToken)
  noteRunning({ stack, hubspot }, note)
  const connected = Object.keys(accounts).map((name) => ({ portalId: '1001', inboxId: '77001', name }))
  const { printed } = await runRelay(note, ['channel', 'connect', channelId, '--file', '-', '--json'], {
    input: JSON.stringify(connected),
  })
  expect((JSON.parse(printed) as { id: string }[]).map(({ id }) => id)).toEqual(Object.values(accounts))
})

afterAll(async () => {
  for (const one of Object.values(providers)) await one.stop()
  await stack?.stop()
  await hubspot?.stop()
  await rm(folder, { recursive: true })
})

type Mistake = { plant(): unknown; fix(): unknown; sentence: RegExp; remedy: RegExp; key?: string }

const wrongAccount = (name: keyof typeof accounts, change: object, sentence: RegExp): Mistake => ({
  plant: () => putSecret(accounts[name], { ...providers[name]!.account, ...change }),
  fix: () => putSecret(accounts[name], providers[name]!.account),
  sentence,
  remedy: new RegExp(`secret set channel ${accounts[name]}`),
})
const wrongApp = (secret: object | string, sentence: RegExp): Mistake => ({
  plant: () => stack.putSecret('AppSecret', secret),
  async fix() {
    stack.putSecret('AppSecret', app)
    // Whoever asked HubSpot meanwhile has a lease.
    await putPortal(hubspot.portal('1001')!.refreshToken)
  },
  sentence,
  remedy: /secret set app/,
})
const wrongOutput = (outputs: Record<string, string>, sentence: RegExp, remedy: RegExp): Mistake => ({
  plant: () => noteRunning({ stack: { ...stack, outputs: { ...stack.outputs, ...outputs } }, hubspot }, note),
  fix: () => noteRunning({ stack, hubspot }, note),
  sentence,
  remedy,
})
/** An installation that HubSpot's token endpoint refuses. */
const refusedInstallation = (status: string, sentence: RegExp, remedy: RegExp): Mistake => ({
  async plant() {
    const browser = createLinkBrowser()
    const consent = await browser.open(stack.outputs['InstallUrl']!)
    const body = { error: 'invalid_grant', error_description: status, status, message: status }
    hubspot.faults.push({ method: 'POST', answer: { status: 400, body } })
    await browser.follow(consent, 'Connect account 1002')
  },
  async fix() {
    const browser = createLinkBrowser()
    await browser.follow(await browser.open(stack.outputs['InstallUrl']!), 'Connect account 1001')
  },
  sentence,
  remedy,
})

const mistakes: Record<string, Mistake> = {
  'an empty app secret': wrongApp('{"clientId":"","clientSecrets":[]}', /app's secret is still empty/),
  'an app secret without its client id': wrongApp({ clientSecrets: ['x'] }, /clientId: expected string/),
  'a wrong client secret': wrongApp({ ...app, clientSecrets: ['another'] }, /HubSpot rejects the app's credentials/),
  'a wrong client id': wrongApp({ ...app, clientId: 'another' }, /HubSpot rejects the app's credentials/),
  'an app that was uninstalled': {
    plant: () => hubspot.uninstallApp('1001'),
    fix: async () => putPortal(hubspot.installApp('1001').refreshToken),
    sentence: /No access to portal 1001: HubSpot refuses to refresh/,
    remedy: /administrator of the account opens http.*install/,
  },
  'a wrong refresh token': {
    plant: () => putPortal('not-a-token'),
    fix: () => putPortal(hubspot.portal('1001')!.refreshToken),
    sentence: /No access to portal 1001/,
    remedy: /administrator of the account opens/,
  },
  'a scope that was not granted': {
    plant: () =>
      hubspot.installApp('1001', { scopes: ['oauth', 'conversations.custom_channels.read', 'conversations.read'] }),
    fix: () => hubspot.installApp('1001'),
    sentence: /Portal 1001 has not granted conversations\.custom_channels\.write/,
    remedy: /administrator of the account opens/,
  },
  'a redirect URL that HubSpot does not know': refusedInstallation(
    'BAD_REDIRECT_URI',
    /last installation failed.*redirect URL/,
    /redirect URL .*callback/,
  ),
  'a code that has expired': refusedInstallation(
    'BAD_AUTH_CODE',
    /last installation failed.*used code/,
    /opens .*install/,
  ),
  'a webhook that goes elsewhere': {
    plant: () => hubspot.registerChannel(channelId, 'https://elsewhere.example.com/hook'),
    fix: () => hubspot.registerChannel(channelId, stack.outputs['WebhookUrl']!),
    sentence: /posts the messages of channel 2300310 to https:\/\/elsewhere/,
    remedy: /channel set-webhook 2300310 --app-id 77/,
  },
  'a wrong developer API key': {
    plant() {},
    fix() {},
    key: 'another key',
    sentence: /rejects the developer API key or the app id/,
    remedy: /belong to the developer account/,
  },
  'a secret for a channel of another app': {
    plant: () => putSecret('999', providers['line']!.account),
    fix: () => deleteCredentials(stack, '999'),
    sentence: /secret 999 belongs to no channel of app 77, and to none of their accounts/,
    remedy: /channel list --app-id 77/,
  },
  'a wrong auth token of Twilio': wrongAccount('twilio', { authTokens: ['f'.repeat(32)] }, /Twilio rejects/),
  'an account SID of somebody else': wrongAccount('twilio', { accountSid: `AC${'0'.repeat(32)}` }, /Twilio rejects/),
  'a wrong token of Telegram': wrongAccount('telegram', { botToken: '1:another' }, /Telegram rejects the bot token/),
  'a wrong token of LINE': wrongAccount('line', { channelAccessToken: 'another' }, /LINE rejects/),
  'a wrong token of Meta': wrongAccount('whatsapp', { accessToken: 'another' }, /Meta rejects the access token/),
  "a phone number's id that is none": wrongAccount(
    'whatsapp',
    { phoneNumberId: '15550100001' },
    /no phone number with the phoneNumberId/,
  ),
  'a misspelt field': wrongAccount(
    'telegram',
    { sentom: 'accepted' },
    /fields that nobody reads: sentom \(did you mean sentOn\?\)/,
  ),
  'a field that is missing': wrongAccount(
    'line',
    { channelAccessToken: undefined },
    /channelAccessToken: expected string/,
  ),
  'a secret that is no JSON': {
    plant: () => putSecret(accounts.line, 'the token itself'),
    fix: () => putSecret(accounts.line, providers['line']!.account),
    sentence: /is not JSON/,
    remedy: /secret set channel/,
  },
  'a public URL that is not the one of the functions': wrongOutput(
    { WebhookUrl: 'http://localhost/elsewhere' },
    /gives .* to an unsigned webhook|to a webhook that is signed/,
    /publicBaseUrl/,
  ),
  'a command line of another version': wrongOutput(
    { Version: '0.0.1' },
    /version 0\.0\.1; this command line/,
    /Deploy this version/,
  ),
  'a dead letter': {
    plant: () =>
      stack.sqs.send(
        new SendMessageCommand({ QueueUrl: stack.queueUrl('StatusUpdates/DeadLetters'), MessageBody: '{}' }),
      ),
    fix: () => stack.sqs.send(new PurgeQueueCommand({ QueueUrl: stack.queueUrl('StatusUpdates/DeadLetters') })),
    sentence: /There are dead letters: about 1/,
    remedy: /dead-letters list/,
  },
}

test('where nothing is planted, nothing is wrong', async () => {
  expect(wrongOnes(await doctor())).toEqual([])
})

test.each(Object.entries(mistakes))(
  '%s is named, with its remedy, and gone once it is fixed',
  async (_name, mistake) => {
    await mistake.plant()
    const found = wrongOnes(await doctor(mistake.key))
    await mistake.fix()

    expect(found).toContainEqual({
      result: 'wrong',
      sentence: expect.stringMatching(mistake.sentence),
      remedy: expect.stringMatching(mistake.remedy),
    })
    for (const { remedy = '' } of found) expect(remedy).not.toMatch(/npm run relay -- (?!--local)/)
  },
)

test('fixed, nothing is wrong any more', async () => {
  expect(wrongOnes(await doctor())).toEqual([])
})

async function doctor(key = developerApiKey) {
  const { printed } = await runRelay(note, ['doctor', '--app-id', '77', '--json'], { answers: [key] })
  return JSON.parse(printed) as Finding[]
}

const wrongOnes = (findings: Finding[]) => findings.filter(({ result }) => result === 'wrong')

const putSecret = (id: string, account: object | string) => putCredentials(stack, id, account)

const putPortal = (refreshToken: string) =>
  stack.dynamodb.send(
    new PutItemCommand({
      TableName: stack.tableName('Portals'),
      Item: { pk: { S: 'portal#1001' }, refreshToken: { S: refreshToken } },
    }),
  )
