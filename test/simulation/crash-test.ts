import { setTimeout as sleep } from 'node:timers/promises'
import { DeleteMessageCommand, ReceiveMessageCommand, SendMessageCommand } from '@aws-sdk/client-sqs'
import { Command } from 'commander'
import type { StatusType } from '../../infra/local/hubspot/state.ts'
import { ids, startLocalRelay } from '../../infra/local/local-relay.ts'
import type { Answer, Conduct, Receipt } from '../../infra/local/providers/simulator.ts'

const options = new Command('crash-test')
  .description('Kills processes of the running local stack at random, with load on it, and judges what came of it.')
  .option('--seconds <seconds>', 'for how long', Number, 60)
  .option('--per-second <messages>', 'how many messages are sent', Number, 3)
  .parse()
  .opts<{ seconds: number; perSecond: number }>()

const answer = (status: string): Answer => ({ reply: { status: 202, body: { status } } })
const receipts = (...statuses: Receipt['status'][]): Receipt[] => statuses.map((status) => ({ status, afterMs: 300 }))

/** What becomes of messages, in turn, and the word that HubSpot has to hold at the end. */
const fates: { conduct: Conduct; word: StatusType }[] = [
  { conduct: { answers: [answer('accepted')], receipts: receipts('sent', 'delivered', 'read') }, word: 'READ' },
  { conduct: { answers: [answer('sent')] }, word: 'SENT' },
  { conduct: { answers: [{ reply: { status: 422, body: { reason: 'Opted out' } } }] }, word: 'FAILED' },
  { conduct: { answers: [answer('accepted')], receipts: receipts('sent', 'failed') }, word: 'FAILED' },
  { conduct: { answers: [answer('accepted')], receipts: receipts('failed', 'delivered') }, word: 'SENT' },
]
const confidential = 'What the agent wrote'

console.log('Starting the local stack …')
const lines: string[] = []
await using relay = await startLocalRelay({
  environment: { UNCONFIRMED_AFTER_SECONDS: '3', HUBSPOT_LATE_EFFECT_SECONDS: '6' },
  overrides: { visibilityTimeoutSeconds: 20 },
  onLog: ({ line }) => lines.push(line),
})
const sent = new Map<string, (typeof fates)[number]>()
const fateNamed = (text: string) => fates[Number(/\d+$/.exec(text)?.[0])]!
const service = await relay.addChannelAccount('crash', {
  conduct: ({ messageId }) => fateNamed(relay.hubspot.message(messageId)!.text).conduct,
})

console.log(`Sending messages and killing processes for ${options.seconds} s …`)
const end = Date.now() + options.seconds * 1000
const [kills] = await Promise.all([kill(), load()])

// A claim outlives its dead process by a function's timeout and HubSpot's late effects.
console.log('Waiting until everything is done …')
await service.idle()
await relay.stack.idle({ withinSeconds: 120, timeoutSeconds: 300 })
const redriven = await redrive()
await relay.stack.idle({ withinSeconds: 120, timeoutSeconds: 300 })

const violations = [...judge()]
console.log(`${sent.size} messages, ${kills} processes killed, ${redriven} dead letters redriven.`)
for (const violation of violations) console.log(`broken: ${violation}`)
console.log(violations.length === 0 ? 'Every invariant held.' : `${violations.length} broken.`)
process.exitCode = violations.length === 0 ? 0 : 1

async function load() {
  for (let count = 0; Date.now() < end; count++) {
    const place = count % fates.length
    const text = `${confidential}, ${place}`
    const message = { ...ids, channelAccountId: 'crash', text }
    // HubSpot repeats in the background what was not acknowledged.
    void relay.hubspot.sendMessage(message).then(({ id }) => sent.set(id, fates[place]!))
    await sleep(1000 / options.perSecond)
  }
}

async function kill() {
  let killed = 0
  while (Date.now() < end) {
    await sleep(100 + Math.random() * 900)
    const processes = relay.stack.processes()
    if (processes[Math.floor(Math.random() * processes.length)]?.kill('SIGKILL')) killed++
  }
  return killed
}

/** Sends what crashes made dead letters back to their queues. */
async function redrive() {
  const { sqs, queueUrl } = relay.stack
  let count = 0
  for (const queue of ['Deliveries', 'StatusUpdates']) {
    const deadLetters = queueUrl(`${queue}/DeadLetters`)
    for (;;) {
      const { Messages = [] } = await sqs.send(new ReceiveMessageCommand({ QueueUrl: deadLetters }))
      if (Messages.length === 0) break
      for (const { Body, ReceiptHandle } of Messages) {
        await sqs.send(new SendMessageCommand({ QueueUrl: queueUrl(`${queue}/Queue`), MessageBody: Body }))
        await sqs.send(new DeleteMessageCommand({ QueueUrl: deadLetters, ReceiptHandle }))
        count++
      }
    }
  }
  return count
}

function* judge() {
  for (const [id, { word }] of sent) {
    const { told, webhooks } = relay.hubspot.message(id)!
    const isAccepted = webhooks.some(({ answered }) => answered === 204)
    if (isAccepted && told !== word) yield `HubSpot was told ${told ?? 'nothing'} of ${id}, which is ${word}`
    if (service.receptions(id) > 1) yield `the customer received ${id} ${service.receptions(id)} times`
    if (isAccepted && word !== 'FAILED' && service.receptions(id) === 0) yield `the customer never received ${id}`
  }
  if (lines.some((line) => line.includes(confidential))) yield 'a log line says what the agent wrote'
}
