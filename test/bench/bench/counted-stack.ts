import type { AwsAnswer, AwsCall } from '../../../infra/local/aws/aws.ts'
import { ids, startLocalRelay } from '../../../infra/local/local-relay.ts'

/** What messages used of each service on their way through the whole stack, per message. */
export type StackUsage = {
  httpApiRequests: number
  lambdaInvocations: number
  sqsRequests: number
  writeUnits: number
  readUnits: number
  logBytes: number
}

/**
 * Sends messages through the local stack, each of which the team's service accepts, reports delivered, and then read: HubSpot
 * is told SENT and READ. Counts every request; polls that find nothing are left out, since they depend on the pauses.
 */
export async function countMessages(messages: number): Promise<StackUsage> {
  const total = { httpApiRequests: 0, lambdaInvocations: 0, sqsRequests: 0, writeUnits: 0, readUnits: 0, logBytes: 0 }
  let isCounting = false

  function onAwsCall({ service, operation, caller, body }: AwsCall, answer: AwsAnswer) {
    if (!isCounting || caller === 'operator') return
    if (service === 'sqs' && !(operation === 'ReceiveMessage' && !answer.body.includes('ReceiptHandle')))
      total.sqsRequests++
    // One batch, one invocation, and then one request that deletes it.
    if (operation === 'DeleteMessageBatch') total.lambdaInvocations++
    if (service !== 'dynamodb') return
    if (operation === 'BatchGetItem') total.readUnits += readUnitsOf(JSON.parse(body), JSON.parse(answer.body))
    // What rate limiters update is smaller than a unit.
    else total.writeUnits += unitsOf(JSON.parse(body).Item, 1024)
  }

  await using relay = await startLocalRelay({
    behaviour: { requestsPer10Seconds: 1_000_000 },
    environment: { HUBSPOT_REQUEST_LIMIT: '1000000' },
    onAwsCall,
    onLog: ({ line }) => {
      if (isCounting) total.logBytes += Buffer.byteLength(line) + 1
    },
  })
  await relay.addChannelAccount(channelAccountId)
  relay.onEvent((event) => {
    const isRequest = event.type === 'webhook' || event.type === 'receipt'
    if (!isCounting || !isRequest) return
    total.httpApiRequests++
    total.lambdaInvocations++
  })

  const send = async (count: number) => {
    const message = { ...ids, channelAccountId, text: 'Your parcel arrives tomorrow.' }
    await Promise.all(Array.from({ length: count }, () => relay.hubspot.sendMessage(message)))
    await relay.stack.idle({ withinSeconds: 10, timeoutSeconds: 60 })
  }
  await send(20)
  isCounting = true
  await send(messages)
  isCounting = false
  return Object.fromEntries(Object.entries(total).map(([name, value]) => [name, value / messages])) as StackUsage
}

const channelAccountId = '3000000001'

/** A key without an item costs a unit, too. */
function readUnitsOf(
  { RequestItems }: { RequestItems: Record<string, { Keys: object[] }> },
  { Responses = {} }: { Responses?: Record<string, object[]> },
) {
  const asked = Object.values(RequestItems).flatMap(({ Keys }) => Keys)
  const found = Object.values(Responses).flat()
  return found.reduce((sum, item) => sum + unitsOf(item, 4096), asked.length - found.length)
}

/** As many units as the item's text, which is a little longer than what DynamoDB counts, takes; one where there is none. */
function unitsOf(item: unknown, bytes: number) {
  return Math.max(1, Math.ceil(JSON.stringify(item ?? '').length / bytes))
}
