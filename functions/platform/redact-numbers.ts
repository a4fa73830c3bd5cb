/** What stands for a number that was taken out. */
const number = '[number]'

/** A UUID, which is none. */
export const uuid = /(?<![\w-])[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}(?![\w-])/g

const currency = 'AUD|BRL|CAD|CHF|CNY|CZK|DKK|EUR|GBP|HKD|ILS|INR|JPY|KRW|MXN|NOK|NZD|PLN|SEK|SGD|THB|TRY|USD|ZAR'
const thousands = "[.,' \\u00a0\\u202f]"
const amount = `[1-9]\\d{0,2}(?:${thousands}?\\d{3}){0,3}(?:[.,]\\d{1,4})?`
const notWithinNumber = '(?<![\\d+][^\\p{L}\\d<>]{0,3})'

/** What has many digits and is no telephone number. */
const harmless = new RegExp(
  [
    uuid.source,
    // Dates and times.
    '(?<![\\d.-])(?:19|20)\\d\\d([-/.])(?:0?[1-9]|1[0-2])\\1(?:0?[1-9]|[12]\\d|3[01])(?!\\d|[-./]\\d)',
    '(?<![\\d.-])(?:0?[1-9]|[12]\\d|3[01])([./])(?:0?[1-9]|[12]\\d|3[01])\\2(?:19|20)\\d\\d(?!\\d|[-./]\\d)',
    '(?<![\\d:.-])(?:19|20)\\d{6}T\\d{4,6}(?:[.,]\\d{1,9})?(?:Z|[+-]\\d{2,4})?(?!\\d)',
    '(?<![\\d:])(?:[01]?\\d|2[0-4]):[0-5]\\d(?::[0-5]\\d|:60)?(?:[.,]\\d{1,9})?(?:Z| ?[+-](?:0\\d|1[0-4]):?[0-5]\\d)?(?![\\d:])',
    // Sizes and durations with their unit, or after their name.
    `${notWithinNumber}[1-9](?:\\d{3,14}(?:[.,]\\d{1,9})?|\\d{0,2}(?:${thousands}\\d{3}){1,4}) ?(?:[Bb]ytes?|octets|[KMGTkmgt]i?[Bb]|B|bits|milliseconds|microseconds|seconds|ms|characters|chars|pixels|px)(?![A-Za-z])`,
    '(?<=(?:[Ss]ize|[Bb]ytes|[Ll]ength|[Ll]imit|[Mm]ax(?:imum)?)(?:["\' ]{0,2}[:=] ?| ))[1-9]\\d{6,9}(?!\\d|[^\\p{L}\\d<>]{1,3}\\d)',
    // Codes of seven digits, such as Meta's, after their name; and in hexadecimal.
    '(?<=[Cc]ode(?:["\' ]{0,2}[:=] ?| #?))[1-9]\\d{6}(?!\\d|[^\\p{L}\\d]{1,3}\\d)',
    '(?<![\\w.])0[xX][0-9a-fA-F]{2,8}(?!\\w)',
    // Amounts.
    `${notWithinNumber}[1-9]\\d{0,2}(?:,\\d{3})+(?:\\.\\d+)?(?!\\d|[,.]\\d)`,
    `(?<=(?:\\p{Sc}|(?<![A-Za-z])(?:${currency})) ?)${amount}(?!\\d|[^\\p{L}\\d]\\d)`,
    `${notWithinNumber}${amount} ?(?:\\p{Sc}|(?:${currency})(?![A-Za-z]))`,
  ].join('|'),
  'gu',
)

/** Seven digits or more, of any script, may be a telephone number where at most three characters, none a letter, part them. */
export function withoutNumbers(text: string) {
  const spared = text.matchAll(harmless)
  let spare = spared.next().value
  let result = ''
  let from = 0
  let run: Run | undefined
  const end = () => {
    if (run && run.digits >= 7) {
      const before = text.slice(from, run.from)
      const opening = text.slice(run.from, run.to).includes(')') ? /[+(]{1,3}$/ : /\+$/
      result += before.replace(opening, '') + number
      from = run.to
    }
    run = undefined
  }
  for (const { index, 0: whole, 1: group = '' } of text.matchAll(/([\p{Nd}\p{No}]+)\p{M}*/gu)) {
    while (spare && spare.index + spare[0].length <= index) spare = spared.next().value
    if (spare && spare.index <= index) continue
    const between = text.slice(run?.to ?? index, index).replaceAll('&nbsp;', ' ')
    const gap = between.replace(/[\s\p{Cc}\p{Cf}\p{M}\p{DI}]+/gu, ' ')
    if (run && parted(run, gap, group)) end()
    const digits = (run?.digits ?? 0) + [...group].length
    const likePhone = run?.likePhone ?? (text[index - 1] === '+' || !/^[1-9]/.test(group))
    run = { from: run?.from ?? index, to: index + whole.length, digits, last: group, gap, likePhone }
  }
  end()
  return result + text.slice(from)
}

type Run = { from: number; to: number; digits: number; last: string; gap: string; likePhone: boolean }

/** Whether two groups of digits are no part of one number. Sentences and lists of codes have commas, too: `30008, 30003`. */
function parted({ digits, last, gap: before, likePhone }: Run, gap: string, next: string) {
  if (/\p{L}/u.test(gap) || [...gap].length > 3) return true
  const areCodes = [last, next].every((group) => group.length >= 5 && !/^0./.test(group))
  if (/^(?:[,;|]| \| )$/.test(gap)) return !likePhone && areCodes
  if (gap === ' < ' || gap === ' > ') return true
  if (!/^[,;:.!?] [([]?$/.test(gap)) return false
  if (digits >= 7) return gap !== before
  return !likePhone && !/^0./.test(next) && Math.max(last.length, next.length) >= 3
}
