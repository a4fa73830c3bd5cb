import { setTimeout as sleep } from 'node:timers/promises'
import { affectedLines } from '../operations/log-queries.ts'
import { credentialIds } from './credentials.ts'
import type { Deployment } from './deployment.ts'
import { type Finding, skipped } from './findings.ts'
import { type LogLine, maxRows } from './logs.ts'
import { readPortals } from './portals.ts'
import type { Terminal } from './terminal.ts'

/**
 * What is looked at: the portals, channels and channel accounts with these ids; undefined where that is all there are.
 * `problem` says why it cannot be known which failed.
 */
export type Scope = { ids: ReadonlySet<string>; problem?: string } | undefined

/** So many portals, or credentials, are looked at without being asked for: that takes seconds. */
const few = 20

/** All where it is asked for, or where there are few; otherwise what failed in the last day, as far as logs can be read. */
export async function scopeOf(deployment: Deployment, { signal }: Terminal, { all }: { all?: boolean | undefined }) {
  if (all || (await areFew(deployment))) return undefined
  try {
    return { ids: new Set(await idsThatFailed(deployment, signal)) }
  } catch (error) {
    if (signal.aborted) throw error
    return { ids: new Set<string>(), problem: error instanceof Error ? error.name : 'unknown error' }
  }
}

async function areFew(deployment: Deployment) {
  try {
    const portals = await readPortals(deployment)
    const credentials = deployment.outputs.CredentialsTableName ? await credentialIds(deployment) : []
    return portals.length <= few && credentials.length <= few
  } catch {
    // Whoever looks at them one by one finds this, too, and says it.
    return true
  }
}

/** The ids that the log lines of the last day name where something failed, waits, or was told FAILED. */
async function idsThatFailed({ logs }: Deployment, signal: AbortSignal) {
  const since = Date.now() - 86_400_000
  if (logs.query) {
    const { rows } = await logs.query(queryForFailing, { since, signal })
    return rows
      .flatMap(({ portalId, channelId, channelAccountId }) => [portalId, channelId, channelAccountId])
      .filter((id) => id !== undefined)
  }
  const ids: string[] = []
  for await (const line of logs.linesSince(since))
    if (tellsOfFailure(line))
      ids.push(...[line.portalId, line.channelId, line.channelAccountId].filter((id) => id !== undefined))
  return ids
}

/** What Logs Insights is asked. */
export const queryForFailing = [
  `filter ${affectedLines} or statusType = "FAILED"`,
  'stats count(*) as times by portalId, channelId, channelAccountId',
  'sort times desc',
  `limit ${maxRows}`,
].join(' | ')

/** The same of a line, where there is no Logs Insights. */
const tellsOfFailure = ({ level, message, statusType, ...line }: LogLine) =>
  level === 'WARN' || level === 'ERROR' || message === 'Waiting' || 'holds' in line || statusType === 'FAILED'

/** That some were left out, and how they are looked at. */
export function leftOut(what: string, { of, looked, scope }: { of: number; looked: number; scope: Scope }): Finding[] {
  if (looked === of) return []
  const why = scope?.problem
    ? `AWS does not let it be seen which failed lately (${scope.problem})`
    : 'nothing of theirs failed in the last day'
  return [skipped(`${what} not looked at: ${of - looked} of ${of}; ${why}.`, 'npm run relay -- doctor --all')]
}

/** One after the other; where there are many, a few a second, so that nobody who is asked is flooded. Ctrl-C ends it. */
export async function* atAPace<Item>(
  items: Item[],
  { progress, signal }: Pick<Terminal, 'progress' | 'signal'>,
  { what, perSecond = 4 }: { what: string; perSecond?: number },
) {
  for (const [index, item] of items.entries()) {
    if (signal.aborted) return
    progress(what, index, items.length)
    const isMany = items.length > few && index < items.length - 1
    const pause = isMany && sleep(1000 / perSecond, undefined, { signal }).catch(() => {})
    yield item
    await pause
  }
}
