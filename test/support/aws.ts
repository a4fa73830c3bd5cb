import { type SendMessageCommand, type SQSClient, SQSServiceException } from '@aws-sdk/client-sqs'
import { decodeBody } from '../../functions/platform/queue.ts'

const unavailable = { name: 'ServiceUnavailable', message: 'Try later', $fault: 'server', $metadata: {} } as const

/** SQS in memory: keeps what it is sent and refuses what SQS refuses; while it is `down`, everything. */
export function createFakeSqs() {
  const messages: { queue: string; body: string; group: string; delaySeconds: number }[] = []
  const sqs = {
    down: false,
    messages,
    /** The jobs in a queue, as its consumer reads them. */
    jobsIn: (url: string) => messages.filter(({ queue }) => queue === url).map(({ body }) => decodeBody(body)),
    client: { send } as unknown as SQSClient,
  }

  async function send({ input }: SendMessageCommand) {
    const { QueueUrl: queue = '', MessageBody: body = '', MessageGroupId: group = '', DelaySeconds = 0 } = input
    if (sqs.down) throw new SQSServiceException(unavailable)
    const valid =
      body !== '' &&
      Buffer.byteLength(body) <= 1024 * 1024 &&
      /^[\t\n\r\u0020-\uD7FF\uE000-\uFFFD\u{10000}-\u{10FFFF}]*$/u.test(body) &&
      /^[\x21-\x7e]{1,128}$/.test(group) &&
      Number.isInteger(DelaySeconds) &&
      DelaySeconds >= 0 &&
      DelaySeconds <= 900
    if (!valid) throw new SQSServiceException({ ...unavailable, name: 'InvalidParameterValue', $fault: 'client' })
    messages.push({ queue, body, group, delaySeconds: DelaySeconds })
  }

  return sqs
}

/** Secrets Manager in memory. `values` and `answer` may be changed at any time; `reads` tells which were asked for. */
export function createFakeSecretsManager(secrets: Record<string, unknown> = {}) {
  const manager = {
    down: false,
    values: new Map(Object.entries(secrets).map(([id, value]) => [id, JSON.stringify(value)])),
    reads: [] as string[],
    getSecretValue: (input: { SecretId: string }) => manager.answer(input),
    answer,
  }

  async function answer({ SecretId: id }: { SecretId: string }) {
    manager.reads.push(id)
    if (manager.down) throw Object.assign(new Error('Try later'), unavailable)
    if (!manager.values.has(id)) throw Object.assign(new Error('No such secret'), { name: 'ResourceNotFoundException' })
    return { SecretString: manager.values.get(id) }
  }

  return manager
}
