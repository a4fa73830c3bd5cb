import { readFileSync } from 'node:fs'
import { SendMessageCommand } from '@aws-sdk/client-sqs'
import type { Context } from 'aws-lambda'
import twilioLibrary from 'twilio'
import { expect, test } from 'vitest'
import { createSecrets } from '../../functions/platform/secrets.ts'
import { inSecretsManager } from '../../functions/platform/secrets-manager.ts'
import { createHandler } from '../../functions/provider-receipt.ts'
import { createAccounts } from '../../functions/providers/accounts.ts'
import { receipts } from '../../functions/providers/receipts.ts'
import { createFakeSecretsManager } from '../support/aws.ts'
import { httpEvent } from '../support/http-events.ts'
import { createWorld } from '../support/world.ts'

// What the README has a team add to its integration, run to the letter: nothing but the names that it says come from there.

const snippets = [
  ...readFileSync(new URL('../../README.md', import.meta.url), 'utf8').matchAll(/^```js\n(.*?)^```/gms),
].map(([, code = '']) => code)

/** Runs a snippet, in which these names are known. */
function run(marker: string, names: Record<string, unknown>) {
  const found = snippets.filter((code) => code.includes(marker))
  expect(found).toHaveLength(1)
  const AsyncFunction = (async () => {}).constructor as new (
    ...code: string[]
  ) => (...values: unknown[]) => Promise<void>
  return new AsyncFunction(...Object.keys(names), found[0]!)(...Object.values(names))
}

const about = { portalId: '1', channelId: '2', message: { id: 'm' } }
const authToken = 'f'.repeat(32)
const accountSid = `AC${'0'.repeat(32)}`

test('every snippet is run here', () => {
  expect(snippets).toHaveLength(2)
})

test("Twilio's callback, added to a send, has HubSpot told what became of it", async () => {
  const { world, callBack } = takingReceipts()
  let asked: Record<string, string> = {}
  const httpClient = {
    request: async ({ data }: { data: Record<string, string> }) => {
      asked = data
      return { statusCode: 201, body: { sid: `SM${'0'.repeat(32)}` } }
    },
  }
  const twilio = twilioLibrary(accountSid, authToken, { httpClient: httpClient as never })
  const message = { to: '+15550100001', from: '+15550100002', body: 'Hello' }

  await run('statusCallback', { ...about, ...message, twilio, receiptsUrl: 'https://relay.test/receipts' })
  const answered = await callBack(asked['StatusCallback']!, { MessageStatus: 'undelivered', ErrorCode: '30005' })

  expect(answered).toBe(204)
  expect(world.hubspot.held.get('m')).toMatchObject({ statusType: 'FAILED', errorMessage: expect.any(String) })
})

test('a status, sent over SQS, has HubSpot told', async () => {
  const world = createWorld({ delivers: false })
  const sqs = {
    async send({ input: { MessageBody = '', MessageGroupId = '', QueueUrl } }: SendMessageCommand) {
      expect(QueueUrl).toBe('https://sqs.test/StatusUpdates')
      await world.statusUpdates.send(JSON.parse(MessageBody), { group: MessageGroupId })
    },
  }

  await run('sqs.send', { ...about, sqs, SendMessageCommand, statusUpdatesQueueUrl: 'https://sqs.test/StatusUpdates' })
  await world.rest()

  expect(world.hubspot.held.get('m')).toEqual({ statusType: 'FAILED', errorMessage: 'The customer has opted out' })
  expect(world.counts).not.toHaveProperty('UnexpectedUpdateFields')
})

/** The relay of a team that delivers by itself, and the callbacks that Twilio makes to it. */
function takingReceipts() {
  const secretsManager = createFakeSecretsManager()
  const account = { provider: 'twilio', accountSid, authTokens: [authToken], from: '+15550100002' }
  secretsManager.values.set('2', JSON.stringify(account))
  const world = createWorld({ delivers: false })
  const secrets = createSecrets(inSecretsManager(secretsManager.client), world.now)
  const handler = createHandler({
    accounts: createAccounts({ credentials: secrets, adapters: receipts }),
    statusUpdates: world.statusUpdates,
    handOns: { send: async () => {} },
    publicBaseUrl: 'https://relay.test',
    telemetry: world.telemetry,
    now: world.now,
  })
  async function callBack(url: string, status: Record<string, string>) {
    const fields = { MessageSid: `SM${'0'.repeat(32)}`, AccountSid: accountSid, ...status }
    const headers = {
      'content-type': 'application/x-www-form-urlencoded',
      'x-twilio-signature': twilioLibrary.getExpectedTwilioSignature(authToken, url, fields),
    }
    const [channelId = ''] = new URL(url).pathname.split('/').slice(2)
    const body = new URLSearchParams(fields).toString()
    const answer = await handler(httpEvent({ url, headers, body, pathParameters: { channelId } }), {} as Context)
    await world.rest()
    return answer?.statusCode
  }
  return { world, callBack }
}
