import * as z from 'zod'
import { type FetchJson, type HttpResponse, NoAnswer } from '../platform/fetch-json.ts'
import { retryAfterSeconds } from '../platform/retry.ts'
import type { Allowance } from './rate-limit.ts'

/** The versions of HubSpot's API that the relay speaks. The body is the same in all; the version changes place in the path. */
export const ApiVersion = z.enum(['v3', '2026-03', '2026-09'])
export type ApiVersion = z.infer<typeof ApiVersion>

/** A status as HubSpot's "update a message" endpoint takes it. */
export type MessageStatus = { statusType: 'SENT' | 'FAILED' | 'READ'; errorMessage?: string | undefined }

/** What HubSpot's answer to an update means for us. */
export type UpdateAnswer =
  /** HubSpot holds the status. `surprise` says how its answer differs from what is documented. */
  | { kind: 'told'; surprise?: string }
  /** The access token is stale or revoked. */
  | { kind: 'unauthorized' }
  /** The portal's consent lacks a scope. */
  | { kind: 'scopes missing' }
  /** The message is not there yet, or gone; HubSpot documents neither. */
  | { kind: 'not there'; problem: string }
  /** HubSpot will never take this. */
  | { kind: 'refused'; problem: string }
  /** Nothing was done; try again, after so many seconds where HubSpot says so. */
  | { kind: 'busy'; problem: string; status: number; retryAfter?: number | undefined }
  /** No answer, or the edge's: it may have taken effect, or do so late. */
  | { kind: 'unclear'; problem: string; retryAfter?: number | undefined }

/** Tells HubSpot the status of a message. */
export type HubSpot = {
  updateMessage(
    accessToken: string,
    message: { channelId: string; messageId: string },
    status: MessageStatus,
  ): Promise<UpdateAnswer & { allowance?: Allowance | undefined }>
}

/** HubSpot's API at a base URL. */
export function createHubSpot(options: {
  fetchJson: FetchJson
  baseUrl: string
  version: ApiVersion
  now(): number
}): HubSpot {
  const { fetchJson, baseUrl, version, now } = options
  return {
    async updateMessage(accessToken, message, status) {
      try {
        const response = await fetchJson(baseUrl + messagePath(version, message), {
          method: 'PATCH',
          headers: { authorization: `Bearer ${accessToken}`, 'content-type': 'application/json' },
          body: JSON.stringify(status),
        })
        return { ...understand(response, status, now()), allowance: allowanceOf(response) }
      } catch (error) {
        if (!(error instanceof NoAnswer)) throw error
        return error.mayHaveArrived
          ? { kind: 'unclear', problem: error.message }
          : { kind: 'busy', problem: error.message, status: 0 }
      }
    },
  }
}

/** The path of a message: `/conversations/v3/custom-channels/…`, or `/conversations/custom-channels/2026-03/…`. */
export function messagePath(version: string, { channelId, messageId }: { channelId: string; messageId: string }) {
  const channels = version === 'v3' ? '/conversations/v3/custom-channels' : `/conversations/custom-channels/${version}`
  return `${channels}/${encodeURIComponent(channelId)}/messages/${encodeURIComponent(messageId)}`
}

// Answers of the edge or of a server that ran out of time: what it was asked may be done all the same.
const unclearStatuses = new Set([502, 504, 520, 521, 522, 523, 524, 525, 526, 527])
// Locked, rate limited, being migrated. 408 and 425 are not on HubSpot's page; everywhere else they mean "again".
const busyStatuses = new Set([408, 423, 425, 429, 477])

function understand(response: HttpResponse, asked: MessageStatus, now: number): UpdateAnswer {
  const { status } = response
  const problem = problemOf(response)
  const retryAfter =
    retryAfterSeconds(response.headers['retry-after'], now) ?? (/DAILY/.test(problem) ? 900 : undefined)
  if (status >= 200 && status < 300) return told(response, asked)
  if (status === 401) return { kind: 'unauthorized' }
  if (status === 403 && /MISSING_SCOPES/.test(problem)) return { kind: 'scopes missing' }
  if (status === 403 || status === 404 || status === 409) return { kind: 'not there', problem }
  if (unclearStatuses.has(status)) return { kind: 'unclear', problem, retryAfter }
  if (busyStatuses.has(status) || status >= 500) return { kind: 'busy', problem, status, retryAfter }
  return { kind: 'refused', problem }
}

// Documented for every answer; some come without.
function allowanceOf({ headers }: HttpResponse): Allowance | undefined {
  const numberIn = (header: string) => {
    const value = headers[header]
    return typeof value === 'string' && /^\d{1,9}$/.test(value) ? Number(value) : undefined
  }
  const max = numberIn('x-hubspot-ratelimit-max')
  if (!max) return undefined
  const remaining = numberIn('x-hubspot-ratelimit-remaining')
  return { max, remaining, intervalMilliseconds: numberIn('x-hubspot-ratelimit-interval-milliseconds') }
}

const Message = z.object({ status: z.object({ statusType: z.string() }) })

function told({ json }: HttpResponse, { statusType }: MessageStatus): UpdateAnswer {
  const message = Message.safeParse(json)
  if (!message.success) return { kind: 'told', surprise: 'answer of another shape' }
  const held = message.data.status.statusType
  return held === statusType
    ? { kind: 'told' }
    : { kind: 'told', surprise: `holds ${held.slice(0, 20)} after ${statusType}` }
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

/** HubSpot's error in a line: status, category, message and the id to quote to HubSpot's support. */
function problemOf({ status, headers, json }: HttpResponse) {
  const {
    message,
    category,
    subCategory,
    policyName,
    correlationId = headers['x-hubspot-correlation-id'],
  } = Problem.safeParse(json).data ?? {}
  return [
    `HTTP ${status}`,
    category,
    subCategory,
    policyName,
    message?.slice(0, 300),
    correlationId && `correlationId ${correlationId}`,
  ]
    .filter((part) => part !== undefined && part !== '')
    .join(', ')
}
