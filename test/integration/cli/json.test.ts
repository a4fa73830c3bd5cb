import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { noteRunning } from '../../../infra/cli/running.ts'
import { shortened, startInbox } from '../../../infra/local/inbox/inbox.ts'
import { app, ids, type LocalRelay, startLocalRelay } from '../../../infra/local/local-relay.ts'
import { serveTriggers } from '../../../infra/local/trigger.ts'
import { runRelay } from '../../support/relay-terminal.ts'

// Every command that says something says it as JSON, too: one document, and nothing beside it.

let folder: string
let note: string
let relay: LocalRelay
let messageId: string
let stopping: AsyncDisposableStack

beforeAll(async () => {
  stopping = new AsyncDisposableStack()
  folder = await mkdtemp(join(tmpdir(), 'relay-'))
  stopping.defer(() => rm(folder, { recursive: true }))
  note = join(folder, 'note.json')
  relay = stopping.use(await startLocalRelay(shortened))
  const inbox = await startInbox(relay)
  stopping.defer(inbox.stop)
  const triggers = await serveTriggers({ relay, player: inbox, accounts: () => ['3000000001'] })
  stopping.defer(triggers.stop)
  noteRunning({ ...relay, controlUrl: triggers.url }, note)
  await relay.installApp('1002')
  // An event that nobody knows is kept among the dead letters.
  await relay.hubspot.sendEvent({ type: 'NEW', portalId: '1001' }, { channelId: ids.channelId })
  messageId = (await inbox.play('3000000001', 'Hello', { receipts: [{ status: 'delivered' }] })).id
  await relay.stack.idle({ withinSeconds: 5 })
})
afterAll(() => stopping?.disposeAsync())

const key = 'the developer key'
const forward = () =>
  JSON.stringify({ provider: 'forward', url: 'http://127.0.0.1:1/', format: 'job', secrets: [whsec] })
const whsec = `whsec_${Buffer.from('the secret of some channel').toString('base64')}`
const letter = async () =>
  (JSON.parse((await runRelay(note, ['dead-letters', 'list', '--json'])).printed) as { id: string }[])[0]!.id

/** For each command, how it is called, in an order that works; `exits` where it finds something. */
type Call = { args: () => string[] | Promise<string[]>; answers?: string[]; input?: () => string; exits?: number }
const calls: Record<string, Call> = {
  doctor: { args: () => ['doctor'], exits: 1 },
  'message show': { args: () => ['message', 'show', messageId, '--portal', ids.portalId] },
  'message list': { args: () => ['message', 'list', '--portal', ids.portalId] },
  'message erase': { args: () => ['message', 'erase', messageId, '--force', '--dry-run'] },
  'status set': { args: () => ['status', 'set', messageId, 'read'] },
  probe: { args: () => ['probe', messageId, '--yes'] },
  reconcile: { args: () => ['reconcile'] },
  queues: { args: () => ['queues', '--wait'], exits: 1 },
  'dead-letters list': { args: () => ['dead-letters', 'list'] },
  'dead-letters show': { args: async () => ['dead-letters', 'show', await letter()] },
  'dead-letters redrive': { args: () => ['dead-letters', 'redrive'] },
  'dead-letters purge': { args: () => ['dead-letters', 'purge', '--yes'] },
  sign: { args: () => ['sign'] },
  trigger: { args: () => ['trigger', 'delivered'] },
  'secret set app': { args: () => ['secret', 'set', 'app', '--file', '-'], input: () => JSON.stringify(app) },
  'secret set channel': { args: () => ['secret', 'set', 'channel', '3000000009', '--file', '-'], input: forward },
  'secret check': { args: () => ['secret', 'check'] },
  'secret rotate app': { args: () => ['secret', 'rotate', 'app', '--finish'] },
  'secret rotate channel': {
    args: () => ['secret', 'rotate', 'channel', '3000000009'],
    answers: [`whsec_${Buffer.from('the next secret of that channel').toString('base64')}`],
  },
  'secret remove channel': { args: () => ['secret', 'remove', 'channel', '3000000009', '--yes'] },
  'portal list': { args: () => ['portal', 'list'] },
  'portal show': { args: () => ['portal', 'show', '1002'] },
  'portal import': {
    args: () => ['portal', 'import', '1002', '--file', '-'],
    input: () => relay.hubspot.portal('1002')!.refreshToken,
  },
  'portal remove': { args: () => ['portal', 'remove', '1002', '--yes'] },
  'channel register': { args: () => ['channel', 'register', 'SMS', '--app-id', '77'], answers: [key] },
  'channel list': { args: () => ['channel', 'list', '--app-id', '77'], answers: [key] },
  'channel set-webhook': { args: () => ['channel', 'set-webhook', ids.channelId, '--app-id', '77'], answers: [key] },
  'channel accounts': { args: () => ['channel', 'accounts', ids.channelId] },
  'channel connect': { args: () => ['channel', 'connect', ids.channelId, '--inbox', '77001', '--name', 'Sales'] },
  'channel finish': {
    args: () => {
      const token = relay.hubspot.stageAccount('77001')
      return ['channel', 'finish', ids.channelId, token, '--name', 'Page', '--address', '+15550100009']
    },
  },
}

describe('with --json', () => {
  test.each(Object.entries(calls))('%s prints one document', async (_, { args, answers, input, exits = 0 }) => {
    const { printed, said, exitCode } = await runRelay(note, [...(await args()), '--json'], {
      ...(answers && { answers }),
      ...(input && { input: input() }),
    })

    expect(() => JSON.parse(printed), `${printed}\n${said}`).not.toThrow()
    expect(exitCode, said).toBe(exits)
  })

  test('every command was called; a dialogue and a stream of lines are not one document', async () => {
    expect((await leavesBelow([])).toSorted()).toEqual([...Object.keys(calls), 'setup', 'tail'].toSorted())
  })
})

/** The commands that have none below them, as their help lists them. */
async function leavesBelow(path: string[]): Promise<string[]> {
  const { printed } = await runRelay(note, [...path, '--help'])
  const [, listed = ''] = printed.split('Commands:\n')
  const names = [...listed.matchAll(/^ {2}([a-z-]+)/gm)].map(([, name = '']) => name).filter((name) => name !== 'help')
  const below = await Promise.all(names.map((name) => leavesBelow([...path, name])))
  return names.length === 0 ? [path.join(' ')] : below.flat()
}
