import { setTimeout as wait } from 'node:timers/promises'
import { CreateTableCommand, DynamoDBClient, waitUntilTableExists } from '@aws-sdk/client-dynamodb'
import { CreateQueueCommand, SQSClient } from '@aws-sdk/client-sqs'
import * as z from 'zod'
import { startLimit } from '../pace.ts'
import { IntegrationProperties, RouteProperties, startHttpApi } from './api-gateway.ts'
import { type AwsAnswer, type AwsCall, operator, startAwsEndpoint } from './aws.ts'
import { createDynamoDb, TableProperties } from './dynamodb.ts'
import { createEventBridge, type PublishedEvent } from './event-bridge.ts'
import { EventSourceProperties, startEventSource } from './event-source.ts'
import { createIam, type Grant } from './iam.ts'
import { FunctionProperties, startLambda } from './lambda.ts'
import { createLogs } from './logs.ts'
import { accountId, type Cloud, find, goesBy, locateResources, secretArn } from './resources.ts'
import { createSecretsManager, initialValue, SecretProperties } from './secrets.ts'
import { createSqs, QueueProperties } from './sqs.ts'
import { StreamSourceProperties, startStreamSource } from './stream-source.ts'
import { readTemplate, synthesize } from './template.ts'

/** How a local stack is run. */
export type LocalStackOptions = {
  /** A synthesized cloud assembly, a folder inside the project. Default: the project's app, synthesized for it. */
  assembly?: string
  /** CDK's context for the app that is synthesized, as `-c` sets it. */
  context?: object
  /** The port of the HTTP API. Default: a free one. */
  port?: number
  /** Default: us-east-1. */
  region?: string
  /** Variables for every function, over those of the template; `url` is the HTTP API's. */
  environment?: Record<string, string> | ((stack: { url: string }) => Record<string, string>)
  /** Values of secrets, as `putSecret` takes them. */
  secrets?: Record<string, string | object>
  /** Told each line that a function writes. `functionName` is the end of its construct path: `deliver-message`. */
  onLog?(entry: LogEntry): void
  /** Told each call of AWS that the functions, their pollers and the operator make, and its answer. */
  onAwsCall?(call: AwsCall, answer: AwsAnswer): void
  /** Told each event that is published. */
  onEvent?(event: PublishedEvent): void
  overrides?: {
    /** Stands for every queue's visibility timeout, beside the batching window: what failed comes back sooner in tests. */
    visibilityTimeoutSeconds?: number
    /** Stands for the receives after which every queue makes a message a dead letter. */
    maxReceiveCount?: number
    /** Stands for each longer delay of a message. */
    maxDelaySeconds?: number
    /** Whether a grant of the template's policies is left out, to see what comes of it. */
    revoked?(grant: Grant): boolean
  }
}

/** A line that a function wrote. */
export type LogEntry = { functionName: string; line: string }

const maxLogLines = 100_000

/** A stack that runs on this machine. */
export type LocalStack = Awaited<ReturnType<typeof startLocalStack>>

/**
 * Runs what a cloud assembly says, with the bundles that would be deployed and on 127.0.0.1 only: the HTTP API, functions
 * (a process per execution environment), queues with their event sources, tables and secrets, and of all these each
 * function may call what its role allows.
 *
 * Resources go by their construct path below the stack, or the end of it: `deliver-message`, `StatusUpdates/DeadLetters`.
 * Throws where the template has something that cannot be run as it says.
 */
export async function startLocalStack(options: LocalStackOptions = {}) {
  const parts: Part[] = []
  let stopped: Promise<void> | undefined
  /** Ends everything: processes, pollers, servers. */
  const stop = () => (stopped ??= closeAll(parts))
  try {
    const stack = await startParts(options, (part) => {
      parts.unshift(part)
      return part
    })
    return { ...stack, stop, [Symbol.asyncDispose]: stop }
  } catch (error) {
    await stop()
    throw error
  }
}

/** What runs until it is closed. */
type Part = { close(): Promise<unknown> }

async function closeAll(parts: Part[]) {
  for (const part of parts) await part.close()
}

