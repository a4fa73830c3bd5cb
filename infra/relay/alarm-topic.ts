import { ArnFormat, Stack, Token } from 'aws-cdk-lib'
import { PolicyStatement, ServicePrincipal } from 'aws-cdk-lib/aws-iam'
import { type ITopic, Subscription, SubscriptionProtocol, Topic } from 'aws-cdk-lib/aws-sns'
import { Construct } from 'constructs'
import { acknowledge } from './acknowledge.ts'

/** The topic that alarms go to: the one that is given, or one of the relay's own if it has subscribers; undefined for none. */
export function alarmTopicFor(scope: Construct, given: ITopic | undefined, subscribers: string[]) {
  if (!given && subscribers.length === 0) return undefined
  const topic = given ?? new Topic(scope, 'AlarmTopic', { enforceSSL: true })
  letAlarmsPublish(scope, topic)
  const home = new Construct(scope, 'AlarmSubscribers')
  for (const [index, endpoint] of [...new Set(subscribers)].entries()) {
    const protocol = endpoint.startsWith('https://') ? SubscriptionProtocol.HTTPS : SubscriptionProtocol.EMAIL
    // By its own name, a subscription outlives changes to the others; what only the deployment knows has none.
    const id = Token.isUnresolved(endpoint) ? `Subscriber${index + 1}` : endpoint
    const subscription = new Subscription(home, id, { topic, endpoint, protocol })
    acknowledge(subscription, {
      id: 'Serverless::Serverless-SNSRedrivePolicy',
      reason:
        'SNS tries for hours; an alarm of which nobody could be told stays raised on the dashboard and in doctor.',
    })
  }
  return topic
}

/**
 * Lets the alarms of this account and region publish to a topic: a policy, where a topic has one, takes the place of the
 * default that would let them. A topic that is imported keeps the policy that it has.
 */
function letAlarmsPublish(scope: Construct, topic: ITopic) {
  const stack = Stack.of(scope)
  const cloudWatch = new ServicePrincipal('cloudwatch.amazonaws.com')
  const alarms = {
    service: 'cloudwatch',
    resource: 'alarm',
    resourceName: '*',
    arnFormat: ArnFormat.COLON_RESOURCE_NAME,
  }
  topic.addToResourcePolicy(
    new PolicyStatement({
      principals: [cloudWatch],
      actions: ['sns:Publish'],
      resources: [topic.topicArn],
      conditions: {
        StringEquals: { 'aws:SourceAccount': stack.account },
        ArnLike: { 'aws:SourceArn': stack.formatArn(alarms) },
      },
    }),
  )
  // The key checks no more than who asks: what may be published is for the topic's policy to say.
  topic.masterKey?.addToResourcePolicy(
    new PolicyStatement({
      principals: [cloudWatch],
      actions: ['kms:Decrypt', 'kms:GenerateDataKey*'],
      resources: ['*'],
    }),
  )
}
