import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { Fault } from '../../infra/local/aws.ts'
import { ids, type LocalRelay, startLocalRelay } from '../../infra/local/local-relay.ts'
import { shortWaits } from '../../infra/local/scenarios.ts'

let relay: LocalRelay
beforeEach(async () => {
  relay = await startLocalRelay({
    environment: shortWaits(),
    overrides: { visibilityTimeoutSeconds: 3 },
    behaviour: { redeliveryDelaysMs: Array(20).fill(500) },
  })
})
afterEach(() => relay?.stop())

const account = '3000000001'

/** While the fault lasts, an agent presses Send; HubSpot tries its webhook again as long as it has to. */
async function sendDuring(fault: Fault, milliseconds: number) {
  const service = await relay.addChannelAccount(account, { conduct: () => ({}) })
  relay.stack.faults.add(fault)
  const sending = relay.hubspot.sendMessage({ ...ids, channelAccountId: account, text: 'Hello' })
  await sleep(milliseconds)
  relay.stack.faults.delete(fault)
  const message = await sending
  const giveUpAt = Date.now() + 30_000
  while (!message.told && Date.now() < giveUpAt) await sleep(50)
  await relay.stack.idle({ withinSeconds: 10, timeoutSeconds: 20 })
  return { told: message.told, receptions: service.receptions(message.id) }
}

// Each refusal as AWS gives it, and each as it is when the call took effect and only its answer was lost.
test.each<Fault>([
  { service: 'secretsmanager' },
  { service: 'secretsmanager', error: 'AccessDeniedException', statusCode: 400 },
  { service: 'sqs', operation: 'SendMessage' },
  { service: 'sqs', operation: 'SendMessage', takesEffect: true },
  { service: 'dynamodb', error: 'ThrottlingException', statusCode: 400 },
  { service: 'dynamodb', operation: 'PutItem', takesEffect: true },
])(
  'while AWS answers $service $operation with $error (takes effect: $takesEffect), nothing is lost and nothing sent twice',
  async (fault) => {
    expect(await sendDuring(fault, 2500)).toEqual({ told: 'SENT', receptions: 1 })
  },
)

test('an app secret that is no app secret: 503, and the log names the field and not the value', async () => {
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

test('a broken channel secret: the message waits, and the log names the field', async () => {
  const name = relay.stack.outputs['ChannelSecretsPrefix'] + account
  relay.stack.putSecret(name, { provider: 'forward', url: 'http://not-loopback.example', secrets: [] })
  const message = await relay.hubspot.sendMessage({ ...ids, channelAccountId: account, text: 'Hello' })
  await sleep(1500)
  expect(message.told).toBeUndefined()
  expect(relay.stack.functionLogs('deliver-message').join('\n')).toMatch(/Secret .* is not as it should be: url: /)
})