async function startParts(options: LocalStackOptions, closeLater: <P extends Part>(part: P) => P) {
  const { region = 'us-east-1', environment = {}, overrides = {} } = options
  const assembly = options.assembly ?? closeLater(await synthesizeForNow(options.context)).folder
  const template = readTemplate(assembly)

  const sqsEmulator = closeLater(createSqs(overrides))
  const logsEmulator = createLogs()
  // Nobody waits for minutes here until the functions have forgotten what they remember.
  const forgetSecrets = () => {
    for (const { retire } of functions) retire()
  }
  const secretsManager = createSecretsManager((name) => secretArn(cloud, name), forgetSecrets)
  const dynamoEmulator = createDynamoDb()
  const emulators = {
    sqs: sqsEmulator.emulate,
    async dynamodb(call: AwsCall) {
      const answer = await dynamoEmulator.emulate(call)
      const isOfSecrets = tables
        .filter(goesBy('Credentials'))
        .some(({ physicalName }) => call.body.includes(physicalName))
      if (isOfSecrets && /^(Put|Delete)Item$/.test(call.operation)) forgetSecrets()
      return answer
    },
    events: createEventBridge((event) => options.onEvent?.(event)),
    secretsmanager: secretsManager.emulate,
    logs: logsEmulator.emulate,
  }
  const aws = closeLater(await startAwsEndpoint(emulators, (call) => iam.authorize(call), options.onAwsCall))
  const lambda = closeLater(await startLambda())
  const httpApi = closeLater(await startHttpApi({ port: options.port, accountId }))
  const cloud: Cloud = { region, accountId, awsUrl: aws.url, apiUrl: httpApi.url }

  const resources = locateResources(template, cloud)
  const iam = createIam(resources, cloud, overrides.revoked)
  const queues = resources.ofType(QueueProperties, 'AWS::SQS::Queue')
  const tables = resources.ofType(TableProperties, 'AWS::DynamoDB::Table', 'AWS::DynamoDB::GlobalTable')
  const secrets = resources.ofType(SecretProperties, 'AWS::SecretsManager::Secret')
  const sources = resources
    .ofType(z.union([StreamSourceProperties, EventSourceProperties]), 'AWS::Lambda::EventSourceMapping')
    .map(({ properties }) => properties)
  const eventSources = sources.flatMap((properties) =>
    isOfStream(properties)
      ? []
      : [{ properties, queue: findBy(queues, ({ arn }) => arn === properties.EventSourceArn) }],
  )

  const variables = typeof environment === 'function' ? environment({ url: httpApi.url }) : environment
  const functions = resources.ofType(FunctionProperties, 'AWS::Lambda::Function').map((resource) => {
    const { name, physicalName, arn, properties } = resource
    const functionName = name.split('/').at(-1) ?? name
    const logs: string[] = []
    const lambdaFunction = lambda.createFunction({
      name: physicalName,
      arn,
      taskRoot: template.assetFolder(properties.Code.S3Key),
      properties,
      environment: {
        ...awsEnvironment(physicalName, cloud),
        ...(overrides.maxReceiveCount && { MAX_RECEIVE_COUNT: String(overrides.maxReceiveCount) }),
        ...variables,
      },
      onLine(line) {
        if (logs.push(line) > maxLogLines) logs.shift()
        logsEmulator.write(`/aws/lambda/${physicalName}`, line)
        options.onLog?.({ functionName, line })
      },
    })
    return { ...resource, ...lambdaFunction, logs }
  })
  const functionOf = (reference: string) => findBy(functions, ({ ref, arn }) => ref === reference || arn === reference)

  const sqs = new SQSClient(clientConfig(operator, cloud))
  const shortened = (window = 0) =>
    overrides.visibilityTimeoutSeconds === undefined ? undefined : overrides.visibilityTimeoutSeconds + window
  for (const { physicalName, properties } of queues) {
    const source = eventSources.find(({ queue }) => queue.physicalName === physicalName)
    const visibilityTimeout = shortened(source?.properties.MaximumBatchingWindowInSeconds)
    const Attributes = {
      ...properties,
      ...(visibilityTimeout !== undefined && { VisibilityTimeout: String(visibilityTimeout) }),
      ...givenUpAfter(properties.RedrivePolicy, overrides),
    }
    await sqs.send(new CreateQueueCommand({ QueueName: physicalName, Attributes }))
  }

  const dynamodb = new DynamoDBClient(clientConfig(operator, cloud))
  for (const {
    physicalName: TableName,
    properties: { StreamSpecification: _, ...properties },
  } of tables) {
    await dynamodb.send(new CreateTableCommand({ TableName, BillingMode: 'PAY_PER_REQUEST', ...properties }))
    await waitUntilTableExists({ client: dynamodb, maxWaitTime: 60, minDelay: 0.01, maxDelay: 0.01 }, { TableName })
  }

  for (const { physicalName, properties } of secrets) secretsManager.put(physicalName, initialValue(properties))
  function putSecret(name: string, value: string | object) {
    const fullName = secrets.some(goesBy(name)) ? find(secrets, name).physicalName : name
    secretsManager.put(fullName, typeof value === 'string' ? value : JSON.stringify(value))
  }
  for (const [name, value] of Object.entries(options.secrets ?? {})) putSecret(name, value)

  const integrations = resources.ofType(IntegrationProperties, 'AWS::ApiGatewayV2::Integration')
  for (const { properties: route } of resources.ofType(RouteProperties, 'AWS::ApiGatewayV2::Route')) {
    const { properties: integration } = findBy(integrations, ({ ref }) => route.Target === `integrations/${ref}`)
    const { invoke } = functionOf(integration.IntegrationUri)
    httpApi.addRoute({ key: route.RouteKey, timeoutMs: integration.TimeoutInMillis, invoke })
  }

  for (const { properties, queue } of eventSources) {
    const { physicalName, invoke } = functionOf(properties.FunctionName)
    iam.requireEventSource(physicalName, queue.arn)
    const poller = new SQSClient(clientConfig(physicalName, cloud))
    const visibilityTimeoutSeconds = shortened(properties.MaximumBatchingWindowInSeconds)
    closeLater(
      startEventSource({ sqs: poller, queueUrl: queue.ref, region, properties, invoke, visibilityTimeoutSeconds }),
    )
  }

  const streamSources = sources.filter(isOfStream).map((properties) => {
    const { physicalName, invoke } = functionOf(properties.FunctionName)
    const table = findBy(tables, ({ arn }) => properties.EventSourceArn.startsWith(`${arn}/`))
    iam.requireStreamSource(physicalName, properties.EventSourceArn)
    const stream = dynamoEmulator.streamOf(table.physicalName)
    return { table, ...closeLater(startStreamSource({ stream, properties, invoke })) }
  })

  /** What keeps the stack from being idle, in words. */
  async function unfinished(withinSeconds: number) {
    // Invocations are counted before messages: an invocation's messages are in flight until after it has ended.
    const running = functions.filter((one) => one.pending() > 0).map(({ name }) => `${name} is running`)
    const dueBefore = Date.now() + withinSeconds * 1000
    const depths = await sqsEmulator.depths()
    const waiting = eventSources.flatMap(({ queue }) => {
      const { visible, inFlight, dueAt } = findBy(depths, ({ name }) => name === queue.physicalName)
      const count = visible + inFlight + dueAt.filter((at) => at < dueBefore).length
      return count > 0 ? [`${queue.name} has messages (${count})`] : []
    })
    const changes = streamSources.flatMap(({ table, pending }) =>
      pending() > 0 ? [`${table.name} has changes that nobody has taken (${pending()})`] : [],
    )
    return [...running, ...waiting, ...changes]
  }

  const selected = (name?: string) => (name === undefined ? functions : [find(functions, name)])

  return {
    /** The HTTP API. */
    url: httpApi.url,
    /** What the stack's outputs say. */
    outputs: resources.outputs,
    /** What an AWS SDK or the AWS CLI needs in its environment to talk to this stack. */
    environment: awsEnvironment(operator, cloud),
    sqs,
    dynamodb,
    queueUrl: (name: string) => find(queues, name).ref,
    tableName: (name: string) => find(tables, name).physicalName,

    /** Gives a secret of the template, or else one of this full name, a value; objects as JSON. */
    putSecret,

    /** Deletes a secret of this full name. */
    deleteSecret: secretsManager.remove,

    /** Invokes a function as Lambda's Invoke would. Never rejects for what the function does. */
    invoke: (name: string, payload: unknown) => find(functions, name).invoke(payload),
    /** The lines that a function has written, the last 100,000 of them. */
    functionLogs: (name: string): readonly string[] => find(functions, name).logs,
    /** The processes of a function, or of all. */
    processes: (name?: string) => selected(name).flatMap((one) => one.processes()),
    /** Kills the processes of a function, or of all, at whatever they are doing. Returns how many there were. */
    killEnvironments(name?: string) {
      const processes = selected(name).flatMap((one) => one.processes())
      for (const child of processes) child.kill('SIGKILL')
      return processes.length
    },

    /** Has no process of a function, or of all, take another invocation: those to come get new ones, which remember nothing. */
    retireEnvironments(name?: string) {
      for (const { retire } of selected(name)) retire()
    },

    /** How SQS behaves. */
    queueBehaviour: sqsEmulator.behaviour,
    /** How many messages each queue holds, delayed ones included. */
    async queueDepths(): Promise<Record<string, number>> {
      const depths = await sqsEmulator.depths()
      const countOf = (physicalName: string) => {
        const { visible, inFlight, dueAt } = findBy(depths, ({ name }) => name === physicalName)
        return visible + inFlight + dueAt.length
      }
      return Object.fromEntries(queues.map(({ name, physicalName }) => [name, countOf(physicalName)]))
    },
    /** What lies in a queue, as a look from outside that nobody notices. */
    queueContents: (name: string) => sqsEmulator.contents(find(queues, name).physicalName),
    /** While a fault is in here, the AWS calls that it names are refused. */
    faults: aws.faults,
    /** What the template's policies grant, and what of it was used. */
    grants: iam.grants,
    /** The AWS calls that no grant allowed, in AWS's words. */
    denials: iam.denials,

    /**
     * Resolves when nothing runs and no queue with a consumer has a message, save those delayed for longer than
     * `withinSeconds` (default 60). Rejects after `timeoutSeconds` (default 30) of a quiet machine's time.
     */
    async idle({ withinSeconds = 60, timeoutSeconds = 30 } = {}) {
      const limit = startLimit(timeoutSeconds * 1000)
      for (;;) {
        const reasons = await unfinished(withinSeconds)
        if (reasons.length === 0) return
        if (limit.isOver()) throw new Error(`Not idle after ${timeoutSeconds} s: ${reasons.join(', ')}.`)
        await wait(20)
      }
    },
  }
}

