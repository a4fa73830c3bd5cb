import { DeleteMessageCommand, ReceiveMessageCommand } from '@aws-sdk/client-sqs'
import { tenantOf } from '../../../functions/messages/about.ts'
import { createQueue } from '../../../functions/platform/queue.ts'
import { readLetter, toRedrive } from '../../cli/letter.ts'
import { type QueueName, queueNames } from '../../cli/queues.ts'
import type { LocalStack } from '../aws/stack.ts'

/** The dead letters of a stack that runs here, all of them, and the way back for one. */
export function createDeadLetters({ sqs, outputs, queueContents }: LocalStack) {
  // The stack's outputs, and its parts, are in PascalCase: StatusUpdatesQueueUrl.
  const partOf = (queue: QueueName) => queue.replace(/(^|-)(\w)/g, (_, _dash, letter: string) => letter.toUpperCase())
  const queues = queueNames.filter((queue) => outputs[`${partOf(queue)}DeadLettersUrl`] !== undefined)

  return {
    /** What is there, the newest first. Everybody else goes on seeing it. */
    async list() {
      const found = await Promise.all(
        queues.map(async (queue) =>
          (await queueContents(`${partOf(queue)}/DeadLetters`)).map((message) =>
            readLetter(message, { queue, maxReceives }),
          ),
        ),
      )
      const letters = found.flat().map(({ job: _, ...letter }) => letter)
      return letters.toSorted((a, b) => b.since - a.since)
    },

    /** Sends a letter back to its queue, as `npm run relay -- dead-letters redrive` does. False where there is none. */
    async redrive(queue: QueueName, id: string) {
      const QueueUrl = outputs[`${partOf(queue)}DeadLettersUrl`]!
      for (;;) {
        // What is not meant comes back into sight a moment later.
        const { Messages = [] } = await sqs.send(
          new ReceiveMessageCommand({
            QueueUrl,
            MaxNumberOfMessages: 10,
            VisibilityTimeout: 2,
            MessageSystemAttributeNames: ['All'],
          }),
        )
        const message = Messages.find(({ MessageId }) => MessageId === id)
        if (message) {
          const letter = readLetter(message, { queue, maxReceives })
          const source = createQueue(sqs, outputs[`${partOf(queue)}QueueUrl`]!)
          await source.send(toRedrive(letter, Date.now()), { group: tenantOf(letter.job) })
          await sqs.send(new DeleteMessageCommand({ QueueUrl, ReceiptHandle: message.ReceiptHandle }))
          return true
        }
        if (Messages.length === 0) return false
      }
    },
  }
}

/** After how many receives a message becomes a dead letter here: sooner than when deployed. */
export const maxReceives = 5
