import list from './prices.json' with { type: 'json' }

/** List prices, and when and where they held. */
export const prices = list

/** What something uses of each service. */
export type Used = {
  httpApiRequests: number
  lambdaInvocations: number
  /** Of memory, for as long as functions work. */
  gigabyteSeconds: number
  sqsRequests: number
  writeUnits: number
  readUnits: number
  logBytes: number
}

/** US dollars for a million times what is used, by service. */
export function costPerMillion(used: Used) {
  const { usd } = list
  const services = {
    'HTTP API': usd.httpApiRequest * used.httpApiRequests,
    Lambda: usd.lambdaRequest * used.lambdaInvocations + usd.lambdaGigabyteSecondOnArm * used.gigabyteSeconds,
    SQS: usd.sqsRequest * used.sqsRequests,
    DynamoDB: usd.dynamoDbWriteUnit * used.writeUnits + usd.dynamoDbReadUnit * used.readUnits,
    Logs: (usd.logGigabyte * used.logBytes) / 1e9,
  }
  const total = Object.values(services).reduce((sum, part) => sum + part)
  const perMillion = Object.entries({ ...services, total }).map(([service, price]) => [service, price * 1e6])
  return Object.fromEntries(perMillion) as Record<keyof typeof services | 'total', number>
}

/** One status on the way webhook → queue → HubSpot. */
export type Status = {
  batchSize: number
  writeUnits: number
  readUnits: number
  /** Of the webhook and of the update together. */
  logBytes: number
  /** How long the webhook's function works on one request, and the consumer's on a batch. */
  webhookMs: number
  batchMs: number
}

/** What a status uses: one request, one message sent, and its share of a batch that is received, consumed and deleted. */
export function usedBy({ batchSize, writeUnits, readUnits, logBytes, webhookMs, batchMs }: Status): Used {
  return {
    httpApiRequests: 1,
    lambdaInvocations: 1 + 1 / batchSize,
    gigabyteSeconds: (gigabytes.webhook * webhookMs + (gigabytes.consumer * batchMs) / batchSize) / 1000,
    sqsRequests: 1 + 2 / batchSize,
    writeUnits,
    readUnits,
    logBytes,
  }
}

/** The functions' memory: infra/relay/status-relay.ts. */
export const gigabytes = { webhook: 256 / 1024, consumer: 512 / 1024 }
