import type { Context } from 'aws-lambda'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import type { FetchJson } from '../../functions/platform/fetch-json.ts'
import { createSecrets } from '../../functions/platform/secrets.ts'
import { inSecretsManager } from '../../functions/platform/secrets-manager.ts'
import { createHandler } from '../../functions/provider-receipt.ts'
import { createAccounts } from '../../functions/providers/accounts.ts'
import { fingerprintOf } from '../../functions/providers/receipt-keys.ts'
import { receipts } from '../../functions/providers/receipts.ts'
import { sign as signOfTwilio } from '../../functions/providers/twilio/signature.ts'
import { sign as signOfMeta } from '../../functions/providers/whatsapp/signature.ts'
import { createFakeSecretsManager } from '../support/aws.ts'
import { forwardHeaders, forwardSecret, httpEvent } from '../support/http-events.ts'
import { createWorld, delivery, update } from '../support/world.ts'

// Messages go in by their queue, receipts by their URL, as their senders sign them; what HubSpot holds comes out.

let world: ReturnType<typeof createWorld>
let secrets: ReturnType<typeof createFakeSecretsManager>
/** What providers were asked to send. */
let sent: { url: string; body: string }[]

function setUp({ delivers = true } = {}) {
  secrets = createFakeSecretsManager()
  sent = []
  const fetchJson: FetchJson = async (url, { body = '' }) => {
    sent.push({ url, body: String(body) })
    const json = { messages: [{ id: 'wamid.1' }], sid: 'SM1', status: 'accepted' }
    return { status: 200, headers: {}, text: '', json }
  }
  world = createWorld({ delivers, providers: { getSecretValue: secrets.getSecretValue, fetchJson } })
}
beforeEach(() => {
  // Standard Webhooks' library goes by the machine's clock.
  vi.useFakeTimers({ toFake: ['Date'], now: Date.parse('2026-11-22T12:00:00Z') })
  setUp()
})
afterEach(() => void vi.useRealTimers())

const held = () => world.hubspot.held.get('m')?.statusType
const deliver = (fields = {}) => world.deliveries.send(delivery(fields), { group: '1' })
const setSecret = (name: string, value: object) => void secrets.values.set(name, JSON.stringify(value))

/** Posts to `/receipts/…`; the function has just started, and remembers no secret. */
async function post(path: string[], { headers, body, query = '' }: { headers: object; body: string; query?: string }) {
  const handler = createHandler({
    accounts: createAccounts({
      credentials: createSecrets(inSecretsManager(secrets.getSecretValue), world.now),
      adapters: receipts,
    }),
    statusUpdates: world.statusUpdates,
    handOns: { send: async () => {} },
    publicBaseUrl: 'https://relay.test',
    telemetry: { info() {}, warn() {}, error() {}, count() {}, measure() {}, flush() {} },
    now: world.now,
  })
  const [channelId = '', channelAccountId] = path
  const pathParameters = { channelId, ...(channelAccountId !== undefined && { channelAccountId }) }
  const url = `https://relay.test/receipts/${path.join('/')}${query}`
  const event = httpEvent({ url, headers: headers as Record<string, string>, body, pathParameters })
  return (await handler(event, {} as Context))?.statusCode
}

const meta = (...appSecrets: string[]) => ({
  provider: 'whatsapp',
  phoneNumberId: '1',
  accessToken: 'token',
  appSecrets,
  verifyToken: 'verify',
})

/** Meta's word about the message that was sent last. */
function metaSays(status: string, appSecret: string, path: string[]) {
  const { biz_opaque_callback_data } = JSON.parse(sent.at(-1)!.body)
  const statuses = [{ status, id: 'wamid.1', timestamp: '1795348800', biz_opaque_callback_data }]
  const body = JSON.stringify({ entry: [{ changes: [{ field: 'messages', value: { statuses } }] }] })
  return post(path, { body, headers: { 'x-hub-signature-256': signOfMeta(body, appSecret) } })
}

const twilio = (...authTokens: string[]) => ({
  provider: 'twilio',
  accountSid: `AC${'0'.repeat(32)}`,
  authTokens,
  from: '+15550100',
})
const token = (letter: string) => letter.repeat(32)

/** Twilio's word about the message that was sent last, at the URL that it was given. */
function twilioSays(MessageStatus: string, authToken: string) {
  const url = new URL(new URLSearchParams(sent.at(-1)!.body).get('StatusCallback')!)
  url.hash = ''
  const body = new URLSearchParams({ MessageStatus, MessageSid: 'SM1' }).toString()
  const signature = signOfTwilio({ url: url.href, body: Buffer.from(body) }, authToken)
  const headers = { 'x-twilio-signature': signature, 'content-type': 'application/x-www-form-urlencoded' }
  return post(url.pathname.split('/').slice(2), { body, headers, query: url.search })
}

