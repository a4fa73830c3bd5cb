import type { Duration } from 'aws-cdk-lib'
import { PolicyStatement, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam'
import {
  ApplicationLogLevel,
  Architecture,
  Function as LambdaFunction,
  LoggingFormat,
  RecursiveLoop,
  Runtime,
  SystemLogLevel,
} from 'aws-cdk-lib/aws-lambda'
import { Construct } from 'constructs'
import { acknowledge } from './acknowledge.ts'
import { bundledCode } from './bundle.ts'
import { createLogGroup, type LogSettings } from './log-group.ts'

/** What one Lambda needs apart from its code. */
export interface FunctionProps {
  readonly timeout: Duration
  readonly memorySize: number
  /** Concurrency of the account that is reserved for it. */
  readonly reservedConcurrency?: number | undefined
  readonly logs: LogSettings
  /** The CloudWatch namespace that its metrics go to. */
  readonly metricsNamespace: string
  /** Its variables; undefined ones are left out. */
  readonly environment: Record<string, string | undefined>
  /** Every action that its role allows, with the ARNs that it is allowed on. */
  readonly may: Record<string, string[]>
}

/** The Lambda `functions/{name}.lambda.ts`, with a log group and a role of its own for just what it may do. */
export function createFunction(scope: Construct, name: string, props: FunctionProps) {
  const home = new Construct(scope, name)
  const logGroup = createLogGroup(home, 'Logs', props.logs)
  const role = new Role(home, 'Role', { assumedBy: new ServicePrincipal('lambda.amazonaws.com') })
  logGroup.grantWrite(role)
  for (const [action, resources] of Object.entries(props.may)) {
    role.addToPolicy(new PolicyStatement({ actions: [action], resources }))
  }

  const lambda = new LambdaFunction(home, 'Function', {
    code: bundledCode(name),
    handler: 'index.handler',
    runtime: Runtime.NODEJS_24_X,
    architecture: Architecture.ARM_64,
    timeout: props.timeout,
    memorySize: props.memorySize,
    ...(props.reservedConcurrency !== undefined && { reservedConcurrentExecutions: props.reservedConcurrency }),
    environment: {
      POWERTOOLS_SERVICE_NAME: name,
      POWERTOOLS_METRICS_NAMESPACE: props.metricsNamespace,
    },
    // Jobs that wait are sent again, for a day: Lambda would take that for a runaway loop and stop it after sixteen times.
    recursiveLoop: RecursiveLoop.ALLOW,
    role,
    logGroup,
    loggingFormat: LoggingFormat.JSON,
    // WARN leaves out Lambda's own START, END and REPORT lines, which would cost more than the function's own.
    systemLogLevelV2: SystemLogLevel.WARN,
    applicationLogLevelV2: ApplicationLogLevel.INFO,
  })
  acknowledge(
    lambda,
    {
      id: 'Serverless::Serverless-LambdaDLQ',
      reason: 'Lambda uses it for asynchronous invocations; API Gateway and SQS invoke this function, and wait.',
    },
    {
      id: 'Serverless::Serverless-LambdaTracing',
      reason: 'A trace id travels with each job, through the queues and their waits, and is in each log line.',
    },
  )
  for (const [variable, value] of Object.entries(props.environment)) {
    if (value !== undefined) lambda.addEnvironment(variable, value)
  }
  return lambda
}
