import { ledgerKey } from '../../functions/messages/record.ts'
import { createUsual } from './draws.ts'
import { createChosenFaults, type Fault, isHard } from './faults.ts'
import type { Invariant, Violation } from './invariants.ts'
import { judged } from './run.ts'
import type { Fate, SendAnswer } from './scenario.ts'
import { createWorld, type Handlers, start } from './world.ts'

/** A small world before anything departs from the usual: one message, and what is to become of it. */
export type Scenario = {
  name: string
  fate: Fate
  hasKey: boolean
  /** Nobody has an access token yet. */
  isCold?: boolean
}

/** How much may depart from the usual in a small world. */
export type Bounds = { faults: number; departures: number }

/** A place at which something can depart from the usual: a fault, or what happens on every day, only not always. */
export type Point = Fault

type Receipt = Fate['parts'][number]['receipts'][number]['status']

const statusOrder = ['sent', 'failed', 'delivered', 'read'] as const
const message = { id: 'm1', at: 0, thread: undefined, orderly: true }

/** Every message with up to three updates, or two sends. */
export const scenarios: Scenario[] = [
  { ...agent([['sent']], false), name: 'sent, without a key or an access token', isCold: true },
  ...subsets(statusOrder, 3).map((statuses) => ownMeans(statuses, 30_000)),
  // Updates that come while the one before is told.
  ...subsets(statusOrder, 2)
    .filter(({ length }) => length === 2)
    .map((statuses) => ownMeans(statuses, 15)),
  agent([['rejected']], false),
  agent([['accepted', 'delivered']], false),
  agent([['sent', 'failed']], false),
  agent([['sent']], true),
  agent([['sent'], ['sent']], false),
  agent([['sent'], ['rejected']], false),
  agent([['accepted'], ['sent']], true),
]

/** Some of a list in their order: at least one, and so many at most. */
function subsets<Element>(all: readonly Element[], most: number): Element[][] {
  const every = Array.from({ length: 2 ** all.length }, (_, bits) => all.filter((_, place) => bits & (1 << place)))
  return every.filter(({ length }) => length > 0 && length <= most)
}

function ownMeans(statuses: Receipt[], apart: number): Scenario {
  const receipts = statuses.map((status, place) => ({ status, after: (place + 1) * apart }))
  const fate = {
    ...message,
    orderly: apart >= 1000,
    kind: 'own means' as const,
    parts: [{ answer: 'accepted' as const, receipts }],
  }
  return { name: `${statuses.join(', ')}, ${apart} ms apart`, fate, hasKey: false }
}

function agent(sends: [SendAnswer, ...Receipt[]][], hasKey: boolean): Scenario {
  const parts = sends.map(([answer, ...statuses]) => ({
    answer,
    receipts: statuses.map((status, place) => ({ status, after: (place + 1) * 30_000 })),
  }))
  const name = `${sends.map((send) => send.join(', ')).join(' and ')}, ${hasKey ? 'with' : 'without'} a key`
  return { name, fate: { ...message, kind: 'agent', parts }, hasKey }
}

/** What came of all worlds of a scenario that begin with some departures. */
export type Explored = {
  worlds: number
  /** Worlds with one fault, or one departure, more than the bounds allow, as far as it comes last. */
  oneFaultMore: number
  oneDepartureMore: number
  /** The first that breaks an invariant, and by which departures. */
  broken?: { violations: Violation[]; departures: string[] } | undefined
}

/** The worlds that begin with no departure: where the first one can be. */
export async function firstPoints(scenario: Scenario) {
  return (await play(scenario, [])).points
}

/**
 * All worlds that a scenario has within bounds and that begin with these departures, depth first: each is played from its
 * start, with one departure more at each place that comes after the last.
 */
export async function explore(
  scenario: Scenario,
  begin: Point[],
  bounds: Bounds,
  { variant, until }: { variant?: Partial<Handlers>; until?: Invariant } = {},
): Promise<Explored> {
  const found: Explored = { worlds: 0, oneFaultMore: 0, oneDepartureMore: 0 }
  const open = [begin]
  for (let taken = open.pop(); taken; taken = open.pop()) {
    const { points, violations } = await play(scenario, taken, variant)
    found.worlds++
    if (violations.some(({ invariant }) => !until || invariant === until)) {
      found.broken = { violations, departures: taken.map(({ name }) => name) }
      return found
    }
    const faults = taken.filter(({ kind }) => isHard(kind)).length
    const last = taken.at(-1)
    const following = points.slice(last ? points.findIndex(({ name }) => name === last.name) + 1 : 0)
    for (const point of following) {
      const isLeft = isHard(point.kind) ? faults < bounds.faults : taken.length - faults < bounds.departures
      if (isLeft) open.push([...taken, point])
      else if (isHard(point.kind)) found.oneFaultMore++
      else found.oneDepartureMore++
    }
  }
  return found
}

/** The course of a small world. */
export async function trace(scenario: Scenario, departures: string[], variant: Partial<Handlers> = {}) {
  const world = createSmallWorld(scenario, departures, [], variant)
  await judged(world)
  return world.trace()
}

/** Plays one world, and judges it. */
async function play(scenario: Scenario, taken: Point[], variant: Partial<Handlers> = {}) {
  const points: Point[] = []
  const departures = taken.map(({ name }) => name)
  const violations = await judged(createSmallWorld(scenario, departures, points, variant))
  return { points, violations }
}

function createSmallWorld(
  { fate, hasKey, isCold }: Scenario,
  departures: string[],
  points: Point[],
  variant: Partial<Handlers>,
) {
  const faults = createChosenFaults(new Set(departures), points)
  const draws = createUsual({ ...usual, 'provider has a key': hasKey })
  const kept = {
    ledger: fate.kind === 'own means' ? [announced] : [],
    portals: isCold ? [] : [withToken],
  }
  return createWorld({ seed: 0, variant, small: { fate, faults, draws, kept } })
}

/** A message that HubSpot announced, and who may speak for it. */
const announced = {
  pk: ledgerKey({ portalId: '1', channelId: '2', messageId: 'm1' }),
  version: 1,
  createdAt: new Date(start).toISOString(),
  channelAccountId: '3',
  trustedSecrets: [{ secret: '2', keys: [] }],
  expiresAt: 0,
}
const withToken = {
  pk: 'portal#1',
  version: 1,
  refreshToken: 'refresh-token-0',
  accessToken: 'access-token-0',
  accessTokenExpiresAt: start + 7 * 86_400_000,
}

/** What is drawn otherwise than the usual: whatever comes late comes between two updates that were to follow it. */
const usual = {
  patience: 86_400,
  limit: 110,
  trouble: 3_600_000,
  'refuses for': 1_800_000,
  // The operator comes when the trouble is over.
  'deliveries is redriven': false,
  'status updates is redriven': false,
  'deliveries is late': 45_000,
  'status updates is late': 45_000,
  late: 45_000,
  'very late': true,
  'm1 appears': 100_000,
}
