/** The longest reason that an agent is shown, in characters. HubSpot documents no limit for `errorMessage`. */
export const maxReasonLength = 500

/**
 * A reason as an agent may read it: one line, without what looks like a phone number or an e-mail address (providers
 * quote them), and cut at a character's end.
 */
export function cleanReason(reason: string) {
  const whole = reason
    .toWellFormed()
    .replace(/[\s\p{Cc}]+/gu, ' ')
    .trim()
  const line = whole
    .slice(0, characters.segment(whole).containing(longestToMask)?.index)
    .replace(/[^\s@<>"']+@[^\s@<>"']+\.[^\s@<>"']+/g, '[address]')
    .replace(/\+?\d(?:[ ().-]{0,2}\d){6,}/g, '[number]')
  const segments = [...characters.segment(line)].map(({ segment }) => segment)
  const isWhole = whole.length <= longestToMask && segments.length <= maxReasonLength
  return isWhole ? line : `${segments.slice(0, maxReasonLength - 1).join('')}…`
}

const characters = new Intl.Segmenter()

// In UTF-16 units, of which an emoji may have a dozen. Looking for addresses in megabytes would take minutes.
const longestToMask = 4 * maxReasonLength
