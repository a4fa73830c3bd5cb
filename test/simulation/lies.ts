import { type Status, statusOrder, statusTypeOf } from '../../functions/messages/status.ts'
import type { Fate } from './scenario.ts'
import type { World } from './world.ts'

/** What the provider's side knows of a message, or of one of its sends: nothing, while it has not taken it. */
export type Truth = 'not taken' | 'accepted' | Exclude<Status, 'unconfirmed'>

const order: Truth[] = ['not taken', 'accepted', 'sent', 'failed', 'delivered', 'read']

/** What the provider's side knows of a message now, by what it said up to a time. */
export function truthOf(
  { provider }: Pick<World, 'provider'>,
  { id, kind, parts }: Fate,
  until = Number.POSITIVE_INFINITY,
) {
  // Where the account was changed meanwhile, it takes as many sends as when one may first have been made.
  const first = provider.sends.find(({ messageId, surelyNot }) => messageId === id && !surelyNot)
  const known = Array.from({ length: first?.of ?? parts.length }, (_, index): Truth => {
    const own = provider.sends.filter(
      ({ messageId, part, saidAt }) => messageId === id && part === index && saidAt! <= until,
    )
    const answers = own.map(({ said }): Truth => (said === 'rejected' ? 'failed' : said!))
    const receipts = provider.issued
      .filter(({ messageId, part, at }) => messageId === id && part.index === index && at <= until)
      .map(({ status }) => status as Truth)
    const start: Truth = kind === 'own means' ? 'accepted' : 'not taken'
    return highest([start, ...answers, ...receipts])
  })
  return known.includes('failed') ? 'failed' : lowest(known)
}

const highest = (all: Truth[]) => order[Math.max(...all.map((one) => order.indexOf(one)))]!
const lowest = (all: Truth[]) => order[Math.min(...all.map((one) => order.indexOf(one)))]!

/** HubSpot's word for what the provider's side knows; undefined where it knows none. */
export const wordForTruth = (truth: Truth) =>
  statusOrder.includes(truth as Status) ? statusTypeOf(truth as Status) : undefined

// A message is looked at for a day: what is wrong by then stays so.
const day = 86_400_000

/**
 * For how many seconds, up to a day, HubSpot shows another word of a message than what the provider's side knows by then.
 * SENT is one of what nobody took. Of what was taken and not heard of again, SENT is none, nor is FAILED after the deadline.
 */
function lieSeconds(world: World, fate: Fate, shown = world.hubspot.history) {
  const { id } = fate
  const begin = world.startOf(fate)
  const end = begin + day
  const changes = shown.filter(({ messageId }) => messageId === id)
  const sends = world.provider.sends.filter(({ messageId, saidAt }) => messageId === id && saidAt !== undefined)
  const taken = Math.max(begin, ...sends.map(({ saidAt }) => saidAt!))
  const times = [
    begin,
    ...changes.map(({ at }) => at),
    ...sends.map(({ saidAt }) => saidAt!),
    ...world.provider.issued.filter(({ messageId }) => messageId === id).map(({ at }) => at),
    taken + world.unconfirmedAfterSeconds * 1000,
    end,
  ]
  const moments = [...new Set(times)].filter((time) => time >= begin && time <= end).sort((a, b) => a - b)
  let milliseconds = 0
  for (const [place, from] of moments.slice(0, -1).entries()) {
    const word = changes.findLast(({ at }) => at <= from)?.word ?? 'SENT'
    const isLate = from >= taken + world.unconfirmedAfterSeconds * 1000
    if (isLie(word, truthOf(world, fate, from), isLate)) milliseconds += moments[place + 1]! - from
  }
  return milliseconds / 1000
}

function isLie(word: string, truth: Truth, isLate: boolean) {
  if (truth === 'not taken') return word !== 'FAILED'
  if (truth === 'accepted') return word !== 'SENT' && !(isLate && word === 'FAILED')
  return word !== wordForTruth(truth)
}

/** The lie-seconds of all messages of a world that somebody can know something of. */
export function liesOf(world: World, shown = world.hubspot.history) {
  const known = world.fates.filter(({ kind }) => kind !== 'unreadable')
  return known.reduce((sum, fate) => sum + lieSeconds(world, fate, shown), 0)
}
