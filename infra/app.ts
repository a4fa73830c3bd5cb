import { App, Stack, Validations } from 'aws-cdk-lib'
import { ArnPrincipal } from 'aws-cdk-lib/aws-iam'
import { Topic } from 'aws-cdk-lib/aws-sns'
import { AwsSolutionsChecks, ServerlessChecks } from 'cdk-nag'
import cdk from '../cdk.json' with { type: 'json' }
import { relayName } from './relay-name.ts'
import { readSettings } from './settings.ts'
import { StatusRelay } from './status-relay.ts'

// The CDK CLI hands over the context of cdk.json by itself; here it is the same for whoever runs this file without it.
const app = new App({ context: cdk.context })
const { alarmTopicArn, statusSenderArns = [], ...props } = readSettings(app.node)
const stack = new Stack(app, relayName(props.stage), {
  description: 'Keeps the delivery status of messages in HubSpot custom channels true',
})
const alarmTopic = alarmTopicArn ? Topic.fromTopicArn(stack, 'AlarmTopic', alarmTopicArn) : undefined
const relay = new StatusRelay(stack, 'Relay', { ...props, alarmTopic })
for (const arn of statusSenderArns) relay.grantSendStatuses(new ArnPrincipal(arn))

Validations.of(app).addPlugins(new AwsSolutionsChecks(app), new ServerlessChecks(app))
