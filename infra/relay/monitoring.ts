import type { Function as LambdaFunction } from 'aws-cdk-lib/aws-lambda'
import type { Construct } from 'constructs'
import { Alarms } from '../operations/alarms.ts'
import { createDashboard } from '../operations/dashboard.ts'
import { saveLogQueries } from '../operations/log-queries.ts'
import { countThrottledRequests, type Watched } from '../operations/watched.ts'
import { alarmTopicFor } from './alarm-topic.ts'
import type { Parts } from './parts.ts'

/** Creates what watches a relay: alarms and where they go, the dashboard, and the saved queries of its logs. */
export function createMonitoring(
  scope: Construct,
  functions: LambdaFunction[],
  { chosen, identity, api, deliveries, statusUpdates, handOns, events }: Parts & { events: Watched['events'] },
) {
  const queues = [deliveries, statusUpdates, handOns].filter((queue) => queue !== undefined)
  const { runbookUrl, unconfirmedAfter } = chosen
  const watched = { namespace: identity, apiId: api.api.apiId, functions, queues, unconfirmedAfter, events }
  countThrottledRequests(scope, api.accessLogs, identity)
  const alarmTopic = alarmTopicFor(scope, chosen.alarmTopic, chosen.alarmSubscribers)
  const alarms = new Alarms(scope, 'Alarms', { watched, topic: alarmTopic, runbookUrl }).all
  createDashboard(scope, watched, alarms)
  saveLogQueries(scope, identity, functions)
  return { alarms, alarmTopic }
}
