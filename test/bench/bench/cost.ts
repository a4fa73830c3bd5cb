import list from './prices.json' with { type: 'json' }

/** What one status on the way webhook → queue → HubSpot uses. */
export type Usage = {
  batchSize: number
  writeUnits: number
  readUnits: number
  /** Of the webhook and of the update together. */
  logBytes: number
  /** How long the webhook's function works on one request, and the consumer's on a batch, in milliseconds. */
  webhookMs: number
  batchMs: number
}

const memory = { webhook: 256 / 1024, consumer: 512 / 1024 }

/** List prices, and when and where they held. */
export const prices = list

/** US dollars for a million statuses, by service. */
export function costPerMillion({ batchSize, writeUnits, readUnits, logBytes, webhookMs, batchMs }: Usage) {
  const { usd } = list
  const perBatch = 1 / batchSize
  const gigabyteSeconds = (memory.webhook * webhookMs + (memory.consumer * batchMs) / batchSize) / 1000
  const one = {
    'HTTP API': usd.httpApiRequest,
    Lambda: usd.lambdaRequest * (1 + perBatch) + usd.lambdaGigabyteSecondOnArm * gigabyteSeconds,
    // Sent one by one; received and deleted by the batch.
    SQS: usd.sqsRequest * (1 + 2 * perBatch),
    DynamoDB: usd.dynamoDbWriteUnit * writeUnits + usd.dynamoDbReadUnit * readUnits,
    Logs: (usd.logGigabyte * logBytes) / 1e9,
  }
  const total = Object.values(one).reduce((sum, part) => sum + part)
  return Object.fromEntries(
    Object.entries({ ...one, total }).map(([service, price]) => [service, price * 1e6]),
  ) as Record<keyof typeof one | 'total', number>
}
