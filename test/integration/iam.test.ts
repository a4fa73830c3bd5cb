import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { isDeepStrictEqual } from 'node:util'
import { GetQueueAttributesCommand, SendMessageCommand } from '@aws-sdk/client-sqs'
import { afterAll, expect, test } from 'vitest'
import type { Grant } from '../../infra/local/aws/iam.ts'
import { synthesize } from '../../infra/local/aws/template.ts'
import { putCredentials } from '../../infra/local/credentials.ts'
import type { Fault } from '../../infra/local/hubspot/behaviour.ts'
import { ids, type LocalRelay, startLocalRelay } from '../../infra/local/local-relay.ts'
import { slowness, startLimit } from '../../infra/local/pace.ts'
import type { Conduct } from '../../infra/local/providers/simulator.ts'
import { startWhatsApp } from '../../infra/local/providers/whatsapp.ts'
import { createLinkBrowser } from '../support/link-browser.ts'

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
  'taken by the service at the second try, and read': 'READ',
  "in HubSpot's format, told to HubSpot at the second try": 'SENT',
  'not to be told to HubSpot at all': undefined,
  'dead letters of the deliveries': 2,
  'dead letters of the status updates': 1,
  'an account that is connected by a click': 200,
  "a customer's message that the team's application takes at the second try": 204,
  'dead letters of the hand-ons': 1,
}

// The fewer processes of each function, the sooner it is over.
const { folder: assembly, remove } = await synthesize({ context: { 'relay.maxConcurrency': 2 } })
afterAll(remove)

// Nothing that is still to come takes twice as long as the longest pause between two of the fates did.
let stallMs = 60_000
const slownessThen = slowness()
const whole = await run()
stallMs = Math.max(5000, (2 * whole.longestPauseMs) / slownessThen)
const isSeen = ({ action }: Grant) => !(action in unseen)

test('with every grant, each message meets its fate, and nothing is refused', () => {
  expect(whole).toMatchObject({ fates, denials: [] })
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
    const { denials, ...came } = await run(grant)

    expect(denials.join('\n')).toContain(grant.action.split(':')[1])
    expect(came.fates).not.toEqual(fates)
  },
)

/** Runs the relay, without one grant perhaps, until the messages have met their fates or will not any more. */
async function run(revoked?: Grant) {
  const isRevoked = (grant: Grant) => revoked !== undefined && inWords(grant) === inWords(revoked)
  let relay: LocalRelay
  try {
    relay = await startLocalRelay({
      assembly,
      environment: { HUBSPOT_REJECTED_FOR_SECONDS: '1' },
      overrides: { revoked: isRevoked },
    })
  } catch (error) {
    return { fates: 'The relay cannot be deployed.', denials: [String(error)], grants: [], longestPauseMs: 0 }
  }
  await using _ = relay
  await using application = await startApplication()
  const { grants, denials } = relay.stack
  const fatesSoFar = await sendMessages(relay, application)
  let latest = { fates: {}, at: Date.now(), stall: startLimit(stallMs) }
  let longestPauseMs = 0
  for (const limit = startLimit(60_000); ; await sleep(50)) {
    const soFar = await fatesSoFar()
    longestPauseMs = Math.max(longestPauseMs, Date.now() - latest.at)
    if (!isDeepStrictEqual(soFar, latest.fates)) latest = { fates: soFar, at: Date.now(), stall: startLimit(stallMs) }
    const isStuck = denials.length > 0 && latest.stall.isOver()
    if (isDeepStrictEqual(soFar, fates) || isStuck || limit.isOver())
      return { fates: soFar, denials, grants, longestPauseMs }
  }
}

/** An agent sends messages, HubSpot something strange, and somebody queues no job. Returns how to see what has come of it. */
async function sendMessages(relay: LocalRelay, application: Application) {
  const { hubspot, stack } = relay

  async function send(channelAccountId: string, format: 'job' | 'hubspot', conduct: Conduct, faults: Fault[] = []) {
    await relay.addChannelAccount(channelAccountId, { format, conduct: () => conduct })
    return hubspot.sendMessage({ ...ids, channelAccountId, text: 'Hello', faults })
  }

  const taken = { reply: { status: 202, body: { status: 'sent' } } }
  const busy = (status: number) => ({ status, headers: { 'retry-after': '0' } })
  const hesitant = { answers: [{ reply: busy(503) }, taken], receipts: [{ status: 'read' as const }] }
  const messages = [
    await send('1', 'job', hesitant),
    await send('2', 'hubspot', {}, [{ answer: busy(429) }]),
    await send('3', 'job', {}, [{ answer: { status: 400 }, times: 'always' }]),
  ]
  await hubspot.sendEvent({ type: 'OUTGOING_CHANNEL_MESSAGE_CREATED' }, ids)
  await stack.sqs.send(new SendMessageCommand({ QueueUrl: stack.queueUrl('Deliveries'), MessageBody: '{}' }))

  const whatsApp = await startWhatsApp({ receiptsUrl: stack.outputs['ReceiptsUrl']! })
  const channelAccount = { channelId: ids.channelId, channelAccountId: '4' }
  const account = { ...whatsApp.account, handOnTo: application.url }
  await putCredentials(stack, channelAccount.channelAccountId, account)
  for (const text of ['Take me', 'Refuse me']) await whatsApp.write(channelAccount, { from: '15550100', text })
  await whatsApp.stop()

  const browser = createLinkBrowser()
  const installed = await browser.follow(await browser.open(stack.outputs['InstallUrl']!), 'Connect account 1002')

  async function depth(name: string) {
    const input = { QueueUrl: stack.queueUrl(name), AttributeNames: ['ApproximateNumberOfMessages' as const] }
    const { Attributes } = await stack.sqs.send(new GetQueueAttributesCommand(input))
    return Number(Attributes?.ApproximateNumberOfMessages)
  }

  return async () => {
    const outcomes = [
      ...messages.map(({ told }) => told),
      await depth('Deliveries/DeadLetters'),
      await depth('StatusUpdates/DeadLetters'),
      installed.status,
      application.answered,
      await depth('HandOns/DeadLetters'),
    ]
    return Object.fromEntries(Object.keys(fates).map((fate, index) => [fate, outcomes[index]]))
  }
}

/** `delivermessageRole may sqs:SendMessage on DeliveriesQueue`: an ARN's name alone, without what CDK adds to it. */
function inWords({ principal, action, resource }: Grant) {
  const name = (arn: string) =>
    arn.replace(/^arn:(?:[^:]*:){4}(?:\w+[:/])?/, '').replace(/^HubSpotStatusRelay-Relay(.*)[0-9A-F]{8}/, '$1')
  return `${name(principal)} may ${action} on ${name(resource)}`
}

type Application = Awaited<ReturnType<typeof startApplication>>

/** The team's own application, which refuses some messages for good and takes all others at the second try. */
async function startApplication() {
  let tries = 0
  const application = { url: '', answered: 0, [Symbol.asyncDispose]: async () => void server.close() }
  const server = createServer(async (request, response) => {
    const isRefused = (await request.toArray()).join('').includes('Refuse')
    const status = isRefused ? 400 : tries++ === 0 ? 503 : 204
    if (!isRefused) application.answered = status
    response.writeHead(status, { 'retry-after': '0' }).end()
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  application.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`
  return application
}
