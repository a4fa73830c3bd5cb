import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, expect, test } from 'vitest'
import { verify } from '../../functions/hubspot/signature.ts'
import type { Behaviour } from '../../infra/local/hubspot/behaviour.ts'
import { startHubSpot } from '../../infra/local/hubspot/simulator.ts'
import { ample } from '../../infra/local/pace.ts'

const ids = { portalId: '1001', channelId: '2300310', channelAccountId: '3000000001' }
const messagesPath = `/conversations/v3/custom-channels/${ids.channelId}/messages`
const stops: (() => Promise<unknown>)[] = []

afterEach(async () => {
  await Promise.all(stops.splice(0).map((stop) => stop()))
})

test('a message counts as SENT from the start, but as told only after a PATCH', async () => {
  const { hubspot, patch } = await setUp()
  const { id } = await hubspot.sendMessage({ ...ids, text: 'Hello', times: 0 })
  expect(hubspot.message(id)).toMatchObject({ status: 'SENT', patches: [] })
  expect(hubspot.message(id)).not.toHaveProperty('told')

  const answer = await patch(id, { statusType: 'FAILED', errorMessage: 'Number unknown' })

  expect(answer.status).toBe(200)
  expect(await answer.json()).toMatchObject({
    id,
    direction: 'OUTGOING',
    status: { statusType: 'FAILED', failureDetails: { errorMessage: 'Number unknown', errorMessageTokens: {} } },
  })
  expect(hubspot.message(id)).toMatchObject({
    told: 'FAILED',
    errorMessage: 'Number unknown',
    patches: [{ answered: 200 }],
  })
})

test.each([400, 403, 409] as const)(
  'a message may be refused with %i for a while, without a category, and then taken',
  async (status) => {
    const { hubspot, patch } = await setUp({ patchableAfterMs: 500, notYetPatchable: status })
    const { id } = await hubspot.sendMessage({ ...ids, text: 'Hello', times: 0 })

    const first = await patch(id, { statusType: 'SENT' })
    await expect.poll(async () => (await patch(id, { statusType: 'SENT' })).status).toBe(200)

    expect(first.status).toBe(status)
    expect(await first.json()).not.toHaveProperty('category')
  },
)

test('an answer may say that the message holds another word than it was told', async () => {
  const { hubspot, patch } = await setUp({ saysItHolds: 'SENT' })
  const { id } = await hubspot.sendMessage({ ...ids, text: 'Hello', times: 0 })

  expect(await (await patch(id, { statusType: 'READ' })).json()).toMatchObject({ status: { statusType: 'SENT' } })
})

test.each(['2025-09', '2026-03', '2026-09'])('the %s paths answer like v3', async (version) => {
  const { hubspot, call } = await setUp()
  const { id } = await hubspot.sendMessage({ ...ids, text: 'Hello', times: 0 })
  const path = `/conversations/custom-channels/${version}/${ids.channelId}/messages/${id}`

  const patched = await call('PATCH', path, { statusType: 'READ' })
  const read = await call('GET', path)

  expect(patched.status).toBe(200)
  expect(await read.json()).toMatchObject({ id, status: { statusType: 'READ' } })
})

test('a webhook is signed for its URL and carries ids and times as strings', async () => {
  const { hubspot, webhooks } = await setUp()

  const message = await hubspot.sendMessage({ ...ids, text: 'Grüße 👋' })

  const [{ url, headers, body }] = webhooks as [Webhook]
  const timestamp = String(headers['x-hubspot-request-timestamp'])
  expect(verify({ method: 'POST', url, body, timestamp }, String(headers['x-hubspot-signature-v3']), secret)).toBe(true)
  expect(JSON.parse(body)).toMatchObject({
    type: 'OUTGOING_CHANNEL_MESSAGE_CREATED',
    portalId: '1001',
    channelId: '2300310',
    eventId: expect.any(String),
    eventTimestamp: expect.stringMatching(/Z$/),
    channelIntegrationThreadIds: [expect.any(String)],
    message: {
      id: message.id,
      text: 'Grüße 👋',
      status: 'SENT',
      channelAccountId: '3000000001',
      direction: 'OUTGOING',
    },
  })
  expect(message.webhooks).toMatchObject([{ answered: 200 }])
})

