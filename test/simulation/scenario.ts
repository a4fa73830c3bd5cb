import type { Status } from '../../functions/messages/status.ts'
import type { Draws } from './draws.ts'

/** What the provider's answer to a send says. */
export type SendAnswer = 'accepted' | 'sent' | 'delivered' | 'rejected'

/** What is to become of one of a message's sends. */
type PartFate = {
  answer: SendAnswer
  /** The provider's receipts, in milliseconds after it took the send. */
  receipts: { status: Exclude<Status, 'unconfirmed'>; after: number }[]
}

/** What is to become of a message, unless something goes wrong. */
export type Fate = {
  id: string
  /** An agent's message; one that the team delivers by its own means; or an event that nobody can read. */
  kind: 'agent' | 'own means' | 'unreadable'
  /** When HubSpot announces it, or the team delivers it, in milliseconds after the start. */
  at: number
  /** The conversation that it belongs to, if any. */
  thread: string | undefined
  /** The sends that it takes. */
  parts: PartFate[]
  /** Its updates come one at a time, in the order of the statuses. */
  orderly: boolean
}

const fates: [SendAnswer, ...PartFate['receipts'][number]['status'][]][] = [
  ['accepted'],
  ['accepted', 'sent'],
  ['accepted', 'failed'],
  ['accepted', 'read'],
  ['accepted', 'sent', 'failed'],
  ['accepted', 'sent', 'delivered'],
  ['accepted', 'failed', 'delivered'],
  ['accepted', 'failed', 'read'],
  ['accepted', 'sent', 'delivered', 'read'],
  ['accepted', 'sent', 'failed', 'delivered', 'read'],
  ['sent'],
  ['sent', 'failed'],
  ['sent', 'read'],
  ['sent', 'delivered', 'read'],
  ['sent', 'failed', 'read'],
  ['delivered'],
  ['delivered', 'read'],
  ['rejected'],
]

/** One to four messages and what is to become of them. Where the relay does not deliver, only what the team says of them. */
export function drawFates(
  draws: Draws,
  { calm, delivers, deadline }: { calm: boolean; delivers: boolean; deadline: number },
): Fate[] {
  const count = Math.ceil(draws.magnitude('messages', 0.7, 4))
  const spread = draws.pick('spread', [1, 2000, 60_000])
  const all = Array.from({ length: count }, (_, index): Fate => {
    const id = `m${index + 1}`
    const chance = draws.next(`kind of ${id}`)
    const pace = calm ? 'orderly' : draws.pick(`pace of ${id}`, ['at once', 'at once', 'orderly', 'after the deadline'])
    const sends = draws.chance(`${id} takes several sends`, 0.3) ? draws.pick(`sends of ${id}`, [2, 3]) : 1
    const parts = Array.from({ length: sends }, () => partOf(id, pace))
    const byOwnMeans = (!delivers || chance < 0.25) && parts.every(({ receipts }) => receipts.length > 0)
    const kind = chance < 0.04 ? 'unreadable' : byOwnMeans ? 'own means' : 'agent'
    const thread = draws.chance(`${id} has a thread`, 0.7) ? 'thread' : undefined
    return { id, kind, at: draws.between(`${id} begins`, 0, spread), thread, parts, orderly: pace === 'orderly' }
  })
  return all.filter(({ kind }) => delivers || kind !== 'agent')

  function partOf(id: string, pace: string): PartFate {
    const [answer, ...statuses] = draws.pick(`fate of ${id}`, fates)
    return { answer, receipts: statuses.map((status, place) => ({ status, after: after(pace, id, place) })) }
  }

  function after(pace: string, id: string, place: number) {
    const atOnce = draws.magnitude(`receipt of ${id}`, 1, 3000)
    if (pace === 'at once') return atOnce
    return (place + 1) * 30_000 + (pace === 'after the deadline' ? deadline - 60_000 : 0)
  }
}
