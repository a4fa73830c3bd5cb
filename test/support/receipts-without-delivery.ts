import type { Context } from 'aws-lambda'
import twilioLibrary from 'twilio'
import { createSecrets } from '../../functions/platform/secrets.ts'
import { inSecretsManager } from '../../functions/platform/secrets-manager.ts'
import { createHandler } from '../../functions/provider-receipt.ts'
import { createAccounts } from '../../functions/providers/accounts.ts'
import { receipts } from '../../functions/providers/receipts.ts'
import { createFakeSecretsManager } from './aws.ts'
import { httpEvent } from './http-events.ts'
import { createWorld } from './world.ts'

/** What signs the callbacks of Twilio's accounts here. */
export const authToken = 'f'.repeat(32)

/** The relay of a team that delivers by itself, with the account of its channel 2, and what its provider posts to it. */
export function takeReceipts(account: object) {
  const secretsManager = createFakeSecretsManager()
  secretsManager.values.set('2', JSON.stringify(account))
  const world = createWorld({ delivers: false })
  const secrets = createSecrets(inSecretsManager(secretsManager.getSecretValue), world.now)
  const handler = createHandler({
    accounts: createAccounts({ credentials: secrets, adapters: receipts }),
    statusUpdates: world.statusUpdates,
    handOns: { send: async () => {} },
    publicBaseUrl: 'https://relay.test',
    telemetry: world.telemetry,
    now: world.now,
  })
  const post = async (url: string, headers: Record<string, string>, body: string) => {
    const [channelId = '', channelAccountId] = new URL(url).pathname.split('/').slice(2)
    const pathParameters = { channelId, ...(channelAccountId !== undefined && { channelAccountId }) }
    const answer = await handler(httpEvent({ url, headers, body, pathParameters }), {} as Context)
    await world.rest()
    return answer?.statusCode
  }
  /** A callback of Twilio's, signed by its library. */
  const callBack = (url: string, fields: Record<string, string>) => {
    const type = { 'content-type': 'application/x-www-form-urlencoded' }
    const signature = twilioLibrary.getExpectedTwilioSignature(authToken, url, fields)
    return post(url, { ...type, 'x-twilio-signature': signature }, new URLSearchParams(fields).toString())
  }
  const held = () => world.hubspot.held.get('m')
  return { post, callBack, held, world }
}
