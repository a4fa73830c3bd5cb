import { readFileSync } from 'node:fs'
import { SendMessageCommand } from '@aws-sdk/client-sqs'
import twilioLibrary from 'twilio'
import { expect, test } from 'vitest'
import { authToken, takeReceipts } from '../support/receipts-without-delivery.ts'
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
const accountSid = `AC${'0'.repeat(32)}`

test('every snippet is run here', () => {
  expect(snippets).toHaveLength(2)
})

test("Twilio's callback, added to a send, has HubSpot told what became of it", async () => {
  const { held, callBack } = takeReceipts({
    provider: 'twilio',
    accountSid,
    authTokens: [authToken],
    from: '+15550100002',
  })
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
  const answered = await callBack(asked['StatusCallback']!, {
    MessageSid: `SM${'0'.repeat(32)}`,
    AccountSid: accountSid,
    ...{ MessageStatus: 'undelivered', ErrorCode: '30005' },
  })

  expect(answered).toBe(204)
  expect(held()).toMatchObject({ statusType: 'FAILED', errorMessage: expect.any(String) })
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
