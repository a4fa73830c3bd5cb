import { setTimeout as sleep } from 'node:timers/promises'
import { ListQueuesCommand } from '@aws-sdk/client-sqs'
import { ids, type LocalRelay, startLocalRelay } from '../../../infra/local/local-relay.ts'
import { quantile } from './statistics.ts'

/** The local stack from HubSpot's webhook until HubSpot is told. Milliseconds; what is limiting there is this machine. */
export async function endToEnd(messages: number) {
  // HubSpot's pace out of the way, as in the other figures.
  await using relay = await startLocalRelay({
    behaviour: { requestsPer10Seconds: 1_000_000 },
    environment: { HUBSPOT_REQUEST_LIMIT: '1000000' },
  })
  await relay.addChannelAccount(channelAccountId)
  await tell(relay, 20, 0)

  const quiet = await tell(relay, 40, 150)
  const busy = await tell(relay, messages, 0)
  return {
    p50: quantile(quiet.latencies, 0.5),
    p99: quantile(quiet.latencies, 0.99),
    toldPerSecond: (messages / busy.milliseconds) * 1000,
    awsCallsPerSecond: await emulatorsAlone(relay, 1000),
  }
}

const channelAccountId = '3000000001'

/** An agent sends so many messages; until HubSpot was told of the last. */
async function tell(relay: LocalRelay, count: number, pauseMs: number) {
  const sentAt = new Map<string, number>()
  const toldAt = new Map<string, number>()
  relay.onEvent((event) => {
    if (event.type === 'message') sentAt.set(event.message.id, Date.now())
    if (event.type === 'call' && event.call.method === 'PATCH') toldAt.set(event.call.messageId ?? '', Date.now())
  })
  const since = Date.now()
  const sending: Promise<unknown>[] = []
  for (let n = 0; n < count; n++) {
    sending.push(relay.hubspot.sendMessage({ ...ids, channelAccountId, text: 'Your parcel arrives tomorrow.' }))
    if (pauseMs > 0) await sleep(pauseMs)
  }
  await Promise.all(sending)
  while ([...sentAt.keys()].some((id) => !toldAt.has(id))) await sleep(10)
  return {
    latencies: [...sentAt].map(([id, at]) => toldAt.get(id)! - at),
    milliseconds: Math.max(...toldAt.values()) - since,
  }
}

/** How many calls of AWS the emulators answer in a second when nothing else is to be done. A message takes about ten. */
async function emulatorsAlone(relay: LocalRelay, calls: number) {
  const since = Date.now()
  const caller = async () => {
    for (let n = 0; n < calls / 10; n++) await relay.stack.sqs.send(new ListQueuesCommand({}))
  }
  await Promise.all(Array.from({ length: 10 }, caller))
  return (calls / (Date.now() - since)) * 1000
}
