import { DynamoDBClient } from '@aws-sdk/client-dynamodb'
import { describe, expect, test } from 'vitest'
import type { Deployment } from '../../../infra/cli/deployment.ts'
import type { Logs } from '../../../infra/cli/logs.ts'
import { atAPace, leftOut, queryForFailing, scopeOf } from '../../../infra/cli/scope.ts'
import type { Terminal } from '../../../infra/cli/terminal.ts'

const terminal = (signal = new AbortController().signal) => {
  const shown: string[] = []
  return {
    shown,
    signal,
    progress: (what: string, done: number, total?: number) => void shown.push(`${what} ${done}/${total}`),
  }
}
const items = (count: number) => Array.from({ length: count }, (_, index) => index)

async function paced(count: number, { signal, shown, progress } = terminal(), onItem = (_: number) => {}) {
  const before = performance.now()
  const done: number[] = []
  for await (const item of atAPace(items(count), { signal, progress }, { what: 'Looked at', perSecond: 200 })) {
    done.push(item)
    onItem(item)
  }
  return { done, shown, took: performance.now() - before }
}

test('many are looked at in their order, so many a second at most, and progress is shown', async () => {
  const { done, shown, took } = await paced(41)

  expect(done).toEqual(items(41))
  // A timer may be a millisecond early.
  expect(took).toBeGreaterThanOrEqual(40 * 4)
  expect(shown.at(-1)).toBe('Looked at 40/41')
})

test('Ctrl-C ends it after the one that is being looked at', async () => {
  const interrupted = new AbortController()

  const { done } = await paced(100, terminal(interrupted.signal), (item) => {
    if (item === 2) interrupted.abort(130)
  })

  expect(done).toEqual([0, 1, 2])
})

test('what failed lately is what the saved query of the affected accounts finds, and what was told FAILED', () => {
  expect(queryForFailing).toBe(
    [
      'filter (level in ["WARN", "ERROR"] or message = "Waiting" or ispresent(holds)) and (ispresent(portalId) or ispresent(channelId)) or statusType = "FAILED"',
      'stats count(*) as times by portalId, channelId, channelAccountId',
      'sort times desc',
      'limit 10000',
    ].join(' | '),
  )
})

test('what was left out is never called well, and nothing left out is not worth a word', () => {
  const scope = { ids: new Set<string>() }

  expect(leftOut('Portals', { of: 3, looked: 3, scope })).toEqual([])
  expect(leftOut('Portals', { of: 400, looked: 3, scope })).toEqual([
    {
      result: 'skipped',
      sentence: 'Portals not looked at: 397 of 400; nothing of theirs failed in the last day.',
      remedy: 'npm run relay -- doctor --all',
    },
  ])
  expect(leftOut('Portals', { of: 4, looked: 3, scope: { ...scope, problem: 'AccessDenied' } })).toMatchObject([
    { sentence: 'Portals not looked at: 1 of 4; AWS does not let it be seen which failed lately (AccessDenied).' },
  ])
})

describe('of 21 portals', () => {
  const portals = items(21).map((index) => ({ pk: { S: `portal#${index + 1}` } }))
  const scope = (query: NonNullable<Logs['query']>, { all = false, Items = portals } = {}) => {
    const dynamodb = Object.assign(new DynamoDBClient({ region: 'eu-west-1' }), { send: async () => ({ Items }) })
    const deployment = { dynamodb, outputs: { PortalsTableName: 'Portals' }, logs: { query } }
    return scopeOf(deployment as unknown as Deployment, { signal } as Terminal, { all })
  }
  const { signal } = new AbortController()
  const rows: Record<string, string>[] = [{ portalId: '3', channelAccountId: '30' }, { channelId: '5' }]
  const failing = async () => ({ rows, bytes: 1 })

  test('those are looked at that the logs name; with --all, or one fewer, all of them', async () => {
    expect(await scope(failing)).toEqual({ ids: new Set(['3', '30', '5']) })
    expect(await scope(failing, { all: true })).toBeUndefined()
    expect(await scope(failing, { Items: portals.slice(1) })).toBeUndefined()
  })

  test('whoever may not ask the logs learns why none is known to fail', async () => {
    const denied = async () => {
      throw Object.assign(new Error('not authorized'), { name: 'AccessDeniedException' })
    }

    expect(await scope(denied)).toEqual({ ids: new Set(), problem: 'AccessDeniedException' })
  })
})
