import type { SendOutcome } from '../messages/record.ts'
import { NoAnswer } from '../platform/fetch-json.ts'
import { ProviderError } from './verdict.ts'

/**
 * What an error of a send means where the provider does not recognise repetitions: a lost answer may be to a message that was taken, so
 * it is not sent again. Throws ProviderError, with this sentence, where no connection was ever established; and any other error.
 */
export function lostAnswer(error: unknown, unreachable: string): SendOutcome {
  if (!(error instanceof NoAnswer)) throw error
  if (error.mayHaveArrived) return { outcome: 'in doubt' }
  throw new ProviderError(unreachable, { detail: error.message, cause: error })
}