const [old, own, others] = ['old', 'own', "others'"].map((name) =>
  forwardSecret(`${name} secret, of 24 bytes or more`),
) as [string, string, string]
const service = (...secrets: string[]) => ({ provider: 'forward', url: 'https://service.test', secrets })

/** A team's service says what became of a message. */
function serviceSays(status: string, secret: string, path: string[], messageId = 'm') {
  const timestamp = new Date(world.now()).toISOString()
  const body = JSON.stringify({ type: 'message.status', timestamp, data: { portalId: '1', messageId, status } })
  return post(path, { body, headers: forwardHeaders(body, { secrets: [secret], at: new Date() }) })
}

describe('one Meta app that signs for all its numbers', () => {
  test.each([
    ['the URL of another number, where the app posts everything', ['2', '31']],
    ["the channel's URL", ['2']],
    ["the number's own URL, by an override", ['2', '32']],
  ])('its word counts at %s', async (_where, path) => {
    for (const name of ['2', '31', '32']) setSecret(name, meta('the app secret'))
    await deliver({ channelAccountId: '32' })
    await world.step()

    expect(await metaSays('read', 'the app secret', path)).toBe(204)
    await world.rest()

    expect(held()).toBe('READ')
  })

  test('also while its secret is rotated, and only one of the accounts knows the new one', async () => {
    setSecret('31', meta('the new one', 'the app secret'))
    setSecret('32', meta('the app secret'))
    await deliver({ channelAccountId: '32' })
    await world.step()
    await metaSays('read', 'the app secret', ['2', '31'])
    await world.rest()

    expect(held()).toBe('READ')
  })

  test('another app of the channel has no say', async () => {
    setSecret('31', meta("another app's secret"))
    setSecret('32', meta('the app secret'))
    await deliver({ channelAccountId: '32' })
    await world.step()

    expect(await metaSays('read', "another app's secret", ['2', '31'])).toBe(204)
    await world.step()

    expect(held()).not.toBe('READ')
    expect(world.counts['UpdatesUnauthorized']).toBe(1)
  })
})

describe('an account that gets a secret of its own later', () => {
  test('keeps the receipts of what was sent before, which come to its URL, signed as before', async () => {
    setSecret('2', twilio(token('a')))
    await deliver()
    await world.step()
    setSecret('3', twilio(token('b')))

    expect(await twilioSays('delivered', token('a'))).toBe(204)
    await world.rest()

    expect(held()).toBe('SENT')
  })

  test("of what is sent from then on, the channel's secret tells nothing, at whatever URL", async () => {
    setSecret('2', service(old))
    setSecret('3', service(own))
    await deliver()
    await world.step()

    const answers = [await serviceSays('failed', old, ['2']), await serviceSays('failed', old, ['2', '3'])]
    await world.step()
    expect(answers).toEqual([204, 204])
    expect(world.counts['UpdatesUnauthorized']).toBe(2)
    expect(held()).toBeUndefined()

    await serviceSays('read', own, ['2', '3'])
    await world.rest()
    expect(held()).toBe('READ')
  })

  test('a message whose sends went out by both is told of by both', async () => {
    const two = { to: [{ deliveryIdentifier: { value: '+15550101' } }, { deliveryIdentifier: { value: '+15550102' } }] }
    setSecret('2', twilio(token('a')))
    let isBusy = true
    world = createWorld({
      providers: {
        getSecretValue: secrets.getSecretValue,
        fetchJson: async (url, { body }) => {
          if (sent.length === 1 && isBusy) return { status: 429, headers: {}, text: '', json: {} }
          sent.push({ url, body: String(body) })
          return { status: 201, headers: {}, text: '', json: { sid: 'SM1', status: 'queued' } }
        },
      },
    })
    await deliver(two)
    await world.step()
    await twilioSays('delivered', token('a'))
    setSecret('3', twilio(token('b')))
    isBusy = false
    world.pass(301)
    while (sent.length < 2) {
      world.pass(5)
      await world.step()
    }
    await twilioSays('delivered', token('b'))
    await world.step()

    expect(held()).toBe('SENT')
  })
})

describe('moving an integration behind the relay', () => {
  test("messages that only the old service knows are told of by the channel's secret", async () => {
    setSecret('2', service(old))
    const start = world.now()

    await serviceSays('failed', old, ['2'])
    await world.rest()

    expect(held()).toBe('FAILED')
    expect(world.now() - start).toBeLessThanOrEqual(1000)
  })

  test('what the old service had taken when an account got its own, it may still report', async () => {
    setSecret('2', service(old))
    await deliver()
    await world.step()
    setSecret('3', service(own))

    await serviceSays('read', old, ['2'])
    await world.rest()

    expect(held()).toBe('READ')
  })

  test("and on the way back, the account's own service what it had taken", async () => {
    setSecret('2', service(old))
    setSecret('3', service(own))
    await deliver()
    await world.step()
    setSecret('3', service(old, own))

    await serviceSays('read', own, ['2', '3'])
    await world.rest()

    expect(held()).toBe('READ')
  })
})

