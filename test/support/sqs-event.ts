import type { SQSEvent } from 'aws-lambda'

/** A message as SQS hands it out. */
export type ReceivedMessage = { id: string; body: string; sentAt: number; receives: number }

/** The event that Lambda makes of a batch of messages. */
export function sqsEvent(messages: ReceivedMessage[]): SQSEvent {
  return {
    Records: messages.map(({ id, body, sentAt, receives }) => ({
      messageId: id,
      receiptHandle: id,
      body,
      attributes: {
        ApproximateReceiveCount: String(receives),
        SentTimestamp: String(sentAt),
        SenderId: 'sender',
        ApproximateFirstReceiveTimestamp: String(sentAt),
      },
      messageAttributes: {},
      md5OfBody: '',
      eventSource: 'aws:sqs',
      eventSourceARN: 'arn:aws:sqs:eu-central-1:000000000000:queue',
      awsRegion: 'eu-central-1',
    })),
  }
}