test('status and delivery identifiers come in either undocumented form', async () => {
  const { hubspot, webhooks } = await setUp({ messageStatus: 'object', deliveryIdentifier: 'string' })

  await hubspot.sendMessage({ ...ids, text: 'Hello', to: ['+15550100002'] })

  expect(JSON.parse(webhooks[0]!.body).message).toMatchObject({
    status: { statusType: 'SENT' },
    recipients: [{ deliveryIdentifier: '+15550100002' }],
  })
})

test('a refused webhook comes again with a fresh signature until it is accepted', async () => {
  const { hubspot, webhooks, answerWith } = await setUp({ redeliveryDelaysMs: [20, 20, 20, 20] })
  answerWith(503, 400)

  const message = await hubspot.sendMessage({ ...ids, text: 'Hello' })

  await expect.poll(() => message.webhooks.map(({ answered }) => answered)).toEqual([503, 400, 200])
  expect(new Set(webhooks.map(({ headers }) => headers['x-hubspot-signature-v3'])).size).toBe(3)
  expect(new Set(webhooks.map(({ body }) => body)).size).toBe(1)
})

test('without redelivery a refused webhook is lost', async () => {
  const { hubspot, webhooks, answerWith } = await setUp({ redelivers: false, redeliveryDelaysMs: [1] })
  answerWith(500)

  await hubspot.sendMessage({ ...ids, text: 'Hello' })

  await new Promise((resolve) => setTimeout(resolve, 30))
  expect(webhooks).toHaveLength(1)
})

test('a webhook is delivered twice on demand, and a forged event is recognizable', async () => {
  const { hubspot, webhooks } = await setUp()

  const message = await hubspot.sendMessage({ ...ids, text: 'Hello', times: 2 })
  await hubspot.sendEvent({ type: 'OUTGOING_CHANNEL_MESSAGE_CREATED' }, { channelId: ids.channelId, signing: 'forged' })
  await hubspot.sendAccountEvent({ ...ids, type: 'CHANNEL_ACCOUNT_PURGED' })

  expect(webhooks.map(({ body }) => JSON.parse(body).message?.id)).toEqual([
    message.id,
    message.id,
    undefined,
    undefined,
  ])
  expect(webhooks.map(isGenuine)).toEqual([true, true, false, true])
})

test('a body that is not of the documented shape is refused', async () => {
  const { hubspot, patch, call } = await setUp()
  const { id } = await hubspot.sendMessage({ ...ids, text: 'Hello', times: 0 })

  const answers = [
    await patch(id, { statusType: 'DELIVERED' }),
    await patch(id, { status: { statusType: 'SENT' } }),
    await patch(id, { statusType: 'FAILED', errorMessage: 5 }),
    await call('PATCH', `/conversations/v3/custom-channels/abc/messages/${id}`, { statusType: 'SENT' }),
  ]

  for (const answer of answers) {
    expect(answer.status).toBe(400)
    expect(await answer.json()).toMatchObject({ status: 'error', category: 'VALIDATION_ERROR' })
  }
  expect(hubspot.message(id)).not.toHaveProperty('told')
})

test('a message of another portal, another channel or nobody is not found', async () => {
  const { hubspot, patch, call } = await setUp()
  const foreign = await hubspot.sendMessage({ ...ids, portalId: '1002', text: 'Hello', times: 0 })
  const own = await hubspot.sendMessage({ ...ids, text: 'Hello', times: 0 })

  const answers = [
    await patch('nobody', { statusType: 'SENT' }),
    await patch(foreign.id, { statusType: 'SENT' }),
    await call('PATCH', `/conversations/v3/custom-channels/7/messages/${own.id}`, { statusType: 'SENT' }),
  ]

  for (const answer of answers) {
    const { correlationId } = (await answer.json()) as { correlationId: string }
    expect(answer.status).toBe(404)
    expect(answer.headers.get('x-hubspot-correlation-id')).toBe(correlationId)
  }
})

