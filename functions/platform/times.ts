import { wholeNumber } from './json.ts'

/**
 * A time as others may write it, in milliseconds since 1970: ISO 8601 in all its forms, without a zone taken as UTC;
 * seconds, milliseconds, microseconds or nanoseconds since 1970; the form of HTTP and e-mail. A date alone is its last
 * moment before `receivedAt`. Undefined for anything else, and for times outside of 2000 to 2100.
 */
export function readTime(value: unknown, receivedAt: number): number | undefined {
  const number = typeof value === 'number' ? value : Number(wholeNumber(value))
  const time = typeof value === 'string' ? ofText(value.trim(), receivedAt) : sinceEpoch(number)
  return time !== undefined && time >= earliest && time < latest ? time : undefined
}

/**
 * As `readTime`, of what happened shortly before: a time without a zone that is far from `receivedAt` may be of any zone,
 * so that nothing is known by it.
 */
export function readRecentTime(value: unknown, receivedAt: number): number | undefined {
  const time = readTime(value, receivedAt)
  const hasNoZone = typeof value === 'string' && withoutZone.test(value.trim())
  const isFar = time !== undefined && Math.abs(time - receivedAt) > aQuarterOfAnHour
  return hasNoZone && isFar ? undefined : time
}

// No two zones are nearer to each other.
const aQuarterOfAnHour = 900_000
const withoutZone = /^\d{4}(-?\d\d){2}[T ]+\d\d(:?\d\d){0,2}([.,]\d+)?$/i

const earliest = Date.UTC(2000)
const latest = Date.UTC(2100)

function ofText(text: string, receivedAt: number) {
  return /^\d{10,20}(\.\d{1,9})?$/.test(text) ? sinceEpoch(Number(text)) : (ofIso(text, receivedAt) ?? ofHttp(text))
}

/** Seconds have ten digits in this century; each unit that is a thousand times smaller has three more. */
function sinceEpoch(number: number) {
  if (!(number >= 1e8)) return undefined
  return Math.floor(number < 1e11 ? number * 1e3 : number < 1e14 ? number : number < 1e17 ? number / 1e3 : number / 1e6)
}

const iso =
  /^(\d{4})(?:-(\d\d)-(\d\d)|(\d\d)(\d\d))(?:[T ]+(\d\d)(?::?(\d\d)(?::?(\d\d)(?:[.,](\d+))?)?)? ?(Z|UTC|GMT|[+-]\d\d(?::?\d\d)?)?(?:\[[\w/+-]{1,40}\])?)?$/i

function ofIso(text: string, receivedAt: number) {
  const found = iso.exec(text)
  if (!found) return undefined
  const [, year, month1, day1, month2, day2, hour, minute = '0', second = '0', fraction = '0', zone = 'Z'] = found
  const [month, day] = [Number(month1 ?? month2), Number(day1 ?? day2)]
  const midnight = Date.UTC(Number(year), month - 1, day)
  // Days that the month does not have would be counted on into the next.
  if (new Date(midnight).getUTCMonth() !== month - 1 || day < 1) return undefined
  if (hour === undefined) return Math.min(Math.max(midnight, receivedAt), midnight + 86_399_999)
  const seconds = Number(hour) * 3600 + Number(minute) * 60 + Math.min(59, Number(second))
  const offset = offsetOf(zone)
  if (seconds > 86_400 || Number(minute) > 59 || Number(second) > 60 || offset === undefined) return undefined
  return midnight + seconds * 1000 + Math.floor(Number(`0.${fraction}`) * 1000) - offset * 60_000
}

/** In minutes. */
function offsetOf(zone: string) {
  const [, sign, hours, minutes = '0'] = /^([+-])(\d\d):?(\d\d)?$/.exec(zone) ?? []
  if (sign === undefined) return 0
  const offset = Number(hours) * 60 + Number(minutes)
  return offset > 18 * 60 || Number(minutes) > 59 ? undefined : sign === '-' ? -offset : offset
}

function ofHttp(text: string) {
  const looksRight = /^[A-Z][a-z]{2}, \d{1,2} [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d (?:GMT|UTC|[+-]\d{4})$/.test(text)
  const time = looksRight ? Date.parse(text) : Number.NaN
  return Number.isNaN(time) ? undefined : time
}
