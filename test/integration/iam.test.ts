import { rm } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { isDeepStrictEqual } from 'node:util'
import { GetQueueAttributesCommand, SendMessageCommand } from '@aws-sdk/client-sqs'
import { afterAll, expect, test } from 'vitest'
import type { Conduct } from '../../infra/local/forward-receiver.ts'
import type { Fault } from '../../infra/local/hubspot-behaviour.ts'
import type { Grant } from '../../infra/local/iam.ts'
import { ids, type LocalRelay, startLocalRelay } from '../../infra/local/local-relay.ts'
import { synthesize } from '../../infra/local/template.ts'

/** Granted actions whose use no emulator sees, and why. */
const unseen = {
  'logs:CreateLogStream': "Lambda writes a function's log",
  'logs:PutLogEvents': "Lambda writes a function's log",
  'kms:DescribeKey': 'DynamoDB does not say when it asks for it',
  'kms:Encrypt': 'DynamoDB does not say when it asks for it',
  'kms:GenerateDataKey': 'DynamoDB does not say when it asks for it',
}

/** What comes of a few messages that need every grant. */
const fates = {
  'taken at the second try, told at the second try, read': 'READ',
  "in HubSpot's format": 'SENT',
  "beyond HubSpot's understanding": undefined,
  'dead letters of the deliveries': 2,
  'dead letters of the status updates': 1,
}

const assembly = await synthesize()
afterAll(() => rm(assembly, { recursive: true }))

const startedAt = Date.now()
const whole = await run()
const patienceMs = Date.now() - startedAt
const isSeen = ({ action }: Grant) => !(action in unseen)

test('with every grant, each message meets its fate, and nothing is refused', () => {
  expect(whole).toMatchObject({ fates, refusals: [] })
})

test('every grant is used, save those whose use nobody sees', () => {
  expect(whole.grants.filter((grant) => isSeen(grant) && !grant.used).map(inWords)).toEqual([])
})

test('those whose use nobody sees are still granted, and still not seen', () => {
  const unused = whole.grants.filter(({ used }) => !used).map(({ action }) => action)

  expect([...new Set(unused)].sort()).toEqual(Object.keys(unseen).sort())
})

test.concurrent.each(whole.grants.filter(isSeen).map((grant) => [inWords(grant), grant] as const))(
  'without %s, some message does not meet its fate',
  async (_words, grant) => {
    const { refusals, ...came } = await run(grant)

    expect(refusals.join('\n')).toContain(grant.action.split(':')[1])
    expect(came.fates).not.toEqual(fates)
  },
  90_000,
)

/** Runs the relay, without one grant perhaps, until the messages have met their fates or will not any more. */
async function run(revoked?: Grant) {
  const isRevoked = (grant: Grant) => revoked !== undefined && inWords(grant) === inWords(revoked)
  let relay: LocalRelay
  try {
    relay = await startLocalRelay({ assembly, overrides: { revoked: isRevoked } })
  } catch (error) {
    return { fates: 'The relay cannot be deployed.', refusals: [String(error)], grants: [] }
  }
  await using _ = relay
  const { grants, refusals } = relay.stack
  const comeTrue = await sendMessages(relay)
  let refusedAt: number | undefined
  for (const giveUpAt = Date.now() + 60_000; ; await sleep(50)) {
    const come = await comeTrue()
    if (refusals.length > 0) refusedAt ??= Date.now()
    const isOver = refusedAt !== undefined && Date.now() - refusedAt > patienceMs
    if (isDeepStrictEqual(come, fates) || isOver || Date.now() > giveUpAt) return { fates: come, refusals, grants }
  }
}

/** An agent sends messages, HubSpot something strange, and somebody queues no job. Returns how to see what has come of it. */
async function sendMessages(relay: LocalRelay) {
  const { hubspot, stack } = relay

  async function send(channelAccountId: string, format: 'job' | 'hubspot', conduct: Conduct, faults: Fault[] = []) {
    await relay.addChannelAccount(channelAccountId, { format, conduct: () => conduct })
    hubspot.sendMessage({ ...ids, channelAccountId, text: 'Hello', faults }).catch(() => {})
    return [...hubspot.messages.values()].at(-1)!
  }

  const taken = { reply: { status: 202, body: { status: 'sent' } } }
  const hesitant = { answers: [{ reply: { status: 503 } }, taken], receipts: [{ status: 'read' as const }] }
  const messages = [
    await send('1', 'job', hesitant, [{ answer: { status: 429 } }]),
    await send('2', 'hubspot', {}),
    await send('3', 'job', {}, [{ answer: { status: 400 }, times: 'always' }]),
  ]
  hubspot.sendEvent({ type: 'OUTGOING_CHANNEL_MESSAGE_CREATED' }, ids).catch(() => {})
  await stack.sqs.send(new SendMessageCommand({ QueueUrl: stack.queueUrl('Deliveries'), MessageBody: '{}' }))

  async function depth(name: string) {
    const AttributeNames = ['ApproximateNumberOfMessages'] as const
    const QueueUrl = stack.queueUrl(name)
    const { Attributes } = await stack.sqs.send(
      new GetQueueAttributesCommand({ QueueUrl, AttributeNames: [...AttributeNames] }),
    )
    return Number(Attributes?.[AttributeNames[0]])
  }

  return async () => {
    const outcomes = [
      ...messages.map(({ told }) => told),
      await depth('Deliveries/DeadLetters'),
      await depth('StatusUpdates/DeadLetters'),
    ]
    return Object.fromEntries(Object.keys(fates).map((fate, index) => [fate, outcomes[index]]))
  }
}

/** `delivermessageRole may sqs:SendMessage on DeliveriesQueue`, without what CDK adds to names. */
function inWords({ principal, action, resource }: Grant) {
  const name = (arn: string) => arn.replace(/^arn:.*[:/]/, '').replace(/^HubSpotStatusRelay-Relay(.*)[0-9A-F]{8}/, '$1')
  return `${name(principal)} may ${action} on ${name(resource)}`
}
