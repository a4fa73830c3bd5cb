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
 * What an agent reads of several sends of which one failed, or is not confirmed: what arrived, what did not, and what to do.
 * `The text arrived, picture 2 of 3 did not. Send only that again.`
 */
export function sentenceOf(names: string[], fates: Fate[]) {
  const those = (fate: Fate) => names.filter((_, index) => fates[index] === fate)
  const [arrived, failed, unconfirmed] = [those('arrived'), those('failed'), those('unconfirmed')]
  const again = failed.length === 1 ? 'that' : 'those'
  const sentences =
    failed.length > 0
      ? [
          arrived.length > 0
            ? `${listOf(arrived)} arrived, ${listOf(failed)} did not.`
            : `${listOf(failed)} did not arrive.`,
          `Send ${failed.length < names.length ? 'only ' : ''}${again} again.`,
        ]
      : [
          arrived.length > 0
            ? `${listOf(arrived)} arrived, ${listOf(unconfirmed)} may not have arrived.`
            : `${listOf(unconfirmed)} may not have arrived.`,
        ]
  return sentences.map((sentence) => sentence[0]!.toUpperCase() + sentence.slice(1)).join(' ')
}

const maxListed = 4

function listOf(names: string[]) {
  const some = names.length > maxListed ? names.slice(0, maxListed - 1) : names
  const rest = names.length - some.length
  const all = rest > 0 ? [...some, `${rest} more`] : some
  return all.length < 2 ? (all[0] ?? '') : `${all.slice(0, -1).join(', ')} and ${all.at(-1)}`
}
