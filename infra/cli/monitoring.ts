import { type CloudFormationClient, paginateListStackResources } from '@aws-sdk/client-cloudformation'
import { type CloudWatchClient, DescribeAlarmsCommand, GetMetricStatisticsCommand } from '@aws-sdk/client-cloudwatch'
import { GetAccountSettingsCommand, GetEventSourceMappingCommand, type LambdaClient } from '@aws-sdk/client-lambda'
import { paginateListSubscriptionsByTopic, type SNSClient } from '@aws-sdk/client-sns'

/** What AWS knows of a deployed relay and of the account that it runs in. */
export type Monitoring = {
  /** The relay's alarms: how many there are, those that are raised, with what they say, and the topics that they go to. */
  alarms(): Promise<{ count: number; raised: { name: string; says: string }[]; topics: string[] }>
  /** Who is subscribed to a topic: how many confirmed it, and the endpoints that have not. */
  subscribers(topicArn: string): Promise<{ confirmed: number; pending: string[] }>
  /** How many functions the account runs at once, in all and beside reserved ones, and how many each queue may take. */
  concurrency(): Promise<{ limit: number; unreserved: number; ofQueues: number[] }>
  /** The relay's log groups. */
  logGroups(): Promise<string[]>
  /** How much one of a function's metrics came to since a time, in milliseconds since 1970; `by` are its other dimensions. */
  sumSince(functionName: string, metric: string, since: number, by?: Record<string, string>): Promise<number>
}

/** The monitoring of a stack whose metrics are in a namespace. */
export function createMonitoring(
  clients: { cloudFormation: CloudFormationClient; cloudWatch: CloudWatchClient; lambda: LambdaClient; sns: SNSClient },
  { stack, namespace }: { stack: string; namespace: string },
): Monitoring {
  const { cloudFormation, cloudWatch, lambda, sns } = clients

  /** The stack's resources of a type. */
  async function resourcesOf(type: string) {
    const found: { id: string; name: string }[] = []
    for await (const page of paginateListStackResources({ client: cloudFormation }, { StackName: stack }))
      for (const {
        ResourceType,
        LogicalResourceId: id = '',
        PhysicalResourceId: name,
      } of page.StackResourceSummaries ?? [])
        if (ResourceType === type && name) found.push({ id, name })
    return found
  }

  /** In a stack that others share, by where the relay stands in it. */
  async function namesOf(type: keyof typeof ownIds) {
    const all = await resourcesOf(type)
    const own = all.filter(({ id }) => isOwn(id, { type, namespace }))
    // Somebody who names the stack's resources otherwise has them all looked at.
    return (own.length > 0 ? own : all).map(({ name }) => name)
  }

  return {
    async alarms() {
      const names = await namesOf('AWS::CloudWatch::Alarm')
      const raised: { name: string; says: string }[] = []
      const topics = new Set<string>()
      // So many names are taken at once.
      for (let from = 0; from < names.length; from += 100) {
        const AlarmNames = names.slice(from, from + 100)
        const { MetricAlarms = [] } = await cloudWatch.send(new DescribeAlarmsCommand({ AlarmNames, MaxRecords: 100 }))
        for (const { AlarmName = '', AlarmDescription = '', StateValue, AlarmActions = [] } of MetricAlarms) {
          if (StateValue === 'ALARM') raised.push({ name: AlarmName, says: AlarmDescription })
          for (const action of AlarmActions) if (/^arn:[\w-]+:sns:/.test(action)) topics.add(action)
        }
      }
      return { count: names.length, raised, topics: [...topics] }
    },

    async subscribers(TopicArn) {
      const pending: string[] = []
      let confirmed = 0
      for await (const { Subscriptions = [] } of paginateListSubscriptionsByTopic({ client: sns }, { TopicArn }))
        for (const { SubscriptionArn, Endpoint = '' } of Subscriptions)
          if (SubscriptionArn === 'PendingConfirmation') pending.push(Endpoint)
          else confirmed++
      return { confirmed, pending }
    },

    async concurrency() {
      const { AccountLimit } = await lambda.send(new GetAccountSettingsCommand())
      const { ConcurrentExecutions: limit = 0, UnreservedConcurrentExecutions: unreserved = limit } = AccountLimit ?? {}
      const mappings = await namesOf('AWS::Lambda::EventSourceMapping')
      const ofQueues = await Promise.all(
        mappings.map(async (UUID) => {
          const { ScalingConfig } = await lambda.send(new GetEventSourceMappingCommand({ UUID }))
          return ScalingConfig?.MaximumConcurrency ?? limit
        }),
      )
      return { limit, unreserved, ofQueues }
    },

    logGroups: () => namesOf('AWS::Logs::LogGroup'),

    async sumSince(functionName, metric, since, by = {}) {
      const { Datapoints = [] } = await cloudWatch.send(
        new GetMetricStatisticsCommand({
          Namespace: namespace,
          MetricName: metric,
          // As Powertools names it.
          Dimensions: Object.entries({ service: functionName, ...by }).map(([Name, Value]) => ({ Name, Value })),
          StartTime: new Date(since),
          EndTime: new Date(),
          Period: 3600,
          Statistics: ['Sum'],
        }),
      )
      return Datapoints.reduce((sum, { Sum = 0 }) => sum + Sum, 0)
    },
  }
}

/** How the logical ids of a relay's parts go on behind its path. Of the ledger's stream one function at once reads a part. */
const ownIds = {
  'AWS::CloudWatch::Alarm': /^Alarms/,
  'AWS::Lambda::EventSourceMapping': /^(Deliveries|StatusUpdates|HandOns)Consumer/,
  'AWS::Logs::LogGroup': /^([a-z]+|ApiAccess)Logs/,
}

/** Whether a logical id is of a relay's part: CDK makes them of the path, which the relay's name holds unless it is `Relay`. */
export function isOwn(id: string, { type, namespace }: { type: keyof typeof ownIds; namespace: string }) {
  const path = namespace.split('/').slice(1).join('') || 'Relay'
  const begin = path.replaceAll(/[^A-Za-z0-9]/g, '')
  return id.startsWith(begin) && ownIds[type].test(id.slice(begin.length))
}
