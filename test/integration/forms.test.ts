import { GetItemCommand } from '@aws-sdk/client-dynamodb'
import { unmarshall } from '@aws-sdk/util-dynamodb'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { ledgerKey } from '../../functions/messages/ledger.ts'
import { type Form, forms } from '../../infra/local/forms.ts'
import { ids, type LocalRelay, startLocalRelay } from '../../infra/local/local-relay.ts'
import { type Outcome, playScenarios, shortWaits } from '../../infra/local/scenarios.ts'

describe.each<Form>(['statuses-only', 'smallest'])('%s', (form) => {
  const { settings, scenarios } = forms[form]
  let relay: LocalRelay
  let outcomes: Outcome[]
  beforeAll(async () => {
    relay = await startLocalRelay({ settings, environment: shortWaits() })
    outcomes = await playScenarios(relay, scenarios)
  })
  afterAll(() => relay?.stop())

  test.each(scenarios.map(({ name }, index) => ({ name, index })))('$name: HubSpot ends at the truth', ({ index }) => {
    const { scenario, ...outcome } = outcomes[index]!

    expect({ ...outcome, expected: scenario.expected }).toMatchObject({ asExpected: true })
  })

  test('what the webhook announced is in the ledger, without its content', async () => {
    const [message] = [...relay.hubspot.messages.values()].filter(({ text }) => text.includes('no status ever comes'))
    const pk = ledgerKey({ ...ids, messageId: message!.id })
    const at = new Date(message!.createdAt).toISOString()
    const { Item = {} } = await relay.stack.dynamodb.send(
      new GetItemCommand({ TableName: relay.stack.outputs['LedgerTableName'], Key: { pk: { S: pk } } }),
    )

    expect(unmarshall(Item)).toEqual({
      pk,
      version: 1,
      open: [],
      createdAt: at,
      channelAccountId: message!.channelAccountId,
      traceId: expect.any(String),
      timeline: [{ at, what: 'announced', source: 'hubspot' }],
      expiresAt: expect.any(Number),
    })
  })

  test('a malformed status lies among the dead letters with its reason, and nothing else does', async () => {
    // The scenarios have just looked at them, which hides them for a second.
    await expect.poll(() => relay.deadLetters()).toMatchObject([{ status: 'bounced' }])
    expect(relay.stack.functionLogs('update-status').join('\n')).toMatch(/Dead-lettered.*status: invalid value/)
  })
})
