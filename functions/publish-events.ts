import type { AttributeValue } from '@aws-sdk/client-dynamodb'
import { unmarshall } from '@aws-sdk/util-dynamodb'
import type { DynamoDBBatchResponse, DynamoDBRecord, DynamoDBStreamEvent } from 'aws-lambda'
import { type AccountHealth, eventsOfHealth, fateIn } from './messages/account-health.ts'
import { common, eventsOfMessage, type ItemChange, messageChangeOf, type RelayEvent } from './messages/relay-events.ts'
import { portalOfRevocation } from './messages/revocations.ts'
import type { EventBus } from './platform/event-bus.ts'
import { errorFields, type Telemetry } from './platform/telemetry.ts'

/** What `publish-events` works with. */
export type Deps = {
  bus: EventBus
  health: AccountHealth
  /** The relay's name, which each event has. */
  relay: string
  telemetry: Telemetry
}

/** What publishes them, as EventBridge's rules name it. */
export const source = 'hubspot-status-relay'

/**
 * Publishes what happens to messages, accounts and portals, from the changes of the ledger's table, so that no status waits
 * for it. What cannot be published now is delivered again by the table's stream, with all that came after it, for a day. Why: docs/decisions/0033-what-a-team-is-told.md.
 */
export function createHandler({ bus, health, relay, telemetry }: Deps) {
  return async ({ Records }: DynamoDBStreamEvent): Promise<DynamoDBBatchResponse> => {
    const published: { record: number; event: RelayEvent }[] = []
    try {
      for (const [record, change] of Records.map(toChange).entries())
        for (const event of await eventsOf(change)) published.push({ record, event })
      const failed = await bus.publish(published.map(({ event }) => toBusEvent(event)))
      telemetry.count('EventsPublished', published.length - failed.length)
      if (failed.length === 0) return { batchItemFailures: [] }
      telemetry.error('Events were not taken, and are published again', { events: failed.length })
      return leaveFrom(Records, published[failed[0]!]!.record)
    } catch (error) {
      telemetry.error('Events could not be published, and are published again', errorFields(error))
      return leaveFrom(Records, 0)
    } finally {
      telemetry.flush()
    }
  }

  async function eventsOf(change: ItemChange): Promise<RelayEvent[]> {
    const portalId = portalOfRevocation(change)
    if (portalId !== undefined)
      return [{ type: 'portal.revoked', detail: { ...common(change, 'revoked', { relay, at: change.at }), portalId } }]
    const message = messageChangeOf(change)
    if (!message) return eventsOfHealth(change, relay)
    const fate = fateIn(message)
    if (fate) await health.record(message, fate, change.at)
    return eventsOfMessage(change, message, relay)
  }
}

function toChange({ eventID = '', dynamodb = {} }: DynamoDBRecord): ItemChange {
  const { Keys = {}, OldImage, NewImage, ApproximateCreationDateTime = 0 } = dynamodb
  const item = (image: typeof OldImage) => image && unmarshall(image as Record<string, AttributeValue>)
  const at = new Date(ApproximateCreationDateTime * 1000).toISOString()
  return { id: eventID, pk: Keys['pk']?.S ?? '', before: item(OldImage), after: item(NewImage), at }
}

const toBusEvent = ({ type, detail }: RelayEvent) => ({ source, type, detail, at: new Date(detail.at) })

/** Lambda delivers records again from the first failure on. */
const leaveFrom = (records: DynamoDBRecord[], first: number) => ({
  batchItemFailures: [{ itemIdentifier: records[first]!.dynamodb!.SequenceNumber! }],
})
