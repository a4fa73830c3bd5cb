import * as z from 'zod'
import { createAccountHealth } from './messages/account-health.ts'
import { connectDynamoDb, connectEventBus } from './platform/aws.ts'
import { createTable } from './platform/table.ts'
import { createTelemetry } from './platform/telemetry.ts'
import { createHandler } from './publish-events.ts'

const Env = z.object({
  LEDGER_TABLE_NAME: z.string(),
  /** The name of the bus, or its ARN. */
  EVENT_BUS: z.string(),
  /** What the events call the relay. */
  RELAY_NAME: z.string(),
})
export type Env = z.infer<typeof Env>

const env = Env.parse(process.env)

/** What AWS runs. */
export const handler = createHandler({
  bus: connectEventBus(env.EVENT_BUS, process.env),
  health: createAccountHealth(createTable(connectDynamoDb(process.env), env.LEDGER_TABLE_NAME), Date.now),
  relay: env.RELAY_NAME,
  telemetry: createTelemetry(),
})
