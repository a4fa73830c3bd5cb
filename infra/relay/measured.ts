import type { Metric } from 'aws-cdk-lib/aws-cloudwatch'
import { Construct } from 'constructs'
import type { MetricName } from '../operations/metrics.ts'
import { type MetricChoice, metricOf } from '../operations/watched.ts'

/** A relay, as far as its metrics go: for dashboards and alarms of one's own. */
export abstract class Measured extends Construct {
  /** The CloudWatch namespace of its metrics. */
  abstract readonly metricsNamespace: string

  /** One of the metrics that the functions write: docs/metrics.md says what each means. Unless chosen otherwise, its sum in five minutes. */
  metric(name: MetricName, options: MetricChoice = {}): Metric {
    return metricOf(this.metricsNamespace, name, options)
  }

  /** Agents' messages that HubSpot sent. */
  metricMessagesAccepted(options?: MetricChoice) {
    return this.metric('MessagesAccepted', options)
  }

  /** How often HubSpot was told a status. */
  metricTold(status: 'SENT' | 'FAILED' | 'READ', options?: MetricChoice) {
    return this.metric(`Told${status}`, options)
  }

  /** Milliseconds from the agent's Send until HubSpot is told. Unless chosen otherwise, the 99th percentile of five minutes. */
  metricTimeToTruth(status: 'SENT' | 'FAILED' | 'READ', options?: MetricChoice) {
    return this.metric(`TimeToTruth${status}`, { statistic: 'p99', ...options })
  }
}
