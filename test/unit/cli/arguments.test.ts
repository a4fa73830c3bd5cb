import { expect, test } from 'vitest'
import { readDocument } from '../../../infra/cli/arguments.ts'
import type { Terminal } from '../../../infra/cli/terminal.ts'

const given = (text: string) => ({ readInput: async () => text }) as Terminal

test('a document that an editor saved with a byte order mark is the same', async () => {
  expect(await readDocument(given('\ufeff{"provider": "line"}\r\n'), '-')).toEqual({ provider: 'line' })
})

test('what is no JSON is not quoted', async () => {
  await expect(readDocument(given('{"botToken": secret'), '-')).rejects.toThrow(
    /^What was given is not JSON, and nothing was changed\.$/,
  )
})
