import { GetQueueAttributesCommand } from '@aws-sdk/client-sqs'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { clientSecret, ids, type LocalRelay, startLocalRelay } from '../../infra/local/local-relay.ts'
import { type Outcome, playScenarios, scenarios, shortWaits } from '../../infra/local/scenarios.ts'

let relay: LocalRelay
let outcomes: Outcome[]
const lines: string[] = []

beforeAll(async () => {
  relay = await startLocalRelay({ environment: shortWaits, onLog: ({ line }) => lines.push(line) })
  outcomes = await playScenarios(relay, scenarios)
}, 90_000)

afterAll(() => relay?.stop())

test.each(scenarios.map(({ name }, index) => ({ name, index })))('$name: HubSpot ends at the truth', ({ index }) => {
  const { scenario, ...outcome } = outcomes[index]!

  expect({ ...outcome, expected: scenario.expected }).toMatchObject({ asExpected: true })
})

test('nothing is left among the dead letters', async () => {
  for (const name of ['Deliveries/DeadLetters', 'StatusUpdates/DeadLetters']) {
    const { Attributes } = await relay.stack.sqs.send(
      new GetQueueAttributesCommand({
        QueueUrl: relay.stack.queueUrl(name),
        AttributeNames: ['ApproximateNumberOfMessages', 'ApproximateNumberOfMessagesNotVisible'],
      }),
    )
    expect(Attributes).toEqual({ ApproximateNumberOfMessages: '0', ApproximateNumberOfMessagesNotVisible: '0' })
  }
})

test('no log line carries a text, a phone number or a secret', () => {
  const { refreshToken } = relay.hubspot.portal(ids.portalId)!
  const secrets = ['This is what happens', '+1555', clientSecret, refreshToken, 'Bearer ', 'whsec_']

  expect(lines.length).toBeGreaterThan(scenarios.length)
  expect(lines.filter((line) => secrets.some((secret) => line.includes(secret)))).toEqual([])
})
