import {
  ChangeMessageVisibilityBatchCommand,
  GetQueueAttributesCommand,
  ReceiveMessageCommand,
  type SQSClient,
} from '@aws-sdk/client-sqs'
import { expect, test } from 'vitest'
import { look } from '../../../infra/cli/commands/dead-letters.ts'
import type { Deployment } from '../../../infra/cli/deployment.ts'
import type { Terminal } from '../../../infra/cli/terminal.ts'

test('where one queue may not be read, the letters of the others can be seen again', async () => {
  const letters = ['a', 'b', 'c']
  const outOfSight = new Set<string>()
  const sqs = {
    async send(command: unknown) {
      if (command instanceof GetQueueAttributesCommand) return { Attributes: {} }
      if (command instanceof ChangeMessageVisibilityBatchCommand) {
        for (const { ReceiptHandle } of command.input.Entries!) outOfSight.delete(ReceiptHandle!)
        return {}
      }
      if (!(command instanceof ReceiveMessageCommand)) throw new Error('unexpected')
      if (command.input.QueueUrl === 'forbidden') throw Object.assign(new Error('no'), { name: 'AccessDenied' })
      await new Promise((end) => setTimeout(end, 5))
      const id = letters.find((one) => !outOfSight.has(one))
      if (id) outOfSight.add(id)
      return id ? { Messages: [{ MessageId: id, ReceiptHandle: id, Body: '{}', Attributes: {} }] } : {}
    },
  } as unknown as SQSClient
  const outputs = {
    DeliveriesQueueUrl: 'deliveries',
    DeliveriesDeadLettersUrl: 'forbidden',
    StatusUpdatesQueueUrl: 'updates',
    StatusUpdatesDeadLettersUrl: 'allowed',
  }
  const terminal = { note() {}, progress() {}, signal: new AbortController().signal } as unknown as Terminal
  const all = { limit: 10 }

  await expect(look({ sqs, outputs } as Deployment, terminal, all, async () => {})).rejects.toThrow('no')
  await new Promise((end) => setTimeout(end, 50))

  expect([...outOfSight]).toEqual([])
})
