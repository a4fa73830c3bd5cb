import { type Catalogue, reasonFor, reasonForWords } from '../../../functions/providers/catalogue.ts'
import { catalogue as line } from '../../../functions/providers/line/reasons.ts'
import { catalogue as telegram } from '../../../functions/providers/telegram/reasons.ts'
import { catalogue as twilio } from '../../../functions/providers/twilio/reasons.ts'
import { catalogue as whatsapp } from '../../../functions/providers/whatsapp/reasons.ts'
import type { ProviderError } from '../providers/simulator.ts'

const catalogues: Record<string, Catalogue> = { line, telegram, twilio, whatsapp }

/** A provider's errors to choose from, each with its sentence; with its code as well where others have the same one. */
export function toChooseFrom(provider: string, errors: readonly ProviderError[]) {
  const all = errors.map((error) => ({ ...error, sentence: sentenceFor(provider, error) }))
  return all.map((one) => {
    const alike = all.filter(({ sentence, at }) => sentence === one.sentence && at === one.at)
    return alike.length === 1 ? one : { ...one, sentence: `${one.sentence} (${one.code})` }
  })
}

/** What an agent reads of a provider's error: the relay's sentence for it, without the code. */
function sentenceFor(provider: string, { code, title }: ProviderError) {
  const catalogue = catalogues[provider] ?? {}
  const known = Object.hasOwn(catalogue, code) ? reasonFor(code, { own: {}, catalogue }) : undefined
  const reason = known ?? reasonForWords(title, { own: {}, catalogue, code: 0 })
  return reason.replace(/ \([^()]*\)$/, '')
}
