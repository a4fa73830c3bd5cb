/** What one of several sends is, and whom it goes to. */
export type Described = { what: string; to: string }

/**
 * Names for a message's sends that an agent can tell apart: `the text`, `picture 2 of 3`; where it goes to several,
 * `the text for recipient 1 of 2`. No name says whom: it is kept.
 */
export function namesOf(sends: Described[]): string[] {
  const recipients = [...new Set(sends.map(({ to }) => to))]
  return sends.map((send, index) => {
    const alike = ({ what, to }: Described) => what === send.what && to === send.to
    const of = sends.filter(alike).length
    const name = of > 1 ? `${send.what} ${sends.slice(0, index + 1).filter(alike).length} of ${of}` : `the ${send.what}`
    return recipients.length > 1
      ? `${name} for recipient ${recipients.indexOf(send.to) + 1} of ${recipients.length}`
      : name
  })
}

/** What is known of one of several sends. */
type Fate = 'arrived' | 'failed' | 'unconfirmed' | undefined

/**
 * What an agent reads of several sends of which one failed, or is not confirmed: what arrived and what did not, and, to be
 * read after the reason, what to send again, if anything: that it helps, only the reason can say.
 * `The text arrived, picture 2 of 3 did not.` `If you send again, send only that.`
 */
export function sentencesOf(names: string[], fates: Fate[]): { whatArrived: string; advice?: string } {
  const those = (fate: Fate) => names.filter((_, index) => fates[index] === fate)
  const [arrived, failed, unconfirmed] = [those('arrived'), those('failed'), those('unconfirmed')]
  const [lost, didNot, alone] =
    failed.length > 0
      ? [failed, 'did not', 'did not arrive']
      : [unconfirmed, 'may not have arrived', 'may not have arrived']
  const sentence =
    arrived.length > 0 ? `${listOf(arrived)} arrived, ${listOf(lost)} ${didNot}.` : `${listOf(lost)} ${alone}.`
  const whatArrived = sentence[0]!.toUpperCase() + sentence.slice(1)
  if (failed.length === 0 || failed.length === names.length) return { whatArrived }
  return { whatArrived, advice: `If you send again, send only ${failed.length === 1 ? 'that' : 'those'}.` }
}

/** Names as a list in words; what went to several recipients is named once. */
function listOf(names: string[]) {
  const alike = Map.groupBy(names, (name) => name.replace(ofRecipient, ''))
  return inWords([...alike.values()].map((these) => ({ name: together(these), count: these.length })))
}

const ofRecipient = / for recipient (\d+)/

function together(names: string[]) {
  const first = names[0]!
  if (names.length === 1) return first
  const numbers = names.map((name) => ({ name: ofRecipient.exec(name)?.[1] ?? name, count: 1 }))
  return first.replace(ofRecipient, ` for recipients ${inWords(numbers)}`)
}

const maxListed = 4

function inWords(all: { name: string; count: number }[]) {
  const some = all.length > maxListed ? all.slice(0, maxListed - 1) : all
  const rest = all.slice(some.length).reduce((sum, { count }) => sum + count, 0)
  const words = [...some.map(({ name }) => name), ...(rest > 0 ? [`${rest} more`] : [])]
  return words.length === 1 ? words[0]! : `${words.slice(0, -1).join(', ')} and ${words.at(-1)}`
}
