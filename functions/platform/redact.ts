import { uuid, withoutNumbers } from './redact-numbers.ts'

/**
 * A remote's free text without what should not be kept of it: credentials, addresses of people, and numbers that may be
 * telephone numbers. Codes, dates, sizes, amounts and correlation ids stay. Takes a time in proportion to the length.
 */
export function redact(text: string): string {
  // Taking one thing out may uncover that its neighbour is a credential or an address.
  let redacted = text
  for (let pass = 0; pass < maxPasses; pass++) {
    const before = redacted
    redacted = withoutNumbers(withoutAddresses(withoutSecrets(before)))
    if (redacted === before) break
  }
  return redacted
}

// One or two do for any text that was not made to need more.
const maxPasses = 5

const secret = '[secret]'
const address = '[address]'

function withoutSecrets(text: string) {
  return text
    .replace(pem, secret)
    .replace(namedSecret, (all, name: string, value: string) => (isProse(name, value) ? all : name + secret))
    .replace(scheme, (all, name: string, value: string) => (isProse(name, value) ? all : name + secret))
    .replace(calledSecret, (_, before: string) => before + secret)
    .replace(wholeWord, (found) => (isRandom(found) ? secret : found))
    .replace(known, secret)
    .replace(cutOff, (all, before: string, value: string) =>
      / $/.test(before) && /^[A-Z]?[a-z]+$/.test(value) ? all : before + secret,
    )
    .replace(word, (found) => (isRandom(found) ? secret : found))
}

const pem = /-----BEGIN [A-Z ]{3,40}-----[^-]*(?:-----END [A-Z ]{3,40}-----)?/g

// `token=…`, `"client_secret": "…"`. What follows a colon may be prose: `invalid token: expired`.
const namedSecret =
  /((?<![a-z])[a-z]{0,20}(?:token|secret|api[_-]?key|hapikey|password|passwd|pwd|authorization|signature|credentials?)["']?\s{0,3}[:=]\s{0,3}["']?)([^\s"',;&<>(){}[\]]+)/gi
