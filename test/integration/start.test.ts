import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import { usualPorts } from '../../infra/local/ports.ts'
import { createLinkBrowser } from '../support/link-browser.ts'
import { runRelay } from '../support/relay-terminal.ts'

const project = join(import.meta.dirname, '../..')
const note = join(mkdtempSync(join(tmpdir(), 'start-')), 'relay.json')
let npm: ChildProcess
let printed = ''

/** Starts an npm script as a person, an editor or a supervisor does. */
function run(args: string[], env: Record<string, string | undefined> = {}) {
  printed = ''
  npm = spawn('npm', args, {
    cwd: project,
    env: { ...process.env, NO_COLOR: '1', LOCAL_RELAY_NOTE: note, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  for (const stream of [npm.stdout!, npm.stderr!]) stream.on('data', (text) => (printed += text))
}

afterEach(() => {
  for (const pid of descendantsOf(npm.pid!)) process.kill(pid, 'SIGKILL')
  npm.kill('SIGKILL')
})

describe.skipIf(process.platform === 'win32')('npm start', () => {
  test.each([
    ['--forward-to', 'localhost:3000'],
    ['--forward-to', 'ftp://localhost:3000'],
    ['--hubspot', '127.0.0.1:8080'],
  ])('%s %s is refused at once: it says of no web address where it is', async (option, value) => {
    run(['start', '--', option, value])
    const [exitCode] = await once(npm, 'exit')

    expect(printed).toContain('It must begin with http:// or https://.')
    expect(exitCode).toBe(1)
  })

  test.each(['SIGTERM', 'SIGKILL'] as const)('of whose npm %s makes an end leaves nothing running', async (signal) => {
    run(['start', '--', '--no-messages'])
    await expect.poll(() => printed).toContain('Ready after')
    await fetch(/http:\S+hubspot\/webhook/.exec(printed)?.[0] ?? '', { method: 'POST' })
    const started = descendantsOf(npm.pid!)
    // A shell, the relay, and Lambdas at the least.
    expect(started.length).toBeGreaterThan(2)

    npm.kill(signal)
    await once(npm, 'exit')

    await expect.poll(() => alive(started)).toEqual([])
    expect(existsSync(note)).toBe(false)
  })

  test('with --empty is as just deployed: by what it prints, setup leads to the first true status', async () => {
    // Somebody else has this port, if not this test.
    await using holder = createServer()
    await once(holder.on('error', () => holder.emit('listening')).listen(4712, '127.0.0.1'), 'listening')
    run(['start', '--', '--empty'])
    await expect.poll(() => printed).toContain('Nothing is filled in.')
    const [, port] = /^Port 4712 is taken: the simulated HubSpot listens on port (\d+)\.$/m.exec(printed) ?? []
    expect(printed).toMatch(new RegExp(`^HubSpot +http://127\\.0\\.0\\.1:${port}  simulated$`, 'm'))
    expect(printed.split('\n').filter((line) => /\s$/.test(line))).toEqual([])
    const given = (name: string) => new RegExp(`${name}  (\\S+)`).exec(printed)?.[1] ?? ''
    const telegram = JSON.parse(/Telegram +({.*})/.exec(printed)?.[1] ?? '{}')
    const doctor = await runRelay(note, ['doctor'])

    const setUp = await runRelay(note, ['setup'], {
      answers: [
        ...[given('client id'), given('client secret'), ''],
        ...[given('app id'), given('developer API key'), 'Chat'],
        ...['telegram', telegram.botToken, 'accepted', ''],
        ...['', 'Our bot', ''],
      ],
      onPrint: (text) => {
        if (text.includes('opens this link')) void consent(/http\S+/.exec(text)![0])
        if (text.includes('Now have an agent')) void runRelay(note, ['trigger', 'delivered'])
      },
    })

    expect(doctor.exitCode, doctor.said).toBe(1)
    expect(setUp, setUp.said).toMatchObject({
      exitCode: 0,
      printed: expect.stringMatching(/HubSpot was told that message \w+ is SENT\./),
    })
  })

  test('goes on where somebody takes a port of its own while it builds', async () => {
    const other = createServer()
    try {
      // With what other tests have built, it would be ready at once.
      run(['start', '--', '--no-messages'], { SHARED_ASSEMBLIES: undefined })
      await expect.poll(() => printed).toContain('Building and starting the relay …')
      await once(other.listen(usualPorts.relay, '127.0.0.1'), 'listening').catch(() => {})

      await expect.poll(() => printed).toContain('Ready after')

      expect(printed).not.toContain(`http://127.0.0.1:${usualPorts.relay}/`)
    } finally {
      other.close()
    }
  })

  test('says in its first second what it does, and ends while it does it', async () => {
    // With what other tests have built, it would be ready at once.
    run(['start'], { SHARED_ASSEMBLIES: undefined })
    await expect.poll(() => printed).toContain('Building and starting the relay …')
    const started = descendantsOf(npm.pid!)

    npm.kill('SIGTERM')

    await expect.poll(() => alive(started)).toEqual([])
    expect(printed).not.toContain('Ready after')
  })
})

test.skipIf(process.platform === 'win32')('npm run demo ends without a stack where nobody reads on', async () => {
  run(['run', 'demo'])
  await expect.poll(() => printed).toContain('Building and starting the relay …')
  const started = descendantsOf(npm.pid!)
  npm.stdout!.destroy()

  const [exitCode] = await once(npm, 'exit')

  expect(printed).not.toMatch(/EPIPE|at .*node:/)
  expect(exitCode).toBe(141)
  await expect.poll(() => alive(started)).toEqual([])
})

async function consent(link: string) {
  const browser = createLinkBrowser()
  await browser.follow(await browser.open(link), 'Connect account 1002')
}

/** All that a process has started, and that have. */
function descendantsOf(pid: number): number[] {
  const lines = execFileSync('ps', ['-eo', 'pid=,ppid='], { encoding: 'utf8' }).trim().split('\n')
  const pairs = lines.map((line) => line.trim().split(/\s+/).map(Number))
  const below = (parent: number): number[] =>
    pairs.flatMap(([child = 0, of]) => (of === parent ? [child, ...below(child)] : []))
  return below(pid)
}

/** Those of the processes that run; what only waits to be reaped does not. */
function alive(pids: number[]) {
  const lines = execFileSync('ps', ['-eo', 'pid=,stat=,args='], { encoding: 'utf8' }).trim().split('\n')
  return lines.filter((line) => {
    const [pid = '', stat = ''] = line.trim().split(/\s+/)
    return pids.includes(Number(pid)) && !stat.startsWith('Z')
  })
}
