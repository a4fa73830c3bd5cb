import { describe, type ExpectStatic, test } from 'vitest'
import type { Fault } from '../../infra/local/aws/aws.ts'
import { putCredentials } from '../../infra/local/credentials.ts'
import { shortWaits } from '../../infra/local/demo/scenarios.ts'
import { ids, type LocalRelay, startLocalRelay } from '../../infra/local/local-relay.ts'

/** A relay of its own for each test, since a fault is everybody's: they wait side by side. */
async function start() {
  /** Calls of the functions that were answered with an error. */
  const refused: string[] = []
  const relay = await startLocalRelay({
    environment: shortWaits(),
    overrides: { visibilityTimeoutSeconds: 3 },
    behaviour: { redeliveryDelaysMs: Array(60).fill(500) },
    onAwsCall({ service, caller }, { statusCode, body }) {
      const isCondition = body.includes('ConditionalCheckFailed')
      if (caller !== 'operator' && statusCode >= 400 && !isCondition) refused.push(service)
    },
  })
  return Object.assign(relay, { refused })
}

const account = '3000000001'

/** While the fault lasts, an agent presses Send; HubSpot tries its webhook again as long as it has to. */
async function sendDuring(expect: ExpectStatic, relay: LocalRelay & { refused: string[] }, fault: Fault) {
  const service = await relay.addChannelAccount(account, { conduct: () => ({}) })
  relay.stack.faults.add(fault)
  const sending = relay.hubspot.sendMessage({ ...ids, channelAccountId: account, text: 'Hello' })
  // What is refused is tried again at once, and then by whoever called.
  await expect.poll(() => relay.refused.filter((name) => name === fault.service).length).toBeGreaterThanOrEqual(3)
  relay.stack.faults.delete(fault)
  const message = await sending
  await expect.poll(() => message.told).toBeDefined()
  await relay.stack.idle({ withinSeconds: 10 })
  return { told: message.told, receptions: service.receptions(message.id) }
}

// Each refusal as AWS gives it, and each as it is when the call took effect and only its answer was lost.
describe.concurrent('a fault of AWS', () => {
  test.for<Fault>([
    { service: 'secretsmanager' },
    { service: 'secretsmanager', error: 'AccessDeniedException', statusCode: 400 },
    { service: 'sqs', operation: 'SendMessage' },
    { service: 'sqs', operation: 'SendMessage', takesEffect: true },
    { service: 'dynamodb', error: 'ThrottlingException', statusCode: 400 },
    { service: 'dynamodb', operation: 'PutItem', takesEffect: true },
  ])(
    'while it answers $service $operation with $error (takes effect: $takesEffect), nothing is lost and nothing sent twice',
    async (fault, { expect }) => {
      await using relay = await start()

      expect(await sendDuring(expect, relay, fault)).toEqual({ told: 'SENT', receptions: 1 })
    },
  )
})

describe.concurrent('a secret', () => {
  test('of the app that is no app secret: 503, and the log names the field and not the value', async ({ expect }) => {
    await using relay = await start()
    relay.stack.putSecret('AppSecret', { clientId: 'local-client', clientSecrets: 'not-a-list' })

    const response = await fetch(relay.stack.outputs['WebhookUrl']!, {
      method: 'POST',
      body: '{}',
      headers: { 'x-hubspot-signature-v3': 'x', 'x-hubspot-request-timestamp': String(Date.now()) },
    })

    expect(response.status).toBe(503)
    const logs = relay.stack.functionLogs('hubspot-webhook').join('\n')
    expect(logs).toContain('clientSecrets: expected tuple')
    expect(logs).not.toContain('not-a-list')
  })

  test('of a channel that is broken: the message waits, and the log names the field', async ({ expect }) => {
    await using relay = await start()
    await putCredentials(relay.stack, account, { provider: 'forward', url: 'http://not-loopback.example', secrets: [] })
    const message = await relay.hubspot.sendMessage({ ...ids, channelAccountId: account, text: 'Hello' })

    await expect
      .poll(() => relay.stack.functionLogs('deliver-message').join('\n'))
      .toMatch(/Secret .* is invalid: url: /)
    expect(message.told).toBeUndefined()
  })
})
