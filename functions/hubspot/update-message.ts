import * as z from 'zod'
import { Deferred } from '../platform/retry.ts'
import type { Telemetry } from '../platform/telemetry.ts'
import type { HubSpot, MessageStatus } from './client.ts'
import type { RateLimit } from './rate-limit.ts'
import type { Tokens } from './tokens.ts'
import type { UpdateAnswer } from './update-answer.ts'

/** What a message is updated with. */
export type UpdateDeps = {
  hubspot: HubSpot
  tokens: Tokens
  rateLimit: RateLimit
  telemetry: Pick<Telemetry, 'count'>
  now(): number
  sleep(milliseconds: number): Promise<void>
}

/** What one run of an update keeps for the next. */
export const UpdateProgress = z.object({
  /** A slot of the portal's rate limit, in milliseconds since 1970. */
  slot: z.number().optional().catch(undefined),
  /** Whether the access token was renewed for this update, which has not been tried with the new one yet. */
  isRenewed: z.boolean().optional().catch(undefined),
})
export type UpdateProgress = z.infer<typeof UpdateProgress>

/** Makes sure that a portal can be called now: that it gives access, without which a slot would be wasted, and has a slot. */
export async function makeReady(deps: UpdateDeps, portalId: string, kept: UpdateProgress) {
  await deps.tokens.get(portalId)
  await waitForSlot(deps, portalId, kept)
}

/** Waits for a slot of the portal's rate limit: here if it is near, else in the queue, and keeps the slot meanwhile. */
export async function waitForSlot(
  { rateLimit, telemetry, now, sleep }: Omit<UpdateDeps, 'hubspot' | 'tokens'>,
  portalId: string,
  kept: UpdateProgress,
) {
  const keptSlot = kept.slot
  kept.slot = undefined
  const slot = await rateLimit.takeSlot(portalId, keptSlot)
  const ahead = slot - now()
  if (ahead > (slot === keptSlot ? comesBackEarly + 500 : maxWaitHere)) {
    kept.slot = slot
    telemetry.count('Deferred')
    throw new Deferred("The portal's rate limit", Math.max(now(), slot - comesBackEarly))
  }
  if (ahead > 0) await sleep(ahead)
}

/** Updates a message at HubSpot, in the slot that was waited for; in another one again where the access token had to be renewed. */
export async function updateMessage(
  deps: UpdateDeps,
  message: { portalId: string; channelId: string; messageId: string },
  status: MessageStatus,
  kept: UpdateProgress,
): Promise<UpdateAnswer> {
  const { portalId } = message
  const token = await deps.tokens.get(portalId)
  const answer = await patch(deps, token, message, status)
  const { isRenewed } = kept
  kept.isRenewed = undefined
  if (answer.kind !== 'unauthorized' || isRenewed) return answer
  const renewed = await deps.tokens.renew(portalId, token)
  kept.isRenewed = true
  await waitForSlot(deps, portalId, kept)
  kept.isRenewed = undefined
  return patch(deps, renewed, message, status)
}

async function patch(
  { hubspot, tokens, rateLimit }: UpdateDeps,
  token: string,
  message: { portalId: string; channelId: string; messageId: string },
  status: MessageStatus,
): Promise<UpdateAnswer> {
  const { allowance, ...answer } = await hubspot.updateMessage(token, message, status)
  if (answer.kind === 'taken') for (const one of [rateLimit, tokens]) one.succeeded(message.portalId)
  // HubSpot has answered: what is only good to know must not undo that.
  if (allowance) await rateLimit.observeLimit(message.portalId, allowance).catch(() => {})
  return answer
}

// Milliseconds. Longer waits here would keep Lambdas busy with one portal while others have work.
const maxWaitHere = 500
// SQS's whole seconds and the batching window make a job up to two seconds late. Requests that come late come in bunches,
// which a rolling limit refuses; so a job comes back early, and waits the rest here, to be on time to the millisecond.
const comesBackEarly = 1900
