import * as z from 'zod'
import type { HttpResponse } from '../platform/fetch-json.ts'
import { parseRetryAfterSeconds, retryableClientErrors } from '../platform/retry.ts'

/** What HubSpot's answer to an update says. What becomes of the update by it: update-outcome.ts. */
export type UpdateAnswer =
  /** HubSpot took the status. `held` is what its answer says that it holds now, as far as it says so. */
  | { kind: 'taken'; held?: HeldStatus | undefined }
  /** The access token is stale or revoked. */
  | { kind: 'unauthorized' }
  /** The portal's consent lacks a scope. */
  | { kind: 'scopes missing' }
  /** Refused in a way that HubSpot does not document for this endpoint. Equal refusals have the same `alike`. */
  | { kind: 'rejected'; problem: string; status: number; alike: string }
  /** Nothing was done; try again, after so many seconds where HubSpot says so. */
  | { kind: 'retryable'; problem: string; status: number; retryAfterSeconds?: number | undefined }
  /** No answer, or the edge's: it may have taken effect, or do so late. */
  | { kind: 'in doubt'; problem: string; retryAfterSeconds?: number | undefined }

/** What HubSpot says that it holds of a message: a word of its own, or that it is another, or none; and why it failed. */
export type HeldStatus = { statusType: string; errorMessage?: string | undefined }

// Answers of the edge or of a server that ran out of time: what it was asked may be done all the same.
const inDoubtStatuses = new Set([502, 504, 520, 521, 522, 523, 524, 525, 526, 527])
/** Locked, rate limited, being migrated. 408 and 425 are not on HubSpot's page; everywhere else they mean "again". */
export const retryableStatuses: ReadonlySet<number> = new Set([...retryableClientErrors, 423, 477])

export function updateAnswerFrom(response: HttpResponse, now: number): UpdateAnswer {
  const { status } = response
  if (status >= 200 && status < 300) return { kind: 'taken', held: heldIn(response) }
  const said = problemIn(response)
  const problem = describeError(response, said)
  const retryAfterSeconds =
    parseRetryAfterSeconds(response.headers['retry-after'], now) ?? (/DAILY/.test(problem) ? 900 : undefined)
  // The category is documented, whatever status it comes with.
  if (status < 500 && (said.category === 'MISSING_SCOPES' || (status === 403 && namesScopes(response))))
    return { kind: 'scopes missing' }
  if (status === 401) return { kind: 'unauthorized' }
  if (inDoubtStatuses.has(status)) return { kind: 'in doubt', problem, retryAfterSeconds }
  if (retryableStatuses.has(status) || status >= 500) return { kind: 'retryable', problem, status, retryAfterSeconds }
  const alike = [status, said.category, said.subCategory].filter(Boolean).join(', ')
  return { kind: 'rejected', problem, status, alike: alike.slice(0, 200) }
}

// Two forms are seen: a category, and elsewhere in HubSpot's API a sentence alone, which quotes a piece of the token. What
// else speaks of scopes, or names the one that is needed, means the same.
const scopesMissing =
  /scope|does not have proper permissions|requires (?:any|all|one)\b.{0,10} of \[|custom_channels\./i

function namesScopes({ json, text }: HttpResponse) {
  return scopesMissing.test((json === undefined ? text : JSON.stringify(json)).slice(0, 10_000))
}

// By the specification `status` may be missing, and by the guide be a string.
const Message = z.object({
  status: z.union([
    z.string().transform((statusType) => ({ statusType, failureDetails: undefined })),
    z.object({
      statusType: z.string(),
      failureDetails: z
        .object({ errorMessage: z.string().optional().catch(undefined) })
        .optional()
        .catch(undefined),
    }),
  ]),
})

// What may be a message without a status: no error, and no list of any.
const Unspecific = z.object({
  category: z.undefined().optional(),
  message: z.undefined().optional(),
  correlationId: z.undefined().optional(),
  errors: z.array(z.never()).optional(),
})

/** What a message, as HubSpot answers with it, holds; undefined where it does not say. What is no message holds nothing. */
function heldIn(response: HttpResponse): HeldStatus | undefined {
  const { json, text } = response
  const { data } = Message.safeParse(json)
  if (data) {
    const statusType = /^[A-Z_]{1,30}$/i.test(data.status.statusType)
      ? data.status.statusType.toUpperCase()
      : 'another status type'
    return { statusType, errorMessage: data.status.failureDetails?.errorMessage }
  }
  if (json === undefined && text.trim() === '') return undefined
  return Unspecific.safeParse(json).success ? undefined : { statusType: 'no message' }
}

// Every field is optional in practice, whatever the specification says; one of another type counts as missing.
const text = z.string().optional().catch(undefined)
const Problem = z.object({
  message: text,
  category: text,
  subCategory: text,
  correlationId: text,
  policyName: text,
})
type Problem = z.infer<typeof Problem>

const problemIn = ({ json }: HttpResponse): Partial<Problem> => Problem.safeParse(json).data ?? {}

/** HubSpot's error in a line: status, category, message and the id to quote to HubSpot's support. Not redacted. */
function describeError({ status, headers }: HttpResponse, said: Partial<Problem>) {
  const { message, category, subCategory, policyName, correlationId = headers['x-hubspot-correlation-id'] } = said
  return [
    `HTTP ${status}`,
    ...[category, subCategory, policyName, message].map((part) => part?.slice(0, 1000)),
    correlationId && `correlationId ${String(correlationId).slice(0, 100)}`,
  ]
    .filter(Boolean)
    .join(', ')
}
