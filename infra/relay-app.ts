import { App, CfnOutput, Stack, Validations } from 'aws-cdk-lib'
import { EventBus } from 'aws-cdk-lib/aws-events'
import { ArnPrincipal } from 'aws-cdk-lib/aws-iam'
import { HostedZone } from 'aws-cdk-lib/aws-route53'
import { Topic } from 'aws-cdk-lib/aws-sns'
import { AwsSolutionsChecks, ServerlessChecks } from 'cdk-nag'
import cdk from '../cdk.json' with { type: 'json' }
import { StatusRelay } from './relay/status-relay.ts'
import { relayName } from './relay-name.ts'
import { readSettings } from './settings.ts'

/** The app of this repository: one relay, by its settings. `context` is what the command line adds to that of cdk.json. */
export function createRelayApp(context: Record<string, unknown> = {}) {
  // The CDK CLI hands over the context of cdk.json by itself; here it is the same for whoever runs this without it.
  const app = new App({ context: { ...cdk.context, ...context } })
  const { stage, domain, alarmTopicArn, eventBus, statusSenderArns = [], ...props } = readSettings(app.node)
  const stack = new Stack(app, relayName(stage), {
    description: 'Keeps the delivery status of messages in HubSpot custom channels true',
  })
  const alarmTopic = alarmTopicArn ? Topic.fromTopicArn(stack, 'AlarmTopic', alarmTopicArn) : undefined
  const relay = new StatusRelay(stack, 'Relay', {
    ...props,
    ...(domain && { domain: withZone(stack, domain) }),
    alarmTopic,
    ...(eventBus && { eventBus: busOf(stack, eventBus) }),
  })
  // The relay is alone in this stack, so its outputs need no prefix and no hash.
  for (const part of relay.node.children) if (part instanceof CfnOutput) part.overrideLogicalId(part.node.id)
  for (const arn of statusSenderArns) relay.grantSendStatuses(new ArnPrincipal(arn))

  Validations.of(app).addPlugins(new AwsSolutionsChecks(app), new ServerlessChecks(app))
  return app
}

const busOf = (stack: Stack, nameOrArn: string) =>
  nameOrArn.startsWith('arn:')
    ? EventBus.fromEventBusArn(stack, 'EventBus', nameOrArn)
    : EventBus.fromEventBusName(stack, 'EventBus', nameOrArn)

type DomainSetting = NonNullable<ReturnType<typeof readSettings>['domain']>

function withZone(stack: Stack, { hostedZone, ...domain }: DomainSetting) {
  if (!hostedZone) return domain
  const { id: hostedZoneId, name: zoneName } = hostedZone
  return { ...domain, hostedZone: HostedZone.fromHostedZoneAttributes(stack, 'Zone', { hostedZoneId, zoneName }) }
}
