import { BatchGetItemCommand, ScanCommand } from '@aws-sdk/client-dynamodb'
import { Command } from 'commander'
import pc from 'picocolors'
import { expect, test } from 'vitest'
import { addMessageCommands } from '../../../infra/cli/commands/message.ts'
import type { Deployment } from '../../../infra/cli/deployment.ts'
import type { Logs } from '../../../infra/cli/logs.ts'
import type { Terminal } from '../../../infra/cli/terminal.ts'

const rows = ['a', 'b', 'c'].map((messageId, index) => ({
  ...{ portalId: '1', channelId: '2', messageId, account: '30', thread: '88' },
  at: `2026-11-22 12:00:0${index}.000`,
}))

/** A relay in AWS whose ledger is empty, and what is asked of it. */
function relayWith(query: NonNullable<Logs['query']>) {
  const asked: string[] = []
  const dynamodb = {
    async send(command: unknown) {
      if (command instanceof ScanCommand) asked.push('Scan')
      if (!(command instanceof BatchGetItemCommand)) return { Items: [] }
      const keys = command.input.RequestItems?.['Ledger']?.Keys ?? []
      asked.push(...keys.map(({ pk }) => `get ${pk?.S}`))
      return { Responses: { Ledger: [] }, UnprocessedKeys: {} }
    },
  }
  const deployment = { dynamodb, outputs: { LedgerTableName: 'Ledger' }, logs: { query } } as unknown as Deployment
  const printed: string[] = []
  const said: string[] = []
  const terminal = {
    print: (text) => void printed.push(text),
    note: (text) => void said.push(text),
    progress() {},
    colors: pc.createColors(false),
    signal: new AbortController().signal,
  } as Partial<Terminal> as Terminal
  const program = new Command().exitOverride()
  addMessageCommands(program, { terminal, deployment: async () => deployment })
  const show = (...args: string[]) => program.parseAsync(['message', 'show', ...args], { from: 'user' })
  return { asked, printed, said, show }
}

test("a thread's messages are read one by one, as many as are printed, and the ledger is not scanned", async () => {
  const { show, asked, printed } = relayWith(async () => ({ rows, bytes: 1 }))

  await show('88', '--limit', '2')

  expect(asked.toSorted()).toEqual(['get 1#2#b', 'get 1#2#c'])
  expect(printed.at(-1)).toBe(
    '3 messages of thread 88 in the logs of the last 30 days (shown: 2; --limit shows more). ' +
      'One of them: npm run relay -- message show c --portal 1 --channel 2',
  )
})

test('a message that the logs know is read by its key, and is said to be unknown where the ledger has lost it', async () => {
  const { show, asked } = relayWith(async () => ({ rows: rows.slice(0, 1), bytes: 1 }))

  await expect(show('a')).rejects.toThrow('The ledger knows no message a.')

  expect(asked).toEqual(['get 1#2#a'])
})

test('whoever may not ask the logs is told so, and the ledger is looked through', async () => {
  const { show, asked, said } = relayWith(async () => {
    throw Object.assign(new Error('not authorized'), { name: 'AccessDeniedException' })
  })

  await expect(show('a')).rejects.toThrow('The ledger knows no message a.')

  expect(said).toEqual([expect.stringContaining('AWS does not let the logs be read (AccessDeniedException)')])
  expect(new Set(asked)).toEqual(new Set(['Scan']))
})
