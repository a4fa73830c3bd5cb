import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { describe, expect, onTestFinished, test } from 'vitest'
import { ageInMilliseconds } from '../../../infra/cli/arguments.ts'
import { noteRunning } from '../../../infra/cli/running.ts'
import { shellWord } from '../../../infra/cli/shell-word.ts'
import { runRelay } from '../../support/relay-terminal.ts'

const nowhere = '/nowhere/note.json'

describe('with --json, an error is a document, too', () => {
  test.each([
    ['one that has a remedy', ['doctor'], 1, { error: 'No local relay is running.', remedy: /npm start/ }],
    ['an argument that is missing', ['portal', 'show'], 2, { error: "missing required argument 'portalId'" }],
    ['an argument that is none', ['portal', 'show', 'x'], 2, { error: /must be a number/ }],
    ['a command that does not exist', ['dead-letters', 'lst'], 2, { error: /unknown command/ }],
    ['an option that does not exist', ['queues', '--quue', 'x'], 2, { error: /unknown option/ }],
  ])('%s: %j', async (_, args, code, expected) => {
    const { printed, said, exitCode } = await runRelay(nowhere, [...args, '--json'])

    const document = JSON.parse(printed) as Record<string, string>
    for (const [name, value] of Object.entries(expected)) expect(document[name]).toMatch(value)
    expect(exitCode).toBe(code)
    expect(said).not.toBe('')
  })

  test('and without it, nothing is printed', async () => {
    expect((await runRelay(nowhere, ['doctor'])).printed).toBe('')
  })
})

test.each(['0', '5', '-5m', '5 m', '1w', '999999d', '99999999999999999999s', ''])('%j is no age', (age) => {
  expect(() => ageInMilliseconds(age)).toThrow('It must be a number and a unit')
})

test.each([
  ['abc-1.2/3:4', 'abc-1.2/3:4'],
  ['two words', "'two words'"],
  ["it's", "'it'\\''s'"],
  ['$(rm)', "'$(rm)'"],
  ['', "''"],
])('%j is %s to a shell', async (given, word) => {
  const shell = spawn('sh', ['-c', `printf %s ${word}`], { stdio: ['ignore', 'pipe', 'inherit'] })

  expect(shellWord(given)).toBe(word)
  expect(await text(shell.stdout)).toBe(given)
})

test('where the input ends at a prompt, the command ends as after Ctrl-C, without another word', async () => {
  const terminal = 'process.stdin.isTTY = process.stderr.isTTY = true; process.stdin.setRawMode = () => process.stdin'
  const program = fileURLToPath(new URL('../../../infra/cli/relay.ts', import.meta.url))
  const folder = await mkdtemp(join(tmpdir(), 'relay-'))
  onTestFinished(() => rm(folder, { recursive: true }))
  const note = join(folder, 'note.json')
  noteRunning({ stack: { outputs, environment: aws }, hubspot: { url: 'http://127.0.0.1:1' } }, note)
  const command = spawn(
    process.execPath,
    ['--import', `data:text/javascript,${encodeURIComponent(terminal)}`, program, '--local', 'secret', 'set', 'app'],
    { stdio: ['pipe', 'pipe', 'pipe'], env: { ...process.env, LOCAL_RELAY_NOTE: note } },
  )
  command.stdin.end()
  const [said, [exitCode]] = await Promise.all([text(command.stderr), once(command, 'exit')])

  expect(said).toContain('Client ID:')
  expect(said).not.toContain('Warning')
  expect(exitCode).toBe(130)
})

const aws = { AWS_ENDPOINT_URL: 'http://127.0.0.1:1', AWS_REGION: 'eu-west-1' }
const outputs = {
  WebhookUrl: 'http://127.0.0.1:1/hubspot/webhook',
  StatusUpdatesQueueUrl: 'http://127.0.0.1:1/updates',
  StatusUpdatesDeadLettersUrl: 'http://127.0.0.1:1/dead',
  LedgerTableName: 'ledger',
  PortalsTableName: 'portals',
  AppSecretArn: 'arn:secret',
  HubSpotApiVersion: 'v3',
  MetricsNamespace: 'local',
}
