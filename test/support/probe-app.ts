import { App, CfnOutput, Duration, Stack } from 'aws-cdk-lib'
import { HttpApi, HttpMethod } from 'aws-cdk-lib/aws-apigatewayv2'
import { HttpLambdaIntegration } from 'aws-cdk-lib/aws-apigatewayv2-integrations'
import { AttributeType, TableV2 } from 'aws-cdk-lib/aws-dynamodb'
import { Code, Function as LambdaFunction, LoggingFormat, Runtime } from 'aws-cdk-lib/aws-lambda'
import { SqsEventSource } from 'aws-cdk-lib/aws-lambda-event-sources'
import { Secret } from 'aws-cdk-lib/aws-secretsmanager'
import { Queue } from 'aws-cdk-lib/aws-sqs'

// A stack with each kind of resource that a local stack runs, whose functions do what a test tells them to.
const stack = new Stack(new App(), 'Probe')

const table = new TableV2(stack, 'ledger', { partitionKey: { name: 'pk', type: AttributeType.STRING } })
const secret = new Secret(stack, 'app-secret', {
  generateSecretString: { secretStringTemplate: '{"clientId":"probe"}', generateStringKey: 'key' },
})

function queue(name: string) {
  const deadLetters = new Queue(stack, `${name}-dead-letters`)
  const visibilityTimeout = Duration.seconds(30)
  return new Queue(stack, name, { visibilityTimeout, deadLetterQueue: { queue: deadLetters, maxReceiveCount: 3 } })
}
const jobs = queue('jobs')
const gathered = queue('gathered')

function probe(name: string, timeout: Duration) {
  return new LambdaFunction(stack, name, {
    runtime: Runtime.NODEJS_24_X,
    handler: `index.${name}`,
    code: Code.fromAsset(`${import.meta.dirname}/probe`),
    timeout,
    loggingFormat: LoggingFormat.JSON,
    environment: { JOBS_QUEUE_URL: jobs.queueUrl, TABLE_NAME: table.tableName, SECRET_ARN: secret.secretArn },
  })
}

const work = probe('work', Duration.seconds(1))
work.addEventSource(new SqsEventSource(jobs, { reportBatchItemFailures: true, maxConcurrency: 2 }))
work.addEventSource(
  new SqsEventSource(gathered, { reportBatchItemFailures: true, maxBatchingWindow: Duration.seconds(1) }),
)

const api = new HttpApi(stack, 'api')
const routes = { '/echo/{channelId}': 'echo', '/answer': 'answer', '/obey': 'obey', '/broken': 'broken' }
for (const [path, name] of Object.entries(routes)) {
  const integration = new HttpLambdaIntegration(name, probe(name, Duration.seconds(2)))
  api.addRoutes({ path, methods: [HttpMethod.POST], integration })
}

new CfnOutput(stack, 'JobsQueueUrl', { value: jobs.queueUrl })
new CfnOutput(stack, 'EchoUrl', { value: `${api.apiEndpoint}/echo` })
