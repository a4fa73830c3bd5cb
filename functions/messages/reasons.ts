/** The longest reason that an agent is shown, in characters. HubSpot documents no limit for `errorMessage`. */
export const maxReasonLength = 500

/**
 * A reason as an agent may read it: one line, without what looks like a phone number or an e-mail address (providers
 * quote them), and cut at a character's end.
 */
export function cleanReason(reason: string) {
  const line = reason
    .slice(0, 4 * maxReasonLength)
    .replace(/[\s\p{Cc}]+/gu, ' ')
    .replace(/[^\s@<>"']+@[^\s@<>"']+\.[^\s@<>"']+/g, '[address]')
    .replace(/\+?\d(?:[ ().-]{0,2}\d){6,}/g, '[number]')
    .trim()
  const characters = [...new Intl.Segmenter().segment(line)].map(({ segment }) => segment)
  return characters.length > maxReasonLength ? `${characters.slice(0, maxReasonLength - 1).join('')}…` : line
}
