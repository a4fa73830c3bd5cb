import { DeleteMessageCommand, ReceiveMessageCommand } from '@aws-sdk/client-sqs'
import { tenantOf } from '../../../functions/messages/jobs.ts'
import { createQueue } from '../../../functions/platform/queue.ts'
import { readLetter, toRedrive } from '../../relay/letter.ts'
import { type QueueName, queueNames } from '../../relay/queues.ts'
import type { LocalStack } from '../stack.ts'

/** The dead letters of a stack that runs here: the first ten of each queue, and the way back for one of them. */
export function createDeadLetters({ sqs, outputs }: LocalStack) {
  async function receive(queue: QueueName, hiddenSeconds: number) {
    const { Messages = [] } = await sqs.send(
      new ReceiveMessageCommand({
        QueueUrl: queueOf(queue).deadLetters,
        MaxNumberOfMessages: 10,
        VisibilityTimeout: hiddenSeconds,
        MessageSystemAttributeNames: ['All'],
      }),
    )
    return Messages.map((message) => ({ message, letter: readLetter(message, { queue, maxReceives }) }))
  }

  function queueOf(queue: QueueName) {
    // The stack's outputs are in PascalCase: StatusUpdatesQueueUrl.
    const name = queue.replace(/(^|-)(\w)/g, (_, _dash, letter: string) => letter.toUpperCase())
    return { source: outputs[`${name}QueueUrl`]!, deadLetters: outputs[`${name}DeadLettersUrl`]! }
  }

  return {
    /** What is there. Everybody else goes on seeing it. */
    async list() {
      const queues = queueNames.filter((queue) => queueOf(queue).deadLetters !== undefined)
      const found = await Promise.all(queues.map((queue) => receive(queue, 0)))
      return found.flat().map(({ letter: { job: _, ...letter } }) => letter)
    },

    /** Sends a letter back to its queue, as `npm run relay -- dead-letters redrive` does. False where there is none. */
    async redrive(queue: QueueName, id: string) {
      const { source, deadLetters: QueueUrl } = queueOf(queue)
      const found = (await receive(queue, 1)).find(({ letter }) => letter.id === id)
      if (!found) return false
      const { letter, message } = found
      await createQueue(sqs, source).send(toRedrive(letter, Date.now()), { group: tenantOf(letter.job) })
      await sqs.send(new DeleteMessageCommand({ QueueUrl, ReceiptHandle: message.ReceiptHandle }))
      return true
    },
  }
}

/** After how many receives a message becomes a dead letter here: sooner than when deployed. */
export const maxReceives = 5
