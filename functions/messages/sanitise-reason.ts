import { invisible } from '../platform/invisible.ts'
import { redact } from '../platform/redact.ts'

/** The longest reason that an agent is shown, in characters. HubSpot documents no limit for `errorMessage`. */
export const maxReasonLength = 500

/**
 * A reason as an agent may read it: one line, without what a remote's text should not tell, and cut at a character's end.
 * Empty where there is nothing to be seen.
 */
export function sanitiseReason(reason: string, maxLength = maxReasonLength) {
  const whole = oneLine(redact(oneLine(reason.slice(0, maxUnitsRead))))
  const line = whole.slice(0, characters.segment(whole).containing(maxUnitsShown)?.index)
  const segments = [...characters.segment(line)].map(({ segment }) => segment)
  const isWhole = reason.length <= maxUnitsRead && line === whole && segments.length <= maxLength
  if (!isSeen.test(line)) return ''
  return isWhole ? line : `${segments.slice(0, maxLength - 1).join('')}…`
}

// Half a character says as little, and what is not assigned.
const isSeen = new RegExp(`[^${invisible}\\p{C}\\ufffd]`, 'u')

const oneLine = (text: string) =>
  text
    .toWellFormed()
    .replace(/[\s\p{Cc}]+/gu, ' ')
    .trim()

const characters = new Intl.Segmenter()

// In UTF-16 units, of which an emoji may have a dozen.
const maxUnitsShown = 4 * maxReasonLength
const maxUnitsRead = 20 * maxReasonLength
