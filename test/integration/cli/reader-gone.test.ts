import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { GetQueueAttributesCommand, SendMessageBatchCommand } from '@aws-sdk/client-sqs'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { noteRunning } from '../../../infra/cli/running.ts'
import { type LocalStack, startLocalStack } from '../../../infra/local/aws/stack.ts'

let folder: string
let note: string
let stack: LocalStack

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'relay-'))
  note = join(folder, 'note.json')
  stack = await startLocalStack()
  noteRunning({ stack, hubspot: { url: 'http://127.0.0.1:1' } }, note)
  for (let batch = 0; batch < 10; batch++)
    await stack.sqs.send(
      new SendMessageBatchCommand({
        QueueUrl: stack.queueUrl('StatusUpdates/DeadLetters'),
        Entries: Array.from({ length: 10 }, (_, index) => ({
          Id: String(index),
          MessageBody: letter(batch * 10 + index),
        })),
      }),
    )
})

afterAll(async () => {
  await stack?.stop()
  await rm(folder, { recursive: true })
})

test('where the reader goes away, the command ends without a stack, and all letters can be seen again', async () => {
  const command = run('dead-letters', 'list', '--json')
  // As head and a broken jq do: before anything, and for good.
  command.stdout.destroy()
  const [said, [exitCode]] = await Promise.all([text(command.stderr), once(command, 'exit')])

  expect(said).not.toMatch(/EPIPE|at .*node:/)
  expect(exitCode).toBe(141)
  expect(await lettersSeen()).toBe(100)
})

test.each([
  ['SIGTERM', 143],
  ['SIGHUP', 129],
] as const)('%s ends a command that holds letters as Ctrl-C does', async (signal, code) => {
  const command = run('dead-letters', 'list', '--json')
  const exit = once(command, 'exit')
  // While it looks for more, it holds those that it has.
  while ((await lettersSeen()) === 100 && command.exitCode === null) await new Promise((end) => setTimeout(end, 20))
  command.kill(signal)

  expect((await exit)[0]).toBe(code)
  expect(await lettersSeen()).toBe(100)
})

function run(...args: string[]) {
  const program = `
    import { relay } from ${JSON.stringify(new URL('../../../infra/cli/relay.ts', import.meta.url).href)}
    import { processTerminal } from ${JSON.stringify(new URL('../../../infra/cli/terminal.ts', import.meta.url).href)}
    process.exitCode = await relay(${JSON.stringify(['--local', ...args])}, { terminal: processTerminal(), note: ${JSON.stringify(note)} })`
  return spawn(process.execPath, ['--input-type=module', '--eval', program], { stdio: ['ignore', 'pipe', 'pipe'] })
}

async function lettersSeen() {
  const QueueUrl = stack.queueUrl('StatusUpdates/DeadLetters')
  const AttributeNames = ['ApproximateNumberOfMessages' as const]
  const { Attributes } = await stack.sqs.send(new GetQueueAttributesCommand({ QueueUrl, AttributeNames }))
  return Number(Attributes?.['ApproximateNumberOfMessages'])
}

const letter = (n: number) =>
  JSON.stringify({
    v: 1,
    portalId: '1001',
    channelId: '2300310',
    messageId: `message-${n}`,
    deadLetter: {
      reason: 'HubSpot refuses it',
      attempts: 1,
      since: new Date().toISOString(),
      at: new Date().toISOString(),
    },
  })
