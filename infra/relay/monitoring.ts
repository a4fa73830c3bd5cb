import { type CloudFormationClient, paginateListStackResources } from '@aws-sdk/client-cloudformation'
import { type CloudWatchClient, GetMetricStatisticsCommand, paginateDescribeAlarms } from '@aws-sdk/client-cloudwatch'

/** What CloudWatch knows of a deployed relay. */
export type Monitoring = {
  /** The stack's alarms: how many there are, and those that are raised, with what they say. */
  alarms(): Promise<{ count: number; raised: { name: string; says: string }[] }>
  /** How much one of a function's metrics came to since a time, in milliseconds since 1970; `by` are its other dimensions. */
  sumSince(functionName: string, metric: string, since: number, by?: Record<string, string>): Promise<number>
}

/** The monitoring of a stack whose metrics are in a namespace. */
export function createMonitoring(
  cloudWatch: CloudWatchClient,
  cloudFormation: CloudFormationClient,
  { stack, namespace }: { stack: string; namespace: string },
): Monitoring {
  return {
    async alarms() {
      const ofStack = new Set<string | undefined>()
      for await (const page of paginateListStackResources({ client: cloudFormation }, { StackName: stack }))
        for (const { ResourceType, PhysicalResourceId } of page.StackResourceSummaries ?? [])
          if (ResourceType === 'AWS::CloudWatch::Alarm') ofStack.add(PhysicalResourceId)
      const raised: { name: string; says: string }[] = []
      for await (const { MetricAlarms = [] } of paginateDescribeAlarms({ client: cloudWatch }, { StateValue: 'ALARM' }))
        for (const { AlarmName = '', AlarmDescription = '' } of MetricAlarms)
          if (ofStack.has(AlarmName)) raised.push({ name: AlarmName, says: AlarmDescription })
      return { count: ofStack.size, raised }
    },

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