type Source = z.infer<typeof StreamSourceProperties> | z.infer<typeof EventSourceProperties>
const isOfStream = (source: Source): source is z.infer<typeof StreamSourceProperties> => 'StartingPosition' in source

// The deployed relay's names lead away from this machine.
const namelessHere = { 'relay.domain': null, 'relay.publicBaseUrl': null }

async function synthesizeForNow(context?: object) {
  const { folder, remove } = await synthesize({ context: { ...context, ...namelessHere } })
  return { folder, close: remove }
}

function givenUpAfter(redrivePolicy: string | undefined, { maxReceiveCount }: { maxReceiveCount?: number }) {
  if (!redrivePolicy || !maxReceiveCount) return {}
  return { RedrivePolicy: JSON.stringify({ ...JSON.parse(redrivePolicy), maxReceiveCount }) }
}

const clientConfig = (caller: string, { region, awsUrl }: Cloud) => ({
  endpoint: awsUrl,
  region,
  credentials: { accessKeyId: caller, secretAccessKey: 'local' },
})

const awsEnvironment = (caller: string, { region, awsUrl }: Cloud) => ({
  AWS_ENDPOINT_URL: awsUrl,
  AWS_REGION: region,
  AWS_DEFAULT_REGION: region,
  AWS_ACCESS_KEY_ID: caller,
  AWS_SECRET_ACCESS_KEY: 'local',
  AWS_SESSION_TOKEN: 'local',
  AWS_EC2_METADATA_DISABLED: 'true',
})

function findBy<T>(all: T[], isIt: (one: T) => boolean): T {
  const found = all.find(isIt)
  if (found === undefined) throw new Error('The template refers to a resource that the local stack does not run.')
  return found
}
