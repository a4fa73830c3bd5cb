import { GetItemCommand } from '@aws-sdk/client-dynamodb'
import { unmarshall } from '@aws-sdk/util-dynamodb'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { ledgerKey } from '../../functions/messages/record.ts'
import { type Outcome, playScenarios, shortWaits } from '../../infra/local/demo/scenarios.ts'
import { type Form, forms } from '../../infra/local/forms.ts'
import { ids, type LocalRelay, startLocalRelay } from '../../infra/local/local-relay.ts'

const tested: Form[] = ['statuses-only', 'smallest']
const played = {} as Record<Form, { relay: LocalRelay; outcomes: Outcome[] }>

// Scenarios wait for most of their time: both forms do at once.
beforeAll(async () => {
  await Promise.all(tested.map(play))
})
afterAll(() => Promise.all(Object.values(played).map(({ relay }) => relay.stop())))

async function play(form: Form) {
  const { settings, scenarios } = forms[form]
  const relay = await startLocalRelay({ settings, environment: shortWaits() })
  played[form] = { relay, outcomes: [] }
  played[form].outcomes = await playScenarios(relay, scenarios)
}

describe.each(tested)('%s', (form) => {
  const { scenarios } = forms[form]
  let relay: LocalRelay
  let outcomes: Outcome[]
  beforeAll(() => {
    ;({ relay, outcomes } = played[form])
  })

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
      marks: [],
      createdAt: at,
      channelAccountId: message!.channelAccountId,
      traceId: expect.any(String),
      eventIds: [expect.any(String)],
      timeline: [{ at, what: 'announced', source: 'hubspot' }],
      // Whose receipts count for it, where any are taken.
      ...(forms[form].settings.receipts && {
        trustedSecrets: [{ secret: message!.channelAccountId, keys: [expect.any(String)] }],
      }),
      expiresAt: expect.any(Number),
    })
  })

  test('a malformed status lies among the dead letters with its reason, and nothing else does', async () => {
    // The scenarios have just looked at them, which hides them for a second.
    await expect.poll(() => relay.deadLetters()).toMatchObject([{ status: 'bounced' }])
    expect(relay.stack.functionLogs('update-status').join('\n')).toMatch(/Dead-lettered.*status: invalid value/)
  })
})
