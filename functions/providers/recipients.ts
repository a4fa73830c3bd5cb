import { type CountryCode, parsePhoneNumberWithError } from 'libphonenumber-js/min'
import type { DeliveryJob } from '../messages/jobs.ts'

/** An address of HubSpot's. Its type says whether people typed it, or the channel's own integration handed it to HubSpot. */
export type Identifier = { type?: string | undefined; value: string }

/** Whom a message goes to, as its provider writes them, each once; what `read` does not take is refused by the sentence `needs`. */
export function readRecipients<Address>(
  { to }: Pick<DeliveryJob, 'to'>,
  read: (identifier: Identifier) => Address | undefined,
  needs: string,
): { recipients: Address[]; problem?: string } {
  const identifiers = to.flatMap(({ deliveryIdentifier }) => deliveryIdentifier ?? [])
  const given = identifiers.map(({ type, value }) => ({ type, value: visible(value) })).filter(({ value }) => value)
  const addresses = new Map(given.map((identifier) => [identifier, read(identifier)]))
  const recipients = [...new Set(addresses.values())].filter((address) => address !== undefined)
  if (given.length === 0) return { recipients, problem: 'The message has no recipient with an address.' }
  return [...addresses.values()].includes(undefined) ? { recipients, problem: needs } : { recipients }
}

/** How many recipients have no address that could be read: the message fails for them. */
export const withoutAddress = ({ to }: Pick<DeliveryJob, 'to'>) =>
  to.filter(({ deliveryIdentifier }) => !visible(deliveryIdentifier?.value ?? '')).length

/** Whether an address is what the channel's integration got from the provider, and nothing that somebody typed. */
export const isProvidersOwn = ({ type }: Identifier) => type === 'CHANNEL_SPECIFIC_OPAQUE_ID'

/**
 * A phone number in E.164; undefined for what is none. Nothing is guessed: the number begins with `+`, or it is one of the
 * country that the account names. An extension, or a second number, makes it none.
 */
export function phoneNumber(given: string, country?: string): string | undefined {
  const value = given.replace(/^\(\s*\+/, '+(')
  const isInternational = value.startsWith('+')
  if (!isInternational && country === undefined) return undefined
  try {
    const options = { extract: false, ...(country !== undefined && { defaultCountry: country as CountryCode }) }
    const parsed = parsePhoneNumberWithError(value, options)
    // Numbering plans change, and some networks keep to former ones: of a whole number, the provider is the judge.
    const isWhole = isInternational ? isWholeInternational(value, parsed.number) : parsed.isPossible()
    return isWhole && parsed.ext === undefined ? parsed.number : undefined
  } catch {
    return undefined
  }
}

/**
 * Whether a number is the one that was typed. The 0 that one dials at home may be left out (`+44 (0)20 …`; elsewhere 06, 8);
 * what loses more had a carrier's code in it, and what gains digits was completed by a guess: either may be somebody else's.
 */
function isWholeInternational(typed: string, number: string) {
  const leftOut = (typed.match(/\p{Nd}/gu) ?? []).length - number.length + 1
  return leftOut >= 0 && leftOut <= 3 && /^\+[1-9]\d{6,14}$/.test(number)
}

/** What a team is told of a number that nothing tells the country of. */
export const needsCountryCode = 'a phone number with its country code, such as +49 170 1234567.'

/** The value without what nobody sees and contacts are full of: marks of direction, zero-width spaces, the `tel:` of a link. */
const visible = (value: string) =>
  value
    .normalize('NFKC')
    .replace(/[\p{Cc}\p{Cf}]/gu, '')
    .trim()
    .replace(/^tel:/i, '')
