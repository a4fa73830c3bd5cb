import { expect, test } from 'vitest'
import { fromQuery } from '../../functions/providers/references.ts'
import { sign } from '../../functions/providers/whatsapp/signature.ts'
import { authToken, takeReceipts } from '../support/receipts-without-delivery.ts'

// A team sends by its own means, and lets its provider's receipts come here: by docs/providers/references.md alone.

const twilio = { provider: 'twilio', accountSid: `AC${'0'.repeat(32)}`, authTokens: [authToken], from: '+15550100' }
const whatsapp = {
  provider: 'whatsapp',
  phoneNumberId: '1',
  accessToken: 'x',
  appSecrets: ['app-secret'],
  verifyToken: 'x',
}

test.each([
  ['https://relay.test/receipts/2?c=2&m=m&p=1'],
  ['https://relay.test/receipts/2?a=3&c=2&m=m&p=1'],
  ['https://relay.test/receipts/2?p=1&m=m&c=2&v=1'],
  ['https://relay.test/receipts/2/3?c=2&m=m&mine=7&p=1'],
])("Twilio's receipts of a message that the team sent tell HubSpot, by the StatusCallback %s", async (url) => {
  const { callBack, held } = takeReceipts(twilio)

  expect(await callBack(url, { MessageSid: 'SM1', MessageStatus: 'sent' })).toBe(204)
  expect(held()).toEqual({ statusType: 'SENT' })

  await callBack(url, { MessageSid: 'SM1', MessageStatus: 'undelivered', ErrorCode: '30003' })
  expect(held()).toMatchObject({ statusType: 'FAILED', errorMessage: expect.stringMatching(/ \(30003\)$/) })
})

test("WhatsApp's statuses of a message that the team sent tell HubSpot, by biz_opaque_callback_data", async () => {
  const { post, held } = takeReceipts(whatsapp)
  const biz_opaque_callback_data = 'relay?c=2&m=m&p=1'
  const errors = [{ code: 131026, title: 'Message undeliverable' }]
  const status = { id: 'wamid.1', status: 'failed', timestamp: '1795348802', errors, biz_opaque_callback_data }
  const body = JSON.stringify({ entry: [{ changes: [{ field: 'messages', value: { statuses: [status] } }] }] })

  expect(await post('https://relay.test/receipts/2', { 'x-hub-signature-256': sign(body, 'app-secret') }, body)).toBe(
    204,
  )

  expect(held()).toMatchObject({ statusType: 'FAILED', errorMessage: expect.stringMatching(/\(131026\)$/) })
})

test('several sends of one message are told of together', async () => {
  const { callBack, held } = takeReceipts(twilio)
  const url = (n: string) => `https://relay.test/receipts/2?c=2&m=m&n=${n}&p=1`

  await callBack(url('0.2'), { MessageSid: 'SM1', MessageStatus: 'delivered' })
  expect(held()).toBeUndefined()

  await callBack(url('1.2'), { MessageSid: 'SM2', MessageStatus: 'delivered' })
  expect(held()).toEqual({ statusType: 'SENT' })
})

test.each(['c=2&m=m', 'c=2&p=1', 'c=x&m=m&p=1', 'c=2&m=m&p=1&v=2'])(
  'what is no reference by version 1 is none: %s',
  async (query) => {
    const { callBack, held } = takeReceipts(twilio)

    expect(fromQuery(query)).toBeUndefined()
    expect(await callBack(`https://relay.test/receipts/2?${query}`, { MessageStatus: 'sent' })).toBe(204)
    expect(held()).toBeUndefined()
  },
)
