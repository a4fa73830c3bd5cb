import { createHubSpot } from '../../../functions/hubspot/client.ts'
import type { FetchJson } from '../../../functions/platform/fetch-json.ts'
import type { Table } from '../../../functions/platform/table.ts'
import { createClock } from '../../simulation/clock.ts'
import { createDraws } from '../../simulation/draws.ts'
import type { createMemoryTable } from '../../support/memory-table.ts'

/** HubSpot's limit for most apps, in ten seconds and one account. */
export const requestLimit = 110
const window = 10_000

type MemoryTable = ReturnType<typeof createMemoryTable>

/** Time, chance and the counts of one run. */
export type World = ReturnType<typeof createWorld>

/** A world at its beginning. Waits for others take 0.6 to 1.8 times as long as usual, mostly the less. */
export function createWorld(seed: number) {
  const clock = createClock(0)
  const draws = createDraws(seed)
  const counts = { lambdaMilliseconds: 0, sqs: 0, dynamoDb: 0, limiterWrites: 0, patches: 0, refused: 0 }
  const sleep = (milliseconds: number) => new Promise<void>((resolve) => clock.after(milliseconds, resolve))

  return {
    clock,
    draws,
    counts,
    sleep,
    count(what: keyof typeof counts, value = 1) {
      counts[what] += value
    },
    latency: (whose: string, usual: number) => sleep(usual * draws.magnitude(whose, 0.6, 1.8)),
  }
}

/** A table of DynamoDB as one Lambda sees it, with what it takes and costs. */
export function createRemoteTable({ clock, latency, count }: World, table: MemoryTable): Table {
  const lastValues = new Map<string, number>()
  let reading = { at: Number.NaN, answered: Promise.resolve() }
  async function request() {
    count('dynamoDb')
    await latency('DynamoDB', 5)
  }
  return {
    async get(pk) {
      // Reads that are asked for at once share a request.
      if (reading.at !== clock.now()) reading = { at: clock.now(), answered: request() }
      await reading.answered
      return table.get(pk)
    },
    async putIfNextVersion(item) {
      await request()
      return table.putIfNextVersion(item)
    },
    async addFrom(pk, floor, add) {
      await request()
      count('limiterWrites')
      const isAbove = (value: unknown) => typeof value === 'number' && value >= floor
      if (isAbove(lastValues.get(pk)) !== isAbove(table.items.get(pk)?.['value'])) {
        // The first of its two conditional writes was the wrong one.
        await request()
        count('limiterWrites')
      }
      const value = await table.addFrom(pk, floor, add)
      lastValues.set(pk, value)
      return value
    },
  }
}

/** HubSpot with its rolling window; `refusedCount` is whether refused requests count, which HubSpot does not say. */
export function createRemoteHubSpot(
  world: World,
  { refusedCount, onTold }: { refusedCount: boolean; onTold(messageId: string): void },
) {
  const { clock, latency, count } = world
  const lately = new Map<string, number[]>()

  const fetchJson: FetchJson = async (url, { headers, body }) => {
    await latency('HubSpot', 60)
    const portalId = headers!['authorization']!.slice('Bearer '.length)
    const requests = lately.get(portalId) ?? []
    lately.set(portalId, requests)
    while (requests.length > 0 && requests[0]! <= clock.now() - window) requests.shift()
    const refused = requests.length >= requestLimit
    if (!refused || refusedCount) requests.push(clock.now())
    count('patches')
    if (refused) count('refused')
    else onTold(decodeURIComponent(url.split('/').at(-1)!))
    await latency('HubSpot', 60)
    return {
      status: refused ? 429 : 200,
      headers: {
        'x-hubspot-ratelimit-max': String(requestLimit),
        'x-hubspot-ratelimit-remaining': String(Math.max(0, requestLimit - requests.length)),
        'x-hubspot-ratelimit-interval-milliseconds': String(window),
      },
      text: '',
      json: refused ? { policyName: 'TEN_SECONDLY_ROLLING' } : { status: JSON.parse(String(body)) },
    }
  }

  return createHubSpot({ fetchJson, baseUrl: 'https://hubspot.test', version: 'v3', now: clock.now })
}
