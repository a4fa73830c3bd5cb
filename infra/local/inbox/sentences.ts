import { type Catalogue, reasonFor, reasonForWords } from '../../../functions/providers/catalogue.ts'
import { catalogue as line } from '../../../functions/providers/line/reasons.ts'
import { catalogue as telegram } from '../../../functions/providers/telegram/reasons.ts'
import { catalogue as twilio } from '../../../functions/providers/twilio/reasons.ts'
import { catalogue as whatsapp } from '../../../functions/providers/whatsapp/reasons.ts'
import type { ProviderError } from '../providers/simulator.ts'

const catalogues: Record<string, Catalogue> = { line, telegram, twilio, whatsapp }

/** What an agent reads of a provider's error: the relay's sentence for it, without the code. */
export function sentenceFor(provider: string, { code, title }: ProviderError) {
  const catalogue = catalogues[provider] ?? {}
  const known = Object.hasOwn(catalogue, code) ? reasonFor(code, { own: {}, catalogue }) : undefined
  const reason = known ?? reasonForWords(title, { own: {}, catalogue, code: 0 })
  return reason.replace(/ \([^()]*\)$/, '')
}
