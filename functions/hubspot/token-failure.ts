import * as z from 'zod'
import { type RetryAfter, RetryableError } from '../platform/retry.ts'
import { retryableStatuses } from './update-answer.ts'

/** Why HubSpot gives none, and what it blames by name, if anything. `code` is HubSpot's own, where it says one. */
export type TokenFailure = {
  problem: string
  code?: string | undefined
  blames?: 'app' | 'redirect URL' | undefined
} & (
  | /** The grant (refresh token or code) is used, expired or revoked, or the portal is gone. */ { kind: 'revoked' }
  | /** The app's own credentials, or the request, are refused. */ { kind: 'rejected' }
  | { kind: 'retryable'; retryAfter?: RetryAfter | undefined }
)

// RFC 6749's `error` and HubSpot's own `status` or, as elsewhere in its API, `category`: each may be missing, or of
// another type, or no code but a quotation.
const codeWord = z
  .string()
  .regex(/^[A-Za-z_]{1,60}$/)
  .optional()
  .catch(undefined)
const OAuthError = z.object({
  error: codeWord,
  status: codeWord,
  category: codeWord,
  message: z.string().optional().catch(undefined),
  error_description: z.string().optional().catch(undefined),
})

/** Where nobody could be asked, the app's secret for instance being out of reach, that is as good as an answer: later. */
export function asFailure(error: unknown): TokenFailure {
  if (error instanceof RetryableError) return { kind: 'retryable', problem: error.message }
  throw error
}

export function failureFrom(status: number, json: unknown, retryAfter?: RetryAfter): TokenFailure {
  const { error, status: word, category, ...text } = OAuthError.safeParse(json).data ?? {}
  // Beside a category, the status may be a mere "error".
  const codes = [word === 'error' ? undefined : word, category].filter((code) => code !== undefined)
  const problem = [`HTTP ${status}`, error, ...codes].filter((part) => part !== undefined).join(', ')
  const sentences = `${text.message} ${text.error_description}`
  const said = { problem, code: codes[0], blames: blamed(status, { codes: problem, sentences }) }
  const isRetryable = transient.has(error) || status < 400 || status >= 500 || retryableStatuses.has(status)
  if (isRetryable) return { kind: 'retryable', ...said, retryAfter }
  const isRevoked = error === 'invalid_grant' || codes.some((code) => grantIsOver.test(code))
  return { kind: isRevoked ? 'revoked' : 'rejected', ...said }
}

// `BAD_REFRESH_TOKEN` and `BAD_HUB` are seen.
const grantIsOver = /^(?:BAD|INVALID|EXPIRED|REVOKED|UNKNOWN)_(?:REFRESH_TOKEN|HUB)$/

// Of RFC 6749 and its extensions, which come with a 400 as well.
const transient: ReadonlySet<string | undefined> = new Set(['server_error', 'temporarily_unavailable', 'slow_down'])

/** What an answer blames by name: by RFC 6749's words, HubSpot's, or in a sentence. */
function blamed(status: number, { codes, sentences }: { codes: string; sentences: string }) {
  if (/redirect[_ -]?ur[il]/i.test(`${codes} ${sentences}`)) return 'redirect URL' as const
  // Of a code that is over, a sentence may name the app that it was given to.
  const isOfCode = /\bcode\b/i.test(sentences) || /AUTH_CODE/i.test(codes)
  const isOfApp = app.test(codes) || (!isOfCode && (status === 401 || app.test(sentences)))
  return isOfApp ? ('app' as const) : undefined
}

const app = /client[_ -]?(?:id|secret|credentials)|(?:invalid|unauthorized)_client/i
