import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { noteRunning } from '../../../infra/cli/running.ts'
import { type LocalRelay, startLocalRelay } from '../../../infra/local/local-relay.ts'
import { runRelay, type Session } from '../../support/relay-terminal.ts'

let folder: string
let local: LocalRelay

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'relay-'))
  local = await startLocalRelay()
  noteRunning(local, join(folder, 'note.json'))
})
afterAll(async () => {
  await local?.stop()
  await rm(folder, { recursive: true })
})

const relay = (args: string[], session?: Session) => runRelay(join(folder, 'note.json'), args, session)

async function fileOf(...lines: (object | string)[]) {
  const file = join(folder, `${Math.random()}.jsonl`)
  await writeFile(file, lines.map((line) => (typeof line === 'string' ? line : JSON.stringify(line))).join('\n'))
  return file
}

describe('the refresh tokens of many accounts', () => {
  const refreshTokens = () =>
    ['2001', '2002', '2003'].map((portalId) => local.hubspot.installApp(portalId).refreshToken)

  test('are first tried, then kept, each with its result; the second time there is nothing to do', async () => {
    const [first, second] = refreshTokens()
    const file = await fileOf({ portalId: 2001, refreshToken: first }, { portalId: '2002', refreshToken: second })
    local.hubspot.behaviour.rotatesRefreshTokens = true

    const tried = await relay(['portal', 'import', '--file', file, '--dry-run'])
    const before = (await relay(['portal', 'list'])).printed
    const imported = await relay(['portal', 'import', '--file', file])
    const again = await relay(['portal', 'import', '--file', file, '--json'])

    expect(tried).toMatchObject({
      exitCode: 0,
      printed: 'line 1, 2001: would be imported\nline 2, 2002: would be imported',
    })
    expect(before).not.toContain('2001')
    expect(imported).toMatchObject({ exitCode: 0, printed: 'line 1, 2001: imported\nline 2, 2002: imported' })
    expect(again.printed.split('\n').map((line) => JSON.parse(line))).toEqual([
      { line: 1, id: '2001', result: 'unchanged' },
      { line: 2, id: '2002', result: 'unchanged' },
    ])
    expect((await relay(['portal', 'list'])).printed).toMatch(/^2001 {2}given\n2002 {2}given$/m)
  })

  test('are imported but for the lines that cannot be, and no line is quoted', async () => {
    const [, , third] = refreshTokens()
    const secret = 'a-token-that-nobody-may-see'
    const file = await fileOf(
      { portalId: '2003', refreshToken: secret },
      '{"portalId": "2004", "refreshToken": "a-token-that',
      '',
      { portalId: '2005', refreshToken: third },
      { portalId: 'x', refreshToken: secret },
      { portalId: '2006', refreshtoken: secret },
      { portalId: '2003', refreshToken: third },
      { portalId: '2007', refreshToken: third, note: secret },
    )

    const { exitCode, printed, all } = await relay(['portal', 'import', '--file', file])

    expect(printed.split('\n')).toEqual([
      'line 1, 2003: failed: HubSpot refuses this refresh token (HTTP 400, invalid_grant, BAD_REFRESH_TOKEN)',
      'line 2: failed: it is not JSON',
      expect.stringMatching(/^line 4, 2005: failed: This refresh token belongs to portal 2003, not 2005$/),
      'line 5: failed: portalId: invalid format',
      expect.stringMatching(/^line 6: failed: refreshToken: /),
      'line 7, 2003: failed: it stands on line 1 already',
      expect.stringMatching(/^line 8: failed: it has fields that nobody reads: note/),
    ])
    expect(exitCode).toBe(1)
    expect(all).not.toContain('a-token-that')
  })

  test('come over the standard input as well; after Ctrl-C the next run goes on', async () => {
    const interrupted = new AbortController()
    const [, , third] = refreshTokens()
    local.hubspot.behaviour.rotatesRefreshTokens = false
    const input = [
      { portalId: '2003', refreshToken: third },
      { portalId: '2004', refreshToken: local.hubspot.installApp('2004').refreshToken },
    ]
      .map((line) => JSON.stringify(line))
      .join('\r\n')

    const first = await relay(['portal', 'import'], {
      input,
      signal: interrupted.signal,
      onPrint: () => interrupted.abort(130),
    })
    const second = await relay(['portal', 'import'], { input })

    expect(first).toMatchObject({ exitCode: 130, printed: 'line 1, 2003: imported' })
    expect(second).toMatchObject({ exitCode: 0, printed: 'line 1, 2003: unchanged\nline 2, 2004: imported' })
  })
})

describe('the credentials of many', () => {
  const telegram = {
    provider: 'telegram',
    botToken: '123456789:AAE-local-token-of-a-bot-that-nobody-knows',
  }

  test('are set line by line, and what is there already is left alone', async () => {
    const account = (number: number) => ({
      provider: 'forward',
      url: `https://messages.example.com/${number}`,
      secrets: [`whsec_${Buffer.from(`the secret of account number ${number}`).toString('base64')}`],
    })
    const file = await fileOf({ id: '3001', account: account(1) }, { id: '3002', account: account(2) })

    const tried = await relay(['secret', 'set', 'channel', '--file', file, '--dry-run'])
    const created = await relay(['secret', 'set', 'channel', '--file', file])
    const other = await fileOf({ id: '3001', account: account(1) }, { id: '3002', account: account(3) })
    const changed = await relay(['secret', 'set', 'channel', '--file', other])

    expect(tried).toMatchObject({
      exitCode: 0,
      printed: 'line 1, 3001: would be created\nline 2, 3002: would be created',
    })
    expect(created).toMatchObject({ exitCode: 0, printed: 'line 1, 3001: created\nline 2, 3002: created' })
    expect(changed).toMatchObject({ exitCode: 0, printed: 'line 1, 3001: unchanged\nline 2, 3002: set' })
    expect((await relay(['secret', 'check'])).printed).toContain(
      '✓ The secret of channel or channel account 3002 is complete (forward).',
    )
  })

  test('a line that its provider could not use names the field, and nothing of its value', async () => {
    const file = await fileOf(
      { id: '3003', account: { ...telegram, provider: 'pigeon' } },
      { id: '30/03', account: telegram },
      { id: '3004', account: { ...telegram, botToken: 7 } },
      { id: '3005', account: { ...telegram, sendOn: 'accepted' } },
      { id: '3006' },
    )

    const { exitCode, printed, all } = await relay(['secret', 'set', 'channel', '--file', file])

    expect(exitCode).toBe(1)
    expect(printed.split('\n')).toEqual([
      expect.stringMatching(/^line 1: failed: account\.provider: /),
      'line 2: failed: id: invalid format',
      expect.stringMatching(/^line 3, 3004: failed: botToken: /),
      'line 4, 3005: failed: it has fields that nobody reads: sendOn (did you mean sentOn?)',
      expect.stringMatching(/^line 5: failed: account: /),
    ])
    expect(all).not.toMatch(/AAE-local/)
  })

  test('without an id and a file nothing is asked', async () => {
    expect(await relay(['secret', 'set', 'channel'], { answers: [] })).toMatchObject({ exitCode: 1 })
    expect(await relay(['portal', 'import'], { answers: [] })).toMatchObject({ exitCode: 1 })
  })
})
