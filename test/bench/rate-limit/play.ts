import { createChannelAccounts } from '../../../functions/messages/channel-accounts.ts'
import { createLedger } from '../../../functions/messages/ledger.ts'
import type { StatusUpdate } from '../../../functions/messages/status-update.ts'
import { createHandler } from '../../../functions/update-status.ts'
import { createMemoryTable } from '../../support/memory-table.ts'
import { feed } from './lambda.ts'
import { createFairQueue } from './sqs.ts'
import type { Strategy } from './strategies.ts'
import { createRemoteHubSpot, createRemoteTable, createWorld, requestLimit } from './world.ts'

/** What there is to do, and with what. */
export type Load = {
  /** Updates of the one noisy portal, all at once. */
  updates: number
  /** Other portals: each has an update in half a minute, for as long as the noisy one would take at best. */
  quietPortals: number
  /** Without the noisy one, to compare with. */
  quietAlone?: boolean
  /** Invocations at once. */
  consumers: number
  /** Whether HubSpot counts what it refuses. */
  refusedCount: boolean
  seed: number
}

/** What came of it; times are in seconds. Each update costs two writes of the ledger, and those of the limiter. */
export type Result = {
  /** How long the noisy portal's updates took, over what they take at best; undefined if more than twice that. */
  drainRatio: number | undefined
  refusedShare: number
  lambdaSeconds: number
  quiet: { p50: number; p99: number }
  dynamoDbPerUpdate: number
  limiterWritesPerUpdate: number
  sqsPerUpdate: number
}

/** Seconds in which so many requests can be made at best: as many as the limit allows at once, the rest as they leave the window. */
const idealSeconds = (updates: number) => Math.max(0, updates - requestLimit) / (requestLimit / 10)

/** Plays a load through update-status as it is deployed, under a virtual clock, with this strategy's limiter. */
export async function play(strategy: Strategy, load: Load): Promise<Result> {
  const lasting = idealSeconds(load.updates)
  const world = createWorld(load.seed)
  const { clock, draws, counts, sleep } = world
  const queue = createFairQueue(world)
  const items = createMemoryTable()
  const quiet = new Map<string, number>()
  const quietWaits: number[] = []
  let sent = 0
  let noisyTold = 0
  let drain = 0

  const hubspot = createRemoteHubSpot(world, {
    refusedCount: load.refusedCount,
    onTold(messageId) {
      const since = quiet.get(messageId)
      quiet.delete(messageId)
      if (since !== undefined) quietWaits.push((clock.now() - since) / 1000)
      else {
        noisyTold++
        drain = clock.now() / 1000
      }
    },
  })
  const handlers = Array.from({ length: load.consumers }, () => {
    const table = createRemoteTable(world, items)
    return createHandler({
      ...strategy(world, { table, hubspot }),
      ledger: createLedger(table, clock.now),
      channelAccounts: createChannelAccounts(table, clock.now),
      tokens: {
        get: async (portalId) => portalId,
        renew: async (portalId) => portalId,
        refuse: fail,
        succeeded: () => {},
      },
      queue,
      deadLetters: { send: fail },
      telemetry: { info() {}, warn() {}, error: fail, count() {}, measure() {}, flush() {} },
      sleep,
      now: clock.now,
      random: () => draws.next('back-off'),
      tellSent: 'always',
      lateEffectSeconds: 120,
      giveUpAfterSeconds: 86_400,
      maxReceives: 5,
      accounts: undefined,
    })
  })

  function send(portalId: string, messageId: string) {
    sent++
    const occurredAt = new Date(clock.now()).toISOString()
    const ids = { portalId, channelId: '1', messageId }
    const update: StatusUpdate = { v: 1, type: 'status', ...ids, status: 'sent', source: 'forward', occurredAt }
    void queue.send(update, { group: portalId })
  }

  const noisyUpdates = load.quietAlone ? 0 : load.updates
  for (let i = 0; i < noisyUpdates; i++) send('1', `noisy ${i}`)
  for (let portal = 0; portal < load.quietPortals; portal++) {
    const next = () => 2 * quietEvery * draws.next(`portal ${portal}`)
    for (let at = next() / 2; at < lasting * 1000; at += next())
      clock.at(at, () => {
        quiet.set(`${portal} ${at}`, at)
        send(String(100 + portal), `${portal} ${at}`)
      })
  }
  feed(world, queue, handlers)
  await clock.pass(2000 * lasting)

  for (const since of quiet.values()) quietWaits.push((clock.now() - since) / 1000)
  quietWaits.sort((a, b) => a - b)
  return {
    drainRatio: noisyTold === noisyUpdates ? drain / lasting : undefined,
    refusedShare: counts.refused / counts.patches,
    lambdaSeconds: counts.lambdaMilliseconds / 1000,
    quiet: {
      p50: quietWaits[Math.floor(quietWaits.length * 0.5)]!,
      p99: quietWaits[Math.floor(quietWaits.length * 0.99)]!,
    },
    dynamoDbPerUpdate: counts.dynamoDb / sent,
    limiterWritesPerUpdate: counts.limiterWrites / sent,
    sqsPerUpdate: counts.sqs / sent,
  }
}

const quietEvery = 30_000

async function fail(): Promise<never> {
  throw new Error('Nothing in this world is refused for good')
}
