import * as z from 'zod'
import { Reply } from '../simulator.ts'

/** Switches for what HubSpot leaves undocumented, and the figures that differ from app to app. */
export const Behaviour = z.strictObject({
  /** `message.status` in webhooks: the guide documents a string, the API has an object everywhere else. */
  messageStatus: z.enum(['string', 'object']),
  /** `deliveryIdentifier` in webhooks: both forms are seen in integrators' code. */
  deliveryIdentifier: z.enum(['string', 'object']),
  /** Webhooks as the guide documents them, or with numbers, epoch times, a lone thread id and an array around it all. */
  eventForm: z.enum(['documented', 'other']),
  /** Whether webhooks carry the plain-hash v1 signature beside v3. */
  olderSignature: z.boolean(),
  /** Whether a webhook that was refused or timed out is sent again, and after which pauses. */
  redelivers: z.boolean(),
  redeliveryDelaysMs: z.array(z.int().nonnegative()),
  /** Whether a message's webhooks, when sent again, keep the first one's `eventId`. */
  keepsEventId: z.boolean(),
  /** What an agent's second try of a failed message is: two neighbouring products do each. */
  sendsAgain: z.enum(['the same message', 'a new message']),
  webhookTimeoutMs: z.int().positive(),
  /** How long after its creation a message cannot be updated, and how that is answered. */
  patchableAfterMs: z.int().nonnegative(),
  notYetPatchable: z.union([z.literal(400), z.literal(403), z.literal(404), z.literal(409)]),
  /** Whether an answer to an update says that the message holds another word, whatever it was told. */
  saysItHolds: z.enum(['what it was told', 'SENT', 'FAILED', 'READ']),
  /** Whether READ and FAILED can be left again: always, refused with 400, or taken with 200 while READ stays. */
  transitions: z.enum(['any', 'forward', 'read stays']),
  repeatedStatus: z.enum(['accepted', 'refused']),
  /** What becomes of an `errorMessage` beside SENT or READ. */
  errorMessageWithoutFailure: z.enum(['ignored', 'refused']),
  errorMessageMaxLength: z.int().positive(),
  longErrorMessage: z.enum(['refused', 'cut']),
  /** How long a new channel is missing in the list of channels. */
  channelListedAfterMs: z.int().nonnegative(),
  requestsPer10Seconds: z.int().positive(),
  /** Whether calls beyond the limit use it up as well. */
  refusedCallsCount: z.boolean(),
  /** Whether a 429 says `Retry-After`. */
  retryAfter: z.boolean(),
  accessTokenSeconds: z.int().positive(),
  /** Whether each refresh replaces the refresh token. */
  rotatesRefreshTokens: z.boolean(),
})
export type Behaviour = z.infer<typeof Behaviour>

/** The documented side of each switch; where nothing is documented, what is likelier or asks more of the relay. */
export const usualBehaviour: Behaviour = {
  messageStatus: 'string',
  deliveryIdentifier: 'object',
  eventForm: 'documented',
  olderSignature: true,
  redelivers: true,
  redeliveryDelaysMs: [1000, 5000, 30_000, 120_000, 600_000],
  keepsEventId: true,
  sendsAgain: 'the same message',
  webhookTimeoutMs: 5000,
  patchableAfterMs: 0,
  notYetPatchable: 404,
  saysItHolds: 'what it was told',
  transitions: 'any',
  repeatedStatus: 'accepted',
  errorMessageWithoutFailure: 'ignored',
  errorMessageMaxLength: 65_536,
  longErrorMessage: 'refused',
  channelListedAfterMs: 0,
  requestsPer10Seconds: 110,
  refusedCallsCount: true,
  retryAfter: false,
  accessTokenSeconds: 1800,
  rotatesRefreshTokens: false,
}

/** A misbehaviour towards the next calls that match it. */
export const Fault = z.strictObject({
  /** Which calls: an absent property matches every call. */
  method: z.enum(['GET', 'PATCH', 'POST']).optional(),
  portalId: z.string().optional(),
  messageId: z.string().optional(),
  /** How many calls; 1 when absent. */
  times: z.union([z.int().positive(), z.literal('always')]).optional(),
  /** The answer in place of the true one; without a body the status gets its documented one. */
  answer: Reply.optional(),
  /** A pause before the answer. */
  delayMs: z.int().nonnegative().optional(),
  /** Whether and when the call takes effect all the same: 'now' when absent, or 'never' where `answer` is given. */
  effect: z.union([z.enum(['now', 'never']), z.strictObject({ afterMs: z.int().nonnegative() })]).optional(),
})
export type Fault = z.infer<typeof Fault>

/** The first fault that matches a call, used up by one; undefined when all is well. */
export function takeFault(faults: Fault[], call: Pick<Fault, 'portalId' | 'messageId'> & { method: string }) {
  const index = faults.findIndex((fault) =>
    (['method', 'portalId', 'messageId'] as const).every((key) => fault[key] === undefined || fault[key] === call[key]),
  )
  const fault = faults[index]
  if (fault === undefined || fault.times === 'always') return fault
  if (fault.times === undefined || fault.times === 1) faults.splice(index, 1)
  else faults[index] = { ...fault, times: fault.times - 1 }
  return fault
}