// A client secret of HubSpot's is a UUID, as an id is: by what is said of it alone, it is a secret.
const calledSecret = new RegExp(
  `((?<![a-z])(?:token|secret|key|password|code)["']?\\s{0,3}[:=("']{0,3}\\s{0,3})(?:${uuid.source})`,
  'gi',
)
const scheme = /((?<![a-z])(?:bearer|basic|token(?= {1,3}(?=[a-z]*\d)(?=\d*[a-z])\w{8})) {1,3})([^\s"',;&<>(){}[\]]+)/gi

/** Whether what stands where a credential may stand is a word of a sentence instead. */
function isProse(name: string, value: string) {
  if (/^(?:\[secret\]|auth\w*|bearer|basic|credentials?|scheme|tokens?|realm|is|was|has|must)\W?$/i.test(value))
    return true
  return (
    /(?:\w: {1,3}|[bB]asic {1,3}|bearer {1,3})$/.test(name) &&
    !/passw|pwd|client|access|refresh/i.test(name) &&
    /^[A-Z]?[a-z]+\W?$/.test(value)
  )
}

// By how they begin: of Stripe, Standard Webhooks, Meta, JSON Web Tokens, Slack, GitHub, GitLab, AWS, Google, npm, SendGrid,
// HubSpot (of which a UUID is the end), Telegram.
const known = new RegExp(
  [
    '[prs]k_(?:live|test)\\w*',
    'whsec_[\\w+/=-]*',
    'EAA[A-Za-z0-9]+',
    'eyJ[\\w-]+(?:\\.[\\w-]*){0,4}',
    'xox[a-z]-[\\w-]+',
    'gh[a-z]_\\w+',
    'github_pat_\\w+',
    'glpat-[\\w-]+',
    'A[KS]IA[A-Z0-9]{8,}',
    'AIza[\\w-]{8,}',
    'ya29\\.[\\w.-]+',
    'GOCSPX-[\\w-]+',
    'npm_\\w{8,}',
    'SG\\.[\\w-]{8,}(?:\\.[\\w-]*)?',
    'C(?=[A-Z\\d_-]*[a-z])(?=[\\w-]*\\d)[A-Z\\d][\\w-]{18,}',
    '(?:pat-)?(?:na|eu|ap|au|ca)\\d-[0-9a-zA-Z][\\w-]{7,}',
  ]
    .map((one) => `(?<![A-Za-z0-9])${one}`)
    .concat('(?<!\\d)\\d{6,12}:[\\w-]{20,}')
    .join('|'),
  'g',
)

// A piece of a token, as HubSpot quotes it: `This oauth-token (CLHn0vLYMxIO…) does not …`.
const cutOff = /((?:token|secret|key)s?(?:\s{0,3}[("'[<]{1,3}|: {1,3}| {1,3}))([^\s()"'[\]<>]{1,500})(?:…|\.\.\.)/gi

const word = /[A-Za-z0-9_+/~-]{10,}={0,2}/g
// Looked at before `known`, which may find the beginning of a token in the middle of another one.
const wholeWord = new RegExp(`(?<![\\w+/~.:-])${word.source}(?![\\w+/~-]|\\.\\w|:)`, 'g')

/** Whether a word looks drawn at random rather than written: hexadecimal at length, or letters and digits that change often. */
function isRandom(found: string) {
  const written = found.replace(uuid, '')
  const pieces = written.split(/[-_~+=/]/)
  return [pieces.join(''), ...pieces].some((piece) => {
    if (piece.length < 10) return false
    if (/[0-9a-f]{16,}$/i.test(piece) && /\d/.test(piece) && /[a-f]/i.test(piece)) return true
    const kinds = [/[a-z]/, /[A-Z]/, /\d/].filter((kind) => kind.test(piece)).length
    const meanLength = piece.length / piece.match(/[A-Z]?[a-z]+|[A-Z]+(?![a-z])|\d+/g)!.length
    // By chance, words come longer in a longer text.
    const maxMeanLength = piece.length < 20 ? 2.5 : piece.length < 32 ? 3 : 4
    return kinds === 3
      ? meanLength < maxMeanLength
      : piece.length >= 16 && meanLength < Math.max(3, maxMeanLength - 0.5)
  })
}

function withoutAddresses(text: string) {
  return text
    .replace(/(?<=\/\/)[^\s/@]{1,500}@/g, `${secret}@`)
    .replace(spelledMail, address)
    .replace(mail, (found) => address + (/[.!?]+$/.exec(found)?.[0] ?? ''))
    .replace(inWords, address)
    .replace(profile, address)
    .replace(handle, `$1${address}`)
    .replace(whatsAppUser, (found) => (/\d|[a-z][A-Z]|^[^a-z]*$/.test(found) ? address : found))
}

const at =
  '(?:[@\\uff20\\ufe6b]{1,3}|%(?:25)?40|&#(?:0{0,5}64|x0{0,5}40);|&commat;|\\\\u0040|\\s?[([{<]\\s?(?:at|AT|@)\\s?[)\\]}>]\\s?)'
// Each run of characters is tried from its beginning alone, or it would take minutes for a megabyte.
const local = '[^\\s@\\uff20\\ufe6b<>"\'()[\\]{},;:&%]'
const mail = new RegExp(
  `(?:"[^"@\\n]{1,64}"|(?<!${local})${local}+)(?:${at}(?:\\[[\\w.:]{2,64}\\]|[^\\s@\\uff20\\ufe6b<>"'()[\\]{},;:&%]+))+`,
  'gu',
)
// `jane @ example.com`, `jane [at] example [dot] com`
const spelledMail =
  /(?<![^\s<>"'()[\]{},;:])[^\s@<>"'()[\]{},;:]+ ?(?:[@\uff20]|[([{] ?at ?[)\]}]) ?[\p{L}\p{Nd}-]+(?:(?:\.| ?[([{] ?dot ?[)\]}] ?| dot )[\p{L}\p{Nd}-]+)+/giu
// `jane at example dot com`
const inWords = /(?<!\S)[^\s@<>"'()[\]{},;:]+ at [\p{L}\p{Nd}-]+(?: dot [\p{L}\p{Nd}-]+)+/giu
const profile = /(?<=(?<![\w.])(?:t|m|telegram)\.me\/)[\w.+-]{2,}/g
const handle = /(^|[\s"'(<[])@[\p{L}\p{Nd}_][\p{L}\p{Nd}_.]{2,}/gu
const whatsAppUser = /(?<![A-Za-z0-9.])[A-Z]{2}(?:\.[A-Z]{2,4})?\.[A-Za-z0-9]{5,}/g
