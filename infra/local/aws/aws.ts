import type { IncomingHttpHeaders } from 'node:http'
import { text } from 'node:stream/consumers'
import { answerWhole, serve } from '../loopback.ts'

/** The AWS services that are emulated, by their prefix of `X-Amz-Target`. */
const services = {
  AmazonSQS: 'sqs',
  DynamoDB_20120810: 'dynamodb',
  secretsmanager: 'secretsmanager',
  Logs_20140328: 'logs',
  AWSEvents: 'events',
} as const
export type Service = (typeof services)[keyof typeof services]

/** A call of an AWS SDK; all these services speak AWS's JSON protocol. */
export type AwsCall = {
  service: Service
  /** `SendMessage`, for instance. */
  operation: string
  /** The caller's access key id: the name of a function, or somebody else's. */
  caller: string
  headers: IncomingHttpHeaders
  body: string
}
export type AwsAnswer = { statusCode: number; headers?: Record<string, string>; body: string }
export type Emulator = (call: AwsCall) => Promise<AwsAnswer>

/** Who calls from outside to set up the stack and to look on. Lambda's pollers call in the name of their function. */
export const operator = 'operator'

/** While it is in a stack's `faults`, calls that it names are refused; the operator's own calls never are. */
export type Fault = {
  service: Service
  /** Only this operation; every one of the service where absent. */
  operation?: string
  /** The code in the answer: `ThrottlingException`, `AccessDeniedException`… Default `ServiceUnavailable`. */
  error?: string
  /** The answer's status; SDKs try again from 500 on. Default 503. */
  statusCode?: number
  /** The call is carried out, and its caller is told the error all the same, as when an answer is lost. */
  takesEffect?: boolean
}

/**
 * One endpoint on loopback for all emulated services: every call of an AWS SDK arrives here.
 * `authorize` answers a call that its caller may not make; `onCall` is told each call and its answer.
 */
export async function startAwsEndpoint(
  emulators: Record<Service, Emulator>,
  authorize: (call: AwsCall) => AwsAnswer | undefined,
  onCall: (call: AwsCall, answer: AwsAnswer) => void = () => {},
) {
  const faults = new Set<Fault>()

  async function answer(call: AwsCall): Promise<AwsAnswer> {
    const fault = call.caller === operator ? undefined : [...faults].find((candidate) => concerns(candidate, call))
    if (fault && !fault.takesEffect) return errorAnswer(fault)
    const result = await emulators[call.service](call).catch((error) =>
      errorAnswer({ error: 'InternalFailure', statusCode: 500 }, String(error)),
    )
    return fault ? errorAnswer(fault) : result
  }

  const server = await serve(async (request, response) => {
    const [target = '', operation = ''] = String(request.headers['x-amz-target']).split('.')
    const service = services[target as keyof typeof services]
    const caller = /Credential=([^/]+)/.exec(request.headers.authorization ?? '')?.[1] ?? ''
    const call = { service, operation, caller, headers: request.headers, body: await text(request) }
    const answered = service
      ? (authorize(call) ?? (await answer(call)))
      : errorAnswer({ error: 'UnknownOperationException', statusCode: 400 })
    onCall(call, answered)
    const { statusCode, headers, body } = answered
    answerWhole(response, statusCode, { 'content-type': 'application/x-amz-json-1.0', ...headers }, body)
  })

  return { url: server.url, faults, close: server.close }
}

const concerns = (fault: Fault, call: AwsCall) =>
  fault.service === call.service && (fault.operation === undefined || fault.operation === call.operation)

/** An error as AWS's JSON protocol has it. */
export function errorAnswer(
  { error = 'ServiceUnavailable', statusCode = 503 }: Pick<Fault, 'error' | 'statusCode'>,
  message = error,
): AwsAnswer {
  return { statusCode, body: JSON.stringify({ __type: error, message }) }
}
