import { type FetchJson, type HttpResponse, NoAnswer } from '../../functions/platform/fetch-json.ts'
import type { Ground } from './ground.ts'
import type { Network, Process } from './processes.ts'

/** HubSpot allows so many requests in ten seconds, whoever makes them. */
const window = 10_000

/** The relay's requests end after this many milliseconds. */
const requestTimeout = 10_000

/** HubSpot's edge gives up after this many milliseconds; its servers may not. */
const worksOnFor = 100_000

/** What is down or busy for a while is so for as long. */
const outage = 10 * 60_000

/** Times to wait that no remote means, or that nobody should believe. */
export const absurdWaits = ['315360000', '0', '-5', 'NaN', 'Thu, 01 Jan 1970 00:00:00 GMT', '1e999', 'soon', '']

type Status = { statusType: string; errorMessage?: string }

/** A request to tell it a status, when it was answered, and how. */
export type Patch = {
  messageId: string
  at: number
  word: string
  answered200: boolean
  status?: number
  saidAt?: number
}

/** HubSpot as a world has it: what it holds of each message, nothing at first or SENT, and what it was asked. */
export function createHubSpot(
  { clock, draws, faults, note }: Ground,
  { call }: Network,
  {
    limit,
    showsSent,
    changed,
    refusedOthers,
  }: { limit: number; showsSent: boolean; changed?: (messageId: string) => void; refusedOthers(): void },
) {
  const held = new Map<string, Status>()
  const told = new Set<string>()
  /** When which word took the place of the one before; it calls every message SENT at first. */
  const history: { messageId: string; at: number; word: string }[] = []
  const patches: Patch[] = []
  /** When each message can be updated. */
  const appears = new Map<string, number>()
  const requests: number[] = []
  const revoked = new Set<string>()
  const slowest = draws.pick('slowest answer', [400, 400, 2000, 4500])
  let tokens = 0
  let noTokensUntil = 0
  let busyUntil = 0
  let refusesUntil = 0
  const refreshes: number[] = []
  let tooMany = 0

  function apply(messageId: string, status: Status, how = '') {
    held.set(messageId, status)
    told.add(messageId)
    history.push({ messageId, at: clock.now(), word: status.statusType })
    changed?.(messageId)
    note('HubSpot', `${messageId} is ${status.statusType}${how}`)
  }

  const http = (process: Process): FetchJson => {
    // There and back, within the caller's timeout.
    const latency = { low: 10, high: slowest }
    return async (url, { method, headers = {}, body }) => {
      if (method === 'POST') return call(process, 'refresh of the token', refresh, latency)
      const messageId = decodeURIComponent(url.split('/').at(-1)!)
      const status = JSON.parse(String(body)) as Status
      const token = headers['authorization']?.replace('Bearer ', '') ?? ''
      return call(
        process,
        `PATCH of ${messageId}`,
        async () => {
          note(process.name, `PATCH ${messageId} ${status.statusType}`)
          const patch: Patch = { messageId, at: clock.now(), word: status.statusType, answered200: false }
          patches.push(patch)
          const answered = await update(messageId, status, token)
          patch.status = answered.status
          patch.saidAt = clock.now()
          patch.answered200 = answered.status === 200
          if (!patch.answered200) note('HubSpot', `PATCH ${messageId} ${status.statusType}: HTTP ${answered.status}`)
          return answered
        },
        latency,
      )
    }
  }

  async function update(messageId: string, status: Status, token: string): Promise<HttpResponse> {
    const strikes = (kind: Parameters<typeof faults.strikes>[0]) => faults.strikes(kind, messageId)
    if (strikes('HubSpot cannot be reached')) throw new NoAnswer('connection refused', false)
    if (strikes('HubSpot does not answer')) return silence()
    if (strikes('HubSpot takes its time')) await pass(draws.between('its time', 1000, 8000))
    if (strikes('HubSpot works on after giving no answer')) return workOn(messageId, status)
    if (isTooMuch()) return answer(429, { policyName: 'TEN_SECONDLY_ROLLING' }, waits('429', '5', 0.5))
    if (strikes('HubSpot refuses the token')) revoked.add(token)
    if (revoked.has(token)) return answer(401)
    if (strikes('HubSpot finds a scope missing')) return answer(403, { category: 'MISSING_SCOPES' })
    if (clock.now() < (appears.get(messageId) ?? 0)) return answer(404)
    if (!told.has(messageId) && strikes('HubSpot refuses the first status')) return answer(400, { message: 'refused' })
    if (faults.strikes('HubSpot refuses every status of the channel for a while', 'HubSpot')) {
      refusesUntil = Math.min(faults.until, clock.now() + draws.magnitude('refuses for', 60_000, 1_800_000))
      if (draws.chance('others were refused before', 0.5)) refusedOthers()
    }
    if (clock.now() < refusesUntil) return answer(400, { message: 'refused' })
    if (faults.strikes('HubSpot is busy for a while', 'HubSpot')) busyUntil = clock.now() + outage
    if (clock.now() < busyUntil || strikes('HubSpot is busy'))
      return answer(draws.pick('kind of busy', [423, 477, 500, 503]), {}, waits('busy', '3', 0.3))
    apply(messageId, status)
    if (strikes('HubSpot fails after the change')) return answer(draws.pick('kind of failure', [500, 502, 504]))
    if (strikes("HubSpot's answer is lost")) return silence()
    return answer(200, { status: { statusType: status.statusType } })
  }

  /** When it is to be asked again, now and then, and now and then nonsense. */
  function waits(why: string, usual: string, probability: number): Record<string, string> {
    if (faults.strikes('a busy remote names an absurd wait', why))
      return { 'retry-after': draws.pick('absurd wait', absurdWaits) }
    return draws.chance(`${why} says when`, probability) ? { 'retry-after': usual } : {}
  }

  /** The relay hears nothing, or the edge's word, and the change is made up to 100 seconds later, or sooner. */
  async function workOn(messageId: string, status: Status) {
    const givesUp = draws.between('edge gives up', 1000, requestTimeout)
    const late = draws.chance('very late', 0.5)
      ? draws.between('late', 0, worksOnFor)
      : draws.magnitude('late', 1, worksOnFor)
    clock.after(givesUp + late, () => apply(messageId, status, `, ${Math.round(late / 1000)} s late`))
    if (draws.chance('edge speaks', 0.5)) return silence()
    await pass(givesUp)
    return answer(draws.pick('kind of edge', [502, 504, 524]))
  }

  async function silence(): Promise<never> {
    await pass(requestTimeout)
    throw new NoAnswer('timeout', true)
  }

  const pass = (milliseconds: number) => new Promise<void>((resolve) => clock.after(milliseconds, resolve))

  /** The rolling window, in which other apps of the account have their part. */
  function isTooMuch() {
    while (requests.length > 0 && requests[0]! <= clock.now() - window) requests.shift()
    if (faults.strikes('other apps use up the rate limit', 'HubSpot'))
      requests.push(...Array.from({ length: limit }, clock.now))
    if (requests.length >= limit) {
      tooMany++
      return true
    }
    requests.push(clock.now())
    return false
  }

  async function refresh() {
    refreshes.push(clock.now())
    if (faults.strikes('HubSpot refreshes no token for a while', 'HubSpot')) noTokensUntil = clock.now() + outage
    if (clock.now() < noTokensUntil) return answer(503, {}, waits('tokens', '7', 0.2))
    if (faults.strikes('HubSpot cannot refresh the token', 'HubSpot')) {
      if (draws.chance('refresh is silent', 0.5)) return silence()
      return answer(503, {}, waits('tokens', '7', 0.2))
    }
    const access_token = `access-token-${++tokens}`
    return answer(200, { access_token, refresh_token: `refresh-token-${tokens}`, expires_in: 1800 })
  }

  return {
    held,
    history,
    patches,
    /** When it was asked for a token. */
    refreshes,
    http,
    /** HubSpot knows of the message from now on, and can update it from a moment on that may be later. */
    create(messageId: string, before: number) {
      if (showsSent) held.set(messageId, { statusType: 'SENT' })
      if (faults.strikes('HubSpot does not have the message yet', messageId))
        appears.set(messageId, Math.min(before, clock.now() + draws.magnitude(`${messageId} appears`, 1000, 1_200_000)))
    },
    /** How often it answered 429 though requests came at about the pace at which they were made. */
    tooHasty: () => (slowest > 400 ? 0 : tooMany),
  }
}

const answer = (status: number, json: object = {}, headers: Record<string, string> = {}): HttpResponse => ({
  status,
  headers,
  json,
  text: '',
})
