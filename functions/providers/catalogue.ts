import * as z from 'zod'

/** A provider's codes, each with what an agent can make of it: a short sentence in plain words, without personal data. */
export type Catalogue = Record<string, string>

/** The setting `reasons` of an account: sentences of the team's own, by the provider's code. */
export const Reasons = z.record(z.string(), z.string().min(1).max(300)).default({})

/**
 * The reason that an agent is shown for a provider's code: the team's own sentence, else the catalogue's, else what the
 * provider calls it; but for the team's own, with the `detail` that the provider gives of this very case; and with the code, by
 * which it can be looked up.
 */
export function reasonFor(
  code: string | number | undefined,
  {
    own,
    catalogue,
    title,
    detail,
  }: { own: Catalogue; catalogue: Catalogue; title?: string | undefined; detail?: string | undefined },
) {
  const key = code === undefined ? '' : String(code)
  const ours = Object.hasOwn(own, key) ? own[key] : undefined
  const known = Object.hasOwn(catalogue, key) ? catalogue[key] : undefined
  const general = known ?? (title?.trim() || 'The messaging service reported a failure')
  const sentence = ours ?? withDetail(general, { detail, title })
  // Right behind a number, the code would look like a part of it, and what masks phone numbers would take both.
  return key ? `${sentence.replace(/\.$/, '').replace(/\d$/, '$&.')} (${key})` : sentence
}

/** A sentence, and the detail behind it where that says more than the sentence and the provider's title do. */
function withDetail(
  sentence: string,
  { detail = '', title = '' }: { detail?: string | undefined; title?: string | undefined },
) {
  const whole = detail
    .replace(/\s+/g, ' ')
    .trim()
    .slice(0, maxDetailLength)
    .replace(/[.\s]+$/, '')
  const bare = (text: string) => text.toLowerCase().replace(/[^\p{L}\d]/gu, '')
  const saysMore = whole !== '' && ![sentence, title].some((known) => bare(known).includes(bare(whole)))
  return saysMore ? `${sentence.replace(/\.$/, '')}: ${whole}` : sentence
}

const maxDetailLength = 300

/**
 * The reason that an agent is shown where the provider says it in words and has no codes: the sentences go by how its words
 * begin, in upper or lower case, and the code is that of HTTP. Words that nobody knows are shown as they are.
 */
export function reasonForWords(
  words: string,
  { own, catalogue, code, detail }: { own: Catalogue; catalogue: Catalogue; code: number; detail?: string | undefined },
) {
  const lower = words.toLowerCase()
  const begun = (sentences: Catalogue) =>
    Object.entries(sentences).find(([beginning]) => lower.startsWith(beginning.toLowerCase()))?.[1]
  const ours = begun(own)
  if (ours !== undefined) return reasonFor(code, { own: {}, catalogue: {}, title: ours })
  return reasonFor(code, { own: {}, catalogue: {}, title: begun(catalogue) ?? words, detail })
}