test('the rolling ten seconds admit 110 calls of a portal, then answer 429 until calls grow old', async () => {
  let now = 1_800_000_000_000
  const { hubspot, patch } = await setUp({ retryAfter: true, refusedCallsCount: false }, () => now)
  const { id } = await hubspot.sendMessage({ ...ids, text: 'Hello', times: 0 })

  for (let count = 0; count < 109; count++) await patch(id, { statusType: 'SENT' })
  const last = await patch(id, { statusType: 'SENT' })
  now += 4_000
  const refused = await patch(id, { statusType: 'READ' })
  now += 6_001
  const admitted = await patch(id, { statusType: 'READ' })

  expect(last.headers.get('x-hubspot-ratelimit-max')).toBe('110')
  expect(last.headers.get('x-hubspot-ratelimit-remaining')).toBe('0')
  expect(refused.status).toBe(429)
  expect(refused.headers.get('retry-after')).toBe('6')
  expect(await refused.json()).toMatchObject({ errorType: 'RATE_LIMIT', policyName: 'TEN_SECONDLY_ROLLING' })
  expect(admitted.status).toBe(200)
})

test('refused calls use the limit up where the switch says so', async () => {
  let now = 1_800_000_000_000
  const { hubspot, patch } = await setUp({ requestsPer10Seconds: 1, refusedCallsCount: true }, () => now)
  const { id } = await hubspot.sendMessage({ ...ids, text: 'Hello', times: 0 })

  const statuses = []
  for (let count = 0; count < 3; count++, now += 6_000) statuses.push((await patch(id, { statusType: 'SENT' })).status)

  expect(statuses).toEqual([200, 429, 429])
})

test('tokens are refreshed by a form alone, and end with their time, with an uninstall or by rotation', async () => {
  let now = 1_800_000_000_000
  const { hubspot, patch, refresh, form } = await setUp({ rotatesRefreshTokens: true }, () => now)
  const { id } = await hubspot.sendMessage({ ...ids, text: 'Hello', times: 0 })

  const asJson = await fetch(`${hubspot.url}/oauth/v3/token`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(Object.fromEntries(form)),
  })
  const rotatedAway = await refresh(form)
  now += 1_800_001
  const expired = await patch(id, { statusType: 'SENT' })
  hubspot.uninstallApp(ids.portalId)
  const uninstalled = await refresh(new URLSearchParams({ ...Object.fromEntries(form), refresh_token: '' }))

  expect(asJson.status).toBe(415)
  expect(expired.status).toBe(401)
  expect(await expired.json()).toMatchObject({ category: 'INVALID_AUTHENTICATION' })
  for (const answer of [rotatedAway, uninstalled]) {
    expect(answer.status).toBe(400)
    expect(await answer.json()).toMatchObject({ error: 'invalid_grant', status: 'BAD_REFRESH_TOKEN' })
  }
  expect(hubspot.portal(ids.portalId)).toMatchObject({ refreshes: 1 })
})

test('a wrong client is told what is wrong', async () => {
  const { refresh, form } = await setUp()
  const wrong = (change: Record<string, string>) => new URLSearchParams({ ...Object.fromEntries(form), ...change })

  const answers = [
    await refresh(wrong({ client_id: 'other' })),
    await refresh(wrong({ client_secret: 'other' })),
    await refresh(wrong({ grant_type: 'password' })),
  ]

  const statuses = await Promise.all(
    answers.map(async (answer) => ((await answer.json()) as { status: string }).status),
  )
  expect(statuses).toEqual(['BAD_CLIENT_ID', 'BAD_CLIENT_SECRET', 'BAD_GRANT_TYPE'])
})

