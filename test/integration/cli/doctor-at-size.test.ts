import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Finding } from '../../../infra/cli/findings.ts'
import { noteRunning } from '../../../infra/cli/running.ts'
import { putCredentials } from '../../../infra/local/credentials.ts'
import { ids, type LocalRelay, startLocalRelay } from '../../../infra/local/local-relay.ts'
import { runRelay, type Session } from '../../support/relay-terminal.ts'

// More portals and accounts than are looked at without being asked for.

const others = Array.from({ length: 24 }, (_, index) => String(2001 + index))
const account = '3000000001'

let folder: string
let local: LocalRelay

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'relay-'))
  local = await startLocalRelay({ overrides: { visibilityTimeoutSeconds: 1 } })
  await local.addChannelAccount(account, { conduct: () => ({}) })
  for (const portalId of others) {
    await local.installApp(portalId)
    await putCredentials(local.stack, `300000${portalId}`, {
      provider: 'forward',
      url: 'https://messages.example.com/',
      secrets: [`whsec_${Buffer.from(`the secret of portal ${portalId}`).toString('base64')}`],
    })
  }
  noteRunning(local, join(folder, 'note.json'))
})
afterAll(async () => {
  await local?.stop()
  await rm(folder, { recursive: true })
})

const relay = (args: string[], session?: Session) => runRelay(join(folder, 'note.json'), args, session)
async function findings(...options: string[]) {
  const found = JSON.parse((await relay(['doctor', '--json', ...options])).printed) as Finding[]
  return found.map(({ sentence }) => sentence)
}
const portalsIn = (sentences: string[]) =>
  sentences.flatMap((sentence) => /^Portal (\d+) gives access/.exec(sentence)?.[1] ?? [])
const isNoAccess = (sentence: string) => sentence.startsWith('No access to portal')
const isLeftOut = (sentence: string) => / not looked at: /.test(sentence)

test('doctor looks at the app, and at no portal and no account while nothing fails; --all at every one', async () => {
  local.hubspot.uninstallApp('2005')

  const usual = await findings()
  const all = await findings('--all')
  const later = await findings()

  expect(usual).toContain("HubSpot accepts the app's credentials.")
  expect(usual.filter(isLeftOut)).toEqual([
    'Portals not looked at: 25 of 25; nothing of theirs failed in the last day.',
    expect.stringMatching(
      /^Channels' and accounts' credentials not looked at: (\d+) of \1; nothing of theirs failed in the last day\.$/,
    ),
  ])
  expect(portalsIn(usual)).toEqual([])
  expect(portalsIn(all).toSorted()).toEqual([ids.portalId, ...others.filter((id) => id !== '2005')].toSorted())
  // What gave no access is looked at from then on.
  expect([all, later].map((found) => found.filter(isNoAccess))).toEqual([
    [expect.stringContaining('2005')],
    [expect.stringContaining('2005')],
  ])
  expect(all.filter(isLeftOut)).toEqual([])
  expect(
    all.filter((sentence) => /^The secret of channel or channel account .* is complete/.test(sentence)),
  ).toHaveLength(Number(/(\d+) of/.exec(usual.filter(isLeftOut)[1] ?? '')?.[1]))
})

test('doctor looks at the portal and the account whose message failed in the last day', async () => {
  await local.hubspot.sendMessage({
    ...{ ...ids, portalId: '2003', channelAccountId: account, text: 'Hello' },
    faults: [{ method: 'PATCH', answer: { status: 400 }, times: 5 }],
  })
  await local.stack.idle()

  const found = await findings()

  expect(portalsIn(found)).toEqual(['2003'])
  expect(found).toContain('Portals not looked at: 23 of 25; nothing of theirs failed in the last day.')
  expect(found).toContain(`The secret of channel or channel account ${account} is complete (forward).`)
  expect(found.filter((sentence) => /^The secret of .* 3000002\d{3} /.test(sentence))).toEqual([])
})

test('Ctrl-C ends doctor --all, and what was found until then is printed', async () => {
  const interrupted = new AbortController()
  const { exitCode, printed } = await relay(['doctor', '--all'], {
    signal: interrupted.signal,
    onPrint: (text) => /Portal \d+ gives access/.test(text) && interrupted.abort(130),
  })

  expect(exitCode).toBe(130)
  expect(portalsIn(printed.split('\n').map((line) => line.slice(2)))).toHaveLength(1)
})
