import type { Clock } from './clock.ts'
import type { Draws } from './draws.ts'

/** Faults that a job has to be done over for: each may cost HubSpot requests. */
const hard = {
  'the process dies': 0.04,
  'the process dies before a call': 0.02,
  'the process dies after a call': 0.02,
  'AWS refuses a call': 0.05,
  "AWS's answer is lost": 0.05,
  "SQS's answers are lost for a while": 0.003,
  'a secret cannot be read': 0.2,
  'HubSpot cannot be reached': 0.2,
  'HubSpot does not answer': 0.2,
  "HubSpot's answer is lost": 0.3,
  'HubSpot works on after giving no answer': 0.5,
  'HubSpot is busy': 0.3,
  'HubSpot is busy for a while': 0.03,
  'HubSpot fails after the change': 0.3,
  'HubSpot refuses the token': 0.2,
  'HubSpot finds a scope missing': 0.1,
  'HubSpot refuses the first status': 0.2,
  'HubSpot refuses every status of the channel for a while': 0.03,
  'HubSpot does not have the message yet': 0.4,
  'other apps use up the rate limit': 0.3,
  'HubSpot cannot refresh the token': 0.3,
  'HubSpot refreshes no token for a while': 0.1,
  'a secret is changed': 0.1,
  'the account is changed': 0.2,
  'the provider cannot be reached': 0.3,
  'the provider is busy': 0.3,
  'the provider is busy for a while': 0.03,
  'the provider does not answer': 0.2,
  "the provider's answer is lost": 0.3,
}

/** What at-least-once, unordered queues, repeating senders and clocks do on every day. */
const ordinary = {
  'the SDK tries a call twice': 0.05,
  'SQS hands a message out twice': 0.3,
  'SQS delivers late': 0.2,
  'SQS forgets a deletion': 0.1,
  'SQS hands a message out for the last time': 0.2,
  'a sender repeats itself': 0.2,
  'HubSpot takes its time': 0.1,
  'a clock is wrong': 0.5,
  'a busy remote names an absurd wait': 0.5,
  'a webhook comes again days later': 0.1,
}

const highestRates = { ...hard, ...ordinary }
const all = Object.keys(highestRates) as FaultKind[]

export type FaultKind = keyof typeof highestRates

/** One thing that went wrong, or could: what, and where for the how manieth time. */
export type Fault = { kind: FaultKind; name: string }

/** What goes wrong in a world. */
export type Faults = ReturnType<typeof createFaults>

/**
 * Decides by the seed what goes wrong, until a time. Which kinds there are, and how often, differs from seed to seed; in
 * a few nothing goes wrong. Where kinds are given, there are those, and often. Of a list of names, only those faults
 * happen: that is how a failure is reduced.
 */
export function createFaults(
  clock: Clock,
  draws: Draws,
  { until, kinds, only }: { until: number; kinds?: FaultKind[] | undefined; only?: Set<string> | undefined },
) {
  const calm = !kinds && draws.chance('calm', 0.15)
  const orderly = calm || draws.chance('orderly', 0.15)
  const rates = new Map(
    all.map((kind) => [kind, kinds ? (kinds.includes(kind) ? highestRates[kind] : 0) : rateOf(kind)]),
  )

  function rateOf(kind: FaultKind) {
    const isHard = kind in hard
    if (calm || (orderly && isHard) || draws.chance(`without ${kind}`, isHard ? 0.5 : 0.3)) return 0
    const most = highestRates[kind] * (isHard && draws.chance(`much of ${kind}`, 0.3) ? 2 : 1)
    return most * draws.between(`rate of ${kind}`, 0.05, 1)
  }

  const happened: Fault[] = []
  const counts = new Map<string, number>()

  return {
    /** Nothing goes wrong here, and senders take their time. */
    calm,
    /** When all trouble is over, in milliseconds since 1970. */
    until,
    happened,
    hard: () => happened.filter(({ kind }) => kind in hard),
    strikes(kind: FaultKind, place: string) {
      const rate = rates.get(kind)!
      if (rate === 0 || clock.now() > until) return false
      const purpose = `${kind}: ${place}`
      const count = (counts.get(purpose) ?? 0) + 1
      counts.set(purpose, count)
      const name = `${purpose}, ${count}`
      if (!draws.chance(purpose, rate) || (only && !only.has(name))) return false
      happened.push({ kind, name })
      return true
    },
  }
}

/** Whether a fault makes a job be done over. */
export const isHard = (kind: FaultKind) => kind in hard

// Not seen apart: a process that dies after a call, or before it reads, has died before its next effect, or before SQS
// hears that it is done; a read that is lost has been refused; one that is repeated says the same.
const sameAsAnother: FaultKind[] = ['the process dies', 'the process dies after a call']
const sameForReads: FaultKind[] = [
  'the process dies before a call',
  "AWS's answer is lost",
  'the SDK tries a call twice',
]
const isRead = (place: string) => place.startsWith('get from') || place.startsWith('read of')

/** Only what was chosen goes wrong; every place where something could is noted. */
export function createChosenFaults(names: Set<string>, points: Fault[]): Faults {
  const happened: Fault[] = []
  const counts = new Map<string, number>()
  return {
    calm: names.size === 0,
    until: Number.POSITIVE_INFINITY,
    happened,
    hard: () => happened.filter(({ kind }) => isHard(kind)),
    strikes(kind, place) {
      if (sameAsAnother.includes(kind) || (isRead(place) && sameForReads.includes(kind))) return false
      const purpose = `${kind}: ${place}`
      const count = (counts.get(purpose) ?? 0) + 1
      counts.set(purpose, count)
      const point = { kind, name: `${purpose}, ${count}` }
      points.push(point)
      const isChosen = names.has(point.name)
      if (isChosen) happened.push(point)
      return isChosen
    },
  }
}
