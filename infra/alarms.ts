import { Duration } from 'aws-cdk-lib'
import { Alarm, ComparisonOperator, TreatMissingData } from 'aws-cdk-lib/aws-cloudwatch'
import { SnsAction } from 'aws-cdk-lib/aws-cloudwatch-actions'
import type { ITopic } from 'aws-cdk-lib/aws-sns'
import type { WorkQueue } from './work-queue.ts'

/** Raises an alarm while a queue has dead letters. `impact` is a sentence: who is hurt, and how. */
export function alarmOnDeadLetters(workQueue: WorkQueue, impact: string, topic?: ITopic) {
  const alarm = new Alarm(workQueue, 'DeadLettersAlarm', {
    alarmDescription: `${impact} ${remedy}`,
    metric: workQueue.deadLetters.metricApproximateNumberOfMessagesVisible({
      period: Duration.minutes(1),
      statistic: 'Maximum',
    }),
    comparisonOperator: ComparisonOperator.GREATER_THAN_THRESHOLD,
    threshold: 0,
    evaluationPeriods: 1,
    treatMissingData: TreatMissingData.NOT_BREACHING,
  })
  if (topic) alarm.addAlarmAction(new SnsAction(topic))
}

const remedy =
  "The dead letters and the function's log tell why. Mend it, then send them back to their queue within 14 days."