describe('what falls under none', () => {
  test.each([
    ['another account', ['2', '33']],
    ['another account, with the message named by its own URL', ['2', '3']],
  ])('%s is acknowledged or refused, counted, and changes nothing', async (_who, path) => {
    setSecret('3', service(own))
    setSecret('33', service(others))
    await deliver()
    await world.step()

    await serviceSays('failed', others, path)
    await world.step()

    expect(held()).toBeUndefined()
    expect(world.ledgerTable.items.get('1#2#m')).not.toHaveProperty('known')
  })

  test('a secret whose name or key was replaced since the message was sent keeps its say by the other', async () => {
    setSecret('3', service(old))
    await deliver()
    await world.step()
    setSecret('3', service(own))
    await serviceSays('delivered', own, ['2', '3'])
    await world.step()
    expect(held()).toBe('SENT')

    secrets.values.delete('3')
    setSecret('2', service(old))
    await serviceSays('read', old, ['2', '3'])
    await world.rest()
    expect(held()).toBe('READ')
  })

  test('the ledger keeps fingerprints, and no key', async () => {
    setSecret('3', service(own))
    await deliver()
    await world.step()

    expect(world.ledgerTable.items.get('1#2#m')).toMatchObject({
      trustedSecrets: [{ secret: '3', keys: [fingerprintOf(own)] }],
    })
    expect(JSON.stringify([...world.ledgerTable.items])).not.toContain(own.slice(6))
  })

  test("what team code sends over the queue, whose senders AWS knows, needs nobody's signature", async () => {
    setSecret('3', service(own))
    await deliver()
    await world.step()
    await world.statusUpdates.send(update('read'), { group: '1' })
    await world.rest()

    expect(held()).toBe('READ')
  })
})

describe('without delivery, the announcement says who may speak', () => {
  const announced = {
    v: 1,
    type: 'announcement',
    portalId: '1',
    channelId: '2',
    channelAccountId: '3',
    messageId: 'm',
    createdAt: '2026-11-22T12:00:00Z',
    traceId: 'trace',
  }
  const announce = () => world.statusUpdates.send(announced, { group: '1' })
  beforeEach(() => {
    setUp({ delivers: false })
    setSecret('2', service(old))
    setSecret('3', service(own))
    setSecret('33', service(others))
  })

  test.each([
    ["the account's own secret", own, ['2', '3'], 'READ'],
    ["the channel's, which is not the account's", old, ['2'], undefined],
    ["another account's", others, ['2', '33'], undefined],
  ])('%s, before the announcement and after it', async (_whose, secret, path, expected) => {
    await serviceSays('read', secret, path)
    await world.step()
    expect(held()).toBeUndefined()
    await announce()
    await world.rest()
    expect(held()).toBe(expected)

    await serviceSays('failed', secret, path)
    await world.rest()
    expect(held()).toBe(expected)
  })

  test('a status whose message is never announced is told all the same, within seconds', async () => {
    const start = world.now()
    await serviceSays('read', old, ['2'])
    await world.rest()

    expect(held()).toBe('READ')
    expect(world.now() - start).toBeLessThanOrEqual(20_000)
  })

  test('an announcement that comes later than that fills in what is missing, and counts from then on', async () => {
    await serviceSays('sent', others, ['2', '33'])
    await world.rest()
    await announce()
    await world.rest()
    expect(world.ledgerTable.items.get('1#2#m')).toMatchObject({
      channelAccountId: '3',
      traceId: 'trace',
      known: 'sent',
    })

    await serviceSays('failed', others, ['2', '33'])
    await world.rest()
    expect(held()).toBe('SENT')
  })

  test('nor does one count that reads the ledger before the announcement and writes after it', async () => {
    await serviceSays('read', others, ['2', '33'])
    world.pass(31)
    const put = world.ledgerTable.putIfNextVersion
    world.ledgerTable.putIfNextVersion = async (item) => {
      world.ledgerTable.putIfNextVersion = put
      await announce()
      await world.step()
      return put(item)
    }
    await world.rest()

    expect(held()).toBeUndefined()
    expect(world.ledgerTable.items.get('1#2#m')).not.toHaveProperty('known')
  })

  test('an announcement whose secret cannot be read waits for it', async () => {
    secrets.down = true
    await announce()
    await world.step()
    secrets.down = false
    await world.rest()

    expect(world.ledgerTable.items.get('1#2#m')).toMatchObject({ trustedSecrets: [{ secret: '3' }] })
  })
})