test('consent to too few scopes is a 403 until an administrator consents again', async () => {
  const { hubspot, patch } = await setUp()
  const { id } = await hubspot.sendMessage({ ...ids, text: 'Hello', times: 0 })

  hubspot.installApp(ids.portalId, { scopes: ['oauth', 'conversations.custom_channels.read'] })
  const refused = await patch(id, { statusType: 'SENT' })
  hubspot.installApp(ids.portalId)
  const accepted = await patch(id, { statusType: 'SENT' })

  expect(refused.status).toBe(403)
  expect(await refused.json()).toMatchObject({ category: 'MISSING_SCOPES' })
  expect(accepted.status).toBe(200)
})

test('undocumented refusals have their switches', async () => {
  const { hubspot, patch } = await setUp({ transitions: 'forward', repeatedStatus: 'refused', patchableAfterMs: 60 })
  const { id } = await hubspot.sendMessage({ ...ids, text: 'Hello', times: 0 })

  const early = await patch(id, { statusType: 'SENT' })
  await new Promise((resolve) => setTimeout(resolve, 70))
  const statuses = []
  for (const statusType of ['SENT', 'SENT', 'READ', 'SENT']) statuses.push((await patch(id, { statusType })).status)

  expect(early.status).toBe(404)
  expect(statuses).toEqual([200, 400, 200, 400])
})

test('faults meet the calls that they are for, as often as they say, and a message keeps the truth', async () => {
  const { hubspot, patch } = await setUp()
  const faults = [{ answer: { status: 404 } }, { times: 2, answer: { status: 503, body: '<h1>Down</h1>' } }]
  const faulty = await hubspot.sendMessage({ ...ids, text: 'Hello', times: 0, faults })
  const healthy = await hubspot.sendMessage({ ...ids, text: 'Hello', times: 0 })

  const answers = []
  for (let count = 0; count < 4; count++) answers.push(await patch(faulty.id, { statusType: 'SENT' }))
  const other = await patch(healthy.id, { statusType: 'SENT' })

  expect(answers.map(({ status }) => status)).toEqual([404, 503, 503, 200])
  expect(await answers[0]!.json()).toMatchObject({ category: 'OBJECT_NOT_FOUND' })
  expect(answers[1]!.headers.get('content-type')).toContain('text/html')
  expect(other.status).toBe(200)
  expect(hubspot.message(faulty.id)!.patches.map(({ answered }) => answered)).toEqual([404, 503, 503, 200])
  expect(hubspot.message(faulty.id)!.patches.map(({ effectAt }) => effectAt !== undefined)).toEqual([
    false,
    false,
    false,
    true,
  ])
})

test('a PATCH can be lost before or after its effect, or take effect late', async () => {
  const { hubspot, patch } = await setUp()
  const send = (answer: 'reset' | 'silence', effect: 'now' | 'never' | { afterMs: number }) =>
    hubspot.sendMessage({ ...ids, text: 'Hello', times: 0, faults: [{ answer, effect }] })
  const lostBefore = await send('reset', 'never')
  const lostAfter = await send('silence', 'now')
  const late = await send('reset', { afterMs: ample(1000) })

  await expect(patch(lostBefore.id, { statusType: 'READ' })).rejects.toThrow()
  expect(lostBefore.told).toBeUndefined()

  const hangUp = new AbortController()
  const unanswered = patch(lostAfter.id, { statusType: 'READ' }, hangUp.signal)
  await expect.poll(() => lostAfter.told).toBe('READ')
  hangUp.abort()
  await expect(unanswered).rejects.toThrow()

  await expect(patch(late.id, { statusType: 'READ' })).rejects.toThrow()
  expect(late.told).toBeUndefined()
  await expect.poll(() => late.told).toBe('READ')
})

