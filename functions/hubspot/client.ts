import * as z from 'zod'
import { type FetchJson, NoAnswer } from '../platform/fetch-json.ts'
import { type Allowance, allowanceOf } from './rate-limit.ts'
import { type UpdateAnswer, updateAnswerFrom } from './update-answer.ts'

/** The versions of HubSpot's API that the relay speaks. The body is the same in all; the version moves within the path. */
export const ApiVersion = z.enum(['v3', '2025-09', '2026-03', '2026-09'])
export type ApiVersion = z.infer<typeof ApiVersion>

/** A status as HubSpot's "update a message" endpoint takes it. */
export type MessageStatus = { statusType: 'SENT' | 'FAILED' | 'READ'; errorMessage?: string | undefined }

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
        return { ...updateAnswerFrom(response, now()), allowance: allowanceOf(response) }
      } catch (error) {
        if (!(error instanceof NoAnswer)) throw error
        return error.mayHaveArrived
          ? { kind: 'in doubt', problem: error.message }
          : { kind: 'retryable', problem: error.message, status: 0 }
      }
    },
  }
}

/** The path of a message: `/conversations/v3/custom-channels/…`, or `/conversations/custom-channels/2026-03/…`. */
export function messagePath(version: string, { channelId, messageId }: { channelId: string; messageId: string }) {
  return `${channelsPath(version)}/${encodeURIComponent(channelId)}/messages/${encodeURIComponent(messageId)}`
}

/** The path of channels. */
export const channelsPath = (version: string) =>
  version === 'v3' ? '/conversations/v3/custom-channels' : `/conversations/custom-channels/${version}`
