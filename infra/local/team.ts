import { setTimeout as sleep } from 'node:timers/promises'
import { SendMessageCommand, SQSClient } from '@aws-sdk/client-sqs'
import type { LocalStack } from './aws/stack.ts'
import type { Message } from './hubspot/state.ts'

/** The role under which a team's own service sends statuses; the settings of the forms without delivery let it in. */
export const teamRole = 'arn:aws:iam::000000000000:role/team'

/** What a team says over SQS of a message that it delivers by its own means: `times` copies, after a pause. */
export type TeamStatus = {
  /** Any text, since a team may be mistaken. */
  status: string
  reason?: string
  times?: number
  afterMs?: number
}

/** What happened, for whoever watches. */
export type TeamEvent = { type: 'status'; messageId: string; status: string }

/** A team's way to the queue of status updates, by an AWS SDK of its own and nothing of the relay's code. */
export function createStatusSender({ environment, outputs }: LocalStack, emit: (event: TeamEvent) => void) {
  const sqs = new SQSClient({
    endpoint: environment.AWS_ENDPOINT_URL,
    region: environment.AWS_REGION,
    credentials: { accessKeyId: 'team', secretAccessKey: 'local' },
  })

  return async (message: Message, { status, reason, times = 1, afterMs = 0 }: TeamStatus) => {
    const { portalId, channelId, channelAccountId, id: messageId } = message
    await sleep(afterMs)
    const occurredAt = new Date().toISOString()
    const update = {
      v: 1,
      portalId,
      channelId,
      channelAccountId,
      messageId,
      status,
      reason,
      source: 'team',
      occurredAt,
    }
    const command = new SendMessageCommand({
      QueueUrl: outputs['StatusUpdatesQueueUrl'],
      MessageBody: JSON.stringify(update),
      MessageGroupId: portalId,
    })
    for (let copy = 0; copy < times; copy++) await sqs.send(command)
    emit({ type: 'status', messageId, status })
  }
}