test('the control API sends messages and misbehaves like the functions do', async () => {
  const { hubspot, patch, control } = await setUp()

  const sent = (await (await control('POST', '/messages', { ...ids, text: 'Hello' })).json()) as { id: string }
  await control('POST', '/faults', { messageId: sent.id, answer: { status: 500 } })
  await control('PATCH', '/behaviour', { retryAfter: true })
  const faulty = await patch(sent.id, { statusType: 'SENT' })
  const held = await control('GET', `/messages/${sent.id}`)
  const unknown = await control('GET', '/messages/nobody')
  const nonsense = await control('PATCH', '/behaviour', { retryAfter: 'perhaps' })

  expect(faulty.status).toBe(500)
  expect(await held.json()).toMatchObject({ id: sent.id, patches: [{ statusType: 'SENT', answered: 500 }] })
  expect(hubspot.behaviour).toMatchObject({ retryAfter: true, redelivers: true })
  expect(unknown.status).toBe(404)
  expect(nonsense.status).toBe(400)
})

test('whoever watches sees each step', async () => {
  const { hubspot, patch } = await setUp()
  const seen: string[] = []
  const unsubscribe = hubspot.onEvent(({ type }) => seen.push(type))

  const { id } = await hubspot.sendMessage({ ...ids, text: 'Hello' })
  await patch(id, { statusType: 'SENT' })
  unsubscribe()
  await patch(id, { statusType: 'READ' })

  expect(seen).toEqual(['message', 'webhook', 'call'])
})

const clientId = 'client'
const secret = 'current-client-secret'

type Webhook = { url: string; headers: Record<string, string | string[] | undefined>; body: string }

function isGenuine({ url, headers, body }: Webhook) {
  const timestamp = String(headers['x-hubspot-request-timestamp'])
  return verify({ method: 'POST', url, body, timestamp }, String(headers['x-hubspot-signature-v3']), secret)
}

/** A simulator with one installed portal, a webhook endpoint that records, and the calls that a relay would make. */
async function setUp(behaviour: Partial<Behaviour> = {}, now = Date.now) {
  const hubspot = await startHubSpot({ clientId, clientSecrets: [secret, 'previous'], behaviour, now })
  stops.push(hubspot.stop)
  const endpoint = await startWebhookEndpoint()
  hubspot.registerChannel(ids.channelId, endpoint.url)
  const { refreshToken } = hubspot.installApp(ids.portalId)
  hubspot.installApp('1002')

  const form = new URLSearchParams({ grant_type: 'refresh_token', client_id: clientId, client_secret: secret })
  form.set('refresh_token', refreshToken)
  const refresh = (body: URLSearchParams) => fetch(`${hubspot.url}/oauth/v3/token`, { method: 'POST', body })
  const { access_token } = (await (await refresh(form)).json()) as { access_token: string }

  const send = (method: string, path: string, body?: object, headers = {}, signal?: AbortSignal) =>
    fetch(hubspot.url + path, {
      method,
      headers: { ...(body && { 'content-type': 'application/json' }), ...headers },
      ...(body && { body: JSON.stringify(body) }),
      ...(signal && { signal }),
    })
  const authorization = `Bearer ${access_token}`
  return {
    hubspot,
    ...endpoint,
    form,
    refresh,
    call: (method: string, path: string, body?: object) => send(method, path, body, { authorization }),
    patch: (messageId: string, body: object, signal?: AbortSignal) =>
      send('PATCH', `${messagesPath}/${messageId}`, body, { authorization }, signal),
    control: (method: string, path: string, body?: object) => send(method, `/_control${path}`, body),
  }
}

/** Where webhooks arrive; answers 200 unless told otherwise for the next ones. */
async function startWebhookEndpoint() {
  const webhooks: Webhook[] = []
  const answers: number[] = []
  const server = createServer(async (request, response) => {
    webhooks.push({ url: origin + request.url, headers: request.headers, body: (await request.toArray()).join('') })
    response.writeHead(answers.shift() ?? 200).end()
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  stops.push(async () => server.close())
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  return {
    url: `${origin}/hubspot/webhook?channel=1`,
    webhooks,
    answerWith: (...next: number[]) => void answers.push(...next),
  }
}
