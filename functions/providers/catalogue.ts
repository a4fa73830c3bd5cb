import * as z from 'zod'

/** A provider's codes, each with what an agent can make of it: a short sentence in plain words, without personal data. */
export type Catalogue = Record<string, string>

/** The setting `reasons` of an account: sentences of the team's own, by the provider's code. */
export const Reasons = z.record(z.string(), z.string().min(1).max(300)).default({})

/**
 * The reason that an agent is shown for a provider's code: the team's own sentence, else the catalogue's, else what the
 * provider calls it; with the code, by which it can be looked up.
 */
export function reasonFor(
  code: string | number | undefined,
  { own, catalogue, title }: { own: Catalogue; catalogue: Catalogue; title?: string | undefined },
) {
  const key = code === undefined ? '' : String(code)
  const known = Object.hasOwn(own, key) ? own[key] : Object.hasOwn(catalogue, key) ? catalogue[key] : undefined
  const sentence = known ?? (title?.trim() || 'The messaging service reported a failure')
  return key ? `${sentence.replace(/\.$/, '')} (${key})` : sentence
}
